"""What is known about each detection: right, wrong, unknown, or left out of the scores.

An inventory is incomplete, so a detection without an outline is not wrong for that. It is

- `right` if it matches a reference outline, or a person accepted it or mended its outline;
- `wrong` if a person rejected it, if it overlaps a reference outline without matching it, or if it lies on ground that a
  person mapped completely;
- `left out` if half of it or more lies on outlines that were removed from the labels, since nobody can judge it;
- `unknown` in all other cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.mapping.matching import overlaps_any

DECIDED = ("accepted", "edited", "rejected", "inside")
"""Layers of a view: the decisions, and the detections inside an outline that a person accepted or drew."""


def decided_view(source: Path, target: Path) -> None:
    """Write the outlines that a person decided, by status, of the file that apply-review wrote: a view."""
    standing = read_layer(source, "reviewed").to_crs(LONLAT)
    layers = {status: standing[standing["status"] == status] for status in DECIDED[:2]}
    layers |= {"rejected": read_layer(source, "rejected"), "inside": read_layer(source, "removed")}
    write_layers(target, {name: _plain(layer) for name, layer in layers.items()})


def _plain(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    names = pd.Series([str(name) for name in layer["detection"]], dtype=object)
    plain = gpd.GeoDataFrame({"detection": names}, geometry=layer.to_crs(LONLAT).geometry.to_numpy(), crs=LONLAT)
    return plain.sort_values("detection", kind="stable", ignore_index=True)


@dataclass(frozen=True)
class Decisions:
    """The decided outlines by status: frames with `detection` and geometry, EPSG:4326."""

    accepted: gpd.GeoDataFrame
    edited: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame
    inside: gpd.GeoDataFrame

    @classmethod
    def read(cls, path: Path | None) -> Decisions:
        """Read a view of the reviewed detections; without one nothing is decided."""
        empty = gpd.GeoDataFrame({"detection": []}, geometry=[], crs=LONLAT)
        return cls(*(read_layer(path, status) if path else empty for status in DECIDED))

    def mask(self, names: pd.Series, *statuses: str) -> np.ndarray:
        """Return which detections, by name, have one of these statuses, (n,) of bool."""
        decided = {name for status in statuses for name in getattr(self, status)["detection"]}
        return names.astype(str).isin(decided).to_numpy()

    def outlines(self, status: str) -> np.ndarray:
        """Return the outlines of a status, (n,)."""
        return np.asarray(getattr(self, status).geometry.values, dtype=object)


@dataclass(frozen=True)
class Judgement:
    """Masks (n,) of the detections: ``accepted`` or mended and ``rejected`` by a person, ``overlapping`` a reference outline,
    on completely ``mapped`` ground, and ``removed``, on outlines that were removed or inside those that a person accepted.
    """

    accepted: np.ndarray
    rejected: np.ndarray
    overlapping: np.ndarray
    mapped: np.ndarray
    removed: np.ndarray

    @classmethod
    def of(
        cls,
        detections: gpd.GeoDataFrame,
        outlines: np.ndarray,
        expected: np.ndarray,
        removed: np.ndarray,
        decisions: Decisions,
        complete: np.ndarray | None,
    ) -> Judgement:
        """Judge ``outlines`` (n,) of ``detections`` by reference (``expected``) and ``removed`` outlines.

        ``complete``: areas in which all landforms are outlined; None: all ground is such. All in EPSG:4326.
        """
        mapped = np.ones(len(outlines), bool) if complete is None else _mostly_in(outlines, complete)
        return cls(
            decisions.mask(detections["detection"], "accepted", "edited"),
            decisions.mask(detections["detection"], "rejected"),
            overlaps_any(outlines, expected),
            mapped,
            _mostly_in(outlines, removed) | decisions.mask(detections["detection"], "inside"),
        )

    def status(self, matched: np.ndarray) -> np.ndarray:
        """Return the status of each detection, (n,) of str; ``matched`` (n,) marks those that match a reference outline."""
        return self._status(matched, self.mapped | self.overlapping)

    def account(self, known: np.ndarray) -> np.ndarray:
        """Return the paper's account of each detection, (n,) of str: known, new, or as `status`, whatever the IoU."""
        status = self._status(self.overlapping, self.mapped)
        return np.where(known, "known", np.where(status == "right", "new", status))

    def _status(self, is_landform: np.ndarray, is_none: np.ndarray) -> np.ndarray:
        right = (is_landform & ~self.rejected) | self.accepted
        left_out, wrong = self.removed & ~self.rejected, self.rejected | is_none
        return np.select([right, left_out, wrong], ["right", "left out", "wrong"], "unknown")


def _mostly_in(outlines: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return which outlines have half of their area in the areas, (n,) of bool."""
    if not len(areas):
        return np.zeros(len(outlines), bool)
    ground = shapely.union_all(areas)
    return np.asarray(2 * shapely.area(shapely.intersection(outlines, ground)) >= shapely.area(outlines))
