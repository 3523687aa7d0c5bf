"""A copy of the project in which the tiny synthetic region is run through Snakemake."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

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


class Clone:
    """A copy of the project with results of its own, and a store that may be shared."""

    def __init__(self, folder: Path, project: Path, store: Path) -> None:
        self.folder, self.store = folder, store
        for part in PARTS:
            source = project / part
            copy = shutil.copy if source.is_file() else shutil.copytree
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            copy(
                source, folder / part, **({} if source.is_file() else {"ignore": shutil.ignore_patterns("__pycache__")})
            )

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
        env = {**os.environ, "PYTHONPATH": str(self.folder / "workflow"), "LOBATE_STORE": str(self.store)}
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "2",
            "--resources",
            "gpu=1",
            "--configfile",
            *files,
            *words,
        ]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lobate(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder / "workflow"), "LOBATE_STORE": str(self.store)}
        command = [sys.executable, "-m", "lobate", *words]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=120
        )
