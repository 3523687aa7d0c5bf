"""Scores by objects: detections and reference outlines matched one to one, with what is known about the others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.io.grid import transform_points
from lobate.io.intervals import jackknife
from lobate.io.vector import LONLAT, geodesic_area_m2
from lobate.mapping.judgement import Judgement
from lobate.mapping.matching import IOU_THRESHOLDS, Matches, matched_at, object_scores, ratio
from lobate.mapping.pixel_scores import PROTOCOL, GroundBlocks
from lobate.mapping.reference import REFERENCE_CLASSES
from lobate.mapping.valid_area import ValidArea

MAX_BLOCKS = 1_000_000
"""More than a tile has blocks of ground: numbers of different tiles differ."""

SIZES_KM2 = (0.0, 0.03, 0.1, 0.3, float("inf"))
"""Limits of the classes of size, for which recall is given."""


@dataclass(frozen=True)
class Selection:
    """Masks of the detections (n,) and of the reference outlines (m,) that are scored."""

    detections: np.ndarray
    references: np.ndarray


@dataclass(frozen=True)
class Objects:
    """Detections and reference outlines with their matches, what is known about them, and each one's block of ground."""

    detections: gpd.GeoDataFrame
    references: gpd.GeoDataFrame
    matches: Matches
    judged: Judgement
    match_iou: float
    blocks: list[np.ndarray]

    def scores(self, selected: Selection) -> dict[str, object]:
        """Return the scores of the selected outlines at the minimum IoU, with intervals, and at all thresholds."""
        by_threshold = {f"{threshold:g}": self._at(threshold, selected) for threshold in IOU_THRESHOLDS}
        f1 = [scores["f1"] for scores in by_threshold.values()]
        return {
            "match_iou": self.match_iou,
            **self._at(self.match_iou, selected),
            "intervals": self._intervals(selected),
            "recall_by_class": self._recall_by_class(selected),
            "thresholds": by_threshold,
            "mean_f1": None if None in f1 else round(float(np.mean(f1)), 6),
        }

    def _status(self, threshold: float) -> np.ndarray:
        return self.judged.status(matched_at(threshold, self.matches, len(self.detections)))

    def _found(self, threshold: float) -> np.ndarray:
        found = np.zeros(len(self.references), dtype=bool)
        found[self.matches.above(threshold).reference] = True
        return found

    def _at(self, threshold: float, selected: Selection) -> dict[str, Any]:
        status, found = self._status(threshold), self._found(threshold)
        return object_scores(status[selected.detections], found[selected.references])

    def _intervals(self, selected: Selection) -> dict[str, Any]:
        status, found = self._status(self.match_iou)[selected.detections], self._found(self.match_iou)
        counted = status != "left out"
        blocks = self.blocks[0][selected.detections], self.blocks[1][selected.references]
        return {
            "protocol": PROTOCOL,
            "precision": _by_block(blocks[0], status == "right", counted),
            "precision_if_unknown_right": _by_block(blocks[0], (status == "right") | (status == "unknown"), counted),
            "recall": _by_block(blocks[1], found[selected.references], np.ones(len(blocks[1]), bool)),
        }

    def _recall_by_class(self, selected: Selection) -> dict[str, Any]:
        references = self.references[selected.references]
        found = self._found(self.match_iou)[selected.references]
        areas = geodesic_area_m2(references) / 1e6
        classes = {"area_km2": pd.cut(areas, SIZES_KM2, right=False, labels=_size_names()).astype(str)}
        classes |= {name: references[name].astype(str) for name in REFERENCE_CLASSES if name in references}
        return {
            name: {
                value: {
                    "references": int(own.sum()),
                    "found": int(found[own].sum()),
                    "recall": ratio(found[own].sum(), own.sum()),
                }
                for value in sorted(set(values))
                if (own := np.asarray(values) == value).any()
            }
            for name, values in classes.items()
        }


def _size_names() -> list[str]:
    limits = [f"{limit:g}" for limit in SIZES_KM2]
    return [f"{low} to {high}" if high != "inf" else f"{low} and more" for low, high in pairwise(limits)]


def _by_block(blocks: np.ndarray, parts: np.ndarray, wholes: np.ndarray) -> dict[str, Any]:
    """Return the interval of a share of objects, each in its block of ground."""
    _, number = np.unique(blocks, return_inverse=True)
    return jackknife(np.bincount(number, parts & wholes), np.bincount(number, wholes))


def block_numbers(frame: gpd.GeoDataFrame, valid_areas: list[ValidArea]) -> np.ndarray:
    """Return the block of ground of each outline's representative point, (n,) of int; -1 outside all tiles."""
    points = frame.to_crs(LONLAT).representative_point()
    numbers = np.full(len(frame), -1, dtype=np.int64)
    for index in range(len(valid_areas) - 1, -1, -1):
        grid = valid_areas[index].grid
        local = points.to_crs(grid.crs)
        columns, rows = transform_points(~grid.transform, local.x.to_numpy(), local.y.to_numpy())
        inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
        blocks = GroundBlocks.of(grid).numbers(rows[inside].astype(int), columns[inside].astype(int))
        numbers[inside] = index * MAX_BLOCKS + blocks
    return numbers
