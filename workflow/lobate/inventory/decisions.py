"""Reading and checking a person's decisions file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.inventory.detections import ATTRIBUTES, REVIEW_FIELDS
from lobate.inventory.overlap import QUERY_BLOCK
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.antimeridian import lonlat_bounds, to_lonlat
from lobate.io.decisions import check_outlines, parse_outlines, read_decisions_layer
from lobate.io.digest import canonical_json
from lobate.io.grid import LONLAT
from lobate.io.origin import redrawn
from lobate.io.values import as_text

log = logging.getLogger(__name__)

NEAR_DEG = 0.05
"""Decisions that are all farther than this (some 5 km) from every detection belong to another region."""

SAME_IOU = 0.95
"""Two decisions with at least this IoU are about one outline and must not contradict each other."""

ROUNDING = 1e-6
"""Slack in the bounds on outlines that may be the same."""

MAX_CLASHES = 1_000
"""Contradictions that are counted."""

OUTLINES = ("geometry", "seen")
CANONICAL_HEADER = "decisions of a file, as JSON lines\n"
"""First line of what ``decisions_view`` writes."""

SHAPEFILE_NAME_LENGTH = 10
"""Length to which a Shapefile cuts the name of a field."""


def read_decisions(path: Path) -> gpd.GeoDataFrame:
    """Read decisions of any status in EPSG:4326, in the file's order.

    Columns: ``decision`` (the file's ``detection`` id, or None), ``status``, the review fields, ``geometry``, and ``seen``,
    the outline shown to the person, or None. Accepted outlines that differ from ``seen`` count as edited. Raises UserError
    for a file without outlines, CRS or status, for unknown words, for empty or self-intersecting outlines, and for
    contradictions.
    """
    if _is_canonical(path):
        return _read_canonical(path)
    frame, where = read_decisions_layer(path)
    status = [word or "pending" for word in canonical(frame["status"], VOCABULARIES["status"], where)]
    said = {field: _text_column(frame, field) for field in REVIEW_FIELDS}
    for field in ATTRIBUTES:
        texts = pd.Series(said[field], index=frame.index, dtype=object)
        said[field] = canonical(texts, VOCABULARIES[field], f"{where}, field {field}")
    decided = to_lonlat(frame)[["geometry"]].assign(decision=_text_column(frame, "detection"), status=status, **said)
    check_outlines(frame[says_something(decided)], where)
    decided["seen"] = parse_outlines(_text_column(frame, "seen"))
    _check_contradictions(decided, where)
    _warn_repeated_ids(decided, where)
    return _mark_redrawn(decided, where).reset_index(drop=True)


def decisions_view(source: Path, target: Path) -> None:
    """Write what a file decides and says, in an order of its own: a view that ``read_decisions`` reads.

    Neither times nor the history, nor the order of the acts that led there, nor rows that say nothing are in it.
    """
    decided = read_decisions(source)
    rows = [
        {
            **{name: None if pd.isna(value) else str(value) for name, value in row.items() if name not in OUTLINES},
            **{name: None if row[name] is None else row[name].wkb_hex for name in OUTLINES},
        }
        for row in decided[says_something(decided)].to_dict("records")
    ]
    lines = sorted(canonical_json(row) for row in rows)
    target.write_text(CANONICAL_HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def _is_canonical(path: Path) -> bool:
    if not path.is_file():
        return False  # the reader raises the error
    with path.open("rb") as file:
        return file.read(len(CANONICAL_HEADER)) == CANONICAL_HEADER.encode()


def _read_canonical(path: Path) -> gpd.GeoDataFrame:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[1:-1]]
    columns = {name: [row[name] for row in rows] for name in ("decision", "status", *REVIEW_FIELDS)}
    shapes = {name: shapely.from_wkb(np.array([row[name] for row in rows], dtype=object)) for name in OUTLINES}
    frame = gpd.GeoDataFrame(
        {name: pd.Series(values, dtype=object) for name, values in columns.items()},
        geometry=list(shapes["geometry"]),
        crs=LONLAT,
    )
    return frame.assign(seen=pd.Series(list(shapes["seen"]), index=frame.index, dtype=object))


def says_something(decisions: pd.DataFrame) -> np.ndarray:
    """Return which rows decide, or say an attribute or a remark about a detection that stays pending, (n,) of bool."""
    told: np.ndarray = decisions[[*ATTRIBUTES, "remark"]].notna().any(axis=1).to_numpy()
    return told | (decisions["status"] != "pending").to_numpy()


def check_place(decided: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, path: Path) -> None:
    """Raise UserError when no decision lies near a detection."""
    if decided.empty or detections.empty:
        return
    tree = shapely.STRtree(detections.geometry.values)
    if not tree.query(decided.geometry.values, predicate="dwithin", distance=NEAR_DEG).size:
        raise UserError(
            f"The decisions in {path.name} lie at {_format_bounds(decided)}, the detections at {_format_bounds(detections)}: "
            "not one is within 5 km of a detection. "
            "Name the decisions of this region in inventory.decisions, or check the file's CRS."
        )


def _mark_redrawn(decided: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Set accepted outlines to edited where they differ from the outline that was shown."""
    rows = np.flatnonzero((decided["status"] == "accepted") & decided["seen"].notna())
    drawn, shown = (np.asarray(decided[name].values, dtype=object)[rows] for name in ("geometry", "seen"))
    changed = rows[redrawn(drawn, shown)]
    if len(changed):
        log.info("%s: %d accepted outlines were redrawn and count as edited", where, len(changed))
        decided.loc[decided.index[changed], "status"] = "edited"
    return decided


def _warn_repeated_ids(decided: gpd.GeoDataFrame, where: str) -> None:
    """Warn of ids that stand in the file more than once, as when a person splits an outline in two."""
    ids = decided["decision"].dropna()
    repeated = sorted(ids[ids.duplicated()].unique())
    if repeated:
        names = ", ".join(repeated[:5]) + (" and others" if len(repeated) > 5 else "")
        log.warning(
            "%s: %d ids stand there more than once (%s); outlines are matched, not ids", where, len(repeated), names
        )


def _text_column(frame: gpd.GeoDataFrame, field: str) -> list[str | None]:
    if field not in frame:
        field = field[:SHAPEFILE_NAME_LENGTH]  # a Shapefile cuts the name
    if field not in frame:
        return [None] * len(frame)
    return [as_text(value) or None for value in frame[field]]


def _check_contradictions(decided: gpd.GeoDataFrame, where: str) -> None:
    marked = decided[decided["status"] != "pending"]
    clash = _first_clashes(np.asarray(marked.geometry.values), (marked["status"] == "rejected").to_numpy())
    if len(clash):
        first, second = marked.index[clash[0]]
        pairs = f"{len(clash)} such pairs" if len(clash) < MAX_CLASHES else f"{MAX_CLASHES} such pairs or more"
        raise UserError(
            f"{where}: features {first} and {second} are the same outline, one {marked.loc[first, 'status']}, the other "
            f"{marked.loc[second, 'status']}. Keep one of them ({pairs})."
        )


def _first_clashes(shapes: np.ndarray, refused: np.ndarray) -> np.ndarray:
    """Return the pairs (earlier, later) of a refused and a confirmed outline that are the same, sorted, (n, 2).

    The search ends at ``MAX_CLASHES``. Thousands of decisions on one place must not cost all pairs: only a refused and a
    confirmed one are compared, and only where areas and centroids are near enough for the IoU.
    """
    rejected, confirmed = np.flatnonzero(refused), np.flatnonzero(~refused)
    tree, measures = shapely.STRtree(shapes[confirmed]), _measures(shapes)
    clashes = np.zeros((0, 2), dtype=int)
    for start in range(0, len(rejected), QUERY_BLOCK):
        left, right = tree.query(shapes[rejected[start : start + QUERY_BLOCK]])
        pairs = np.column_stack([rejected[start + left], confirmed[right]])
        pairs = _sorted_pairs(pairs[_may_be_same(*measures[pairs.T])])
        for block in np.array_split(pairs, max(1, len(pairs) // MAX_CLASHES)):
            clashes = np.concatenate([clashes, block[_iou(shapes, *block.T) >= SAME_IOU]])
            if len(clashes) >= MAX_CLASHES:
                return _sorted_pairs(clashes)[:MAX_CLASHES]
    return _sorted_pairs(clashes)


def _measures(shapes: np.ndarray) -> np.ndarray:
    """Return the area, centroid (x, y) and extent (x, y) of each outline, (n, 5)."""
    west, south, east, north = shapely.bounds(shapes).T
    centre = shapely.get_coordinates(shapely.centroid(shapes))
    return np.column_stack([shapely.area(shapes), centre, east - west, north - south])


def _may_be_same(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return which pairs of outlines, by their measures (n, 5), can have an IoU of ``SAME_IOU`` at all, (n,) of bool.

    Their areas differ by less than that factor, and their centroids, along each axis, by at most 1 - IoU of both extents.
    """
    limit = SAME_IOU - ROUNDING
    alike = np.minimum(left[:, 0], right[:, 0]) >= limit * np.maximum(left[:, 0], right[:, 0])
    near = np.abs(left[:, 1:3] - right[:, 1:3]) <= (1 - limit) * (left[:, 3:] + right[:, 3:])
    return alike & near.all(axis=1)


def _iou(shapes: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    common = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    return common / (shapely.area(shapes[left]) + shapely.area(shapes[right]) - common)


def _sorted_pairs(pairs: np.ndarray) -> np.ndarray:
    pairs = np.sort(pairs, axis=1)
    return pairs[np.lexsort(pairs.T[::-1])]


def _format_bounds(frame: gpd.GeoDataFrame) -> str:
    west, south, east, north = lonlat_bounds(frame.geometry.values)
    return f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"
