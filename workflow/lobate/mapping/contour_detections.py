"""The verb `contour_detections`: lines round each detection at the probabilities whose calibrated share is 0.25 and 0.75.

A model's probability is no share of ground. The calibration curve of `choose_threshold` says which probability goes with
which observed share of landform. The two lines show how sharply the map draws an outline. They are no confidence
interval: the curve holds for pixels all over the ground looked at, not for one outline.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.engine.signature import Input, Output
from lobate.io.jsonfile import parse_json, write_json
from lobate.io.vector import LONLAT, read_layer, write_layers

log = logging.getLogger(__name__)

SHARES = (0.25, 0.75)
MEANING = "contour at the calibrated share; no confidence interval"
COLUMNS = ("detection", "share", "probability", "meaning")


def curve_alone(source: Path, target: Path) -> None:
    """Write the calibration curve without the rest of the choice: a view."""
    write_json(target, {"calibration": {"curve": _read_curve(source)}})


def contour_detections(
    detections: Annotated[Path, Input()],
    probabilities: Annotated[list[Path], Input()],
    threshold: Annotated[Path, Input(view=curve_alone)],
    contours: Annotated[Path, Output()],
) -> None:
    """Write the contours of the kept ``detections`` on the map of ``probabilities``, layer `contours`, EPSG:4326.

    ``threshold`` is the result of choose-threshold. Columns: `detection`, `share` (0.25 or 0.75), `probability`, the level of
    that line, and `meaning`. The contour of a detection is all ground at that level that is connected with it, so two
    detections may share one at 0.25. There are none where the map has no calibration, or where its curve does not
    reach a share; the log says so.
    """
    kept, curve = read_layer(detections, "kept").to_crs(LONLAT), _read_curve(threshold)
    parts = [_no_contours()]
    for share in SHARES:
        if (level := level_of(share, curve)) is None:
            log.warning("%s, so there are no contours at %g.", _why_none(curve), share)
        else:
            parts.append(_contours_at(level, share, kept, probabilities))
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    write_layers(contours, {"contours": gpd.GeoDataFrame(table, geometry="geometry", crs=LONLAT)})


def level_of(share: float, curve: Sequence[tuple[float, float]]) -> float | None:
    """Return the probability at which a curve of (probability, share), which never falls, first reaches ``share``.

    Between two points the curve is straight. None where it starts above the share, or ends below it.
    """
    shares = np.array([observed for _, observed in curve])
    place = int(np.searchsorted(shares, share))
    if place == len(curve) or (place == 0 and shares[0] > share):
        return None
    if place == 0 or shares[place] == share:
        return curve[place][0]
    (left, low), (right, high) = curve[place - 1], curve[place]
    return round(left + (right - left) * (share - low) / (high - low), 6)


def _read_curve(path: Path) -> list[tuple[float, float]]:
    def parse(record: dict[str, Any]) -> list[tuple[float, float]]:
        return [(float(probability), float(share)) for probability, share in record["calibration"]["curve"]]

    return parse_json(path, parse, "a threshold.json written by `choose-threshold`")


def _why_none(curve: Sequence[tuple[float, float]]) -> str:
    if not curve:
        return "The map has no calibration, since there is no ground to judge it on"
    return f"The map's calibration curve runs from a share of {curve[0][1]:g} to {curve[-1][1]:g}"


def _no_contours() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({name: pd.Series(dtype=object) for name in COLUMNS}, geometry=[], crs=LONLAT)


def _contours_at(level: float, share: float, kept: gpd.GeoDataFrame, probabilities: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return one row for each detection with ground at this level that is connected with it."""
    shapes = np.asarray(kept.geometry.values, dtype=object)
    pieces = [_bodies_at(level, probability, shapes) for probability in probabilities]
    body = np.concatenate([np.zeros(0, dtype=object), *(bodies for bodies, _ in pieces)])
    owner = np.concatenate([np.zeros(0, dtype=int), *(owners for _, owners in pieces)])
    owners = np.unique(owner)
    outlines = [shapely.union_all(body[owner == number]) for number in owners]
    fields = {"detection": kept["detection"].to_numpy(dtype=object)[owners], "share": f"{share:g}"}
    log.info("%d of %d detections have ground at a probability of %g (share %g).", len(owners), len(kept), level, share)
    return gpd.GeoDataFrame({**fields, "probability": level, "meaning": MEANING}, geometry=outlines, crs=LONLAT)


def _bodies_at(level: float, probability: Path, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bodies of a tile at this level with each detection they touch: (n,) in EPSG:4326, and its number (n,)."""
    from lobate.network.polygonize import NoiseError, polygonize

    try:
        bodies = polygonize(probability, level)
    except NoiseError:
        log.warning("%s is noise at a probability of %g, so no contours are drawn there.", probability.name, level)
        return np.zeros(0, dtype=object), np.zeros(0, dtype=int)
    lonlat = np.asarray(bodies.geometry.to_crs(LONLAT).values, dtype=object)
    owner, body = shapely.STRtree(lonlat).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[owner], lonlat[body])) > 0
    return lonlat[body[shared]], owner[shared]
