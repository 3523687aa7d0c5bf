"""A run of the workflow that a person starts from the page: Snakemake in a process of its own, which outlives the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lobate.errors import UserError
from lobate.settings import Region


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, and the last lines of its output."""

    status: int
    text: str


LAST_LINES = 30


class Runs:
    """The run of one region. ``ended`` is called in a thread when it ends."""

    def __init__(self, region: Region, config: Sequence[Path], ended: Callable[[Ended], None]) -> None:
        self._region, self._config, self._ended = region, [str(path) for path in config], ended
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._read = 0
        self.output = Path("results", region.region, "logs", "review_run.log")

    @property
    def is_running(self) -> bool:
        """Whether a run that was started here still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start Snakemake as `make demo` does. Raises UserError where one runs already, or there is no Snakefile."""
        with self._lock:
            if self.is_running:
                raise UserError("A run is under way already. Wait for its end, or stop it first.")
            if not (Path("Snakefile").exists() or Path("workflow/Snakefile").exists()):
                raise UserError("There is no Snakefile in this folder. Start the review in the project's folder.")
            self.output.parent.mkdir(parents=True, exist_ok=True)
            with self.output.open("wb") as output:
                # in a session of its own and with a file for its output: it goes on when the server ends
                self._process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._read = 0
            threading.Thread(target=self._wait, args=(self._process,), daemon=True).start()

    def _command(self) -> list[str]:
        options = ["--cores", "all", "--resources", "gpu=1"]
        return [sys.executable, "-m", "snakemake", *options, "--configfile", *self._config]

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        status = process.wait()
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()
        self._ended(Ended(status, "\n".join(lines[-LAST_LINES:])))

    def new_lines(self) -> list[str]:
        """Return the last whole lines that the run wrote since the last call."""
        if not self.output.exists():
            return []
        with self.output.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        lines = [line for line in whole.decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-LAST_LINES:]

    def stop(self) -> None:
        """Stop the run as Ctrl-C does; what it has made stays. Raises UserError where none runs."""
        process = self._process
        if process is None or process.poll() is not None:
            raise UserError("No run that was started here is under way.")
        os.killpg(process.pid, signal.SIGINT)
