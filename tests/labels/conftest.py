"""Tiny images and files of outlines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from lobate.labels.clean_labels import clean_labels
from lobate.settings.base import PolygonFile
from lobate.settings.labels import Labels

UTM = "EPSG:32644"
LEFT, TOP = 500_000.0, 4_000_000.0


def write_image(path: Path, height=120, width=150, *, left=LEFT, top=TOP, metres=10.0, void: int = 0) -> Path:
    """Write an 8-bit RGB image whose first ``void`` columns are nodata."""
    pixels = np.full((3, height, width), 90, np.uint8)
    pixels[:, :, :void] = 0
    profile = {"driver": "GTiff", "count": 3, "height": height, "width": width, "dtype": "uint8", "crs": UTM}
    with rasterio.open(path, "w", transform=from_origin(left, top, metres, metres), **profile) as dataset:
        dataset.write(pixels)
    return path


def square(col: float, row: float, side: float = 10.0) -> shapely.Polygon:
    """Return a square of ``side`` pixels of 10 m whose upper left corner is at a pixel of the image."""
    x, y = LEFT + 10 * col, TOP - 10 * row
    return shapely.box(x, y - 10 * side, x + 10 * side, y)


def write_outlines(path: Path, shapes: list, crs=UTM, **fields) -> Path:
    """Write outlines given in UTM to a file in ``crs``, with these fields."""
    frame = gpd.GeoDataFrame(fields, geometry=list(shapes), crs=UTM)
    (frame.to_crs(crs) if crs else frame.set_crs(None, allow_override=True)).to_file(path)
    return path


def clean(
    folder: Path, positives: list, negatives: list = (), images: dict | None = None, **settings
) -> SimpleNamespace:
    """Run the verb on files, each a path or (path, options); return its layers ``kept`` and ``removed``, by id."""
    given = [[file if isinstance(file, tuple) else (file, {}) for file in files] for files in (positives, negatives)]
    files = [[PolygonFile(path=str(path), **options) for path, options in some] for some in given]
    paths = [[path for path, _ in some] for some in given]
    images = images or {"T1": write_image(folder / "T1.tif")}
    listed = settings.pop("listed", None)
    labels = Labels(positives=files[0], negatives=files[1], **settings)
    target = folder / "polygons.gpkg"
    clean_labels(paths[0], list(images.values()), target, paths[1], listed, tiles=list(images), labels=labels)
    layers = {name: gpd.read_file(target, layer=name).set_index("polygon") for name in ("kept", "removed")}
    return SimpleNamespace(path=target, **layers)


@pytest.fixture(scope="session")
def outlines() -> SimpleNamespace:
    """What writes and cleans tiny files of outlines."""
    return SimpleNamespace(write_image=write_image, square=square, write=write_outlines, clean=clean)
