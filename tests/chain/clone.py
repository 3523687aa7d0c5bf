"""A copy of the project in which the tiny synthetic region is run through Snakemake."""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from tests.threads import THREADS

CORE = ("--", "results/tiny/inventory/inventory.gpkg", "results/tiny/figures/map.png")
"""Targets of runs that need not draw every figure anew."""

PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "tests/conf")


@dataclass
class Run:
    """What one run of Snakemake did: how often each stage was computed and restored."""

    status: int
    text: str

    def _count(self, what: str) -> Counter[str]:
        return Counter(re.findall(rf"^{what} (\w+) [0-9a-f]{{64}}$", self.text, re.M))

    @property
    def computed(self) -> Counter[str]:
        return self._count("computed")

    @property
    def restored(self) -> Counter[str]:
        return self._count("restored")

    @property
    def finished(self) -> Counter[str]:
        """How often each rule ran, by Snakemake's own record."""
        return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", self.text, re.M))


class Clone:
    """A copy of the project with results of its own, and a store that may be shared."""

    parts = PARTS
    whole: tuple[str, ...] = ()
    core = CORE
    detected = CORE
    """Targets of the incrementality table's rows: all that the first run made, less where less will do, and detections."""

    def __init__(self, folder: Path, project: Path, store: Path) -> None:
        self.folder, self.project, self.store = folder, project, store
        for part in self.parts:
            source = project / part
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            if source.is_file():
                shutil.copy(source, folder / part)
            else:
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))

    def copy(self, folder: Path) -> Self:
        """Return a copy with its results, which shares the store."""
        shutil.copytree(self.folder, folder, symlinks=True)
        other = copy.copy(self)
        other.folder = folder
        return other

    def fresh(self, folder: Path) -> Self:
        """Return a clone without results, which shares the store."""
        return type(self)(folder, self.project, self.store)

    @property
    def results(self) -> Path:
        return self.folder / "results/tiny"

    def run(self, *words: str, overlay: dict[str, object] | None = None, config: str = "tests/conf/tiny.yaml") -> Run:
        """Run the chain; ``overlay`` is laid over the configuration."""
        process = self.start(*words, overlay=overlay, config=config)
        try:
            out, err = process.communicate(timeout=1500)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Run(process.returncode, out + err)

    def start(
        self, *words: str, overlay: dict[str, object] | None = None, config: str = "tests/conf/tiny.yaml"
    ) -> subprocess.Popen[str]:
        """Start the chain, in a process group of its own."""
        files = [config]
        if overlay:
            (self.folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
            files.append("overlay.yaml")
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *self.options(), "--configfile", *files, *words],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def options(self) -> list[str]:
        """Return Snakemake's options for this way of running."""
        return ["--cores", str(THREADS), "--resources", "gpu=1", "--printshellcmds"]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder / "workflow"), "LOBATE_STORE": str(self.store)}

    def lobate(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lobate", *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
