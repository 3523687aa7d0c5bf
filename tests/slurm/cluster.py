"""A real Slurm of two nodes on this one machine, for the tests: munged, slurmctld and two slurmd from Debian's packages.

Everything is in one folder and listens on the loopback only; whatever was started is ended by its own process id.
Node c1 has a GPU as Slurm sees it (/dev/null stands in: Slurm counts devices and never looks into them).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SBIN = "/usr/sbin:/sbin"
PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue")
CONFIGURATION = """\
ClusterName=lobate
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
MailProg=/bin/true
PlugStackConfig={folder}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=400
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=1,bf_interval=1
ReturnToService=2
SlurmdTimeout=30
KillWait=5
MinJobAge=7200
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
NodeName=c1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[0]} CPUs=4 RealMemory=16000 Gres=gpu:stand_in:1
NodeName=c2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=16000
EnforcePartLimits=ALL
PartitionName=main Nodes=c[1-2] Default=YES MaxTime=600 State=UP
PartitionName=gpu Nodes=c1 MaxTime=600 State=UP
"""


def missing() -> str:
    """Return why no cluster can be started here, or an empty string."""
    absent = [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:{SBIN}")]
    if absent:
        return (
            f"no Slurm here: {', '.join(absent)} not found (tests/slurm/install.sh installs it from Debian's packages)"
        )
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        address = "nothing"
    return "" if address == "127.0.0.1" else f"this machine's own name leads to {address}; Slurm here needs 127.0.0.1"


class Cluster:
    """A running cluster; ``environment`` is what a client of it needs."""

    def __init__(self) -> None:
        # munge wants its socket where every user can come, which a test's own folder is not
        self.folder = folder = Path(tempfile.mkdtemp(prefix="lobate-slurm-"))
        folder.chmod(0o755)
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "LOBATE_CLUSTER": str(folder),  # marks what runs on it
            "PATH": f"{folder}/bin:{os.environ['PATH']}:{SBIN}",
        }
        self._configure()

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, *words: object) -> str:
        """Run a client of Slurm; return what it printed."""
        done = subprocess.run(
            [*map(str, words)], env=self.environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Return every job so far: its run's name, rule, account, partition, node, state, and what it asked for."""
        fields = {"run": "Name", "state": "State", "account": "Account", "partition": "Partition", "node": "NodeList"}
        fields |= {"comment": "Comment", "gpus": "tres-per-job", "memory": "MinMemory", "time": "TimeLimit"}
        fields |= {"most_nodes": "MaxNodes"}
        form = ",".join(f"{field}:|" for field in fields.values())
        lines = self.ask("squeue", "--states=all", "--noheader", "-O", form).splitlines()
        jobs = [dict(zip(fields, (part.strip() for part in line.split("|")), strict=False)) for line in lines]
        return [{**job, "rule": job["comment"].removeprefix("rule_").split("_wildcards")[0]} for job in jobs]

    def kill_node(self, name: str) -> None:
        """Let a node die with all that runs on it; steps of the other node die, too."""
        _end(self.folder / f"slurmd-{name}.pid", signal.SIGKILL)
        for process in Path("/proc").glob("[0-9]*"):
            if self._is_step(process) or self._is_task(process, name):
                os.kill(int(process.name), signal.SIGKILL)

    def _is_step(self, process: Path) -> bool:
        try:
            ours = (process / "cwd").resolve().is_relative_to(self.folder)
            return ours and (process / "comm").read_text().strip() == "slurmstepd"
        except OSError:
            return False

    def _is_task(self, process: Path, node: str) -> bool:
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return {f"SLURMD_NODENAME={node}".encode(), f"LOBATE_CLUSTER={self.folder}".encode()} <= set(environment)

    def stop(self) -> None:
        """End the jobs, then the daemons."""
        subprocess.run(
            ["scancel", "--me", "--full"], env=self.environment, capture_output=True, check=False, timeout=30
        )
        for name in ("slurmd-c1", "slurmd-c2", "slurmctld", "munged"):
            _end(self.folder / f"{name}.pid", signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self) -> None:
        ports = _free_ports(3)
        text = CONFIGURATION.format(
            folder=self.folder,
            host=socket.gethostname().split(".")[0],
            user=Path("/proc/self").owner(),
            port=ports[0],
            ports=ports[1:],
        )
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("NodeName=c1 Name=gpu Type=stand_in File=/dev/null\n")
        (self.folder / "plugstack.conf").write_text("")
        for name in ("state", "spool-c1", "spool-c2", "bin"):
            (self.folder / name).mkdir()
        # the executor's job step takes SLURM_CONF out of the environment before it calls srun
        shim = self.folder / "bin" / "srun"
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        shim.chmod(0o755)

    def _start(self) -> None:
        secret = self.folder / "secret"
        secret.mkdir(mode=0o700)
        self._daemon("mungekey", "--create", "--bits=1024", f"--keyfile={secret}/key")
        places = {"key-file": "secret/key", "seed-file": "secret/seed", "socket": "munge.socket"}
        places |= {"pid-file": "munged.pid", "log-file": "munged.log"}
        self._daemon("munged", *(f"--{name}={self.folder}/{place}" for name, place in places.items()))
        self._daemon("slurmctld")
        for node in ("c1", "c2"):
            self._daemon("slurmd", "-N", node)
        _wait(lambda: {*self.ask("sinfo", "-h", "-N", "-o", "%N %T").splitlines()} == {"c1 idle", "c2 idle"})

    def _daemon(self, *words: str) -> None:
        with (self.folder / "boot.log").open("a") as log:
            subprocess.run(words, env=self.environment, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _wait(until: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if until():
                return
        except (subprocess.SubprocessError, OSError):
            pass
        time.sleep(0.2)
    raise TimeoutError("the cluster did not come up")


def _end(pid_file: Path, how: signal.Signals) -> None:
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, how)
    except (OSError, ValueError):
        return
    try:
        _wait(lambda: not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text(), 15)
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
