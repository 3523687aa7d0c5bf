"""The map of the page: one picture of the ground, coarse enough to mail, and on it the outlines as vectors.

Everything is in the picture's pixels, so the page only moves the window through which it is seen.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lobate.figures.drawing.basemap import Basemap, bounds_of, common_crs, ground

PIXELS = 2200
"""Longer side of the ground's picture."""

QUALITY = 80
SMOOTH = 0.15
"""Outlines are simplified by this much of the picture's pixels."""


def map_facts(landforms: gpd.GeoDataFrame, images: Sequence[Path]) -> dict[str, Any]:
    """Return the images downsampled to one picture, and the outlines by method as paths in its pixels."""
    from lobate.figures.drawing.map import styles_for

    crs = common_crs(images)
    basemap = ground(images, crs, bounds_of(images, crs), PIXELS, quiet=False)
    methods = landforms["method"].astype("object").fillna("unknown").astype(str)
    paths = _paths(landforms, basemap)
    height, width = basemap.grid.shape
    return {
        "width": width,
        "height": height,
        "resolution_m": f"{basemap.grid.resolution_m:.3g}",
        "picture": _jpeg(basemap.rgb),
        "layers": [
            {"method": name, "colour": style.colour, "outlines": list(paths[methods == name].items())}
            for name, style in styles_for(sorted(set(methods))).items()
        ],
    }


def _paths(landforms: gpd.GeoDataFrame, basemap: Basemap) -> pd.Series:
    """Return each outline as the `d` of an SVG path, in pixels of the ground's picture."""
    shapes = np.asarray(landforms.geometry.to_crs(basemap.grid.crs).values, dtype=object)
    inverse = ~basemap.grid.transform
    a, b, c, d, e, f = inverse[:6]

    def to_pixels(places: np.ndarray) -> np.ndarray:
        x, y = places[:, 0], places[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    simplified = shapely.simplify(shapely.transform(shapes, to_pixels), SMOOTH)
    return pd.Series([_path(shape) for shape in simplified], index=landforms.index, dtype=object)


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
