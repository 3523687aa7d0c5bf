"""Small tiles with outlines, and footprints without rasters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize
from shapely import Polygon, box

from lobate.io.grid import Grid
from lobate.io.vector import read_layer, write_layers
from lobate.patches.crop_patches import crop_patches
from lobate.patches.footprints import PATCH_COLUMNS, REMOVED_COLUMNS, footprint_layer
from lobate.patches.windows import Window
from lobate.settings.patches import Crop


@dataclass
class Tile:
    """Files of one tile, and the outlines in its CRS."""

    image: Path
    label: Path
    polygons: Path
    grid: Grid
    outlines: gpd.GeoDataFrame


def grid(shape: tuple[int, int] = (120, 140), crs: int = 32644, left: float = 500_000, top: float = 3_950_000) -> Grid:
    return Grid(*shape, Affine(10, 0, left, 0, -10, top), CRS.from_epsg(crs))


def make_tile(
    folder: Path,
    outlines: Sequence[tuple[str, str, Polygon]],
    *,
    on: Grid | None = None,
    name: str = "t1",
    paint: Callable[[np.ndarray], None] = lambda pixels: None,
) -> Tile:
    """``outlines``: id, class and shape in pixels (column, row) of the grid; ``paint`` changes the image in place."""
    on = on or grid()
    pixels = np.random.default_rng(1).integers(1, 256, (3, *on.shape), dtype=np.uint8)
    paint(pixels)
    t = on.transform
    shapes = [Polygon([t @ point for point in shape.exterior.coords]) for _, _, shape in outlines]
    burned = [(shape, 1) for shape, (_, kind, _) in zip(shapes, outlines, strict=True) if kind == "positive"]
    labels = np.zeros(on.shape, np.uint8)
    if burned:
        rasterize(burned, out=labels, transform=t)
    labels[(pixels == 0).all(axis=0)] = 255
    frame = gpd.GeoDataFrame(
        {
            "polygon": np.array([outline[0] for outline in outlines], dtype=object),
            "class": np.array([outline[1] for outline in outlines], dtype=object),
            "source": "drawn.shp",
            "tile": name,
        },
        geometry=shapes,
        crs=on.crs,
    )
    tile = Tile(folder / f"{name}.tif", folder / f"{name}_label.tif", folder / f"{name}_polygons.gpkg", on, frame)
    write_raster(tile.image, pixels, on)
    write_raster(tile.label, labels[np.newaxis], on, nodata=None)
    write_layers(tile.polygons, {"kept": frame.to_crs(4326)})
    return tile


def write_raster(path: Path, pixels: np.ndarray, on: Grid, nodata: float | None = 0) -> None:
    profile = on.profile() | {"driver": "GTiff", "count": len(pixels), "dtype": pixels.dtype, "nodata": nodata}
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)


def make_footprints(
    windows: Sequence[tuple[int, int, int, int]],
    *,
    name: str = "t1",
    on: Grid | None = None,
    polygons: Sequence[str] | None = None,
    positive: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
) -> gpd.GeoDataFrame:
    """Footprints of windows (row, col, height, width), each of a positive outline of its own unless told."""
    rows = [
        {
            "patch": f"{name}_{row:05d}",
            "tile": name,
            "row": row,
            "polygon": polygons[row] if polygons else f"p{row}",
            "class": classes[row] if classes else "positive",
            "window": Window(*window),
            "valid": 1.0,
            "entropy": 2.0,
            "positive": positive[row] if positive is not None else 0.1,
            "ignored": 0.0,
            "clipped": False,
            "digest": f"{row:064x}",
        }
        for row, window in enumerate(windows)
    ]
    return footprint_layer(rows, PATCH_COLUMNS, on or grid())


def nothing_removed() -> gpd.GeoDataFrame:
    """The layer removed of footprints where nothing was left out."""
    return footprint_layer([], REMOVED_COLUMNS, grid())


@pytest.fixture
def two_outlines(tmp_path: Path) -> Tile:
    """A positive outline, and a negative one whose surroundings show the positive."""
    return make_tile(tmp_path, [("n1", "negative", box(80, 60, 95, 75)), ("p1", "positive", box(50, 50, 72, 66))])


@dataclass
class Made:
    """What the room makes of two small tiles, in results/r/patches of a project folder."""

    project: Path
    folder: Path
    polygons: Path
    tiles: list[str]

    def files(self, suffix: str) -> list[Path]:
        return [self.folder / f"{tile}.{suffix}" for tile in self.tiles]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Eight outlines on tiles of two UTM zones, cropped; of two more one is off its image, and round one little is valid."""
    folder = tmp_path / "results" / "r" / "patches"
    folder.mkdir(parents=True)

    def paint(pixels: np.ndarray) -> None:
        pixels[:, :, :72] = 0

    outlines = [("far", "negative", box(900, 0, 910, 10)), ("dim", "positive", box(66, 30, 76, 40))]
    outlines += [
        (f"a{k}", "negative" if k == 2 else "positive", box(200, 60 * k + 20, 212, 60 * k + 30)) for k in range(4)
    ]
    shifted = [(name.replace("a", "b"), kind, shape) for name, kind, shape in outlines[2:]]
    crop = Crop(core=16, margin=16, buffer_m=100, min_valid=0.5)
    for name, drawn, crs in (("t1", outlines, 32644), ("t2", shifted, 32643)):
        tile = make_tile(tmp_path, drawn, on=grid((260, 300), crs=crs), name=name, paint=paint)
        crop_patches(
            tile.image, tile.label, tile.polygons, folder / f"{name}.npy", folder / f"{name}.gpkg", tile=name, crop=crop
        )
    both = [read_layer(tmp_path / f"{name}_polygons.gpkg", "kept") for name in ("t1", "t2")]
    write_layers(tmp_path / "polygons.gpkg", {"kept": pd.concat(both, ignore_index=True)})
    return Made(tmp_path, folder, tmp_path / "polygons.gpkg", ["t1", "t2"])
