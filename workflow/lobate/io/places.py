"""Places on the ground: their seeded order, the blocks they lie in, those near a grid, and areas that a person drew.

Neither order nor block changes when other places are added.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.drawn import COMPLETE
from lobate.io.features import read_drawn
from lobate.io.grid import Grid
from lobate.io.polygons import make_valid, polygonal
from lobate.io.vector import LONLAT, layer_types

EARTH_KM = 6371.0


def seeded_hash(seed: int, name: str) -> int:
    """Return a pseudo-random number of 64 bits that depends on ``seed`` and ``name`` alone."""
    return int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big")


def blocks_of(bounds: np.ndarray, block_km: float) -> np.ndarray:
    """Return the name of the block at the centre of each box, (n,): squares of ``block_km``, rows counted from the equator.

    ``bounds``: (n, 4), west, south, east and north in degrees. Rows are equally high, and the blocks of a row are as wide as
    high at its middle latitude.
    """
    west, south, east, north = np.radians(bounds).T
    lon, lat = (west + east) / 2, (south + north) / 2
    rows = np.floor(lat * EARTH_KM / block_km)
    middle = (rows + 0.5) * block_km / EARTH_KM
    cols = np.floor(lon * np.cos(middle) * EARTH_KM / block_km)
    return np.array([f"{row:.0f}/{col:.0f}" for row, col in zip(rows, cols, strict=True)])


def reach_of(grid: Grid) -> shapely.Geometry:
    """Return the outline of a grid with a rim of some 100 m, in EPSG:4326."""
    footprint = grid.footprint.segmentize(grid.footprint.length / 64)  # its edges bend in degrees
    return gpd.GeoSeries([footprint], crs=grid.crs).to_crs(LONLAT)[0].buffer(1e-3)


def near_grid(places: gpd.GeoSeries, grid: Grid) -> gpd.GeoSeries:
    """Return the places (EPSG:4326) near a grid, in its CRS."""
    return places.iloc[np.sort(places.sindex.query(reach_of(grid)))].to_crs(grid.crs)


def read_areas(path: Path) -> gpd.GeoSeries:
    """Return the areas in a vector file in EPSG:4326, repaired.

    Of a file with a layer `complete`, as `lobate review` draws it, that layer counts, and may be empty. Raises UserError for
    another file that holds no area.
    """
    is_drawn = path.suffix.lower() == ".gpkg" and path.is_file() and COMPLETE in layer_types(path)
    drawn = read_drawn(path, COMPLETE if is_drawn else None, attributes=False)
    areas = polygonal(make_valid(np.asarray(to_lonlat(drawn).geometry.values, dtype=object)))
    areas = areas[shapely.area(areas) > 0]
    if not len(areas) and not is_drawn:
        raise UserError(f"{path} holds no area. Draw polygons in it, or take it out of the configuration.")
    return gpd.GeoSeries(areas, crs=LONLAT)
