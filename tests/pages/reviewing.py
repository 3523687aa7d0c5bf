"""A region with detections and its review page, and somebody in front of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from lobate.inventory.apply_review import apply_review
from lobate.inventory.review_page import review_page
from lobate.io.vector import LONLAT, read_polygons, write_layers
from lobate.settings.inventory import OtherInventory

UTM, LEFT, TOP = "EPSG:32644", 600_000.0, 3_990_000.0
STEP = 46
WAIT = 10
"""Seconds within which the page does what it is asked."""
EVIL = '</script><img src=x onerror="document.title=1">'


def place(number: int, across: int, dx: float = 0.0) -> shapely.Polygon:
    """A landform of 24 vertices and some 300 m, in UTM."""
    x, y = LEFT + 10 * (40 + STEP * (number % across)) + dx, TOP - 10 * (40 + STEP * (number // across))
    return shapely.Point(x, y).buffer(150, quad_segs=6)


def world(
    folder: Path,
    count: int,
    *,
    across: int = 25,
    dx: float = 0.0,
    names: str = "d",
    region: str = "demo",
    reviewed: Path | None = None,
) -> Path:
    """Write an image, detections, contours and another inventory into a folder; return the page made of them."""
    folder.mkdir(exist_ok=True)
    side = (70 + STEP * across, 70 + STEP * -(-count // across))
    rows, columns = np.mgrid[: side[1], : side[0]]
    pixels = np.stack([(127 + 90 * np.sin(columns / k) * np.cos(rows / (k + 2))) for k in (7, 11, 17)]).astype("uint8")
    profile = {"driver": "GTiff", "count": 3, "width": side[0], "height": side[1], "dtype": "uint8", "crs": UTM}
    with rasterio.open(folder / "T.tif", "w", transform=from_origin(LEFT, TOP, 10, 10), tiled=True, **profile) as image:
        image.write(pixels)
    outlines = gpd.GeoSeries([place(n, across, dx) for n in range(count)], crs=UTM).to_crs(LONLAT)
    mean = [0.5 + 0.4 * n / count for n in range(count)]
    kept = {"detection": [f"{names}{n:05d}" for n in range(count)], "mean": mean, "area_m2": 70_000.0}
    removed = {"detection": ["x"], "mean": [0.1], "reason": [EVIL]}
    layers = {
        "kept": gpd.GeoDataFrame(kept, geometry=outlines),
        "removed": gpd.GeoDataFrame(removed, geometry=outlines.iloc[:1].translate(0.006), crs=LONLAT),
    }
    write_layers(folder / "detections.gpkg", layers)
    write_layers(
        folder / "insar.gpkg", {"insar": gpd.GeoDataFrame({"id": ["i1"]}, geometry=outlines.iloc[:1].scale(1.2, 1.2))}
    )
    shares = [share for share in ("0.25", "0.75") for _ in range(count)]
    lines = [*outlines.scale(1.3, 1.3), *outlines.scale(0.6, 0.6)]
    contours = {"detection": kept["detection"] * 2, "share": shares, "probability": 0.4, "meaning": "a contour"}
    write_layers(folder / "contours.gpkg", {"contours": gpd.GeoDataFrame(contours, geometry=lines, crs=LONLAT)})
    review_page(
        folder / "detections.gpkg",
        [folder / "T.tif"],
        folder / "review.html",
        [folder / "insar.gpkg"],
        reviewed,
        folder / "contours.gpkg",
        tiles=["T"],
        names=["insar"],
        others_settings={"insar": OtherInventory(path="insar.gpkg", id_field="id")},
        region=region,
    )
    return folder / "review.html"


class Person:
    """Somebody in front of the page."""

    def __init__(self, tab, page: Path) -> None:
        self.tab, self.errors = tab, []
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: self.errors.append(request.url) if request.url.startswith("http") else None)
        tab.on("dialog", lambda dialog: dialog.accept())  # to leave the page with unsaved decisions
        tab.goto(page.as_uri())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def ask(self, words: str):
        return self.tab.evaluate(words)

    @property
    def status(self) -> dict[str, str]:
        return dict(self.ask("detections.map((one, i) => [one.id, entries[i].status])"))

    @property
    def current(self) -> str:
        return self.ask("detections[state.current].id")

    @property
    def message(self) -> str:
        return self.tab.inner_text("#message")

    def vertex(self, number: int) -> tuple[float, float]:
        """Where a vertex of the current outline is on the screen."""
        x, y = self.ask(f"toScreen(toPixel(outlineOf(state.current)[0][0][{number}]))")
        box = self.tab.locator("#canvas").bounding_box()
        return box["x"] + x, box["y"] + y

    def drag(self, start: tuple[float, float], way: tuple[float, float]) -> None:
        self.tab.mouse.move(*start)
        self.tab.mouse.down()
        self.tab.mouse.move(start[0] + way[0] / 2, start[1] + way[1] / 2)
        self.tab.mouse.move(start[0] + way[0], start[1] + way[1])
        self.tab.mouse.up()

    def save(self, target: Path) -> Path:
        with self.tab.expect_download() as waiting:
            self.press("s")
        waiting.value.save_as(target)
        assert waiting.value.suggested_filename.endswith("_decisions.geojson")
        return target

    def load(self, *files: Path) -> None:
        self.tab.set_input_files("#file", list(files))
        self.until("/loaded|no decisions file/.test($('message').textContent) || $('clashes').open")

    @property
    def notices(self) -> str:
        return self.tab.inner_text("#notices")

    def until(self, words: str) -> None:
        """Wait until an expression holds. Playwright's own wait asks again by `eval`, which the page forbids."""
        end = time.monotonic() + WAIT
        while not self.ask(f"new Promise((say) => requestAnimationFrame(() => say(Boolean({words}))))"):
            assert time.monotonic() < end, f"not within {WAIT} s: {words}"
            self.tab.wait_for_timeout(50)


def applied(page: Path, decisions: Path, folder: Path) -> dict[str, gpd.GeoDataFrame]:
    apply_review(page.parent / "detections.gpkg", folder / "reviewed.gpkg", [decisions])
    return {
        name: read_polygons(folder / "reviewed.gpkg", name).set_index("detection") for name in ("reviewed", "rejected")
    }


def saved(person: Person, target: Path) -> dict[str, dict[str, object]]:
    features = json.loads(person.save(target).read_text())["features"]
    return {one["properties"]["detection"]: one["properties"] for one in features}


def rewritten(source: Path, target: Path, **changes: dict[str, object]) -> Path:
    """Write a decisions file anew, with other properties of these detections."""
    said = json.loads(source.read_text())
    for one in said["features"]:
        one["properties"].update(changes.get(one["properties"]["detection"], {}))
    target.write_text(json.dumps(said))
    return target
