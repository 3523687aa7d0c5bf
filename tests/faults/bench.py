"""Training and prediction so small that they can be killed by the dozen: the command line in a folder of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from tests.threads import THREADS, VARIABLE
from tests.training.conftest import NETWORK, SCHEDULE, TILES, disc_patch, write_split

from lobate.io.digest import file_digest
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter

SETTINGS = {
    "region": "bench",
    "imagery": {"tiles": {tile: ["image.tif"] for tile in TILES}},
    "labels": {"positives": [{"path": "outlines.gpkg"}]},
    "training": {
        "network": NETWORK.model_dump(mode="json"),
        "schedule": {**SCHEDULE.model_dump(mode="json"), "iterations": 12, "evaluate_every": 2},
        "augment": [["flip", "rotate"]],
    },
    "mapping": {"predict": {"window": 64, "overlap": 16, "batch": 4}},
}
TRAIN = ("model", "metrics", "verdict", "events")


@dataclass(frozen=True)
class Bench:
    """A folder with what `train` and `predict` read; each run names its store and where its results go."""

    folder: Path

    def fill(self) -> Bench:
        """Write patches, their split, an image and the settings."""
        dice = np.random.default_rng(0)
        for tile in TILES:
            np.save(self.folder / f"{tile}.npy", np.stack([disc_patch(dice, landform=row != 1) for row in range(5)]))
        write_split(self.folder / "split.gpkg", {tile: ["training"] * 4 + ["validation"] for tile in TILES})
        grid = Grid(384, 384, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
        with CogWriter(self.folder / "image.tif", grid, count=3, nodata=0, photometric_rgb=True) as image:
            image.write(dice.integers(1, 255, (3, 384, 384), dtype=np.uint8), 0)
        (self.folder / "settings.json").write_text(json.dumps(SETTINGS))
        return self

    def words(self, verb: str, out: str) -> list[str]:
        """Return the command that makes the results of a verb in the folder ``out``."""
        if verb == "train":
            inputs = ["--patches", *(f"{tile}.npy" for tile in TILES), "--tiles", *TILES, "--split", "split.gpkg"]
            outputs = [word for name in TRAIN for word in (f"--{name}", f"{out}/{name}")]
            return ["train", *inputs, "--round", "1", *outputs, "--settings", "settings.json"]
        inputs = ["--image", "image.tif", "--model", "trained/model"]
        return ["predict", *inputs, "--probability", f"{out}/probability.tif", "--settings", "settings.json"]

    def environment(self, store: str | Path, **changed: str) -> dict[str, str]:
        """Return the environment of a run, with the threads of all tests: `make torture` runs outside of pytest."""
        return {**os.environ, "LOBATE_STORE": str(store), VARIABLE: str(THREADS), **changed}

    def start(self, *words: str, store: str | Path = "store", **environment: str) -> subprocess.Popen[str]:
        """Start the command line in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "lobate", *words],
            cwd=self.folder,
            env=self.environment(store, **environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, store: str | Path = "store", **environment: str) -> tuple[int, str]:
        """Run the command line to its end; return its exit status and its output."""
        process = self.start(*words, store=store, **environment)
        _, output = process.communicate(timeout=300)
        return process.returncode, output

    def killed(self, *words: str, after: float, store: str | Path = "store") -> bool:
        """Run and kill -9 after so many seconds; return whether it was still running then."""
        process = self.start(*words, store=store)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            kill_group(process)
            return True
        return False


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill -9 a process and all its children that stayed in its group, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of each result in a folder; logs, timings and what a kill left under a hidden name do not count."""
    return {
        name: file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _counts(name := path.relative_to(folder).as_posix())
    }


def _counts(name: str) -> bool:
    parts = name.split("/")
    return parts[0] not in ("logs", "benchmarks") and not any(part.startswith(".") for part in parts)


def moments(seed: int, longest: float, times: int) -> list[float]:
    """Return seeded random moments, in seconds from the start."""
    dice = random.Random(seed)
    return [dice.uniform(0, longest) for _ in range(times)]


def timed(bench: Bench, verb: str, out: str, store: str) -> float:
    """Run a verb undisturbed and return its wall time in seconds."""
    began = time.monotonic()
    status, output = bench.run(*bench.words(verb, out), store=store)
    if status:
        raise RuntimeError(output)
    return time.monotonic() - began


def damage(paths: Mapping[Path, int]) -> None:
    """Flip one bit of the byte at a place in each file, as a failing disk would: size and time stamps stay."""
    for path, place in paths.items():
        old = path.stat()
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1]))
        path.chmod(0o444)
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
