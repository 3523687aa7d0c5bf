"""Which detections are wrong beyond doubt, and which of them are worth learning from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from lobate.decided import standing
from lobate.grid import Grid
from lobate.settings.training import Mining
from lobate.training.cut import place_windows
from lobate.vectors import LONLAT, geodesic_area_m2, read_layer, read_polygons

SAME = 0.5  # detections of two tiles are one when they share this much of the smaller


@dataclass(frozen=True)
class Ground:
    """Where nothing is mined: outlines of landforms (drawn or removed), validation footprints, vetoed places."""

    landforms: gpd.GeoSeries
    validation: gpd.GeoSeries
    vetoed: gpd.GeoSeries

    @classmethod
    def read(cls, polygons: Path, split: Path, vetoes: Path | None, decisions: Sequence[Path] = ()) -> Ground:
        """Read all three, in EPSG:4326; outlines that a person let stand in the review are vetoed too."""
        layers = [read_polygons(polygons, layer) for layer in ("kept", "removed")]
        drawn = pd.concat([layer.loc[layer["class"] == "positive", "geometry"] for layer in layers])
        sides = read_polygons(split, "split")
        vetoed = read_layer(vetoes).geometry.to_crs(LONLAT) if vetoes else gpd.GeoSeries([], crs=LONLAT)
        return cls(
            gpd.GeoSeries(drawn, crs=LONLAT),
            sides.loc[sides["side"] == "validation", "geometry"],
            gpd.GeoSeries([*vetoed, *standing(decisions)], crs=LONLAT),
        )

    def on(self, grid: Grid) -> Ground:
        """Return what lies on one grid, in its CRS."""
        outline = gpd.GeoSeries([grid.footprint.segmentize(grid.footprint.length / 64)], crs=grid.crs).to_crs(LONLAT)[0]
        near = [one.iloc[np.sort(one.sindex.query(outline.buffer(1e-3)))] for one in self.all]
        return Ground(*(one.to_crs(grid.crs) for one in near))

    @property
    def all(self) -> tuple[gpd.GeoSeries, gpd.GeoSeries, gpd.GeoSeries]:
        """Landforms, validation and vetoed ground."""
        return self.landforms, self.validation, self.vetoed


def judge(bodies: gpd.GeoDataFrame, grid: Grid, ground: Ground, mining: Mining, side: int) -> gpd.GeoDataFrame:
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


def rank(judged: gpd.GeoDataFrame, at_most: int) -> gpd.GeoDataFrame:
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
        same = [o for o in earlier if tiles[o] != tiles[number] and _shared(shape, shapes[o]) >= SAME]
        repeats.append(tiles[same[0]] if same else None)
    return repeats


def _shared(one: BaseGeometry, other: BaseGeometry) -> float:
    """Return the shared part of the smaller of two outlines; both are in the same CRS, so degrees cancel out."""
    return one.intersection(other).area / max(min(one.area, other.area), 1e-30)
