"""rasterize-labels: the clean polygons of a tile burned on its image's grid: 1 landform, 0 not, 255 to be ignored.

Polygons are taken into pixel coordinates once, by the arithmetic of gdal_rasterize, and burned band of rows by band of
rows: moving a polygon up by whole rows is exact, so the bands give the very pixels of one go over the whole tile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.io import DatasetReader

from lobate.grid import Grid
from lobate.labels.pixels import around, to_pixels
from lobate.labels.tiles import lonlat_boxes, to_crs
from lobate.rasters import CogWriter, open_raster, row_bands
from lobate.signature import Input, Output, Setting
from lobate.vectors import read_layer, write_layers

log = logging.getLogger(__name__)

LANDFORM, IGNORE = 1, 255
ROWS = 1024


def polygons_on_image(source: Path, target: Path, image: Path, ring_m: float = 0.0) -> None:
    """Write to ``target`` the polygons of ``source`` that touch ``image``, or whose ring does: the same two layers."""
    with open_raster(image) as dataset:
        grid = Grid.of(dataset)
    write_layers(target, {layer: _on_grid(source, layer, grid, ring_m) for layer in ("kept", "removed")})


def rasterize_labels(
    image: Annotated[Path, Input()],
    polygons: Annotated[Path, Input(lens=polygons_on_image)],
    label: Annotated[Path, Output()],
    *,
    ring_m: Annotated[float, Setting("labels.ring_m")],
) -> None:
    """Burn the polygons of ``polygons`` on the grid of ``image``.

    ``label`` becomes a COG of uint8: 1 where a pixel's centre lies in a kept positive, 255 where the image is nodata (all
    its bands are 0), in a positive that the user's list calls unrecognisable, or within ``ring_m`` metres of a kept
    positive's outline; 0 elsewhere. A kept positive goes over an unrecognisable one.
    """
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), open_raster(image) as dataset:
        grid = Grid.of(dataset)
        shapes, values = _burns(polygons, grid, ring_m)
        with CogWriter(label, grid) as target:
            for start, rows in _label_rows(dataset, shapes, values):
                target.write(rows, start)


def _label_rows(dataset: DatasetReader, shapes: np.ndarray, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the label raster in bands of rows: the first row's number and the rows (h, width) uint8."""
    tree = shapely.STRtree(shapes)
    counts = np.zeros(2, dtype=np.int64)
    for start, stop in row_bands(dataset.height, ROWS):
        near = np.sort(tree.query(shapely.box(0, start, dataset.width, stop)))
        rows = burn(shapes[near], values[near], start, stop, dataset.width)
        rows[_nodata(dataset, start, stop)] = IGNORE
        counts += [np.count_nonzero(rows == value) for value in (LANDFORM, IGNORE)]
        yield start, rows
    log.info("%d pixels of landform, %d ignored, %d in all", *counts, dataset.height * dataset.width)


def burn(shapes: np.ndarray, values: np.ndarray, start: int, stop: int, width: int) -> np.ndarray:
    """Return rows ``start``..``stop`` with single polygons in pixel coordinates burned in, in order, (stop - start, width) uint8."""
    if not len(shapes):
        return np.zeros((stop - start, width), dtype=np.uint8)
    moved = zip(_plain(shapes, start), values.tolist(), strict=True)
    return rasterize(moved, out_shape=(stop - start, width), dtype="uint8")


def _plain(shapes: np.ndarray, up: int) -> Iterator[dict[str, object]]:
    """Yield polygons moved up by ``up`` rows as rasterio takes them; much faster than one by one through shapely."""
    _, coordinates, (ring_ends, shape_ends) = shapely.to_ragged_array(shapes)
    rings = [ring.tolist() for ring in np.split(coordinates - (0.0, up), ring_ends[1:-1])]
    for first, last in pairwise(shape_ends):
        yield {"type": "Polygon", "coordinates": rings[first:last]}


def _burns(polygons: Path, grid: Grid, ring_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what is burned, in order, in pixel coordinates: unrecognisable positives, kept positives, rings."""
    kept, removed = read_layer(polygons, "kept"), read_layer(polygons, "removed")
    unsure = removed[(removed["class"] == "positive") & removed["listed"].astype(bool) & removed.geometry.notna()]
    unsure, sure = (_pixels(one[one["class"] == "positive"], grid) for one in (unsure, kept))
    rings = around(sure, ring_m, grid) if ring_m > 0 else sure[:0]
    counts = [len(unsure), len(sure), len(rings)]
    parts, owner = shapely.get_parts(np.concatenate([unsure, sure, rings]), return_index=True)
    return parts, np.repeat([IGNORE, LANDFORM, IGNORE], counts)[owner]


def _pixels(frame: gpd.GeoDataFrame, grid: Grid) -> np.ndarray:
    return to_pixels(to_crs(np.array(frame.geometry.values, dtype=object), grid), grid)


def _nodata(dataset: DatasetReader, start: int, stop: int) -> np.ndarray:
    """Return where all bands are 0; the others are only read where the first is 0 somewhere."""
    window = ((start, stop), (0, dataset.width))
    void = dataset.read(1, window=window) == 0
    for band in dataset.indexes[1:]:
        if void.any():
            void &= dataset.read(band, window=window) == 0
    return void


def _on_grid(source: Path, layer: str, grid: Grid, margin_m: float) -> gpd.GeoDataFrame:
    frame = read_layer(source, layer)
    known = frame.geometry.notna().to_numpy()
    shapes = np.array(frame.geometry.values, dtype=object)
    near = np.zeros(len(frame), dtype=bool)
    near[np.unique(shapely.STRtree(shapes).query(lonlat_boxes(grid, margin_m))[1])] = True
    frame = frame[known & near]
    reach = shapely.buffer(grid.footprint, margin_m / grid.resolution_m * max(grid.resolution), join_style="mitre")
    touching = shapely.intersects(reach, to_crs(np.array(frame.geometry.values, dtype=object), grid))
    return frame[touching].reset_index(drop=True)
