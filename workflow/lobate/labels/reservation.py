"""The outlines of the test side, and the ground they take.

Outlines are *joined* where they touch each other, and stay on one side together. An outline's *surroundings* are the
ground that its patches can show. Nothing here sees an outline's class, so flipped labels reserve the same ground.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.places import blocks_of, seeded_hash
from lobate.io.polygons import make_valid
from lobate.io.vector import LONLAT
from lobate.settings.patches import Reserved

TEST_WORDS = ("test",)
SEGMENTS_PER_EDGE = 8
"""A change of CRS bends an edge; its segments are straight to a few centimetres."""
CIRCLE_SEGMENTS = 64
"""Segments of a quarter of a circle: the gap is too narrow by less than a ten-thousandth."""
EXTRA_PIXELS = 2
"""Pixels more on each side than the buffer, since windows are whole pixels."""


def surroundings(drawn: gpd.GeoDataFrame, grids: dict[str, Grid], reach_m: float) -> np.ndarray:
    """Return the ground round each outline (EPSG:4326) that its patches can show, a box in its tile's CRS, (n,).

    Raises UserError for ground at the antimeridian.
    """
    boxes = pd.Series(np.full(len(drawn), None, dtype=object), index=drawn.index)
    for tile, outlines in drawn.groupby("tile"):
        grid = grids[str(tile)]
        reach = (round(reach_m / grid.resolution_m) + EXTRA_PIXELS) * max(grid.resolution)
        west, south, east, north = outlines.to_crs(grid.crs).bounds.to_numpy().T
        local = shapely.box(west - reach, south - reach, east + reach, north + reach)
        segments = shapely.length(local) / 4 / SEGMENTS_PER_EDGE
        boxes[outlines.index] = (
            gpd.GeoSeries(shapely.segmentize(local, segments), crs=grid.crs).to_crs(LONLAT).to_numpy()
        )
    west, _, east, _ = shapely.bounds(boxes.to_numpy()).T
    if (east - west > 180).any():
        raise UserError(
            f"The outline {drawn['polygon'][east - west > 180].iloc[0]} lies at the antimeridian, where no test side can be "
            "reserved. Take patches.split.test out of the configuration, or divide the region there."
        )
    return boxes.to_numpy()


def components(shapes: np.ndarray) -> np.ndarray:
    """Return the number of the connected group of touching shapes, (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    links = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(shapes), len(shapes)))
    return connected_components(links, directed=False)[1]


def choose(
    drawn: gpd.GeoDataFrame, boxes: np.ndarray, settings: Reserved, seed: int, block_km: float, region: gpd.GeoSeries
) -> np.ndarray:
    """Return which outlines are on the test side, (n,) of bool; ``boxes`` are their surroundings.

    Raises UserError when none is, or none is left to the other sides.
    """
    shapes = np.array(drawn.geometry.values, dtype=object)
    joined = components(shapes)
    if settings.method == "field":
        chosen = _with_joined(drawn["fold"].astype(str).str.strip().str.lower().isin(TEST_WORDS).to_numpy(), joined)
    elif settings.method == "region":
        chosen = _with_joined(shapely.intersects(shapes, shapely.union_all(make_valid(region.to_numpy()))), joined)
    elif settings.method == "blocks":
        bounds = pd.DataFrame(shapely.bounds(shapes)).groupby(joined).agg({0: "min", 1: "min", 2: "max", 3: "max"})
        chosen = choose_groups(blocks_of(bounds.to_numpy(), block_km)[joined], settings.share, seed)
    else:
        chosen = choose_groups(group_names(boxes), settings.share, seed)
    if not chosen.any() or chosen.all():
        raise UserError(
            f"The test side by the method {settings.method} {'takes all' if chosen.all() else 'gets none'} of the {len(drawn)} outlines. "
            + _REMEDIES[settings.method]
        )
    return chosen


_REMEDIES = {
    "groups": "Their surroundings form one connected group, or too few: set patches.split.test.method to blocks, to field or "
    "to region, or draw outlines elsewhere.",
    "blocks": "Set a smaller patches.split.block_km, or patches.split.test.method to field or to region.",
    "field": "Write test for some of them, not for all, into the field that labels.fold_field names.",
    "region": "Draw the ground of patches.split.test.region round some of the outlines, not round all.",
}


def _with_joined(chosen: np.ndarray, joined: np.ndarray) -> np.ndarray:
    return np.isin(joined, joined[chosen])


def group_names(boxes: np.ndarray) -> np.ndarray:
    """Return the name of each connected group of boxes, (n,): the south-western corner of its first box."""
    west, south, *_ = shapely.bounds(boxes).T
    corners = pd.Series([f"{lat:.5f}/{lon:.5f}" for lon, lat in zip(west, south, strict=True)], dtype=object)
    return corners.groupby(components(boxes)).transform("min").to_numpy(dtype=str)


def choose_groups(names: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which outlines are reserved, (n,) of bool: whole groups in their seeded order, about ``share`` of all outlines.

    A group too large for the room left is passed over. Where each is too large, the smallest is taken if it has no more
    than half of the outlines, else none.
    """
    sizes = pd.Series(names).value_counts()
    order = sorted(sizes.index, key=lambda name: seeded_hash(seed, f"test/{name}"))
    room, taken = max(round(share * len(names)), 1), []
    for name in order:
        if sizes[name] <= room:
            taken.append(name)
            room -= int(sizes[name])
    smallest = min(order, key=lambda name: (sizes[name], order.index(name)))
    if not taken and 2 * sizes[smallest] <= len(names):
        taken = [smallest]
    return np.isin(names, taken)


def gap_round(ground: np.ndarray, gap_km: float) -> np.ndarray:
    """Return the ground within ``gap_km`` of polygons (EPSG:4326) and outside them, (m,) in EPSG:4326.

    Distances are measured in an azimuthal projection round each polygon's centre.
    """
    if not gap_km:
        return np.zeros(0, dtype=object)
    grown = []
    for part in ground:
        centre = part.centroid
        plane = CRS.from_dict({"proj": "aeqd", "lon_0": centre.x, "lat_0": centre.y, "datum": "WGS84"})
        grown.append(
            gpd.GeoSeries([part], crs=LONLAT)
            .to_crs(plane)
            .buffer(1000 * gap_km, quad_segs=CIRCLE_SEGMENTS)
            .to_crs(LONLAT)[0]
        )
    return shapely.get_parts(shapely.difference(shapely.union_all(np.array(grown)), shapely.union_all(ground)))
