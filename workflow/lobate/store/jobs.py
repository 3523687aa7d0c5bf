"""Who is at work in a store: each job has a folder there, named after its stage, host and process.

A job that was killed leaves its folder behind. Whether a process lives can be seen only from the same boot of the same
machine and the same space of process numbers; a host's name tells neither, since machines may share it. The folder's name
therefore also holds a digest of boot and space, and when the process began, in ticks since that boot: numbers are
given out again. These are compared for being equal, and with no clock. For a job of anywhere else nothing is guessed,
neither from the age of its folder nor from a lock, which many network file systems do not keep: a person who knows that
a host runs nothing any more says so.
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
from functools import cache
from pathlib import Path

from lobate.errors import UserError
from lobate.io.digest import text_digest

NAMESPACES = ("pid", "time")
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
        said = f"{self.stage} on {self.host}, process {self.pid}"
        return said.encode(errors="backslashreplace").decode()

    def is_remote(self) -> bool:
        """Whether it cannot be seen from here if this job lives."""
        return not self.machine or self.machine != _machine_digest()

    def is_dead(self) -> bool:
        """Whether this job is seen to have ended; False where that cannot be seen from here."""
        return not self.is_remote() and not _is_alive(int(self.pid), self.start_ticks)


def register(work: Path, stage: str) -> Path:
    """Make a folder for a job of this process and return it."""
    name = f"{stage}@{socket.gethostname()}@{os.getpid()}@{_machine_digest()}.{_start_ticks(os.getpid())}@"
    return Path(tempfile.mkdtemp(prefix=name, dir=work))


def running_jobs(work: Path) -> list[Job]:
    """Return the jobs that have a folder there, in order; folders of other names are no jobs."""
    try:
        folders = sorted(work.iterdir())
    except FileNotFoundError:
        return []
    return [_parse_job(folder, folder.name.split("@")) for folder in folders if folder.name.count("@") in (3, 4)]


def _parse_job(folder: Path, words: list[str]) -> Job:
    place, _, began = words[3].partition(".") if len(words) == 5 and words[2].isdigit() else ("", "", "")
    return Job(folder, words[0], words[1], words[2], place, began)


def remove_dead(work: Path, abandoned: Collection[str] = (), *, dry_run: bool = False) -> list[Job]:
    """Remove the folders of jobs that ended without doing so, and of those on hosts that a person says run none.

    Returns the jobs that may still be at work. Raises UserError for a host on which nobody left anything, and for
    a folder that may not be removed.
    """
    jobs = running_jobs(work)
    unknown = sorted(set(abandoned) - {job.host for job in jobs})
    if unknown:
        raise UserError(
            f"No job of the host {', '.join(unknown)} has left anything in {work}. Hosts that have: "
            f"{', '.join(sorted({job.host for job in jobs})) or 'none'}."
        )
    # of this very machine it is seen who lives, whatever is said
    dead = [job for job in jobs if job.is_dead() or (job.host in abandoned and job.is_remote())]
    for job in [] if dry_run else dead:
        _remove(work, job)
    return [job for job in jobs if job not in dead]


def _remove(work: Path, job: Job) -> None:
    """Remove a folder, out of its place at once: should the job live after all, it is to miss everything or nothing."""
    try:
        job.folder.rename(work / f"{ENDED_PREFIX}{uuid.uuid4().hex}")
    except FileNotFoundError:  # another collection was faster
        pass
    except PermissionError as error:
        raise UserError(
            f"The folder {job.folder} of a job that has ended ({job}) cannot be removed: it belongs to somebody else. Ask "
            "its owner to run lobate store gc, or to remove it."
        ) from error
    for one in work.glob(f"{ENDED_PREFIX}*"):
        shutil.rmtree(one, ignore_errors=True)


@contextmanager
def guard_workdir(folder: Path) -> Iterator[None]:
    """Run a job's work in a folder of its own. Raises UserError if that was taken away meanwhile, for a part may be missing."""
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
        f"The folder {folder} was removed while a job was at work there. lobate store gc --abandoned does that, where "
        "somebody says that no job runs on this host. Nothing of it was kept; run again."
    )


@cache
def _machine_digest() -> str:
    """Return a digest of this boot of this machine and of its process numbers, '' where Linux does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        spaces = [
            str(Path(f"/proc/self/ns/{one}").readlink())
            for one in NAMESPACES
            if os.path.lexists(f"/proc/self/ns/{one}")
        ]
    except OSError:
        return ""
    return text_digest(" ".join([boot, *spaces]))[:12]


def _start_ticks(pid: int) -> str:
    """Return when a process began, in ticks since the boot; '' for one that cannot be seen, 'ended' for a zombie."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if words[0] == "Z" else words[19]


def _is_alive(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return _start_ticks(pid) in (began, "")
