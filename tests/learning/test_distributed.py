"""A training in several processes gives what one process gives, and ends when one of them does.

Losses are compared in single precision, where the processes only add the same numbers in another order: over these
few steps that changes them by less than RELATIVE. Other draws or shares of a batch change their second or third digit.
"""

import io
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_training import LABELS, NETWORK, TRAINING, stacks

from icescope.errors import InputError
from icescope.learning import training as training_module
from icescope.learning.data import Stacks
from icescope.learning.ranks import on_all_nodes
from icescope.learning.training import train

RELATIVE = 1e-5
SEEDS = {"train": (10, 1), "validation": (5, 2)}  # batches of 4: the last one of the validation has a single sample
SRUN = """\
#!/bin/sh
# Two nodes on this machine.
while [ "${1#--}" != "$1" ]; do shift; done
SLURM_NODEID=1 "$@" & other=$!
SLURM_NODEID=0 "$@" && wait $other
"""
ON_A_NODE = f"""\
import logging
import sys

sys.path.insert(0, "{Path(__file__).parents[1]}")
from small_training import LABELS, NETWORK, TRAINING, Stacks, stacks, train

from icescope.learning import training
from icescope.learning.ranks import node_rank

logging.basicConfig(level=logging.INFO)
training.precision = lambda: "32-true"
data = (Stacks(stacks(*seed), LABELS) for seed in {list(SEEDS.values())})
_, history = train(*data, NETWORK, LABELS, TRAINING, 5, sys.argv[1], nodes=2)
if node_rank(2) == 0:
    history.to_csv(sys.stdout, index=False)
"""
WAITING = """\
import os
import time

from icescope.learning import ranks


def wait(plugins, **arguments):
    if plugins[0].local_rank() == 1:
        os._exit(3)
    time.sleep(100)


if __name__ == "__main__":
    ranks.GRACE = 0.1
    ranks.on_all_ranks(wait, devices=2, nodes=1)
"""


@pytest.fixture(scope="module", autouse=True)
def single_precision():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "precision", lambda: "32-true")
        yield


@pytest.fixture(scope="module")
def data():
    return [Stacks(stacks(*seed), LABELS) for seed in SEEDS.values()]


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    return run(data, tmp_path_factory.mktemp("alone"))


@pytest.fixture
def environment(monkeypatch):
    """Without what earlier trainings leave behind in the variables."""
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def run(data, folder, **where):
    return train(*data, NETWORK, LABELS, TRAINING, 5, folder, **where)


def test_two_processes_that_are_killed_and_resumed_learn_what_one_does(data, alone, tmp_path, monkeypatch, caplog):
    def kill_the_other(self, trainer, *_):
        if trainer.global_step == 3:  # in the middle of the second epoch
            (other,) = multiprocessing.active_children()
            other.kill()

    with monkeypatch.context() as patch:
        patch.setattr(training_module.ProgressLines, "on_train_batch_end", kill_the_other)
        with pytest.raises(RuntimeError):
            run(data, tmp_path, devices=2)
    assert "a process of the training failed" in caplog.text and not multiprocessing.active_children()
    with caplog.at_level("INFO"):
        _, history = run(data, tmp_path, devices=2)
    assert "training from step 2 of 4" in caplog.text
    np.testing.assert_allclose(history, alone[1], rtol=RELATIVE)


def test_two_nodes_learn_what_one_does_and_say_it_once(alone, tmp_path, environment, capfd):
    program, srun = tmp_path / "program.py", tmp_path / "srun"
    program.write_text(ON_A_NODE)
    srun.write_text(SRUN)
    srun.chmod(0o755)
    environment.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    environment.setattr(sys, "argv", [str(program), str(tmp_path / "checkpoints")])
    with pytest.raises(SystemExit) as ended:
        on_all_nodes(2, 1)
    output, log = capfd.readouterr()
    assert ended.value.code == 0, log
    np.testing.assert_allclose(pd.read_csv(io.StringIO(output)), alone[1], rtol=RELATIVE)
    assert log.count("epoch 2: loss") == 1
    assert len(list(tmp_path.glob("checkpoints/*/*"))) == 1


def test_loss_that_is_not_a_number_ends_all_processes(tmp_path):
    broken = stacks(*SEEDS["train"])
    broken.frequency_shift[0] = np.nan  # of the share of one of them
    data = [Stacks(one, LABELS) for one in (broken, stacks(*SEEDS["validation"]))]
    with pytest.raises(InputError, match="the loss is not a number in epoch 1; lower training.learning_rate"):
        run(data, tmp_path, devices=2)
    assert not multiprocessing.active_children() and not list(tmp_path.glob("*/epoch.ckpt"))


def test_process_that_waits_for_a_dead_one_ends(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WAITING)
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=90)
    assert ended.returncode == 1 and "terminated with exit code 3" in ended.stderr


def test_batch_that_does_not_divide_is_named(data, tmp_path):
    with pytest.raises(InputError, match="training.batch_size is 4, but it must be a multiple of 3, the processes"):
        run(data, tmp_path, devices=3)


def test_nodes_that_cannot_be_reached_are_named(data, tmp_path, environment):
    with pytest.raises(InputError, match="training.nodes is 2, but 'MASTER_ADDR' is not set"):
        run(data, tmp_path, nodes=2)
    environment.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="training.nodes is 2, but this is no job of Slurm"):
        on_all_nodes(2, 1)
