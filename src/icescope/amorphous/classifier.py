"""Phase of a molecule from its surroundings: the perceptron of Shupletsova and Stegailov 2026, section II.C."""

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn

from icescope.reliability import expected_calibration_error

HIDDEN = 600
DROPOUT = 0.2
ROWS = 8192  # predicted at a time


class PhaseClassifier(nn.Module):
    """Descriptors (n, features) to log odds (n, phases): two hidden layers with tanh.

    `mean` and `deviation` scale the features, `temperature` divides the log odds in `probabilities`; all three are
    learnt from data and travel with the weights.
    """

    def __init__(self, features: int, phases: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("temperature", torch.ones(()))
        layers: list[nn.Module] = []
        for inputs in (features, HIDDEN):
            layers += [nn.Linear(inputs, HIDDEN), nn.Tanh(), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN, phases))

    def forward(self, descriptors: Tensor) -> Tensor:
        return self.layers((descriptors - self.mean) / self.deviation)

    @torch.no_grad()
    def log_odds(self, descriptors: np.ndarray) -> np.ndarray:
        """(n, phases) of descriptors (n, features), without dropout."""
        self.eval()
        rows = torch.as_tensor(descriptors, dtype=torch.float32).split(ROWS)
        return torch.cat([self(some.to(self.mean.device)).cpu() for some in rows]).numpy().astype(float)

    def probabilities(self, descriptors: np.ndarray) -> np.ndarray:
        """(n, phases) of descriptors (n, features), see `of_log_odds`."""
        return self.of_log_odds(self.log_odds(descriptors))

    def of_log_odds(self, log_odds: np.ndarray, temperature: float | None = None) -> np.ndarray:
        """Softmax of log odds (n, phases) over a temperature, the classifier's own unless one is given."""
        return softmax(log_odds / (temperature or float(self.temperature)), axis=1)


def confusion(probabilities: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Counts (true phase, likeliest phase) of molecules with probabilities (n, phases)."""
    return confusion_matrix(phase, probabilities.argmax(1), labels=range(probabilities.shape[1]))


def calibration_error(probabilities: np.ndarray, phase: np.ndarray) -> float:
    """Expected calibration error of the likeliest phase of molecules with probabilities (n, phases)."""
    return expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == phase)
