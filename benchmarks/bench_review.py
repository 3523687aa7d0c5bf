"""The review in a real browser: the first picture, the next detection, the server's memory, and a person's keys.

The region has 10,000 detections of 143 vertices on one tile of 10,980 pixels. Times are those of the page itself, from the
key's own time stamp to the frame that shows picture and outline whole.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Figure, measures

COUNT, ACROSS, STEP = 10_000, 100, 108
STEPS = 100
BARE = """\
region: demo
landform: rock glacier
imagery:
  tiles: {T44SPC: [scenes/first.tif]}
labels:
  positives: [{path: hand.gpkg, id_field: id}]
  negatives: []
"""
LOOK_S = 0.4
"""Seconds for which a quick person looks before the next key."""
FORTY = 40
WATCH = """
(() => {
  window.taken = [];
  let began = null;
  addEventListener('keydown', (event) => { began = event.timeStamp; }, true);
  new MutationObserver(() => {
    if (!document.documentElement.dataset.painted || began === null) return;
    const start = began;
    began = null;
    requestAnimationFrame((shown) => window.taken.push(shown - start));
  }).observe(document.documentElement, { attributes: true, attributeFilter: ['data-painted'] });
})()
"""


@measures
def review(folder: Path) -> dict[str, Figure]:
    """Time a review of 10,000 detections, and forty decisions of it."""
    from tests.review.region import make_region, running

    make_region(folder, COUNT, across=ACROSS, step=STEP, removed=0, bare=True, config=BARE)
    with running(folder) as server, browser() as chromium:
        first = first_picture(chromium, server.address)
        paced, hurried, forty = walk(chromium, server.address)
        memory = resident_mb(server.process.pid)
    return {
        "review_first_picture": Figure(first, "s", "address to the first detection on the map", "2 s"),
        "review_next": Figure(percentile_95(paced), "ms", f"key to the next detection, 95 % of {STEPS}", "150 ms"),
        "review_next_hurried": Figure(percentile_95(hurried), "ms", "the same without looking, 95 %", "150 ms"),
        "review_forty": Figure(
            forty, "s", f"{FORTY} decisions of a person who looks {LOOK_S} s at each", "16 s of looking"
        ),
        "review_memory": Figure(memory, "MB", "all of the server's processes", "500 MB"),
    }


@contextmanager
def browser() -> Iterator[object]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright
    from tests.pages.browser import CHROMIUM, OPTIONS

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield chromium
        chromium.close()


def first_picture(chromium: object, address: str) -> float:
    """Return the seconds from asking for the address to the first detection on the map, whole."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 720})  # type: ignore[attr-defined]
    began = time.perf_counter()
    tab.goto(address)
    tab.wait_for_selector("html[data-painted]")
    taken = time.perf_counter() - began
    tab.close()
    return taken


def walk(chromium: object, address: str) -> tuple[list[float], list[float], float]:
    """Return the milliseconds of steps with and without looking, and the seconds of forty decisions."""
    from tests.review.person import sitting

    with sitting(chromium, address) as person:
        person.ask(WATCH)
        paced = steps(person, LOOK_S)
        hurried = steps(person, 0.0)
        began = time.perf_counter()
        for number in range(FORTY):
            person.press("r" if number % 4 == 3 else "a")
            time.sleep(LOOK_S)
        person.wait_saved()
        return paced, hurried, time.perf_counter() - began


def steps(person: object, look_s: float) -> list[float]:
    """Return the milliseconds of each step to the next detection."""
    person.ask("window.taken = []")  # type: ignore[attr-defined]
    for _ in range(STEPS):
        person.press("ArrowDown")  # type: ignore[attr-defined]
        time.sleep(look_s)
    person.look()  # type: ignore[attr-defined]
    person.wait(f"window.taken.length >= {STEPS}")  # type: ignore[attr-defined]
    return person.ask("window.taken")  # type: ignore[attr-defined]


def percentile_95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def resident_mb(process: int) -> float:
    """Return the resident memory of a process and its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    own = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024  # type: ignore[index]
    return own + sum(resident_mb(int(child)) for child in children)
