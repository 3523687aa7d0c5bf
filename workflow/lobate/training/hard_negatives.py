"""Which detections are wrong beyond doubt, and which of them are worth learning from.

Patches cut round wrong detections: windows of one size that hold the detection and keep off validation ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from lobate.errors import UserError
from lobate.io.decisions import confirmed_outlines
from lobate.io.grid import Grid
from lobate.io.mask_values import IGNORE
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, geodesic_area_m2, read_layer, read_polygons
from lobate.settings.training import Mining

SHIFTS_PER_SIDE = 8  # a window may move by this share of its side, as often as the detection stays inside

Corner = tuple[int, int]


def place_windows(body: BaseGeometry, grid: Grid, side: int, forbidden: STRtree) -> list[Corner]:
    """Return (row, column) of the windows round ``body`` that touch nothing ``forbidden``, all in the grid's CRS.

    One window of ``side`` pixels, centred as far as possible, holds a body that fits; a larger one is divided evenly. A part
    for which every window would touch forbidden ground gets none.
    """
    rows, columns = _pixel_bounds(body, grid)
    corners = []
    for row_part in _parts(*rows, side):
        for column_part in _parts(*columns, side):
            tried = _nearest_first(_starts(*row_part, grid.height, side), _starts(*column_part, grid.width, side))
            footprints = [grid.crop(*corner, side, side).footprint for corner in tried]
            touching = set(forbidden.query(footprints, predicate="intersects")[0])
            corners += [corner for number, corner in enumerate(tried) if number not in touching][:1]
    return list(dict.fromkeys(corners))


def _pixel_bounds(body: BaseGeometry, grid: Grid) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the first and last row, and the first and last column, of a geometry in the grid's CRS."""
    left, bottom, right, top = body.bounds
    inverse = ~grid.transform
    places = np.array([inverse @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))])
    (column, row), (last_column, last_row) = places.min(0), places.max(0)
    return (row, last_row), (column, last_column)


def _parts(first: float, last: float, side: int) -> list[tuple[float, float]]:
    """Divide a stretch evenly into parts no longer than ``side``."""
    edges = np.linspace(first, last, max(1, ceil((last - first) / side)) + 1)
    return list(pairwise(edges.tolist()))


def _starts(first: float, last: float, size: int, side: int) -> list[int]:
    """Return where a window may start along one axis, centred first, then further and further off on both sides."""
    step = max(1, side // SHIFTS_PER_SIDE)
    free = int((side - (last - first)) / 2) // step
    offsets = sorted(range(-free, free + 1), key=lambda n: (abs(n), n))
    centred = round((first + last - side) / 2)
    starts = [min(max(centred + n * step, 0), max(0, size - side)) for n in offsets]
    return list(dict.fromkeys(starts))


def _nearest_first(rows: Sequence[int], columns: Sequence[int]) -> list[Corner]:
    """Combine starts of both axes, those near the centre first."""
    ranks = sorted(np.ndindex(len(rows), len(columns)), key=lambda pair: (sum(pair), pair))
    return [(rows[row], columns[column]) for row, column in ranks]


def read_patch(image: Path, label: Path, corner: Corner, side: int, vetoed: Sequence[BaseGeometry]) -> np.ndarray:
    """Return the patch (side, side, C + 1) uint8 at ``corner``: image channels, then the label.

    What reaches past the image is 0 and ignored; so is the label of ``vetoed`` ground (in the image's CRS), which a person
    knows to be landform though no outline says so. Raises UserError when image and label are not on one grid.
    """
    with open_raster(image) as pixels, open_raster(label) as labels:
        grid = Grid.from_raster(pixels)
        if not grid.same_as(Grid.from_raster(labels)):
            raise UserError(f"The label raster {label} is not on the grid of {image}. Delete it and run again.")
        height, width = (min(side, full - start) for full, start in zip(grid.shape, corner, strict=True))
        window = Window(corner[1], corner[0], width, height)
        patch = np.zeros((side, side, pixels.count + 1), dtype=np.uint8)
        patch[..., -1] = IGNORE
        patch[:height, :width, :-1] = np.moveaxis(pixels.read(window=window), 0, -1)
        patch[:height, :width, -1] = labels.read(1, window=window)
    part = grid.crop(*corner, side, side)
    inside = [one for one in vetoed if shapely.intersects(one, part.footprint)]
    if inside:
        veto = rasterize(inside, out_shape=part.shape, transform=part.transform, all_touched=True, dtype=np.uint8)
        patch[veto == 1, -1] = IGNORE
    return patch


DUPLICATE_OVERLAP = 0.5  # detections of two tiles are one when they share this much of the smaller


@dataclass(frozen=True)
class ExclusionZones:
    """Where nothing is mined: outlines of landforms (drawn or removed), validation footprints, vetoed places."""

    landforms: gpd.GeoSeries
    validation: gpd.GeoSeries
    vetoed: gpd.GeoSeries

    @classmethod
    def read(cls, polygons: Path, split: Path, vetoes: Path | None, decisions: Sequence[Path] = ()) -> ExclusionZones:
        """Read all three, in EPSG:4326; outlines that a person let stand in the review are vetoed too."""
        layers = [read_polygons(polygons, layer) for layer in ("kept", "removed")]
        drawn = pd.concat([layer.loc[layer["class"] == "positive", "geometry"] for layer in layers])
        sides = read_polygons(split, "split")
        vetoed = read_layer(vetoes).geometry.to_crs(LONLAT) if vetoes else gpd.GeoSeries([], crs=LONLAT)
        return cls(
            gpd.GeoSeries(drawn, crs=LONLAT),
            sides.loc[sides["side"] == "validation", "geometry"],
            gpd.GeoSeries([*vetoed, *confirmed_outlines(decisions)], crs=LONLAT),
        )

    def clip_to(self, grid: Grid) -> ExclusionZones:
        """Return what lies on one grid, in its CRS."""
        outline = gpd.GeoSeries([grid.footprint.segmentize(grid.footprint.length / 64)], crs=grid.crs).to_crs(LONLAT)[0]
        near = [one.iloc[np.sort(one.sindex.query(outline.buffer(1e-3)))] for one in self.layers]
        return ExclusionZones(*(one.to_crs(grid.crs) for one in near))

    @property
    def layers(self) -> tuple[gpd.GeoSeries, gpd.GeoSeries, gpd.GeoSeries]:
        """Landforms, validation and vetoed ground."""
        return self.landforms, self.validation, self.vetoed


def classify_false_positives(
    bodies: gpd.GeoDataFrame, grid: Grid, ground: ExclusionZones, mining: Mining, side: int
) -> gpd.GeoDataFrame:
    """Return the bodies of one tile with area, windows to cut and, where they are not to be learnt from, the reason.

    ``bodies`` are in the CRS of the ``grid``, with their ``mean`` probability; so is ``ground``. Added columns: confidence,
    area_m2, windows (a list of corners) and reason (None where there is none).
    """
    judged = bodies.assign(
        confidence=bodies["mean"].round(4), area_m2=np.round(geodesic_area_m2(bodies), 1), reason=None
    )
    judged["windows"] = [[] for _ in range(len(judged))]
    reasons = {
        f"smaller than {mining.min_area_km2:g} km2": judged["area_m2"].to_numpy() < mining.min_area_km2 * 1e6,
        "touches the outline of a landform": _touching(judged, ground.landforms),
        "on validation ground": _touching(judged, ground.validation),
        "vetoed": _touching(judged, ground.vetoed),
    }
    for reason, applies in reasons.items():
        judged.loc[applies & judged["reason"].isna().to_numpy(), "reason"] = reason
    margin = max(grid.resolution)  # footprints come here by way of another CRS
    forbidden = STRtree(ground.validation.buffer(margin).to_numpy())
    for index in judged.index[judged["reason"].isna()]:
        judged.at[index, "windows"] = place_windows(judged.geometry[index], grid, side, forbidden)
        if not judged.at[index, "windows"]:
            judged.at[index, "reason"] = "no patch round it is free of validation ground"
    return judged


def _touching(bodies: gpd.GeoDataFrame, others: gpd.GeoSeries) -> np.ndarray:
    hit = np.zeros(len(bodies), dtype=bool)
    hit[STRtree(others.to_numpy()).query(bodies.geometry.to_numpy(), predicate="intersects")[0]] = True
    return hit


def select_top(judged: gpd.GeoDataFrame, at_most: int) -> gpd.GeoDataFrame:
    """Order by confidence, and give a reason to repeats of a body on another tile and to those beyond ``at_most``.

    ``judged`` holds all tiles in EPSG:4326. Of equal confidence the larger comes first.
    """
    ranked = judged.sort_values(["confidence", "area_m2", "tile"], ascending=[False, False, True], ignore_index=True)
    free = ranked.index[ranked["reason"].isna()]
    for index, earlier in zip(free, _repeats(ranked.loc[free]), strict=True):
        if earlier is not None:
            ranked.at[index, "reason"] = f"the same as a detection on tile {earlier}"
    left = ranked.index[ranked["reason"].isna()]
    ranked.loc[left[at_most:], "reason"] = f"less confident than the {at_most} that were taken"
    return ranked


def _repeats(ranked: gpd.GeoDataFrame) -> list[str | None]:
    """Return for each the tile of an earlier one of another tile that is the same body, else None."""
    shapes, tiles = ranked.geometry.to_numpy(), ranked["tile"].to_numpy()
    tree = STRtree(shapes)
    repeats: list[str | None] = []
    for number, shape in enumerate(shapes):
        earlier = [other for other in sorted(tree.query(shape, predicate="intersects")) if other < number]
        same = [o for o in earlier if tiles[o] != tiles[number] and _shared(shape, shapes[o]) >= DUPLICATE_OVERLAP]
        repeats.append(tiles[same[0]] if same else None)
    return repeats


def _shared(one: BaseGeometry, other: BaseGeometry) -> float:
    """Return the shared part of the smaller of two outlines; both are in the same CRS, so degrees cancel out."""
    return one.intersection(other).area / max(min(one.area, other.area), 1e-30)
