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
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lobate.figures.drawing.basemap import Basemap, common_bounds, common_crs, read_basemap

PIXELS = 2200
"""Longer side of the picture."""

QUALITY = 80
SIMPLIFY_PX = 0.15
"""Tolerance of the simplified outlines, in pixels of the picture."""


def map_facts(landforms: gpd.GeoDataFrame, images: Sequence[Path], contours: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return the images as one decimated picture, and the outlines by method as SVG paths in its pixels.

    Each outline has its row, its path, a point inside it, its size, and whether nobody has reviewed it. ``contours``: the
    lines at two calibrated shares, with the field ``share``.
    """
    from lobate.figures.drawing.cartography import length_label, metres_per_unit, round_length
    from lobate.figures.drawing.map import styles_for

    crs = common_crs(images)
    bounds = common_bounds(images, crs)
    basemap = read_basemap(images, crs, bounds, PIXELS, pale=False)
    methods = landforms["method"].astype("object").fillna("unknown").astype(str)
    outlines = _outlines(landforms, basemap)
    height, width = basemap.grid.shape
    pixel_m = metres_per_unit(bounds, crs)[0] * basemap.grid.transform.a
    length_m = round_length(0.2 * width * pixel_m)
    return {
        "width": width,
        "height": height,
        "pixel_m": f"{pixel_m:.6g}",
        "bar": {"length": round(length_m / pixel_m, 2), "label": length_label(length_m)},
        "resolution_m": f"{basemap.grid.resolution_m:.3g}",
        "picture": _jpeg_data_uri(basemap.rgb),
        "bare": not bool(basemap.covered.all()),
        "layers": [
            {
                "method": name,
                "colour": style.colour,
                "outlines": [outlines[row] for row in np.flatnonzero(methods == name)],
            }
            for name, style in styles_for(sorted(set(methods))).items()
        ],
        "pending": sum(outline["pending"] for outline in outlines),
        "contours": [
            {"share": share, "paths": [path for path in _svg_paths(lines, basemap) if path]}
            for share, lines in sorted(contours.groupby(contours["share"].astype(str)), key=lambda pair: float(pair[0]))
        ],
    }


def _outlines(landforms: gpd.GeoDataFrame, basemap: Basemap) -> list[dict[str, Any]]:
    paths, pixels = _svg_paths(landforms, basemap), _in_pixels(landforms, basemap)
    points, bounds = shapely.point_on_surface(pixels), shapely.bounds(pixels)
    sizes = np.fmax(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    return [
        {"row": row, "path": path, "dot": f"M{point.x:.2f},{point.y:.2f}h0", "size": f"{size:.1f}", "pending": status == "pending"}
        for row, (path, point, size, status) in enumerate(zip(paths, points, sizes, landforms["status"], strict=True))
        if path
    ]  # fmt: skip


def _in_pixels(frame: gpd.GeoDataFrame, basemap: Basemap) -> np.ndarray:
    """Return the shapes in pixels of the picture."""
    a, b, c, d, e, f = (~basemap.grid.transform)[:6]

    def to_pixels(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    return shapely.transform(np.asarray(frame.geometry.to_crs(basemap.grid.crs).values, dtype=object), to_pixels)


def _svg_paths(frame: gpd.GeoDataFrame, basemap: Basemap) -> list[str]:
    """Return the `d` of each outline's SVG path, in pixels of the picture."""
    return [_svg_path(shape) for shape in shapely.simplify(_in_pixels(frame, basemap), SIMPLIFY_PX)]


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
