"""The answers to a sample of the map: in the file that `lobate sample` wrote, kept act by act as decisions are.

The file that `lobate sample` wrote stays as it is until the first answer; a kept one with the same layers and rows then takes
its place, which `estimate_accuracy` and QGIS read alike. The frozen sample, with its strata, is never opened here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.atomic import temporary_folder
from lobate.io.features import read_features
from lobate.io.grid import LONLAT
from lobate.io.vector import layer_types
from lobate.mapping.accuracy.response import ANSWERS, CANNOT_SAY, PERSON_FIELDS
from lobate.mapping.accuracy.response_form import form_styles
from lobate.review.geopackage import MULTIPOLYGON, POINT, Layer
from lobate.review.history import Act, Book, BookContent, Row, State
from lobate.review.keeping import BACKUPS, KEEPING, connect, telling
from lobate.review.kept_layers import ELSEWHERE, UNDO, KeptLayers, Outcome, clean
from lobate.review.outlines import checked_outline

PLACES, SQUARES, LANDFORMS = "places", "squares", "landforms"
UNIT_FIELDS = ("unit", *PERSON_FIELDS, "imagery", "sample")
LANDFORM_FIELDS = (*PERSON_FIELDS, "unit")
"""Of a landform, ``unit`` is the square for which it was drawn."""
LAYERS = (
    Layer(PLACES, UNIT_FIELDS, "unit", shape=POINT),
    Layer(SQUARES, UNIT_FIELDS, "unit", shape=MULTIPOLYGON),
    Layer(LANDFORMS, LANDFORM_FIELDS, "unit", shape=MULTIPOLYGON),
)


@dataclass(frozen=True)
class Answer:
    """One row: a place, a square, or a landform that somebody outlined in a square (EPSG:4326); ``answer`` "" for none yet."""

    row: int
    unit: str
    shape: shapely.Geometry
    answer: str
    reviewer: str
    remark: str
    imagery: str
    version: int


class AnswersFile(KeptLayers):
    """The answers of one look at a sample."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        styles = form_styles({layer.name: ["fid", *layer.fields] for layer in LAYERS}, ANSWERS)
        super().__init__(path, LAYERS, now, styles)
        self._content = BookContent(LAYERS, styles)

    def rows(self, layer: str) -> list[Answer]:
        """Return the rows of a layer, in the order of the file. Raises UserError for a file that is no such one."""
        with self.keeper.lock:
            if not self._is_kept():
                rows = enumerate(self._read_brought(layer), 1)
                return [_as_answer(number, row, 0) for number, row in rows]
            return self._look(lambda book: _answers(book, layer), [])

    def answer(self, reviewer: str, layer: str, row: int, said: str | None, remark: str, base: int) -> Outcome:
        """Keep the answer to a place or a square; ``said`` None takes it back.

        Raises UserError for a word that is no answer there, and where somebody answered after the version ``base``.
        """
        reviewer = clean(reviewer)
        if said is not None and said not in ANSWERS[layer]:
            raise UserError(f"{said[:80]!r} is no answer in {layer}. Answer {', '.join(ANSWERS[layer])}.")

        def work(book: Book) -> tuple[Act, Outcome]:
            before = self._present(book, layer, row)
            if book.version_of(layer, row) > base and (before["reviewer"] or "") != reviewer:
                raise UserError(
                    f"{before['reviewer'] or 'Somebody'} answered {before['unit']} meanwhile: {before['answer'] or 'no answer'}. "
                    "Your answer is not kept; look again, and answer then."
                )
            act = book.begin(reviewer, "answer" if said else "take back", self._time())
            state = {**before, "answer": said, "remark": clean(remark) or None, "reviewer": reviewer or None}
            book.change(act, layer, row, State(state))
            return act, Outcome(book.version(), (row,))

        return self._act(work)

    def draw(
        self, reviewer: str, unit: str, outline: shapely.Geometry, row: int | None = None, sure: bool = True
    ) -> Outcome:
        """Keep a landform in the square ``unit``, new or mended (``row``), which the person is sure of or not.

        Raises UserError for an outline that is no valid polygon, and for a row that is not there.
        """
        reviewer, outline = clean(reviewer), checked_outline(outline, "The outline")

        def work(book: Book) -> tuple[Act, Outcome]:
            before = self._present(book, LANDFORMS, row) if row is not None else {"remark": None, "unit": unit}
            act = book.begin(reviewer, "draw" if row is None else "mend", self._time())
            said = {"answer": None if sure else CANNOT_SAY, "reviewer": reviewer or None, "geometry": outline}
            number = book.change(act, LANDFORMS, row, State({**before, **said}))
            return act, Outcome(book.version(), (number,))

        return self._act(work)

    def delete(self, reviewer: str, row: int) -> Outcome:
        """Delete a landform; that can be undone. Raises UserError for a row that is not there."""
        return self._delete(reviewer, LANDFORMS, row)

    def undo_in(self, reviewer: str, layers: tuple[str, ...]) -> Outcome:
        """Undo the reviewer's last act in one of these layers, in whichever session it was. Raises UserError for none."""
        reviewer = clean(reviewer)
        undone = "act NOT IN (SELECT undoes FROM history WHERE undoes IS NOT NULL)"
        where = f"reviewer = ? AND what NOT IN (?, ?) AND {undone} AND layer IN ({', '.join('?' * len(layers))})"
        values = [reviewer, UNDO, ELSEWHERE, *layers]
        with self.keeper.lock:
            kept = self._is_kept()
            last = (
                self._look(lambda book: next(book.entries(where, values, "number DESC LIMIT 1"), None), None)
                if kept
                else None
            )
            if last is None:
                raise UserError(f"There is nothing to undo: all answers of {reviewer or 'nobody by name'} are undone.")
            return self.undo(reviewer, last.act)

    def _checked(self, layer: str, fid: int, row: Row) -> Row:
        texts = {name: clean(value) or None for name, value in row.items() if name != "geometry"}
        if layer != LANDFORMS:
            return {**row, **texts}
        return {**row, **texts, "geometry": checked_outline(row["geometry"], f"{self.path}, layer {layer}, row {fid}")}

    # --- from the file of `lobate sample` to a kept one

    def _act(self, work: Callable[[Book], tuple[Act, Outcome]]) -> Outcome:
        with self.keeper.lock:
            if not self._is_kept():
                self._begin()
            return super()._act(work)

    def _is_kept(self) -> bool:
        """Whether the file is kept act by act; one that is not there or damaged is the keeper's matter."""
        if not self.path.exists():
            return False
        try:
            with closing(connect(self.path, "ro")) as connection:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        except sqlite3.Error:
            return True
        return KEEPING in tables or "gpkg_contents" not in tables

    def _read_brought(self, layer: str) -> list[Row]:
        names = next(one.fields for one in LAYERS if one.name == layer)
        if missing := {one.name for one in LAYERS} - set(layer_types(self.path) if self.path.exists() else ()):
            raise UserError(
                f"The file of answers {self.path} has no layer {', '.join(sorted(missing))}. Name the file that `lobate sample` wrote."
            )
        frame: gpd.GeoDataFrame = read_features(self.path, layer).to_crs(LONLAT)
        fields = {name: frame[name].tolist() if name in frame else [None] * len(frame) for name in names}
        shapes = np.asarray(frame.geometry.values, dtype=object)
        return [
            {
                **{name: None if pd.isna(values[number]) else str(values[number]) for name, values in fields.items()},
                "geometry": shape,
            }
            for number, shape in enumerate(shapes)
        ]

    def _begin(self) -> None:
        """Put a kept file with the same rows in the place of the one that `lobate sample` wrote, which goes to the backups."""
        rows = {layer.name: self._read_brought(layer.name) for layer in LAYERS}
        with telling(self.path), temporary_folder(self.path) as folder:
            new = folder / self.path.name
            with closing(connect(new, "rwc")) as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._content.create(connection)
                book = Book(connection, LAYERS)
                for layer, found in rows.items():
                    for row in found:
                        book.add_undecided(layer, row)
                connection.execute("COMMIT")
            backups = self.path.parent / BACKUPS
            backups.mkdir(exist_ok=True)
            stamp = self.keeper.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
            shutil.copyfile(self.path, backups / f"{self.path.stem}_sampled_{stamp}{self.path.suffix}")
            os.replace(new, self.path)  # noqa: PTH105 - over the file that is there, at once


def _answers(book: Book, layer: str) -> list[Answer]:
    versions = book.versions(layer)
    return [_as_answer(fid, row, versions.get(fid, 0)) for fid, row in book.rows(layer) if row["geometry"] is not None]


def _as_answer(number: int, row: Row, version: int) -> Answer:
    texts = {name: row.get(name) or "" for name in (*UNIT_FIELDS,)}
    said = texts["unit"], row["geometry"], texts["answer"], texts["reviewer"], texts["remark"], texts["imagery"]
    return Answer(number, *said, version)
