"""The map of the page: one picture of the ground, coarse enough to mail, and on it the outlines as vectors.

Everything is in the picture's pixels, so the page only moves the window through which it is seen.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lobate.figures.drawing.basemap import Basemap, bounds_of, common_crs, ground
from lobate.figures.report_page.markup import Markup, Section, concat, escaped, paragraph

PIXELS = 2200
"""Longer side of the ground's picture."""

QUALITY = 80
SMOOTH = 0.15
"""Outlines are simplified by this much of the picture's pixels."""


def map_section(landforms: gpd.GeoDataFrame, images: Sequence[Path], credit: str) -> Section:
    """Return the map's section: the images downsampled, the outlines by method, and what works them."""
    from lobate.figures.drawing.map import styles_for

    crs = common_crs(images)
    seen = ground(images, crs, bounds_of(images, crs), PIXELS, quiet=False)
    methods = landforms["method"].astype("object").fillna("unknown").astype(str)
    colours = {name: look.colour for name, look in styles_for(sorted(set(methods))).items()}
    paths = _paths(landforms, seen)
    layers = enumerate(colours.items())
    drawn = "\n".join(_layer(number, paths[methods == name], colour) for number, (name, colour) in layers)
    height, width = seen.grid.shape
    picture = (
        f'<svg id="view" viewBox="0 0 {width} {height}" data-width="{width}" data-height="{height}" tabindex="0" '
        'role="application" aria-label="Map of the inventory: arrow keys move it, + and - zoom, 0 shows all">'
        f'<image href="{_jpeg(seen.rgb)}" width="{width}" height="{height}"/>\n<g fill="#fff" fill-opacity="0">{drawn}</g>\n</svg>'
    )
    side = f"{seen.grid.resolution_m:.3g} m to a pixel of this picture; {credit}"
    body = concat(_controls(colours), f'<div id="frame">{picture}<div id="about" aria-live="polite"></div></div>')
    return Section("map", "Map", concat(body, paragraph(side)))


def _layer(number: int, paths: pd.Series, colour: str) -> str:
    """Return one method's outlines, each with the number of its row, and under them the same in white and wider."""
    lines = "\n".join(f'<path class="landform" data-row="{row}" d="{path}"/>' for row, path in paths.items())
    over = f'<g stroke="{colour}" stroke-width="2"><g id="m{number}">\n{lines}\n</g></g>'
    return f'<use href="#m{number}" stroke="#fff" stroke-width="4.5"/>{over}'


def _controls(colours: dict[str, str]) -> Markup:
    keys = "".join(
        f'<label><input type="checkbox" class="method" value="m{number}" checked> '
        f'<svg viewBox="0 0 24 8" class="key"><path d="M0 4H24" stroke="{colour}" stroke-width="3"/></svg> {escaped(name)}</label> '
        for number, (name, colour) in enumerate(colours.items())
    )
    buttons = "".join(
        f'<button type="button" id="{name}" title="{title}" aria-label="{title}">{sign}</button>'
        for name, title, sign in (
            ("closer", "Zoom in (+)", "+"),
            ("farther", "Zoom out (-)", "&minus;"),
            ("all", "Show all (0)", "all"),
        )
    )
    words = "drag to move; Ctrl and the wheel, or + and -, to zoom; arrow keys when the map has the focus"
    return Markup(f'<p class="controls">{buttons} {keys}<span class="hint">{words}</span></p>\n')


def _paths(landforms: gpd.GeoDataFrame, seen: Basemap) -> pd.Series:
    """Return each outline as the `d` of an SVG path, in pixels of the ground's picture."""
    shapes = np.asarray(landforms.geometry.to_crs(seen.grid.crs).values, dtype=object)
    inverse = ~seen.grid.transform
    a, b, c, d, e, f = inverse[:6]

    def to_pixels(places: np.ndarray) -> np.ndarray:
        x, y = places[:, 0], places[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    small = shapely.simplify(shapely.transform(shapes, to_pixels), SMOOTH)
    return pd.Series([_path(shape) for shape in small], index=landforms.index, dtype=object)


def _path(shape: shapely.Geometry | None) -> str:
    if shape is None or shape.is_empty:
        return ""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return "".join("M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in ring.coords[:-1]) + "Z" for ring in rings)


def _jpeg(rgb: np.ndarray) -> str:
    """Return a picture (h, w, 3) uint8 as the address of a JPEG in the page itself."""
    height, width, _ = rgb.shape
    profile = {"driver": "JPEG", "height": height, "width": width, "count": 3, "dtype": "uint8", "quality": QUALITY}
    with MemoryFile() as memory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with memory.open(**profile) as picture:
                picture.write(np.moveaxis(rgb, -1, 0))
        return "data:image/jpeg;base64," + base64.b64encode(memory.read()).decode()
