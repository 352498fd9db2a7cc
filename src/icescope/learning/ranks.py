"""One training in several processes, its ranks: one for each device of a node, on one node or on several."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch.multiprocessing import ProcessContext, spawn
from torch.multiprocessing.spawn import ProcessException

from icescope.errors import InputError

GRACE = 10.0  # s, for a process to notice by itself that another one of its node is gone
TIMEOUT = timedelta(minutes=10)  # for all processes of all nodes to come, and to answer

log = logging.getLogger(__name__)


class Rank(LightningEnvironment):
    """A process of a training: which one it is, and where all of them meet. Lightning is to start no others."""

    creates_processes_externally = True
    main_address, main_port = "", 0

    def __init__(self, node: int, local: int, address: str, port: int):
        super().__init__()
        self.node, self.local, self.main_address, self.main_port = node, local, address, port

    def node_rank(self) -> int:
        return self.node

    def local_rank(self) -> int:
        return self.local


def node_rank(nodes: int) -> int:
    """Number of this node among those of a training."""
    return int(os.environ.get("NODE_RANK", os.environ.get("SLURM_NODEID", 0))) if nodes > 1 else 0


def on_all_nodes(nodes: int, threads: int) -> None:
    """In a Slurm job: start this program again on each of its nodes, and end with it. Where that is done, return.

    Started otherwise, the program needs the variables NODE_RANK, MASTER_ADDR and MASTER_PORT on each node.
    """
    if nodes == 1 or "MASTER_ADDR" in os.environ:
        return
    place = {"MASTER_ADDR": socket.gethostname(), "MASTER_PORT": str(find_free_network_port())}
    step = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", f"--cpus-per-task={threads}", "--kill-on-bad-exit=1"]
    try:
        sys.exit(subprocess.run([*step, sys.executable, *sys.argv], env=os.environ | place).returncode)
    except FileNotFoundError:
        raise InputError(
            f"training.nodes is {nodes}, but this is no job of Slurm, which has srun; set it to 1."
        ) from None


def on_all_ranks(function: Callable[..., Any], devices: int, nodes: int) -> Any:
    """Call a function in a process for each device of this node, and give what the first, which is this one, returns.

    Parameters
    ----------
    function
        Takes the arguments of a Lightning trainer that make it a rank. It is pickled for the other processes, tensors
        as shared memory; these import the main module, which runs nothing unless it is `__main__`.
    devices
        Of this node: GPUs, where there are any, or processes.
    nodes
        Where the same program runs.

    Raises
    ------
    InputError
        Fewer GPUs than devices; nodes that have not been told where to meet; and those of the function.
    """
    if torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise InputError(f"training.devices is {devices}, but there are only {torch.cuda.device_count()} GPUs here.")
    address, port = "127.0.0.1", find_free_network_port()
    if nodes > 1:
        try:
            address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        except KeyError as name:
            raise InputError(f"training.nodes is {nodes}, but {name} is not set: see docs/cluster.md.") from None
    ranks = [Rank(node_rank(nodes), local, address, port) for local in range(devices)]
    strategy = DDPStrategy(timeout=TIMEOUT)
    arguments = {"devices": devices, "num_nodes": nodes, "strategy": strategy, "use_distributed_sampler": False}
    others = spawn(_other, (function, ranks, arguments, torch.get_num_threads()), devices - 1, join=False)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(others, over), daemon=True)
    watch.start()
    try:
        return function(plugins=ranks[:1], **arguments)
    finally:
        over.set()
        watch.join(GRACE)  # the others end as well
        for process in others.processes:
            process.kill()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _other(index: int, function: Callable[..., Any], ranks: list[Rank], arguments: dict, threads: int) -> None:
    torch.set_num_threads(threads)
    with suppress(InputError):  # all have the same one, and the first says it
        function(plugins=[ranks[index + 1]], **arguments)


def _watch(others: ProcessContext, over: threading.Event) -> None:
    """End this process if another one has failed and this one does not notice: NCCL would wait for it for long."""
    try:
        while not others.join(grace_period=1.0):
            pass
    except ProcessException as error:
        log.error("a process of the training failed: %s", str(error).strip())
        if not over.wait(GRACE):
            log.error("the training ends here; started again, it goes on from its last epoch")
            os._exit(1)
