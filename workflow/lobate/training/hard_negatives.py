"""Hard-negative mining: detections outside all outlines, and the patches cut round the most confident of them.

A candidate touches no landform outline, no validation ground, no reserved ground and no vetoed place. It is a false positive
for certain where a person rejected the place, or outlined every landform around it. Elsewhere it may be an unknown landform.
`training.mining.from` says which candidates are mined. Patches are windows of one size that hold the detection and touch
neither validation ground nor reserved ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import ceil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.windows import Window
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.decisions import confirmed_outlines, rejected_candidates
from lobate.io.features import read_features
from lobate.io.grid import Grid
from lobate.io.mask_values import IGNORE
from lobate.io.places import near_grid, read_areas
from lobate.io.polygons import share_inside, subtract
from lobate.io.raster import open_raster
from lobate.io.reserved import IN_GAP, ON_TEST, ReservedGround
from lobate.io.validity import check_composed
from lobate.io.vector import LONLAT, geodesic_area_m2, read_polygons, write_layers
from lobate.settings.training import Mining
from lobate.training.ignored import BACKGROUND, mask_of

SHIFTS_PER_SIDE = 8  # a window moves in steps of side / 8, as long as the detection stays inside
DUPLICATE_OVERLAP = 0.5  # detections on two tiles are the same when they share this part of the smaller one
HALF = 0.5  # least share of a detection that lies on ground of a kind
RIM = 3  # pixels round an unknown detection that are ignored too: its edge is uncertain

Corner = tuple[int, int]
"""First row and first column of a window."""


@dataclass(frozen=True)
class Zones:
    """Ground that decides about a detection.

    Nothing is mined on ``landforms`` (outlines, kept or removed), ``validation`` footprints, ``vetoed`` places, and the ground
    ``reserved`` for the test. There is no landform in ``negatives`` (outlines, and rejected places); ``complete`` are areas in
    which all landforms are outlined.
    """

    landforms: gpd.GeoSeries
    validation: gpd.GeoSeries
    vetoed: gpd.GeoSeries
    negatives: gpd.GeoSeries
    complete: gpd.GeoSeries
    reserved: ReservedGround = field(default_factory=lambda: ReservedGround.read(None))

    @classmethod
    def read(
        cls,
        polygons: Path,
        split: Path,
        vetoes: Path | None = None,
        decisions: Sequence[Path] = (),
        complete: Path | None = None,
        reserved: Path | None = None,
    ) -> Zones:
        """Read all zones, in EPSG:4326; outlines confirmed in the review count as vetoed."""
        kept, removed = (read_polygons(polygons, layer) for layer in ("kept", "removed"))
        landforms = pd.concat([layer.loc[layer["class"] == "positive", "geometry"] for layer in (kept, removed)])
        sides = read_polygons(split, "split")
        return cls(
            _series(landforms),
            sides.loc[sides["side"] == "validation", "geometry"],
            _series(
                [
                    *(to_lonlat(read_features(vetoes, attributes=False)).geometry if vetoes else []),
                    *confirmed_outlines(decisions),
                ]
            ),
            _series([*kept.loc[kept["class"] == "negative", "geometry"], *rejected_candidates(decisions)]),
            read_areas(complete) if complete else _series([]),
            ReservedGround.read(reserved),
        )

    def near(self, grid: Grid) -> Zones:
        """Return the zones near one grid, in its CRS."""
        landforms, validation, vetoed, negatives, complete = (near_grid(layer, grid) for layer in self.layers)
        return Zones(landforms, validation, vetoed, negatives, complete, self.reserved.near(grid))

    @property
    def layers(self) -> tuple[gpd.GeoSeries, ...]:
        """All zones of places, in the order of the fields; the reserved ground has its own reader."""
        return tuple(getattr(self, zone.name) for zone in fields(self) if zone.name != "reserved")


def _series(shapes: Iterable[BaseGeometry]) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(shapes), crs=LONLAT)


def outlines_elsewhere(source: Path, target: Path, reserved: Path | None = None) -> None:
    """Write the outlines of ``source``, kept and removed, less those within reserved ground: a view.

    Nothing is mined there anyway, so mining does not depend on the outlines of the test side.
    """
    ground = shapely.union_all(ReservedGround.read(reserved).all.to_numpy())
    layers = {}
    for name in ("kept", "removed"):
        rows = read_polygons(source, name)
        rows = rows[~shapely.within(rows.geometry.to_numpy(), ground)]
        if reserved:  # the order of ids may depend on the outlines of the test side
            rows = rows.iloc[np.argsort(rows.geometry.to_wkb(hex=True).fillna(""), kind="stable")]
        layers[name] = rows[["class", "geometry"]].reset_index(drop=True)
    write_layers(target, layers)


def classify_detections(
    detections: gpd.GeoDataFrame, grid: Grid, zones: Zones, mining: Mining, side: int
) -> gpd.GeoDataFrame:
    """Return the detections of one tile with area, windows to cut and, for those not to be mined, the reason.

    ``detections``, with their ``mean`` probability, and ``zones`` are in the CRS of the ``grid``. Added columns:
    confidence, area_m2, unknown (may be a landform that nobody outlined), windows (a list of corners) and reason (None for a
    detection to be mined).
    """
    classified = detections.assign(
        confidence=detections["mean"].round(4), area_m2=np.round(geodesic_area_m2(detections), 1), reason=None
    )
    classified["windows"] = [[] for _ in range(len(classified))]
    no_landform = {
        f"smaller than {mining.min_area_km2:g} km2": classified["area_m2"].to_numpy() < mining.min_area_km2 * 1e6,
        "touches the outline of a landform": _touching(classified, zones.landforms),
    }
    known = {
        "on validation ground": _touching(classified, zones.validation),
        ON_TEST: _touching(classified, zones.reserved.test),
        IN_GAP: _touching(classified, zones.reserved.gap),
        "vetoed": _touching(classified, zones.vetoed),
    }
    outlines = classified.geometry.to_numpy()
    rejected, mapped = (share_inside(outlines, zone.to_numpy()) >= HALF for zone in (zones.negatives, zones.complete))
    not_taken = {
        "reviewed": {"not rejected by a person": ~rejected},
        "complete": {"outside the completely mapped ground": ~mapped},
    }
    classified["unknown"] = ~np.any([*no_landform.values(), known["vetoed"], rejected, mapped], axis=0)
    for reason, applies in {**no_landform, **known, **not_taken.get(mining.from_, {})}.items():
        classified.loc[applies & classified["reason"].isna().to_numpy(), "reason"] = reason
    return _add_windows(classified, grid, zones, side)


def _add_windows(classified: gpd.GeoDataFrame, grid: Grid, zones: Zones, side: int) -> gpd.GeoDataFrame:
    """Place the windows of the detections without a reason; one without any free window gets a reason instead."""
    margin = max(grid.resolution)  # the footprints were reprojected from another CRS
    forbidden = STRtree(np.array([*zones.validation.buffer(margin), *zones.reserved.all.buffer(margin)], dtype=object))
    for index in classified.index[classified["reason"].isna()]:
        classified.at[index, "windows"] = place_windows(classified.geometry[index], grid, side, forbidden)
        if not classified.at[index, "windows"]:
            classified.at[index, "reason"] = "no patch round it is free of validation ground" + (
                " and of the test side with its gap" if len(zones.reserved.all) else ""
            )
    return classified


def unknown_ground(classified: gpd.GeoDataFrame, grid: Grid, zones: Zones, mining: Mining) -> gpd.GeoSeries:
    """Return the ground of one tile that no patch may teach as background, in the grid's CRS.

    It is the unknown detections with a rim of ``RIM`` pixels, less ground without a landform for certain, and the vetoed
    places. Where all detections are mined (`all`) there is none.
    """
    if mining.from_ == "all":
        return gpd.GeoSeries([], crs=grid.crs)
    unknown = classified.loc[classified["unknown"], "geometry"].buffer(RIM * max(grid.resolution)).to_numpy()
    rest = subtract(unknown, np.array([*zones.negatives, *zones.complete], dtype=object))
    return gpd.GeoSeries([*rest[~shapely.is_empty(rest)], *zones.vetoed], crs=grid.crs)


def _touching(detections: gpd.GeoDataFrame, zone: gpd.GeoSeries) -> np.ndarray:
    touching = np.zeros(len(detections), dtype=bool)
    touching[STRtree(zone.to_numpy()).query(detections.geometry.to_numpy(), predicate="intersects")[0]] = True
    return touching


def select_top(classified: gpd.GeoDataFrame, at_most: int) -> gpd.GeoDataFrame:
    """Sort by confidence, and give a reason to duplicates on another tile and to those beyond ``at_most``.

    ``classified`` holds all tiles, in EPSG:4326. At equal confidence the larger detection comes first.
    """
    ranked = classified.sort_values(
        ["confidence", "area_m2", "tile"], ascending=[False, False, True], ignore_index=True
    )
    candidates = ranked.index[ranked["reason"].isna()]
    for index, tile in zip(candidates, _duplicate_tiles(ranked.loc[candidates]), strict=True):
        if tile is not None:
            ranked.at[index, "reason"] = f"the same as a detection on tile {tile}"
    unique = ranked.index[ranked["reason"].isna()]
    ranked.loc[unique[at_most:], "reason"] = f"less confident than the {at_most} that were taken"
    return ranked


def _duplicate_tiles(ranked: gpd.GeoDataFrame) -> list[str | None]:
    """Return for each detection the tile of an earlier duplicate on another tile, or None."""
    shapes, tiles = ranked.geometry.to_numpy(), ranked["tile"].to_numpy()
    tree = STRtree(shapes)
    duplicates: list[str | None] = []
    for number, shape in enumerate(shapes):
        earlier = [index for index in sorted(tree.query(shape, predicate="intersects")) if index < number]
        same = [
            index
            for index in earlier
            if tiles[index] != tiles[number] and _overlap(shape, shapes[index]) >= DUPLICATE_OVERLAP
        ]
        duplicates.append(tiles[same[0]] if same else None)
    return duplicates


def _overlap(first: BaseGeometry, second: BaseGeometry) -> float:
    """Return the intersection as a share of the smaller outline; in one CRS, so that square degrees cancel out."""
    return first.intersection(second).area / max(min(first.area, second.area), 1e-30)


def place_windows(detection: BaseGeometry, grid: Grid, side: int, forbidden: STRtree) -> list[Corner]:
    """Return the corners of windows round a detection that touch nothing ``forbidden``, all in the grid's CRS.

    A detection that fits gets one window of ``side`` pixels, centred as far as possible; a larger one is divided evenly. A
    part gets no window when each would touch forbidden ground.
    """
    rows, columns = _pixel_bounds(detection, grid)
    corners = []
    for row_part in _parts(*rows, side):
        for column_part in _parts(*columns, side):
            candidates = _nearest_first(_starts(*row_part, grid.height, side), _starts(*column_part, grid.width, side))
            footprints = [grid.crop(*corner, side, side).footprint for corner in candidates]
            touching = set(forbidden.query(footprints, predicate="intersects")[0])
            corners += [corner for number, corner in enumerate(candidates) if number not in touching][:1]
    return list(dict.fromkeys(corners))


def _pixel_bounds(detection: BaseGeometry, grid: Grid) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the first and last row, and the first and last column, of a geometry in the grid's CRS."""
    left, bottom, right, top = detection.bounds
    inverse = ~grid.transform
    places = np.array([inverse @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))])
    (column, row), (last_column, last_row) = places.min(0), places.max(0)
    return (row, last_row), (column, last_column)


def _parts(first: float, last: float, side: int) -> list[tuple[float, float]]:
    """Divide an interval evenly into parts no longer than ``side``."""
    edges = np.linspace(first, last, max(1, ceil((last - first) / side)) + 1)
    return list(pairwise(edges.tolist()))


def _starts(first: float, last: float, size: int, side: int) -> list[int]:
    """Return the possible starts of a window along one axis: centred first, then further off on both sides."""
    step = max(1, side // SHIFTS_PER_SIDE)
    most = int((side - (last - first)) / 2) // step
    offsets = sorted(range(-most, most + 1), key=lambda n: (abs(n), n))
    centred = round((first + last - side) / 2)
    starts = [min(max(centred + n * step, 0), max(0, size - side)) for n in offsets]
    return list(dict.fromkeys(starts))


def _nearest_first(rows: Sequence[int], columns: Sequence[int]) -> list[Corner]:
    """Return all corners from the starts of both axes, those near the centre first."""
    ranks = sorted(np.ndindex(len(rows), len(columns)), key=lambda pair: (sum(pair), pair))
    return [(rows[row], columns[column]) for row, column in ranks]


def read_patch(image: Path, label: Path, corner: Corner, side: int, ignored: Sequence[BaseGeometry]) -> np.ndarray:
    """Return the patch (side, side, C + 1) uint8 at ``corner``: image channels, then the label.

    Pixels past the image are 0, and ignored in the label. The label also ignores background on ``ignored`` ground (in the
    image's CRS), which may show the landform. Raises UserError when image and label are not on one grid.
    """
    with open_raster(image) as pixels, open_raster(label) as labels:
        check_composed(pixels)
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
    inside = [shape for shape in ignored if shapely.intersects(shape, part.footprint)]
    patch[mask_of(inside, part) & (patch[..., -1] == BACKGROUND), -1] = IGNORE
    return patch
