"""Hosts and their processes, simulated in one process, so that a run of them can be repeated.

Each simulated process runs real code in a thread of its own. Only one thread runs at a time. A thread may be stopped before
each call that changes or reads the file system, and goes on when the test says so. A killed process changes nothing more:
each later call raises `Killed`, also in the blocks that clean up after an error.

A host has a name, an identity of its boot, a clock, a working folder, and its own view of the paths under `Simulation.mount`.
"""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import logging
import os
import platform
import random
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

from lobate.engine import change_guard
from lobate.io import process as io_process
from lobate.io.digest import text_digest

READS = ("stat", "lstat", "scandir", "listdir", "readlink", "access")
CHANGES = {"unlink": 1, "remove": 1, "mkdir": 1, "rmdir": 1, "chmod": 1, "utime": 1, "truncate": 1} | dict.fromkeys(
    ("link", "rename", "replace", "symlink"), 2
)
"""Functions of ``os`` that change the file system, and the number of their paths."""
STOPS_AT = ("scandir", "listdir", *CHANGES)
LAYERS = ("lobate.engine", "lobate.io", "lobate.store")


class Killed(BaseException):
    """The end of a simulated process by kill -9."""


class Host:
    """A machine: its name, its boot, its clock, its disk, and whether that has hard links to the store."""

    def __init__(self, name: str, number: int, disk: Path, *, links: bool = True) -> None:
        self.name, self.number, self.disk, self.links = name, number, disk, links
        self.cwd = disk
        """Working folder of all its processes, as the host calls it."""
        self.boots, self.skew_s = 0, 0.0
        self.processes: list[Process] = []

    @property
    def machine(self) -> str:
        """Digest of this boot of this machine."""
        return text_digest(f"{self.number} {self.boots}")[:12]

    def alive(self) -> list[Process]:
        """Return the processes that have not ended."""
        return [process for process in self.processes if process.is_alive()]

    def translated(self, path: Any) -> Any:
        """Return where a path of this host's file tree lies in truth."""
        if isinstance(path, int) or path is None or isinstance(name := os.fspath(path), bytes):
            return path
        name, mount = os.path.join(self.cwd, name), str(Simulation.mount)  # noqa: PTH118 - of text
        if name == mount or name.startswith(mount + os.sep):
            return f"{self.disk}{name[len(mount) :]}"
        return name


class Process:
    """A function that runs on a host, a few steps at a time; afterwards it has a result or an error."""

    def __init__(self, host: Host, pid: int, ticks: int, body: Callable[[], Any]) -> None:
        self.host, self.pid, self.ticks, self.body = host, pid, str(ticks), body
        self.result: Any = None
        self.error: BaseException | None = None
        self.killed = self.ended = False
        self.log: list[str] = []
        self.caches: dict[Any, dict[Any, Any]] = {}
        self.sources = change_guard._code_states(sorted((Simulation.root / "model").glob("*.py")))
        self._steps: int | None = 0
        self._scratch: str | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        host.processes.append(self)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the process has neither ended nor been killed."""
        return not self.ended

    def runs_here(self) -> bool:
        """Whether the calling thread is this process."""
        return threading.current_thread() is self._thread

    def advance(self, steps: int | None = None) -> None:
        """Let the process make so many steps, or all that it has left."""
        self._steps = steps
        Simulation.running = self
        _set_scratch(self._scratch)
        self._go.release()
        self._stopped.acquire()
        self._scratch = os.environ.get("LOBATE_SCRATCH")
        Simulation.running = None

    def kill(self) -> None:
        """End the process here and now."""
        self.killed = True
        if self.is_alive():
            self.advance()

    def step(self) -> None:
        """Stop where the steps are used up, until the process may go on or is killed."""
        while self._steps == 0 and not self.killed:
            self._stopped.release()
            self._go.acquire()
        if self.killed:
            raise Killed
        if self._steps:
            self._steps -= 1

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.step()
            self.result = self.body()
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self._stopped.release()


def _set_scratch(folder: str | None) -> None:
    os.environ.pop("LOBATE_SCRATCH", None)
    if folder is not None:
        os.environ["LOBATE_SCRATCH"] = folder


def running() -> Process | None:
    """Return the simulated process that the calling thread is; None in the test itself."""
    process = Simulation.running
    return process if process is not None and process.runs_here() else None


class Simulation:
    """The hosts of one example; `install` must have replaced the system's functions before."""

    mount = Path("/simulated")
    running: Process | None = None
    root = Path()
    """The package that code digests are made of."""
    unsynced: set[int] = set()
    """Inode of each file that was written and is not certain to be on the disk yet."""
    unsafe: list[str] = []
    """Where such files were put by a rename or a link."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self._ticks = itertools.count(1000)
        self.unsynced.clear()
        self.unsafe.clear()
        _dice.seed(0)

    def alive(self) -> list[Process]:
        """Return the processes of all hosts that have not ended."""
        return [process for host in self.hosts for process in host.alive()]

    def start(self, host: Host, body: Callable[[], Any]) -> Process:
        """Return a new process, stopped before its first step. Numbers of ended processes are used again."""
        taken = {process.pid for process in self.alive()}
        pid = next(number for number in itertools.count(100) if number not in taken)
        return Process(host, pid, next(self._ticks), body)

    def reboot(self, host: Host) -> None:
        """End all processes of a host, which boots anew."""
        for process in host.alive():
            process.kill()
        host.processes, host.boots = [], host.boots + 1


_dice = random.Random(0)


class SerialExecutor(futures.Executor):
    """Runs each task where it is asked for, so that the order of all calls can be repeated."""

    def __init__(self, *_: Any) -> None:
        pass

    def map(self, function: Callable[..., Any], *tasks: Iterable[Any], **_: Any) -> Iterator[Any]:  # type: ignore[override]
        return map(function, *tasks)


def install(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Replace the functions through which the package sees its host, its processes and the file system."""
    Simulation.root = root
    for name in READS:
        monkeypatch.setattr(os, name, _hook(name, 1))
    for name, paths in CHANGES.items():
        monkeypatch.setattr(os, name, _hook(name, paths))
    for module, name in ((io, "open"), (builtins, "open")):
        monkeypatch.setattr(module, name, _open_hook(io.open))
    monkeypatch.setattr(os, "open", _os_open_hook(os.open))
    monkeypatch.setattr(os, "fsync", _fsync_hook(os.fsync))
    _install_identity(monkeypatch)
    _install_caches(monkeypatch)
    monkeypatch.setattr(change_guard, "_AT_START", _AtStart())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    logger = logging.getLogger("lobate")
    monkeypatch.setattr(logger, "handlers", [_Log()])
    logger.setLevel(logging.INFO)  # the fixture log_as_found takes it back


def _hook(name: str, n_paths: int) -> Callable[..., Any]:
    real = getattr(os, name)

    def hooked(*args: Any, **words: Any) -> Any:
        process = running()
        if process is None:
            return real(*args, **words)
        if name in STOPS_AT:
            process.step()
        if name == "link" and not process.host.links:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), args[0], None, args[1])
        if name == "utime" and len(args) == 1 and not words:
            now = time.time_ns()
            words = {"ns": (now, now)}
        if words.get("dir_fd") is not None:
            return real(*args, **words)
        paths = [process.host.translated(path) for path in args[:n_paths]]
        if name in ("rename", "replace", "link") and os.path.lexists(paths[0]):
            inode = Path(paths[0]).lstat().st_ino
            if inode in Simulation.unsynced:
                Simulation.unsafe.append(os.fspath(paths[1]))
        return real(*paths, *args[n_paths:], **words)

    return hooked


def _open_hook(real: Callable[..., Any]) -> Callable[..., Any]:
    def hooked(file: Any, mode: str = "r", *args: Any, **words: Any) -> Any:
        process = running()
        if process is None or isinstance(file, int):
            return real(file, mode, *args, **words)
        process.step()
        opened = real(process.host.translated(file), mode, *args, **words)
        if mode[0] != "r" or "+" in mode:
            Simulation.unsynced.add(os.fstat(opened.fileno()).st_ino)
            try:
                process.step()  # the file is there, and empty
            except Killed:
                opened.close()
                raise
        return opened

    return hooked


def _os_open_hook(real: Callable[..., int]) -> Callable[..., int]:
    def hooked(path: Any, flags: int, *args: Any, **words: Any) -> int:
        process = running()
        if process is None:
            return real(path, flags, *args, **words)
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            process.step()
        return real(path if "dir_fd" in words else process.host.translated(path), flags, *args, **words)

    return hooked


def _fsync_hook(real: Callable[[int], None]) -> Callable[[int], None]:
    def hooked(number: int) -> None:
        process = running()
        if process is None:
            return real(number)
        process.step()
        Simulation.unsynced.discard(os.fstat(number).st_ino)  # the disk of a test need not be waited for
        return None

    return hooked


def _install_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    real_pid, real_time = os.getpid, time.time

    def here(function: Callable[[Process], Any], otherwise: Callable[[], Any]) -> Callable[..., Any]:
        return lambda *_, **__: otherwise() if (process := running()) is None else function(process)

    def ticks(pid: int) -> str:
        process = running()
        assert process is not None
        return next((other.ticks for other in process.host.alive() if other.pid == pid), "")

    def mkdtemp(suffix: str = "", prefix: str = "tmp", dir: str | Path = "") -> str:
        folder = f"{dir}/{prefix}{_dice.getrandbits(64):016x}{suffix}"
        Path(folder).mkdir(0o700)
        return folder

    monkeypatch.setattr(os, "getcwd", here(lambda process: str(process.host.cwd), os.getcwd))
    monkeypatch.setattr(os, "getpid", here(lambda process: process.pid, real_pid))
    monkeypatch.setattr(socket, "gethostname", here(lambda process: process.host.name, lambda: "test"))
    monkeypatch.setattr(platform, "node", here(lambda process: process.host.name, lambda: "test"))
    monkeypatch.setattr(time, "time", here(lambda process: real_time() + process.host.skew_s, real_time))
    monkeypatch.setattr(
        time, "time_ns", here(lambda process: int((real_time() + process.host.skew_s) * 1e9), time.time_ns)
    )
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=_dice.getrandbits(128)))
    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    for name, own in (
        ("machine_digest", here(lambda process: process.host.machine, lambda: "")),
        ("start_ticks", ticks),
        ("is_alive", lambda pid, began: ticks(pid) == began),
    ):
        _replace(monkeypatch, getattr(io_process, name), own)
    _replace(monkeypatch, futures.ThreadPoolExecutor, SerialExecutor)


def _replace(monkeypatch: pytest.MonkeyPatch, old: Any, new: Any) -> None:
    """Replace an object under each name that a module of the lower layers has for it."""
    for name, module in list(sys.modules.items()):
        if name.startswith(LAYERS):
            for key, value in list(vars(module).items()):
                if value is old:
                    monkeypatch.setattr(module, key, new)


class _PerProcess:
    """A cached function, with a cache for each simulated process."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    def __call__(self, *args: Any) -> Any:
        known = self._known()
        if args not in known:
            known[args] = self.__wrapped__(*args)
        return known[args]

    def cache_clear(self) -> None:
        """Forget what the running process has cached."""
        self._known().clear()

    def _known(self) -> dict[Any, Any]:
        process = running()
        return {} if process is None else process.caches.setdefault(self, {})


def _install_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = {
        value
        for name, module in list(sys.modules.items())
        if name.startswith(LAYERS)
        for value in list(vars(module).values())
        if hasattr(value, "cache_clear") and hasattr(value, "__wrapped__")
    }
    for function in cached:
        _replace(monkeypatch, function, _PerProcess(function.__wrapped__))


class _AtStart:
    """The files of the code as the running process found them when it began."""

    def __contains__(self, file: Path) -> bool:
        process = running()
        return process is not None and file in process.sources

    def __getitem__(self, file: Path) -> change_guard.FileState:
        process = running()
        assert process is not None
        return process.sources[file]


class _Log(logging.Handler):
    """Keeps the lines of each simulated process with it."""

    def emit(self, record: logging.LogRecord) -> None:
        process = running()
        if process is not None:
            process.log.append(record.getMessage())
