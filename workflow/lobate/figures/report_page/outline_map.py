"""The map of the page: one decimated picture of the images, and the outlines on it as vectors.

All coordinates are pixels of the picture, so the page pans and zooms by its view box alone.
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

from lobate.figures.drawing.basemap import Basemap, common_bounds, common_crs, read_basemap

PIXELS = 2200
"""Longer side of the picture."""

QUALITY = 80
SIMPLIFY_PX = 0.15
"""Tolerance of the simplified outlines, in pixels of the picture."""


def map_facts(landforms: gpd.GeoDataFrame, images: Sequence[Path]) -> dict[str, Any]:
    """Return the images as one decimated picture, and the outlines by method as SVG paths in its pixels."""
    from lobate.figures.drawing.map import styles_for

    crs = common_crs(images)
    basemap = read_basemap(images, crs, common_bounds(images, crs), PIXELS, pale=False)
    methods = landforms["method"].astype("object").fillna("unknown").astype(str)
    paths = _svg_paths(landforms, basemap)
    height, width = basemap.grid.shape
    return {
        "width": width,
        "height": height,
        "resolution_m": f"{basemap.grid.resolution_m:.3g}",
        "picture": _jpeg_data_uri(basemap.rgb),
        "layers": [
            {"method": name, "colour": style.colour, "outlines": list(paths[methods == name].items())}
            for name, style in styles_for(sorted(set(methods))).items()
        ],
    }


def _svg_paths(landforms: gpd.GeoDataFrame, basemap: Basemap) -> pd.Series:
    """Return the `d` of each outline's SVG path, in pixels of the picture."""
    shapes = np.asarray(landforms.geometry.to_crs(basemap.grid.crs).values, dtype=object)
    inverse = ~basemap.grid.transform
    a, b, c, d, e, f = inverse[:6]

    def to_pixels(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    simplified = shapely.simplify(shapely.transform(shapes, to_pixels), SIMPLIFY_PX)
    return pd.Series([_svg_path(shape) for shape in simplified], index=landforms.index, dtype=object)


def _svg_path(shape: shapely.Geometry | None) -> str:
    if shape is None or shape.is_empty:
        return ""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return "".join("M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in ring.coords[:-1]) + "Z" for ring in rings)


def _jpeg_data_uri(rgb: np.ndarray) -> str:
    """Return a picture (h, w, 3) uint8 as the data URI of a JPEG."""
    height, width, _ = rgb.shape
    profile = {"driver": "JPEG", "height": height, "width": width, "count": 3, "dtype": "uint8", "quality": QUALITY}
    with MemoryFile() as memory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with memory.open(**profile) as picture:
                picture.write(np.moveaxis(rgb, -1, 0))
        return "data:image/jpeg;base64," + base64.b64encode(memory.read()).decode()
