"""A person's hour: the same decisions by the mailed page and by `lobate review`, from opening it to the start of the run.

    python -m benchmarks.hour config/config.yaml

A region that has run is opened by both ways in a headless Chromium, and a script of keystrokes decides the first forty
detections, as fast as each page shows the next one. Every other act is done to the files as a person does it, except the
last: the run is the same by both ways, and `tests/chain/test_run_button.py` presses its button. What a person takes is told by
the keystroke-level model (Card, Moran and Newell 1980, doi:10.1145/358886.358895). The region's own files stay as they are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from benchmarks.bench_review import FORTY, browser
from lobate.inventory.apply_review import apply_review
from lobate.io.vector import read_layer
from lobate.settings import Region
from lobate.settings.load import load

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEY_S, POINT_S, HOME_S, THINK_S = 0.28, 1.1, 0.4, 1.35
"""The model's seconds for a key of an average typist, pointing, a hand's way to the mouse or back, and a thought."""
NAME = "Ada"
REJECTED_EVERY = 4
"""Of the detections each fourth is rejected."""


@dataclass(frozen=True)
class Act:
    """One action of a person: what they do, and the keys, targets of the mouse and thoughts that it takes."""

    words: str
    keys: int = 0
    points: int = 0
    thoughts: int = 1

    @property
    def seconds(self) -> float:
        return self.keys * KEY_S + self.points * (POINT_S + 2 * HOME_S) + self.thoughts * THINK_S


@dataclass(frozen=True)
class Way:
    """One way to an inventory: its acts, the seconds that the decisions took by script, and what the workflow reads of them."""

    name: str
    acts: list[Act]
    decided_s: float
    statuses: dict[str, str]

    @property
    def model_s(self) -> float:
        """What a person takes, with the pages' own times."""
        return sum(act.seconds for act in self.acts) + self.decided_s

    def line(self) -> str:
        keys, points = sum(act.keys for act in self.acts), sum(act.points for act in self.acts)
        deciding = next(act for act in self.acts if act.words.startswith("decide"))
        beside = sum(act.seconds for act in self.acts) - deciding.seconds
        return f"{self.name:14} {len(self.acts):7} {keys:6} {points:7} {self.decided_s:9.1f} s {beside:9.0f} s {self.model_s:9.0f} s"


HEAD = f"{'':14} {'actions':>7} {'keys':>6} {'clicks':>7} {'by script':>11} {'beside it':>11} {'a person':>11}"


def compare(project: Path, config: str, chromium: Browser) -> tuple[Way, Way]:
    """Return both ways about a region of ``project`` that has run, whose configuration is ``config``.

    Raises AssertionError where the two ways do not lead to the same statuses.
    """
    ways = []
    for way in (by_mail, by_review):
        with TemporaryDirectory(prefix="lobate-hour-") as scratch:
            desk = Path(scratch)
            (desk / "results").symlink_to((project / "results").resolve())
            (desk / config).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / config, desk / config)
            ways.append(way(desk, config, chromium))
    before, after = ways
    assert before.statuses == after.statuses, "the two ways decide otherwise"
    return before, after


def typed(words: str, text: str) -> Act:
    """An act that types a line and the key Enter."""
    return Act(words, keys=len(text) + 1)


def deciding(count: int) -> Act:
    """The act of deciding: the name once, then a look and a key each."""
    return Act(f"decide {count}", keys=len(NAME) + 1 + count, points=1, thoughts=1 + count)


def key_for(detection: str) -> str:
    """Return the key that decides about a detection: by its number, since the two ways have orders of their own."""
    return "r" if int(detection.lstrip("dx")) % REJECTED_EVERY == REJECTED_EVERY - 1 else "a"


def by_mail(desk: Path, config: str, chromium: Browser) -> Way:
    """The mailed page: a file is saved, moved, and named in the configuration."""
    region = named(desk, config)
    page = f"results/{region.region}/inventory/review.html"
    context = chromium.new_context(accept_downloads=True, viewport={"width": 1280, "height": 720})
    tab = context.new_page()
    tab.goto((desk / page).resolve().as_uri())
    tab.fill("#reviewer", NAME)
    tab.keyboard.press("Escape")
    count = min(FORTY, tab.evaluate("detections.length"))
    began = time.perf_counter()
    for number in range(1, count + 1):
        tab.keyboard.press(key_for(tab.evaluate("detections[state.current].id")))
        shown = "new Promise((say) => requestAnimationFrame(() => say(entries.filter((one) => one.status !== 'pending').length)))"
        assert tab.evaluate(shown) == number, f"decision {number} did not come"
    taken = time.perf_counter() - began
    with tab.expect_download() as waiting:
        tab.keyboard.press("s")
    file = f"resources/{region.region}/{waiting.value.suggested_filename}"
    (desk / file).parent.mkdir(parents=True)
    waiting.value.save_as(desk / file)
    context.close()
    settings = yaml.safe_load((desk / config).read_text())
    settings["inventory"]["decisions"] = file
    (desk / config).write_text(yaml.safe_dump(settings))
    line = f"  decisions: {file}"
    acts = [
        typed("open the page", f"xdg-open {page}"),
        deciding(count),
        Act("save", keys=1),
        typed("make the folder", f"mkdir -p resources/{region.region}"),
        typed("move the file", f"mv ~/Downloads/{Path(file).name} resources/{region.region}"),
        typed("open the configuration", f"nano {config}"),
        typed("find inventory.decisions and name the file", f"^Wdecisions\n{line}"),
        Act("save the configuration and leave", keys=3),
        typed("run", f"snakemake --cores all --resources gpu=1 --configfile {config}"),
    ]
    return Way("mailed page", acts, taken, read_by_the_workflow(desk, config))


def by_review(desk: Path, config: str, chromium: Browser) -> Way:
    """`lobate review`: decided, and the button."""
    from tests.review.person import sitting
    from tests.review.region import running

    with running(desk, config=(config,)) as server, sitting(chromium, server.address, NAME) as person:
        count = min(FORTY, int(person.tab.inner_text("#progress-text").split()[2].replace(",", "")))
        began = time.perf_counter()
        for _ in range(count):
            person.look()
            person.tab.keyboard.press(key_for(person.current))
        person.wait_saved()
        taken = time.perf_counter() - began
        assert person.decided == count
        person.tab.keyboard.press("w")
        assert person.tab.get_by_role("button", name="Run the workflow").is_enabled()
    acts = [
        typed("open the review", f"lobate review {config}"),
        deciding(count),
        Act("press Run", keys=1, points=1),
    ]
    return Way("lobate review", acts, taken, read_by_the_workflow(desk, config))


def named(desk: Path, config: str) -> Region:
    """Return the settings of a desk's region."""
    return load([desk / config])


def read_by_the_workflow(desk: Path, config: str) -> dict[str, str]:
    """Return what `apply-review` makes of the decisions that the configuration names: detection -> status."""
    region, target = named(desk, config), desk / "reviewed.gpkg"
    named_files = region.inventory.decisions
    files = [named_files] if isinstance(named_files, str | os.PathLike) else list(named_files or [])
    apply_review(desk / f"results/{region.region}/mapping/detections.gpkg", target, [desk / file for file in files])
    found: dict[str, str] = {}
    for layer in ("reviewed", "rejected"):
        rows = read_layer(target, layer)
        found |= dict(zip(rows["detection"], rows.get("status", ["rejected"] * len(rows)), strict=True))
    return {name: status for name, status in found.items() if status != "pending"}


def main() -> None:
    """Print both ways beside each other."""
    parser = argparse.ArgumentParser(prog="benchmarks.hour", description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("config", help="configuration of a region that has run, in this folder")
    with browser() as chromium:
        ways = compare(Path(), parser.parse_args().config, chromium)
    print(HEAD)
    for way in ways:
        print(way.line())
    for way in ways:
        print(f"\n{way.name}: {dict(sorted(Counter(way.statuses.values()).items()))}")
        for number, act in enumerate(way.acts, 1):
            print(f"  {number}  {act.words} ({act.seconds:.0f} s)")


if __name__ == "__main__":
    main()
