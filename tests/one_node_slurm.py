"""A Slurm of one node, this machine: its own munge key, ports and folder, without systemd, cgroups or accounting.

    python tests/one_node_slurm.py up FOLDER
    python tests/one_node_slurm.py down FOLDER

`up` does nothing where it already answers, and starts what is dead otherwise. Put FOLDER/bin first on PATH: its
clients know this Slurm. The programs come from Debian's packages slurm-wlm and munge; root is not needed to run them.
Cores, memory and the one GPU are claimed, not looked for, so that a profile made for a cluster's nodes fits.
"""

import argparse
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("srun", "sbatch", "scancel", "scontrol", "squeue", "sinfo", "sacct", "sacctmgr", "sshare")
SYSTEM = os.pathsep.join(("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"))
CPUS, MEMORY = 64, 500_000  # that the node claims; MB
PATIENCE = 40  # s, for a daemon to answer
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
# Without cgroups the memory of a job is polled, every second, and a job that has too much is killed.
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SchedulerParameters=bf_interval=2,sched_min_interval=0,batch_sched_delay=0
ReturnToService=2
KillWait=2
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 Port={node} CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
"""


def missing() -> str | None:
    """What is to be installed before a Slurm can be brought up, in a sentence; None where all is there."""
    absent = [name for name in (*DAEMONS, "sbatch") if not shutil.which(name, path=SYSTEM)]
    if absent:
        return f"no {', '.join(absent)} on this machine: install Debian's packages slurm-wlm and munge"
    return None


def up(folder: Path) -> dict[str, str]:
    """Bring a Slurm up, or leave it as it is if it answers; the environment for its clients."""
    folder = folder.resolve()
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"], SYSTEM])}
    environment |= {"SLURM_CONF": str(folder / "slurm.conf")}
    if _answers(environment):
        return environment
    down(folder)
    _write(folder)
    munge = ["munged", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key"]
    munge += [f"--{what}-file={folder}/munged.{what}" for what in ("pid", "seed", "log")]
    for command in (munge, ["slurmctld"], ["slurmd", "-N", socket.gethostname()]):
        started = subprocess.run(command, env=environment, capture_output=True, text=True)
        if started.returncode:
            raise RuntimeError(f"{command[0]} does not start; see {folder}: {started.stderr.strip()}")
    deadline = time.monotonic() + PATIENCE
    while not _answers(environment):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Slurm does not answer after {PATIENCE} s; its logs are in {folder}.")
        time.sleep(0.2)
    return environment


def down(folder: Path) -> None:
    """Stop the daemons of a folder, if they live, and their jobs with them."""
    if (folder / "slurm.conf").is_file():
        environment = {**os.environ, "SLURM_CONF": str(folder.resolve() / "slurm.conf")}
        cancel = [str(folder / "bin" / "scancel"), "--user", getpass.getuser()]
        subprocess.run(cancel, env=environment, capture_output=True, timeout=PATIENCE)
    for name in reversed(DAEMONS):
        pid_file = folder / f"{name}.pid"
        if not pid_file.is_file():
            continue
        pid = int(pid_file.read_text())
        if _is(pid, name):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while _is(pid, name) and time.monotonic() < deadline:
            time.sleep(0.1)
        pid_file.unlink(missing_ok=True)


def _write(folder: Path) -> None:
    """Configuration, key and clients."""
    for part in (".", "state", "spool", "bin"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part).chmod(0o755)  # rwxr-xr-x: munge refuses a folder that others may write to
    key = folder / "munge.key"
    if not key.is_file():
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
    controller, node = _free_ports(2)
    values = {"host": socket.gethostname(), "user": getpass.getuser(), "folder": folder}
    values |= {"controller": controller, "node": node, "cpus": CPUS, "memory": MEMORY}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    device = folder / "gpu0"
    if not device.is_symlink():
        device.symlink_to("/dev/null")  # slurmd wants a device, and follows links
    (folder / "gres.conf").write_text(f"NodeName={values['host']} Name=gpu File={device}\n")
    (folder / "cgroup.conf").write_text("ConstrainCores=no\n")
    for name in CLIENTS:
        # A job's inner srun is started without SLURM_CONF, but with PATH.
        if real := shutil.which(name, path=SYSTEM):
            client = folder / "bin" / name
            client.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {real} "$@"\n')
            client.chmod(0o755)


def _answers(environment: dict[str, str]) -> bool:
    """Whether the node takes jobs."""
    if not Path(environment["SLURM_CONF"]).is_file():
        return False
    command = ["sinfo", "--noheader", "--format", "%T"]
    try:
        state = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10).stdout.strip()
    except subprocess.TimeoutExpired:
        return False
    return state in ("idle", "mixed", "allocated")


def _is(pid: int, name: str) -> bool:
    """Whether a process lives, is no zombie, and has that name."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)
    except OSError:
        return False
    return fields[0].endswith(f"({name}") and fields[1].split()[0] not in "ZX"


def _free_ports(number: int) -> list[int]:
    held = [socket.socket() for _ in range(number)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "down":
        down(arguments.folder)
    elif sentence := missing():
        sys.exit(sentence)
    else:
        up(arguments.folder)
        print(f"export PATH={arguments.folder.resolve()}/bin:$PATH")
