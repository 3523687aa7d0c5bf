"""The review in a real browser: the first picture, the next detection, the server's memory, and a person's keys.

The region has 10,000 detections of 143 vertices on one tile of 10,980 pixels. Times are those of the page itself, from the
key's own time stamp to the frame that shows picture and outline whole. The same is measured on a product of JPEG 2000, as ESA
packs it, whose image is not composed yet: then the page shows its date.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio

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
PRODUCT = "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE"
PACKED = BARE.replace("scenes/first.tif", f"scenes/{PRODUCT}")
"""The region whose scene is a product and whose image is not composed."""
PACKED_STEPS = 40
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
    packed, packed_next, packed_memory = from_a_product(folder)
    return {
        "review_first_picture": Figure(first, "s", "address to the first detection on the map", "2 s"),
        "review_next": Figure(percentile_95(paced), "ms", f"key to the next detection, 95 % of {STEPS}", "150 ms"),
        "review_next_hurried": Figure(percentile_95(hurried), "ms", "the same without looking, 95 %", "150 ms"),
        "review_forty": Figure(
            forty, "s", f"{FORTY} decisions of a person who looks {LOOK_S} s at each", "16 s of looking"
        ),
        "review_first_picture_jp2": Figure(packed, "s", "the same from a JPEG 2000 product, no image composed", "2 s"),
        "review_next_jp2": Figure(
            percentile_95(packed_next), "ms", f"key to the next detection there, 95 % of {PACKED_STEPS}", "150 ms"
        ),
        "review_memory_jp2": Figure(packed_memory, "MB", "all of the server's processes there", "500 MB"),
        "review_memory": Figure(memory, "MB", "all of the server's processes", "500 MB"),
    }


def from_a_product(folder: Path) -> tuple[float, list[float], float]:
    """Return the seconds to the first picture, the milliseconds of steps with looking, and the server's memory.

    The composed image goes: the region's scene is a product now.
    """
    from tests.review.person import sitting
    from tests.review.region import running

    pack(folder / "results/demo/imagery/T44SPC.tif", folder / "scenes" / PRODUCT)
    (folder / "config.yaml").write_text(PACKED)
    with running(folder) as server, browser() as chromium:
        first = first_picture(chromium, server.address)
        with sitting(chromium, server.address) as person:
            person.ask(WATCH)
            taken = steps(person, LOOK_S, PACKED_STEPS)
        return first, taken, resident_mb(server.process.pid)


def pack(image: Path, product: Path) -> None:
    """Move an image into a Level-2A product: three bands of 10 m as lossless JPEG 2000, with its metadata."""
    from lobate.example.product import ProductName, product_metadata
    from lobate.io.raster import read_grid

    name, grid = ProductName.parse(product), read_grid(image)
    granule = f"GRANULE/L2A_T{name.tile}_A015942_{name.sensed}"
    folder = product / granule / "IMG_DATA/R10m"
    folder.mkdir(parents=True)
    bands = [folder / f"T{name.tile}_{name.sensed}_{band}_10m.jp2" for band in ("B04", "B03", "B02")]
    options = {"driver": "JP2OpenJPEG", "quality": "100", "reversible": "YES", "resolutions": 6}
    with rasterio.open(image) as source:
        for number, band in enumerate(bands, 1):
            with rasterio.open(band, "w", count=1, **{**grid.profile(), "dtype": "uint16"}, **options) as target:
                target.write(source.read(number).astype("uint16") * 20 + 1000, 1)
    names = [str(band.relative_to(product).with_suffix("")) for band in bands]
    (product / "MTD_MSIL2A.xml").write_text(product_metadata(name, granule, names, 0.0), encoding="utf-8")
    image.unlink()


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


def steps(person: object, look_s: float, count: int = STEPS) -> list[float]:
    """Return the milliseconds of each step to the next detection."""
    person.ask("window.taken = []")  # type: ignore[attr-defined]
    for _ in range(count):
        person.press("ArrowDown")  # type: ignore[attr-defined]
        time.sleep(look_s)
    person.look()  # type: ignore[attr-defined]
    person.wait(f"window.taken.length >= {count}")  # type: ignore[attr-defined]
    return person.ask("window.taken")  # type: ignore[attr-defined]


def percentile_95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def resident_mb(process: int) -> float:
    """Return the resident memory of a process and its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    own = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024  # type: ignore[index]
    return own + sum(resident_mb(int(child)) for child in children)
