"""Phase of a molecule from its surroundings: the perceptron of Shupletsova and Stegailov 2026, section II.C."""

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
from scipy.special import log_softmax, softmax
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler, TensorDataset

from icescope.errors import InputError
from icescope.reliability import expected_calibration_error
from icescope.trainer import quiet_trainer

MODELS = {"M2": ("LDA", "HDA"), "M3": ("LDA", "MDA", "HDA")}  # phases in the order of the outputs
HIDDEN = 600
DROPOUT = 0.2
PATIENCE = 10  # epochs without a lower loss on validation
SCALINGS = ("standardised", "none")
ROWS = 8192  # predicted at a time
COOLEST, HOTTEST = 0.05, 20.0  # bounds of the temperature of calibration


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


def confusion(probabilities: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Counts (true phase, likeliest phase) of molecules with probabilities (n, phases)."""
    return confusion_matrix(phase, probabilities.argmax(1), labels=range(probabilities.shape[1]))


def calibration_error(probabilities: np.ndarray, phase: np.ndarray) -> float:
    """Expected calibration error of the likeliest phase of molecules with probabilities (n, phases)."""
    return expected_calibration_error(probabilities.max(1), probabilities.argmax(1) == phase)


def _batches(part: tuple[Tensor, Tensor], order: Sampler, batch_size: int) -> DataLoader:
    """Whole batches at a time, out of memory."""
    return DataLoader(TensorDataset(*part), sampler=BatchSampler(order, batch_size, drop_last=False), batch_size=None)
