"""Which decision is about which detection: by the outline, since numbers change with every training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from lobate.inventory.overlap import one_to_one
from lobate.review.items import Item

SAME_DEG = 2e-6
"""An outline whose vertices all lie within this distance, some 20 cm, is the one that was shown."""


@dataclass(frozen=True)
class Told:
    """What one row of a decisions file is about: the detection's name then, the outline shown, and the outline decided."""

    detection: str | None
    seen: shapely.Geometry | None
    outline: shapely.Geometry

    @property
    def place(self) -> shapely.Geometry:
        """The outline that the decision is about."""
        return self.outline if self.seen is None else self.seen


def match(told: Sequence[Told], items: Sequence[Item], match_iou: float) -> list[int | None]:
    """Return for each row the position of its item, one to one; None where no item's outline fits.

    First the same name with the same outline, then the outlines that share most (IoU of ``match_iou`` or more).
    """
    found: list[int | None] = [None] * len(told)
    if not told or not items:
        return found
    by_name = {item.id: number for number, item in enumerate(items)}
    origins = np.array([item.seen for item in items], dtype=object)
    named = [(row, by_name[one.detection]) for row, one in enumerate(told) if one.detection in by_name]
    taken: set[int] = set()
    if named:
        rows, positions = (np.array(side) for side in zip(*named, strict=True))
        places = np.array([told[row].place for row in rows], dtype=object)
        same = shapely.equals_exact(places, origins[positions], SAME_DEG, normalize=True)
        for row, position in zip(rows[same].tolist(), positions[same].tolist(), strict=True):
            if position not in taken:
                found[row] = position
                taken.add(position)
    rest = [row for row, position in enumerate(found) if position is None]
    for row, position in _by_outline([told[row] for row in rest], origins, taken, match_iou):
        found[rest[row]] = position
    return found


def _by_outline(told: list[Told], origins: np.ndarray, taken: set[int], match_iou: float) -> list[tuple[int, int]]:
    if not told:
        return []
    tree = shapely.STRtree(origins)
    frames = []
    for shapes in ([one.place for one in told], [one.outline for one in told]):
        outlines = np.array(shapes, dtype=object)
        rows, positions = tree.query(outlines, predicate="intersects")
        common = shapely.area(shapely.intersection(outlines[rows], origins[positions]))
        iou = common / (shapely.area(outlines)[rows] + shapely.area(origins)[positions] - common)
        frames.append(pd.DataFrame({"left": rows, "right": positions, "iou": iou}))
    pairs = pd.concat(frames)
    pairs = pairs[(pairs["iou"] >= match_iou) & ~pairs["right"].isin(taken)]
    pairs = pairs.sort_values("iou", ascending=False, kind="stable").drop_duplicates(["left", "right"])
    chosen = one_to_one(pairs.reset_index(drop=True))
    return list(zip(chosen["left"].astype(int).tolist(), chosen["right"].astype(int).tolist(), strict=True))
