"""Training of a network with Adam (Tang et al. 2023, Methods), or with Muon."""

import hashlib
import json
import logging
import math
import time
import zipfile
from functools import partial
from pathlib import Path

import lightning as L
import pandas as pd
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from icescope.errors import InputError
from icescope.learning.batches import StackData
from icescope.learning.data import Windows
from icescope.learning.muon import Muon
from icescope.learning.networks import Ensemble, build_network, members_of
from icescope.learning.objectives import OBJECTIVES
from icescope.learning.ranks import on_all_ranks
from icescope.progress import SECONDS_BETWEEN_LINES
from icescope.provenance import derive_seed, source_hash
from icescope.trainer import quiet_trainer

ROUNDS = 10  # epochs of a training that is given in steps, at most: how often it is validated and saved

OPTIMISERS = {"adam": lambda network, rate: torch.optim.Adam(network.parameters(), rate), "muon": Muon}

log = logging.getLogger(__name__)


class MapRegression(L.LightningModule):
    """Loss between predicted and true maps; `history` keeps one row an epoch.

    Of the configuration's block `training` it takes the optimiser, its learning rate and their schedule.
    """

    def __init__(self, network: torch.nn.Module, output: str, training: dict):
        super().__init__()
        self.network, self.output, self.training_block = network, output, training
        self.history: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = self._loss(batch)
        self._losses.append(loss.detach())
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        samples = len(batch[0])  # none where the last batch has fewer than there are processes
        total = self._loss(batch) * samples if samples else 0.0
        # Not a mean: over processes, Lightning 2.6 cuts its weights to whole numbers.
        sums = {"validation_total": total, "validation_samples": float(samples)}
        self.log_dict(sums, reduce_fx="sum", sync_dist=True, batch_size=samples)

    def _loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, maps = batch
        return OBJECTIVES[self.output].loss(self.network(images).float(), maps).mean()

    def on_train_epoch_end(self) -> None:
        # Lightning runs the validation of an epoch before this hook.
        total, samples = (self.trainer.callback_metrics[f"validation_{name}"] for name in ("total", "samples"))
        loss = self.trainer.strategy.reduce(torch.stack(self._losses).mean(), reduce_op="mean")
        row = {"epoch": self.current_epoch + 1, "training_loss": float(loss), "validation_loss": float(total / samples)}
        self.history.append(row)
        self._losses.clear()
        if not math.isfinite(row["training_loss"] + row["validation_loss"]):
            raise InputError(f"the loss is not a number in epoch {row['epoch']}; lower training.learning_rate.")
        if self.trainer.is_global_zero:
            log.info("epoch %(epoch)d: loss %(training_loss).4f, on validation %(validation_loss).4f", row)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self.history = checkpoint["history"]

    def configure_optimizers(self) -> dict:
        rate = self.training_block["learning_rate"]
        optimizer = OPTIMISERS[self.training_block["optimiser"]](self.network, rate)
        if self.training_block["schedule"] == "constant":
            return {"optimizer": optimizer}
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class ProgressLines(L.Callback):
    """A line in the log now and then: epoch, step, time left."""

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        self.begun = self.last = time.monotonic()
        self.first_step = trainer.global_step
        if trainer.is_global_zero:
            log.info("training from step %d of %d", self.first_step, trainer.estimated_stepping_batches)

    def on_train_batch_end(self, trainer: L.Trainer, *_) -> None:
        now = time.monotonic()
        if trainer.is_global_zero and now - self.last >= SECONDS_BETWEEN_LINES:
            total, done = int(trainer.estimated_stepping_batches), trainer.global_step
            left = (now - self.begun) / (done - self.first_step) * (total - done)
            log.info("training: step %d of %d, about %.0f s left", done, total, left)
            self.last = now


def train(
    train_stacks: Windows,
    validation_stacks: Windows,
    network: dict,
    labels: dict,
    training: dict,
    seed: int,
    checkpoints: str | Path,
    initial: dict[str, Tensor] | None = None,
    devices: int = 1,
    nodes: int = 1,
) -> tuple[torch.nn.Module, pd.DataFrame]:
    """Train a network, or go on from its last epoch in the folder `checkpoints`, as if never interrupted.

    Parameters
    ----------
    train_stacks, validation_stacks
        Of different trajectories.
    network, labels, training
        The configuration's blocks of these names. In place of "epochs", passes over the windows, `training` may have
        "steps" of the optimiser: the windows are gone through as often as that takes, and an epoch is a ROUNDS-th of
        it, rounded up to whole steps.
    checkpoints
        Folder that outlives a killed job; the caller removes it when the weights are safe.
    initial
        State of a network of the same kind to start from; all members of an ensemble may start from that of one.
    devices, nodes
        Processes on a node, each on a GPU where there are any, and nodes; see `ranks.on_all_ranks`. They share each
        batch, so that the loss is the same up to the order of its sums. Only the first one writes.

    Returns
    -------
    The network, and its history: epoch, training_loss, validation_loss; of an ensemble, that of one member after the
    other.

    Raises
    ------
    InputError
        Fewer windows than a batch holds, a batch that does not divide among the processes, a loss that is not a
        number, or an initial state of another network.
    """
    ranks = devices * nodes
    if training["batch_size"] % ranks:
        raise InputError(
            f"training.batch_size is {training['batch_size']}, but it must be a multiple of {ranks}, the processes "
            "that share it: training.devices by training.nodes."
        )
    if "steps" not in training and len(train_stacks) < training["batch_size"]:
        raise InputError(
            f"{len(train_stacks)} training windows are fewer than training.batch_size ({training['batch_size']}); "
            "lower it, or raise windows.per_trajectory."
        )
    if members_of(network) > 1:
        members, histories, blocks = [], [], (network | {"members": 1}, labels, training)
        for member in range(members_of(network)):
            start, its_seed = _of_member(initial, member), derive_seed(seed, "member", member)
            trained, history = train(
                train_stacks, validation_stacks, *blocks, its_seed, checkpoints, start, devices, nodes
            )
            members.append(trained)
            histories.append(history)
        return Ensemble(members).eval(), pd.concat(histories, ignore_index=True)
    stacks, blocks = (train_stacks, validation_stacks), (network, labels, training)
    folder = Path(checkpoints) / _run_hash(*stacks, [*blocks, seed], initial)
    fit = partial(_fit, stacks, blocks, seed, folder, initial, precision=precision())
    task = fit() if ranks == 1 else on_all_ranks(fit, devices, nodes)
    return task.network.eval(), pd.DataFrame(task.history)


def _of_member(initial: dict[str, Tensor] | None, member: int) -> dict[str, Tensor] | None:
    """What one member of an ensemble starts from: its own, or else the one network for all."""
    prefix = f"members.{member}."
    own = {name.removeprefix(prefix): values for name, values in (initial or {}).items() if name.startswith(prefix)}
    return own or initial


def _fit(
    stacks: tuple[Windows, Windows],
    blocks: tuple[dict, dict, dict],
    seed: int,
    folder: Path,
    initial: dict[str, Tensor] | None,
    **trainer_arguments,
) -> MapRegression:
    """What each process of a training does; `blocks` are network, labels and training."""
    L.seed_everything(seed, verbose=False)
    network, labels, training = blocks
    built = build_network(network, labels)
    if initial is not None:
        try:
            built.load_state_dict(initial)
        except RuntimeError as error:
            raise InputError(f"the weights to start from are of another network ({error}).") from error
    task = MapRegression(built, network["output"], training)
    epochs, samples = training.get("epochs"), None
    if "steps" in training:
        epochs = min(ROUNDS, training["steps"])
        samples = math.ceil(training["steps"] / epochs) * training["batch_size"]
    data = StackData(*stacks, *blocks, seed, samples)
    each_epoch = ModelCheckpoint(folder, filename="epoch", every_n_epochs=1, enable_version_counter=False)
    others = {"gradient_clip_val": training["gradient_clip"], **trainer_arguments}
    trainer = quiet_trainer(epochs, [each_epoch, ProgressLines()], **others)
    trainer.fit(task, data, ckpt_path=_whole_checkpoint(folder / "epoch.ckpt"), weights_only=True)
    return task


def _whole_checkpoint(path: Path) -> Path | None:
    """The checkpoint, if there is one and it can be read; a damaged one is named in the log."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # PyTorch does not compare the checksums that it writes
            if damaged := archive.testzip():
                raise ValueError(f"the checksum of {damaged} is wrong")
        torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # a damaged file has many ways to fail
        log.warning("%s is damaged (%s); the training starts afresh.", path, str(error).partition("\n")[0])
        return None
    return path


def precision() -> str:
    """bfloat16 where the processor computes in it, else single precision."""
    native = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if native else "32-true"


def _run_hash(train: Windows, validation: Windows, settings: list, initial: dict[str, Tensor] | None) -> str:
    """What makes a training the same one, code and data included: a checkpoint of another is never resumed from."""
    start = hashlib.sha256()
    for values in (initial or {}).values():
        start.update(values.cpu().numpy().tobytes())
    digests = [one.hexdigest() for one in (train.digest(), validation.digest(), start)]
    all_of_it = [source_hash(__file__), settings, *digests]
    return hashlib.sha256(json.dumps(all_of_it, sort_keys=True).encode()).hexdigest()[:16]
