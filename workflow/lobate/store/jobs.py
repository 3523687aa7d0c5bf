"""Running jobs of a store: each job has a folder there, named after its stage, host and process.

A killed job leaves its folder behind. Its name also holds what `lobate.io.process` needs to see whether the process is
alive: a digest of the machine, its boot and its namespaces, and the start of the process.

Nothing is guessed about jobs of other machines: neither the age of a folder nor a lock is reliable on network file
systems. The user names the hosts that run no job any more.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.io.process import is_alive, machine_digest, start_ticks

ENDED_PREFIX = "ended."


@dataclass(frozen=True)
class Job:
    """A job that has a folder in the store."""

    folder: Path
    stage: str
    host: str
    pid: str
    machine: str = ""
    start_ticks: str = ""

    def __str__(self) -> str:
        text = f"{self.stage} on {self.host}, process {self.pid}"
        return text.encode(errors="backslashreplace").decode()

    def is_remote(self) -> bool:
        """Whether this process cannot see if the job is alive."""
        return not self.machine or self.machine != machine_digest()

    def is_dead(self) -> bool:
        """Whether the job has ended; False for a remote job."""
        return not self.is_remote() and not is_alive(int(self.pid), self.start_ticks)


def register(work: Path, stage: str) -> Path:
    """Create a folder for a job of this process, and return it."""
    name = f"{stage}@{socket.gethostname()}@{os.getpid()}@{machine_digest()}.{start_ticks(os.getpid())}@"
    return Path(tempfile.mkdtemp(prefix=name, dir=work))


def running_jobs(work: Path) -> list[Job]:
    """Return the jobs with a folder in ``work``, in order; folders of other names are no jobs."""
    try:
        folders = sorted(work.iterdir())
    except FileNotFoundError:
        return []
    return [_parse_job(folder, folder.name.split("@")) for folder in folders if folder.name.count("@") in (3, 4)]


def _parse_job(folder: Path, words: list[str]) -> Job:
    has_machine = len(words) == 5 and words[2].isdigit()
    machine, _, start_ticks = words[3].partition(".") if has_machine else ("", "", "")
    return Job(folder, words[0], words[1], words[2], machine, start_ticks)


def remove_dead(work: Path, abandoned: Collection[str] = (), *, dry_run: bool = False) -> list[Job]:
    """Remove the folders that dead jobs left behind, and those of remote jobs on the hosts in ``abandoned``.

    Returns the jobs that may still be running. Raises UserError for a host without any job's folder, and for a folder that
    belongs to somebody else.
    """
    jobs = running_jobs(work)
    unknown = sorted(set(abandoned) - {job.host for job in jobs})
    if unknown:
        raise UserError(
            f"No job of the host {', '.join(unknown)} has left a folder in {work}. Hosts with folders there: "
            f"{', '.join(sorted({job.host for job in jobs})) or 'none'}."
        )
    # on this machine a live job stays, even if the user calls the host abandoned
    dead = [job for job in jobs if job.is_dead() or (job.host in abandoned and job.is_remote())]
    for job in [] if dry_run else dead:
        _remove(work, job)
    return [job for job in jobs if job not in dead]


def _remove(work: Path, job: Job) -> None:
    """Remove a job's folder, after a rename: a job that is alive after all then misses all of it, not a part."""
    try:
        job.folder.rename(work / f"{ENDED_PREFIX}{uuid.uuid4().hex}")
    except FileNotFoundError:  # another collection was faster
        pass
    except PermissionError as error:
        raise UserError(
            f"The folder {job.folder} of a job that has ended ({job}) cannot be removed: it belongs to somebody else. Ask "
            "its owner to run lobate store gc, or to remove it."
        ) from error
    for folder in work.glob(f"{ENDED_PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def guard_workdir(folder: Path) -> Iterator[None]:
    """Create a folder for a job's outputs. Raises UserError if it was removed meanwhile, since outputs may be missing."""
    token = folder / ".begun"
    folder.mkdir(parents=True, exist_ok=True)
    token.touch()
    try:
        yield
    except Exception as error:
        if token.exists():
            raise
        raise _folder_removed(folder) from error
    if not token.exists():
        raise _folder_removed(folder)


def _folder_removed(folder: Path) -> UserError:
    return UserError(
        f"The folder {folder} was removed while its job was running. lobate store gc --abandoned does that, if somebody "
        "names this host although it runs jobs. Nothing of the job was kept; run again."
    )
