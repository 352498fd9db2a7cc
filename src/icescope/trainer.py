"""The Lightning trainer of every network: one device, one process, and quiet."""

import logging

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import LightningEnvironment


def quiet_trainer(epochs: int, callbacks: list[Callback], **others) -> L.Trainer:
    """A trainer for so many epochs; `others` are arguments of Lightning's own."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return L.Trainer(
        max_epochs=epochs,
        accelerator="auto",
        devices=1,
        callbacks=callbacks,
        plugins=[LightningEnvironment()],  # not the cluster's, whose variables a job inherits
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
        **others,
    )
