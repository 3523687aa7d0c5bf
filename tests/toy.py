"""A small world of verbs in a copy of the package, so that its code can be edited: ``copy`` and ``total``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lobate.settings.load import parse, resolved_json

TOY = '''
"""Toy verbs."""
import os, time
from pathlib import Path
from typing import Annotated
from lobate.engine.signature import Input, Output, Setting, uncached, run_instead_if
from lobate.errors import UserError
from lobate.toy_helper import shout

def only_a(source: Path, target: Path, letter: str = "a") -> None:
    target.write_text("".join(line for line in source.read_text().splitlines(True) if line.startswith(letter)))

def copy(source: Annotated[Path, Input(view=only_a)], result: Annotated[Path, Output()], *, letter: str = "a",
         seed: Annotated[int, Setting("seed")] = 0) -> None:
    """Copy what a view lets through."""
    if os.environ.get("TOY_SLEEP"):
        result.write_text("half")
        time.sleep(float(os.environ["TOY_SLEEP"]))
    if "bad" in source.read_text():
        result.write_text("half written")
        raise UserError("The source holds the word bad. Take it out.")
    result.write_text(shout(source.read_text()) + f"{seed}\\n")

def over(goal: Annotated[float, Setting("training.target_iou")], sources: Annotated[list[Path], Input()]) -> bool:
    return any(float(one.read_text()) >= goal for one in sources)

def skip(folder: Annotated[Path, Output()]) -> None:
    folder.mkdir()
    (folder / "skipped").write_text("yes")

@run_instead_if(over, instead=skip)
def total(sources: Annotated[list[Path], Input()], folder: Annotated[Path, Output()]) -> None:
    """Make a folder."""
    (folder / "deep").mkdir(parents=True)
    if os.environ.get("TOY_SLEEP"):
        time.sleep(float(os.environ["TOY_SLEEP"]))
    for one in sources:
        (folder / "deep" / one.name).write_text(one.read_text())

def shape(source: Annotated[Path, Input()], result: Annotated[Path, Output(editable=True)],
          other: Annotated[Path | None, Input()] = None) -> None:
    """Copy a Shapefile's side files."""
    for suffix in (".shp", ".dbf", ".shx"):
        result.with_suffix(suffix).write_bytes(source.with_suffix(suffix).read_bytes())

def needy(result: Annotated[Path, Output()], *, seed: Annotated[int, Setting("seed")]) -> None:
    """Write the seed."""
    result.write_text(str(seed))

@uncached
def ask(source: Annotated[Path, Input()], result: Annotated[Path, Output()], *,
        seed: Annotated[int, Setting("seed")] = 0) -> None:
    """Add a line to what earlier runs left."""
    with result.open("a") as file:
        file.write(f"asked {seed}\\n")
'''
VERBS = ("copy", "total", "shape", "ask", "needy")
HELPER = "def shout(text):\n    # loud\n    return text.upper()\n"


class Toy:
    """Runs the copied package's command line in a folder of its own."""

    def __init__(self, folder: Path, package: Path) -> None:
        self.folder = folder
        self.code = folder / "code"
        shutil.copytree(package, self.code / "lobate", ignore=shutil.ignore_patterns("__pycache__"))
        room = self.code / "lobate" / "toy"
        room.mkdir()
        (room / "verbs.py").write_text(TOY)
        for verb in VERBS:
            (room / f"{verb}.py").write_text(f"from lobate.toy.verbs import {verb}\n")
        (self.code / "lobate" / "toy_helper.py").write_text(HELPER)
        with (self.code / "lobate" / "engine" / "registry.py").open("a") as registry:
            registry.write(f'\nROOMS["toy"] = {VERBS}\nROOM_OF.update(dict.fromkeys({VERBS}, "toy"))\n')
        self.settings(seed=0)
        (folder / "in.txt").write_text("apple\nbanana\navocado\n")

    def settings(self, **changed: object) -> None:
        base = {"region": "toy", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.shp"}]}}
        (self.folder / "toy.json").write_text(resolved_json(parse({**base, **changed})))

    def start(self, *words: object, **environment: str) -> subprocess.Popen[str]:
        env = {
            **os.environ,
            "PYTHONPATH": str(self.code),
            "LOBATE_STORE": "store",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }
        command = [sys.executable, "-m", "lobate", *map(str, words)]
        return subprocess.Popen(
            command, cwd=self.folder, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def copy(self, result: str = "out/result.txt", *words: object) -> str:
        done = self.run("copy", "--source", "in.txt", "--result", result, "--settings", "toy.json", *words)
        assert done.returncode == 0, done.stderr
        return done.stderr.split()[0]

    def objects(self) -> list[Path]:
        return sorted((self.folder / "store" / "objects").glob("??/*"))


@pytest.fixture
def toy(tmp_path: Path, project: Path) -> Toy:
    return Toy(tmp_path, project / "workflow" / "lobate")
