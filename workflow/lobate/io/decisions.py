"""The parts of the review decisions that `labels` and `training` may depend on.

Decisions flow back through `resources/`, never from results. A rejected outline becomes a negative of the next round. An
accepted or edited one (here: confirmed) is never mined. Verbs read both through views, so an accepted outline does not
change the labels, and a remark changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.filekind import check_kind
from lobate.io.polygons import polygons_in
from lobate.io.vector import LONLAT, check_no_pending_edits, read_polygons

CONFIRMED = ("accepted", "edited")
REJECTED = ("rejected",)
LAYER = "review"
REJECTED_FOLD = "rejected in the review"
"""Value of the field fold for rejected outlines: they have no fold of their own, and are always training data."""
VIEW_HEADER = "outlines out of a decisions file, as hexadecimal WKB\n"
"""First line of a view's text file, whatever the format of the decisions file."""


def read_decisions_layer(path: Path) -> tuple[gpd.GeoDataFrame, str]:
    """Return the features of a decisions file in its own CRS, and a text that names file and layer for messages.

    The layer is ``review`` if the file has one, else its only layer. Raises UserError for a file without outlines, without
    a CRS or without the field status.
    """
    check_kind(path)
    check_no_pending_edits(path)
    layer = _review_layer(path)
    frame = read_polygons(path, layer)
    where = f"The decisions file {path}" + (f", layer {layer}" if layer else "")
    if "status" not in frame:
        raise UserError(f"{where} has no field status. Use a saved copy of the review sheet, inventory/review.gpkg.")
    return frame, where


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


def confirmed_view(source: Path, target: Path) -> None:
    """Write the accepted and edited outlines of ``source``: a view."""
    _write_view(target, confirmed_outlines([source]))


def rejected_view(source: Path, target: Path, decisions: list[Path]) -> None:
    """Write the rejected outlines of ``source``, less the confirmed ones of all ``decisions``: a view."""
    _write_view(target, rejected_outlines(source, decisions))


def confirmed_outlines(decisions: Iterable[Path]) -> np.ndarray:
    """Return the accepted and edited outlines (EPSG:4326) of decisions files, or of their views, (n,)."""
    return np.concatenate([np.zeros(0, dtype=object), *(_outlines(path, CONFIRMED) for path in decisions)])


def rejected_outlines(path: Path, decisions: Iterable[Path]) -> np.ndarray:
    """Return the rejected outlines (EPSG:4326) of a decisions file, or of its view, (n,).

    Ground that another reviewer confirmed is cut off. An outline that loses half its area by that is left out, because
    the reviewers disagree about it.
    """
    if _is_view(path):
        return _outlines(path, REJECTED)
    outlines, confirmed = _outlines(path, REJECTED), shapely.union_all(confirmed_outlines(decisions))
    parts = shapely.difference(outlines, confirmed)
    rest = np.array([shapely.union_all(polygons_in(part)) for part in parts], dtype=object)
    return rest[shapely.area(rest) > shapely.area(outlines) / 2]


def _outlines(path: Path, statuses: tuple[str, ...]) -> np.ndarray:
    if _is_view(path):
        lines = path.read_text(encoding="ascii").splitlines()[1:]
        return shapely.from_wkb(np.array(lines, dtype=object)) if lines else np.zeros(0, dtype=object)
    frame, where = read_decisions_layer(path)
    selected = frame[frame["status"].astype(str).str.strip().str.lower().isin(statuses)]
    check_outlines(selected, where)
    return np.array(selected.geometry.to_crs(LONLAT).values, dtype=object)


def _write_view(target: Path, outlines: np.ndarray) -> None:
    lines = sorted(shapely.to_wkb(shapely.normalize(outlines), hex=True).tolist())
    target.write_text(VIEW_HEADER + "".join(f"{line}\n" for line in lines), encoding="ascii")


def _is_view(path: Path) -> bool:
    if not path.is_file():
        return False  # read_polygons raises the error
    with path.open("rb") as file:
        return file.read(len(VIEW_HEADER)) == VIEW_HEADER.encode()


def _review_layer(path: Path) -> str | None:
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
    except (pyogrio.errors.DataSourceError, RuntimeError, ValueError):
        return None  # read_polygons raises the error
    if LAYER in names:
        return LAYER
    return names[0] if len(names) == 1 else None
