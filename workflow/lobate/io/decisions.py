"""What a person's decisions say of places, as far as rooms before the review may know it.

Decisions flow back through `resources/`, never from results: a rejected place becomes a negative of the next round, an
accepted or edited one is never mined. Both are seen through lenses, so an accepted outline changes nothing for the
labels, and what is written in a remark nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.polygons import polygons_in
from lobate.io.vector import LONLAT, check_no_pending_edits, read_polygons

CONFIRMED = ("accepted", "edited")
REJECTED = ("rejected",)
LAYER = "review"
REJECTED_FOLD = "rejected in the review"
"""What stands where drawn outlines have their side or fold: a rejected place has no such field, and trains."""
VIEW_HEADER = "outlines out of a decisions file, as hexadecimal WKB\n"
"""First line of what the lenses write: plain text, whatever the decisions file's format is."""


def read_decisions_layer(path: Path) -> tuple[gpd.GeoDataFrame, str]:
    """Return the features of a decisions file in its own CRS, and words that name file and layer.

    The layer is ``review`` where the file has one, else its only layer. Raises UserError for a file without outlines, CRS or
    the field status.
    """
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
                "Mend it in QGIS (Vector > Geometry tools > Check validity) and save again."
            )


def confirmed_view(source: Path, target: Path) -> None:
    """Write the outlines of ``source`` that a person accepted or edited: a view."""
    _write_view(target, confirmed_outlines([source]))


def rejected_view(source: Path, target: Path, decisions: list[Path]) -> None:
    """Write the outlines of ``source`` that a person rejected, less what any of ``decisions`` lets stand: a view."""
    _write_view(target, rejected_outlines(source, decisions))


def confirmed_outlines(decisions: Iterable[Path]) -> np.ndarray:
    """Return all outlines (EPSG:4326) that a person accepted or edited, or what a view left of the files, (n,)."""
    return np.concatenate([np.zeros(0, dtype=object), *(_outlines(path, CONFIRMED) for path in decisions)])


def rejected_outlines(path: Path, decisions: Iterable[Path]) -> np.ndarray:
    """Return the outlines (EPSG:4326) rejected in ``path``, (n,), or what a view left of the file.

    Ground that another reviewer lets stand is taken off, and what loses half its area by that is left out: what people
    disagree on teaches nothing.
    """
    if _is_view(path):
        return _outlines(path, REJECTED)
    refused, stands = _outlines(path, REJECTED), shapely.union_all(confirmed_outlines(decisions))
    left = np.array([shapely.union_all(polygons_in(one)) for one in shapely.difference(refused, stands)], dtype=object)
    return left[shapely.area(left) > shapely.area(refused) / 2]


def _outlines(path: Path, statuses: tuple[str, ...]) -> np.ndarray:
    if _is_view(path):
        lines = path.read_text(encoding="ascii").splitlines()[1:]
        return shapely.from_wkb(np.array(lines, dtype=object)) if lines else np.zeros(0, dtype=object)
    frame, where = read_decisions_layer(path)
    chosen = frame[frame["status"].astype(str).str.strip().str.lower().isin(statuses)]
    check_outlines(chosen, where)
    return np.array(chosen.geometry.to_crs(LONLAT).values, dtype=object)


def _write_view(target: Path, outlines: np.ndarray) -> None:
    lines = sorted(shapely.to_wkb(shapely.normalize(outlines), hex=True).tolist())
    target.write_text(VIEW_HEADER + "".join(f"{line}\n" for line in lines), encoding="ascii")


def _is_view(path: Path) -> bool:
    if not path.is_file():
        return False  # read_polygons says what is wrong
    with path.open("rb") as file:
        return file.read(len(VIEW_HEADER)) == VIEW_HEADER.encode()


def _review_layer(path: Path) -> str | None:
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
    except (pyogrio.errors.DataSourceError, RuntimeError, ValueError):
        return None  # read_polygons says what is wrong with the file
    if LAYER in names:
        return LAYER
    return names[0] if len(names) == 1 else None
