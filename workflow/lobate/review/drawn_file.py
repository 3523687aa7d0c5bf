"""What a person draws on the images before there is a model: `resources/<region>/drawn.gpkg`, kept as decisions are.

The layers are `positives` (the landform), `negatives` (look-alikes and ground without it) and `complete` (areas in which
every landform is outlined). The configuration names them as the labels; QGIS may draw in them too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import shapely

from lobate.errors import UserError
from lobate.inventory.qgis.drawn_styles import drawn_style
from lobate.io.drawn import COMPLETE, DRAWN, DRAWN_LAYERS, NEGATIVES, POSITIVES
from lobate.review.geopackage import Layer
from lobate.review.history import Act, Book, Row, State
from lobate.review.kept_layers import KeptLayers, Outcome, clean
from lobate.review.outlines import checked_outline

__all__ = ["COMPLETE", "DRAWN", "DRAWN_LAYERS", "NEGATIVES", "POSITIVES", "DrawnFile", "DrawnOutline"]

FIELDS = ("id", "reviewer", "remark", "time")


@dataclass(frozen=True)
class DrawnOutline:
    """One outline (EPSG:4326) of a layer, with the number of its row and its identifier, which stays when it is mended."""

    layer: str
    row: int
    id: str
    outline: shapely.Geometry
    reviewer: str
    remark: str
    time: str


class DrawnFile(KeptLayers):
    """The outlines that people draw in one region."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        layers = [Layer(name, FIELDS, "id") for name in DRAWN_LAYERS]
        super().__init__(path, layers, now, {name: drawn_style(name, ["fid", *FIELDS]) for name in DRAWN_LAYERS})

    def rows(self, layer: str | None = None) -> list[DrawnOutline]:
        """Return the outlines of a layer, of all layers by default, in the order in which they were drawn."""
        names = [self._known_layer(layer)] if layer else [*DRAWN_LAYERS]
        return self._look(
            lambda book: [_as_drawn(name, *row) for name in names for row in book.rows(name) if row[1]["geometry"]], []
        )

    def draw(
        self, reviewer: str, layer: str, outline: shapely.Geometry, row: int | None = None, remark: str | None = None
    ) -> Outcome:
        """Keep a new outline, or the mended one of a row; a ``remark`` of None leaves the row's.

        Raises UserError for an outline that is no valid polygon, and for a row that is not there.
        """
        layer, reviewer = self._known_layer(layer), clean(reviewer)
        outline = checked_outline(outline, f"The outline for {layer}")

        def work(book: Book) -> tuple[Act, Outcome]:
            before = self._present(book, layer, row) if row is not None else None
            act = book.begin(reviewer, "mend" if before else "draw", self._time())
            said = clean(remark) or None if remark is not None else (before or {}).get("remark")
            state = {
                "id": (before or {}).get("id") or _new_id(book, layer),
                "reviewer": reviewer or None,
                "remark": said,
                "time": act.time,
                "geometry": outline,
            }
            number = book.change(act, layer, row, State(state))
            return act, Outcome(book.version(), (number,))

        return self._act(work)

    def delete(self, reviewer: str, layer: str, row: int) -> Outcome:
        """Delete an outline; that can be undone. Raises UserError for a row that is not there."""
        return self._delete(reviewer, self._known_layer(layer), row)

    def _known_layer(self, layer: str) -> str:
        if layer not in DRAWN_LAYERS:
            raise UserError(f"{layer!r} is no layer of {self.path}. Draw in {', '.join(DRAWN_LAYERS)}.")
        return layer

    def _checked(self, layer: str, fid: int, row: Row) -> Row:
        named = f"{self.path}, layer {layer}, row {fid}"
        texts = {name: clean(row[name]) or None for name in FIELDS}
        return {**row, **texts, "geometry": checked_outline(row["geometry"], named)}


def _new_id(book: Book, layer: str) -> str:
    """Return an identifier that no outline of the layer ever had."""
    used = {entry.name for entry in book.entries("layer = ?", [layer])} | {row["id"] for _, row in book.rows(layer)}
    number = 1
    while f"{layer.rstrip('s')}_{number}" in used:
        number += 1
    return f"{layer.rstrip('s')}_{number}"


def _as_drawn(layer: str, number: int, row: Row) -> DrawnOutline:
    texts = {name: row[name] or "" for name in FIELDS}
    return DrawnOutline(layer, number, texts["id"], row["geometry"], texts["reviewer"], texts["remark"], texts["time"])
