"""Small images and inventories to draw, and a check that no text overlaps another or leaves the page."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Point

METHODS = ("InSAR", "both", "deep learning")
STATUS = ("mapped", "accepted", "pending")


def make_image(path: Path, *, epsg=32644, left=500_000.0, top=4_000_000.0, pixel=30.0, shape=(200, 200)) -> Path:
    grid = {"height": shape[0], "width": shape[1], "crs": epsg, "transform": Affine(pixel, 0, left, 0, -pixel, top)}
    rgb = np.random.default_rng(0).integers(60, 180, (3, *shape)).astype("uint8")
    rgb[:, :20, :20] = 0
    with rasterio.open(path, "w", driver="GTiff", count=3, dtype="uint8", nodata=0, **grid) as raster:
        raster.write(rgb)
    return path


def make_landforms(count: int, *, epsg=32644, bounds=(500_500, 3_994_500, 505_500, 3_999_500), methods=METHODS):
    rng = np.random.default_rng(count)
    west, south, east, north = bounds
    shapes = [
        Point(rng.uniform(west, east), rng.uniform(south, north)).buffer(rng.uniform(0.002, 0.05) * (east - west))
        for _ in range(count)
    ]
    table = {
        "method": [methods[n % len(methods)] for n in range(count)],
        "status": [STATUS[n % 3] for n in range(count)],
        "area_km2": rng.uniform(0.03, 1, count),
    }
    return gpd.GeoDataFrame(table, geometry=shapes, crs=epsg)


def texts_of(figure) -> list[tuple[str, object]]:
    """Every text that is drawn, with its box on the page."""
    from matplotlib.text import Text

    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    tick_labels = {
        id(tick) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_ticklabels()
    }
    drawn_labels = {
        id(tick) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in _drawn_ticks(axis)
    }
    drawn = [text for text in texts if id(text) not in tick_labels or id(text) in drawn_labels]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in drawn]


def _drawn_ticks(axis) -> list[object]:
    on_page = axis.get_transform().transform  # a logarithm, where the axis has one
    low, high = sorted(on_page(np.array(axis.get_view_interval())))
    slack = 1e-9 * (high - low)
    ticks = [
        tick for tick in axis.get_major_ticks() if low - slack <= on_page(np.array([tick.get_loc()]))[0] <= high + slack
    ]
    return [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]


@pytest.fixture
def check_texts():
    """Return a function that fails when a text overlaps another one or leaves the page."""

    def check(figure) -> None:
        texts = texts_of(figure)
        assert texts
        page = figure.bbox
        for words, box in texts:
            within = box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
            assert within, f"{words!r} leaves the page"
        for (first, first_box), (second, second_box) in combinations(texts, 2):
            assert not _overlap(first_box, second_box), f"{first!r} lies on {second!r}"

    return check


def _overlap(first, second) -> bool:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width > 0.5 and height > 0.5
