"""The parts of the review decisions that `labels` and `training` may depend on.

Decisions flow back through `resources/`, never from results. A rejected outline becomes a negative of the next round. An
accepted or edited one (here: confirmed) is never mined. Verbs read both through views, so an accepted outline does not
change the labels, and a remark changes nothing.

A decision about a candidate of mining (`candidate_r2_0001`: of round 2) counts from that round's mining on. Labels and
earlier rounds do not see it, so their results stay.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import NAME_ENCODING_BESIDE, read_drawn
from lobate.io.filekind import check_kind
from lobate.io.origin import redrawn
from lobate.io.polygons import subtract
from lobate.io.values import as_text
from lobate.io.vector import check_no_pending_edits, layer_types

log = logging.getLogger(__name__)

CONFIRMED = ("accepted", "edited")
REJECTED = ("rejected",)
LAYER = "review"
REJECTED_FOLD = "rejected in the review"
"""Value of the field fold for rejected outlines: they have no fold of their own, and are always training data."""
CANDIDATE = re.compile(r"candidate_r(\d+)_\d+")
"""Name of a candidate of mining, with its round."""
VIEW_HEADER = "outlines out of a decisions file, as status and hexadecimal WKB\n"
"""First line of a view's text file, whatever the format of the decisions file."""


def candidate_name(round: int, number: int) -> str:
    """Return the name of a candidate of a round's mining; ``CANDIDATE`` matches it."""
    return f"candidate_r{round}_{number:04d}"


def review_in_words(pending: int, detections: int, landforms: int) -> str:
    """Return how much of an inventory of ``landforms`` nobody has reviewed; "" where each detection in it is reviewed."""
    if not pending:
        return ""
    if pending < detections:
        return f"{pending:,} of the {detections:,} detections in it {'is' if pending == 1 else 'are'} not reviewed"
    if detections >= landforms:
        return "nothing of this is reviewed"
    return (
        f"none of the {detections:,} detections in it is reviewed"
        if detections > 1
        else "the one detection in it is not reviewed"
    )


def summary_in_words(summary: dict[str, Any]) -> str:
    """Return how much of an inventory nobody has reviewed, from its inventory/summary.json; "" where all of it is."""
    detections = summary.get("detections") or {}
    standing = sum(detections.get(name) or 0 for name in ("accepted", "edited", "pending"))
    return review_in_words(detections.get("pending") or 0, standing, summary["inventory"].get("total") or 0)


def read_decisions_layer(path: Path) -> tuple[gpd.GeoDataFrame, str]:
    """Return the features of a decisions file in its own CRS, by their numbers, and a text that names file and layer.

    The layer is ``review`` if the file has one, else its only layer. Raises UserError for a file without outlines, without
    a CRS or without the field status.
    """
    check_kind(path)
    check_no_pending_edits(path)
    layer = _review_layer(path)
    frame = read_drawn(path, layer, remedy=NAME_ENCODING_BESIDE)
    where = f"The decisions file {path}" + (f", layer {layer}" if layer else "")
    frame = _lower_case(frame)
    if "status" not in frame:
        raise UserError(f"{where} has no field status. Use a saved copy of the review sheet, inventory/review.gpkg.")
    drawn = _drawn_without_status(frame)
    if drawn.any():
        log.warning(
            "%s: %d outlines were drawn or redrawn and left undecided; they count as edited", where, drawn.sum()
        )
        frame["status"] = frame["status"].astype(object).mask(drawn, "edited")
    return frame, where


def parse_outlines(texts: Iterable[object]) -> np.ndarray:
    """Return outlines from WKT, None for a text that is no valid polygon, (n,)."""
    shapes: np.ndarray = shapely.from_wkt(
        np.array([as_text(text) or None for text in texts], dtype=object), on_invalid="ignore"
    )
    valid = shapely.is_valid(shapes) & ~shapely.is_empty(shapes) & (shapely.get_dimensions(shapes) == 2)
    shapes[~valid] = None
    return shapes


def _lower_case(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the table with names of fields in lower case: dBase and some programs write them in capitals."""
    names = {
        name: name.lower() for name in frame.columns if isinstance(name, str) and name.lower() not in frame.columns
    }
    return frame.rename(columns=names) if len(set(names.values())) == len(names) else frame


def _drawn_without_status(frame: gpd.GeoDataFrame) -> np.ndarray:
    """Return which outlines a person drew or redrew without deciding, (n,) of bool.

    Such a row is pending though its outline differs from the one shown, or it has no status, no detection and no outline
    shown. The form of the review sheet sets the status of both to edited; other programs do not.
    """
    status = np.array([as_text(word).lower() for word in frame["status"]], dtype=object)
    shown = parse_outlines(frame["seen"]) if "seen" in frame else np.full(len(frame), None, dtype=object)
    names = frame["detection"] if "detection" in frame else [None] * len(frame)
    named = np.array([bool(as_text(name)) for name in names], dtype=bool)
    has_shown = np.array([outline is not None for outline in shown], dtype=bool)
    changed = np.zeros(len(frame), dtype=bool)
    rows = np.flatnonzero(np.isin(status, ("", "pending")) & has_shown & ~shapely.is_empty(frame.geometry.to_numpy()))
    if len(rows):
        outlines = np.asarray(to_lonlat(frame.geometry.iloc[rows]).values, dtype=object)
        valid = shapely.is_valid(outlines)
        changed[rows[valid]] = redrawn(outlines[valid], shown[rows[valid]])
        changed[rows[~valid]] = True
    return changed | ((status == "") & ~named & ~has_shown)


def check_outlines(frame: gpd.GeoDataFrame, where: str) -> None:
    """Raise UserError for an outline that is empty or intersects itself."""
    for number, outline in frame.geometry.items():
        if outline is None or outline.is_empty:
            raise UserError(f"{where}: feature {number} has no outline. Delete the row, or draw it again.")
        if not outline.is_valid:
            raise UserError(
                f"{where}: the outline of feature {number} is not a valid polygon ({shapely.is_valid_reason(outline)}). "
                "Repair it in QGIS (Vector > Geometry tools > Check validity) and save again."
            )


def mining_view(source: Path, target: Path, round: int) -> None:
    """Write what the mining of a round depends on: a view.

    These are the confirmed outlines, and the rejected candidates of this and of earlier rounds.
    """
    confirmed = _outlines(source, CONFIRMED, last_round=round)
    rejected = _outlines(source, REJECTED, first_round=1, last_round=round)
    _write_view(target, {"accepted": confirmed, "rejected": rejected})


def decided_view(source: Path, target: Path) -> None:
    """Write all decided outlines of ``source`` by status, those of candidates among them: a view."""
    _write_view(target, {status: _outlines(source, (status,)) for status in (*CONFIRMED, *REJECTED)})


def decided_outlines(decisions: Iterable[Path], status: str) -> np.ndarray:
    """Return the outlines (EPSG:4326) with a status in views that ``decided_view`` wrote, (n,)."""
    return np.concatenate([np.zeros(0, dtype=object), *(_outlines(path, (status,)) for path in decisions)])


def rejected_view(source: Path, target: Path, decisions: list[Path]) -> None:
    """Write the rejected outlines of ``source``, less the confirmed ones of all ``decisions``: a view."""
    _write_view(target, {"rejected": rejected_outlines(source, decisions)})


def confirmed_outlines(decisions: Iterable[Path]) -> np.ndarray:
    """Return the accepted and edited outlines (EPSG:4326) of decisions files, or of their views, (n,)."""
    return np.concatenate([np.zeros(0, dtype=object), *(_outlines(path, CONFIRMED) for path in decisions)])


def rejected_outlines(path: Path, decisions: Iterable[Path]) -> np.ndarray:
    """Return the rejected outlines (EPSG:4326) of a decisions file, less candidates of mining, or of its view, (n,).

    Ground that another reviewer confirmed is cut off. An outline that loses half its area by that is left out, because
    the reviewers disagree about it.
    """
    if _is_view(path):
        return _outlines(path, REJECTED)
    confirmed = [_outlines(file, CONFIRMED, last_round=0) for file in decisions]
    return without_confirmed(_outlines(path, REJECTED, last_round=0), np.concatenate([np.zeros(0, object), *confirmed]))


def rejected_candidates(views: Iterable[Path]) -> np.ndarray:
    """Return the rejected candidates (EPSG:4326) of views that ``mining_view`` wrote, less confirmed ground, (n,)."""
    files = list(views)
    rejected = np.concatenate([np.zeros(0, dtype=object), *(_outlines(path, REJECTED) for path in files)])
    return without_confirmed(rejected, confirmed_outlines(files))


def without_confirmed(rejected: np.ndarray, confirmed: np.ndarray) -> np.ndarray:
    """Return the rejected outlines less the confirmed ones; one that loses half its area is left out."""
    rest = subtract(rejected, confirmed)
    return rest[shapely.area(rest) > shapely.area(rejected) / 2]


def _outlines(path: Path, statuses: tuple[str, ...], first_round: int = 0, last_round: int = 1_000) -> np.ndarray:
    """Return the outlines with one of these statuses; a file's candidates only of these rounds (0: other decisions)."""
    if _is_view(path):
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()[1:]]
        lines = [outline for status, outline in rows if status in statuses]
        return shapely.from_wkb(np.array(lines, dtype=object)) if lines else np.zeros(0, dtype=object)
    frame, where = read_decisions_layer(path)
    rounds = _candidate_rounds(frame)
    wanted = frame["status"].astype(str).str.strip().str.lower().isin(statuses) & rounds.between(
        first_round, last_round
    )
    selected = frame[wanted]
    check_outlines(selected, where)
    return np.array(to_lonlat(selected.geometry).values, dtype=object)


def _candidate_rounds(frame: gpd.GeoDataFrame) -> pd.Series:
    """Return for each decision the round of the candidate that it is about, 0 for other decisions."""
    if "detection" not in frame:
        return pd.Series(0, index=frame.index)
    names = frame["detection"].astype(str).str.strip()
    return pd.to_numeric(names.str.extract(f"^{CANDIDATE.pattern}$")[0]).fillna(0).astype(int)


def _write_view(target: Path, outlines: dict[str, np.ndarray]) -> None:
    lines = sorted(
        f"{status} {outline}\n"
        for status, shapes in outlines.items()
        for outline in shapely.to_wkb(shapely.normalize(shapes), hex=True).tolist()
    )
    target.write_text(VIEW_HEADER + "".join(lines), encoding="ascii")


def _is_view(path: Path) -> bool:
    if not path.is_file():
        return False  # read_polygons raises the error
    with path.open("rb") as file:
        return file.read(len(VIEW_HEADER)) == VIEW_HEADER.encode()


def _review_layer(path: Path) -> str | None:
    try:
        names = [name for name, kind in layer_types(path).items() if kind]
    except (pyogrio.errors.DataSourceError, RuntimeError, ValueError):
        return None  # read_polygons raises the error
    if LAYER in names:
        return LAYER
    return names[0] if len(names) == 1 else None
