"""The Lightning trainer of every network: quiet, and one process on one device unless told otherwise."""

import logging
import warnings

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import LightningEnvironment

OF_NO_USE = (  # advice to start with srun, which `learning.ranks` does where it is due; what Lightning is to mend itself
    r"The `srun` command is available",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
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
