"""The ground of the test side, and the gap round it, for all verbs that must leave both alone or work on them alone.

The file is the result of ``reserve_test``: the layers ``test`` and ``gap`` with ground, and ``outlines`` with the id, tile
and group of each outline on the test side. None of them depends on an outline's class.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from rasterio.features import rasterize

from lobate.io.grid import Grid
from lobate.io.places import near_grid, reach_of
from lobate.io.raster import read_grid
from lobate.io.vector import LONLAT, read_layer, read_polygons, write_layers

GROUND = ("test", "gap")
ON_TEST, IN_GAP = "on ground of the test side", "in the gap round the test side"
"""Reasons for leaving out a patch or a detection of another side."""
MIN_SHARED = 1e-4
"""Width of the shared strip that counts, as a share of the footprint's side."""


@dataclass(frozen=True)
class ReservedGround:
    """The ground of the ``test`` side and of the ``gap`` round it, as series of polygons in one CRS."""

    test: gpd.GeoSeries
    gap: gpd.GeoSeries

    @classmethod
    def read(cls, path: Path | None) -> ReservedGround:
        """Return the ground in EPSG:4326; both are empty without a file. Raises UserError for another file."""
        if path is None:
            return cls(gpd.GeoSeries([], crs=LONLAT), gpd.GeoSeries([], crs=LONLAT))
        return cls(*(read_polygons(path, layer).geometry for layer in GROUND))

    @property
    def all(self) -> gpd.GeoSeries:
        """The test side and the gap together."""
        return gpd.GeoSeries([*self.test, *self.gap], crs=self.test.crs)

    @property
    def digest(self) -> str:
        """The sha256 of the test side's ground, which a change of its labels does not change."""
        shapes = shapely.normalize(np.array(self.test.values, dtype=object))
        return sha256(b"".join(sorted(shapely.to_wkb(shapes)))).hexdigest()

    def near(self, grid: Grid) -> ReservedGround:
        """Return the ground near a grid, in its CRS."""
        return ReservedGround(near_grid(self.test, grid), near_grid(self.gap, grid))

    def touched_by(self, footprint: shapely.Polygon) -> str | None:
        """Return what of the ground a footprint in its CRS shares, as a reason to leave it out; None for nothing.

        The narrow strip that two adjacent grids may share by rounding is nothing.
        """
        if self.test.empty and self.gap.empty:
            return None
        core = footprint.buffer(-MIN_SHARED * footprint.length / 4)
        reasons = {ON_TEST: self.test, IN_GAP: self.gap}
        return next((reason for reason, layer in reasons.items() if shapely.intersects(layer.values, core).any()), None)

    def hidden(self, grid: Grid) -> np.ndarray:
        """Return the pixels that touch the test side or the gap, bool of the grid's shape; the ground is in its CRS."""
        return burn(self.all, grid, all_touched=True)

    def tested(self, grid: Grid) -> np.ndarray:
        """Return the pixels with their centre on the test side, bool of the grid's shape; the ground is in its CRS."""
        return burn(self.test, grid, all_touched=False)


def burn(shapes: gpd.GeoSeries, grid: Grid, *, all_touched: bool) -> np.ndarray:
    """Return the pixels that ``shapes`` (in the grid's CRS) cover, bool of the grid's shape."""
    near = [shape for shape in shapes if shapely.intersects(shape, grid.footprint)]
    if not near:
        return np.zeros(grid.shape, dtype=bool)
    return rasterize(near, out_shape=grid.shape, transform=grid.transform, all_touched=all_touched, dtype=np.uint8) == 1


def reserved_outlines(path: Path | None) -> gpd.GeoDataFrame:
    """Return the outlines of the test side: ``polygon``, ``tile``, ``group`` and, as geometry, their surroundings."""
    if path is None:
        return gpd.GeoDataFrame({"polygon": [], "tile": [], "group": []}, geometry=[], crs=LONLAT)
    return read_layer(path, "outlines")


def ground_alone(source: Path, target: Path) -> None:
    """Write to ``target`` the ground of ``source`` without its outlines: a view."""
    write_layers(target, {layer: read_polygons(source, layer)[["geometry"]] for layer in GROUND})


def ground_near(source: Path, target: Path, image: Path) -> None:
    """Write to ``target`` the ground of ``source`` near an image, and the outlines there: a view."""
    reach = reach_of(read_grid(image))
    layers = {layer: read_polygons(source, layer) for layer in (*GROUND, "outlines")}
    write_layers(
        target, {name: layer[shapely.intersects(layer.geometry.values, reach)] for name, layer in layers.items()}
    )
