"""Muon: steps of equal size in all directions of a convolution's weights (Jordan et al. 2024)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of the quintic polynomial of Jordan et al. 2024
ITERATIONS = 5  # bring singular values that are 0.002 of the norm and more to between 0.6 and 1.3
SCALE = 0.2  # root mean square of a step, about that of Adam's (Liu et al. 2025), so that rates carry over


class Muon(torch.optim.Adam):
    """Adam, but for all convolutions of a network except its first and last, whose steps are made orthogonal.

    Such a convolution's weights are a matrix, outputs by all that goes into one of them. The momentum of its gradient
    is replaced by the nearest matrix whose singular values are all equal, so that directions that the gradient hardly
    shows are learnt as fast as its largest (Jordan et al. 2024, "Muon"; its scale by Liu et al. 2025, arXiv
    2502.16982). Adam's first beta is its momentum too.
    """

    def __init__(self, network: nn.Module, learning_rate: float):
        inner = [weights for weights in network.parameters() if weights.ndim > 2][1:-1]
        chosen = {id(weights) for weights in inner}
        others = [weights for weights in network.parameters() if id(weights) not in chosen]
        groups = [{"params": inner, "orthogonal": True}, {"params": others, "orthogonal": False}]
        super().__init__(groups, learning_rate)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One step, after the closure has drawn the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in group["params"] if group["orthogonal"] else []:
                if weights.grad is not None:
                    self._step_of(weights, group["lr"], group["betas"][0])
                    weights.grad = None  # so that Adam passes it over
        super().step()
        return loss

    def _step_of(self, weights: Tensor, rate: float, beta: float) -> None:
        state = self.state[weights]
        if not state:
            state["momentum"] = torch.zeros_like(weights)
            state["step"] = torch.zeros(())  # Adam looks for it when a checkpoint is read
        momentum = state["momentum"].lerp_(weights.grad, 1 - beta)
        ahead = weights.grad.lerp(momentum, beta).flatten(1)  # Nesterov's
        step = orthogonal(ahead).mul_(SCALE * max(ahead.shape) ** 0.5)
        weights.sub_(step.view(weights.shape), alpha=rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix (rows, columns) whose singular values are all 1, by Newton-Schulz iterations.

    All iterations are polynomials of one Gram matrix, so that only the small side is ever multiplied with itself.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / matrix.norm().clamp(min=1e-12)
    gram = matrix @ matrix.T
    product, (first, third, fifth) = torch.eye(len(gram), dtype=gram.dtype, device=gram.device), NEWTON_SCHULZ
    for _ in range(ITERATIONS):
        polynomial = torch.addmm(gram, gram, gram, beta=third, alpha=fifth)
        polynomial.diagonal().add_(first)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    return product @ matrix
