"""The Lightning trainer of every network: quiet, and one process on one device unless told otherwise."""

import logging
import warnings

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import LightningEnvironment

OF_NO_USE = (  # warnings
    r"The `srun` command is available",  # `learning.ranks` starts it where it is due
    r"Checkpoint directory .* exists and is not empty",  # a training goes on from there
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",  # Lightning's own
)


def quiet_trainer(epochs: int, callbacks: list[Callback], **others) -> L.Trainer:
    """A trainer for so many epochs; `others` are arguments of Lightning's own."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in OF_NO_USE:
        warnings.filterwarnings("ignore", message)
    alone = {"devices": 1, "plugins": [LightningEnvironment()]}  # not the cluster's, whose variables a job inherits
    return L.Trainer(
        max_epochs=epochs,
        accelerator="auto",
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        **alone | others,
    )
