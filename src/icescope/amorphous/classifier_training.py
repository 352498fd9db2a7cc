"""Training and calibration of the perceptron of phases.

Apart from `classifier`, as Lightning takes seconds to load and only a training needs it.
"""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler, TensorDataset

from icescope.amorphous.classifier import PhaseClassifier
from icescope.errors import InputError
from icescope.trainer import quiet_trainer

PATIENCE = 10  # epochs without a lower loss on validation
SCALINGS = ("standardised", "none")
COOLEST, HOTTEST = 0.05, 20.0  # bounds of the temperature of calibration


class _Task(L.LightningModule):
    def __init__(self, classifier: PhaseClassifier, learning_rate: float):
        super().__init__()
        self.classifier, self.learning_rate = classifier, learning_rate
        self.history: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = cross_entropy(self.classifier(batch[0]), batch[1])
        self._losses.append(loss.detach())
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        log_odds = self.classifier(batch[0])
        right = (log_odds.argmax(1) == batch[1]).float().mean()
        values = {"validation_loss": cross_entropy(log_odds, batch[1]), "validation_accuracy": right}
        self.log_dict(values, batch_size=len(batch[1]))

    def on_train_epoch_end(self) -> None:
        # Lightning runs the validation of an epoch before this hook.
        measured = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        training_loss = float(torch.stack(self._losses).mean())
        self.history.append({"epoch": self.current_epoch + 1, "training_loss": training_loss} | measured)
        self._losses.clear()
        if not math.isfinite(training_loss):
            raise InputError("the loss of the classifier is not a number; lower its learning_rate.")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.learning_rate)


def train_classifier(
    descriptors: np.ndarray, phase: np.ndarray, parts: dict[str, Sequence[int]], settings: dict, seed: int
) -> tuple[PhaseClassifier, pd.DataFrame]:
    """Train until the loss on validation has not fallen for PATIENCE epochs, keep the best, and calibrate it.

    Parameters
    ----------
    descriptors
        (molecules, features).
    phase
        (molecules,) number of each one's phase, from 0.
    parts
        Indices of the molecules "train" and "validation"; see `amorphous.splits`.
    settings
        What the paper leaves out: "scaling" (of SCALINGS, by the training part), "batch_size", "learning_rate", and
        "epochs", at most.

    Returns
    -------
    The classifier, its temperature learnt on validation; and its history: epoch, training_loss, validation_loss,
    validation_accuracy.

    Raises
    ------
    InputError
        Unknown scaling, descriptors that are not numbers, or a loss that is not one.
    """
    if settings["scaling"] not in SCALINGS:
        raise InputError(f"scaling is {settings['scaling']!r}; take one of {', '.join(SCALINGS)}.")
    if not np.isfinite(descriptors).all():
        raise InputError("descriptors hold values that are not finite numbers.")
    L.seed_everything(seed, verbose=False)
    x, y = torch.as_tensor(descriptors, dtype=torch.float32), torch.as_tensor(phase, dtype=torch.long)
    data = {part: (x[np.asarray(index)], y[np.asarray(index)]) for part, index in parts.items() if part != "test"}
    classifier = PhaseClassifier(x.shape[1], int(y.max()) + 1)
    if settings["scaling"] == "standardised":
        classifier.mean.copy_(data["train"][0].mean(0))
        deviation = data["train"][0].std(0)
        classifier.deviation.copy_(torch.where(deviation > 0, deviation, 1.0))
    task = _Task(classifier, settings["learning_rate"])
    with tempfile.TemporaryDirectory() as folder:
        best = ModelCheckpoint(folder, monitor="validation_loss", save_weights_only=True)
        trainer = quiet_trainer(settings["epochs"], [best, EarlyStopping("validation_loss", patience=PATIENCE)])
        order = RandomSampler(data["train"][1], generator=torch.Generator().manual_seed(seed))
        trainer.fit(
            task,
            _batches(data["train"], order, settings["batch_size"]),
            _batches(data["validation"], SequentialSampler(data["validation"][1]), settings["batch_size"]),
        )
        task.load_state_dict(torch.load(Path(best.best_model_path), weights_only=True)["state_dict"])
    validation = np.asarray(parts["validation"])
    log_odds = classifier.log_odds(descriptors[validation])
    classifier.temperature.fill_(best_temperature(log_odds, np.asarray(phase)[validation]))
    return classifier.eval(), pd.DataFrame(task.history)


def best_temperature(log_odds: np.ndarray, phase: np.ndarray) -> float:
    """By which to divide log odds (n, phases), so that the true phases (n,) are likeliest (Guo et al. 2017)."""

    def loss(logarithm: float) -> float:
        return -log_softmax(log_odds / math.exp(logarithm), axis=1)[np.arange(len(phase)), phase].mean()

    return math.exp(minimize_scalar(loss, bounds=(math.log(COOLEST), math.log(HOTTEST)), method="bounded").x)


def _batches(part: tuple[Tensor, Tensor], order: Sampler, batch_size: int) -> DataLoader:
    """Whole batches at a time, out of memory."""
    return DataLoader(TensorDataset(*part), sampler=BatchSampler(order, batch_size, drop_last=False), batch_size=None)
