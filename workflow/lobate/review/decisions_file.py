"""The file of a person's decisions, `resources/<region>/decisions.gpkg`: with what goes into it and out of it as a whole.

The layer `review` is what the chain reads (``inventory/decisions.py``), one row a decided place; the table `history` has
all acts. Detections that nobody decided may be laid out in it as pending rows, so that QGIS can decide about them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.inventory.decisions import read_decisions, says_something
from lobate.inventory.qgis.styles import style
from lobate.io.atomic import atomic_write
from lobate.io.decisions import LAYER
from lobate.io.drawn import DECISIONS
from lobate.io.vector import LONLAT
from lobate.review.agreement import contradictions, undecided
from lobate.review.history import Act, Book, Row, State
from lobate.review.kept_decisions import (
    FIELDS,
    MEASURES,
    WORDS,
    Decision,
    KeptDecision,
    KeptDecisions,
    as_row,
    settled,
)
from lobate.review.kept_layers import Outcome, clean
from lobate.review.outlines import as_wkt
from lobate.review.places import pair_places

__all__ = ["DECISIONS", "Decision", "DecisionsFile", "KeptDecision"]


class DecisionsFile(KeptDecisions):
    """The decisions of one region; ``match_iou`` as in the settings: outlines that share so much are one place."""

    def __init__(
        self, path: Path, match_iou: float = 0.3, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(path, match_iou, now, styles={LAYER: style(LAYER, ["fid", *FIELDS])})
        self.keeper.adopt = lambda: self._taking(path, "")

    # --- detections

    def match(self, detections: gpd.GeoDataFrame) -> dict[str, KeptDecision]:
        """Return the decision of each detection that has one, by its name, one to one.

        ``detections``: ``detection`` and ``geometry`` in EPSG:4326, as ``read_pending`` returns them. Numbers do not count:
        outlines do, so decisions outlive a training.
        """
        rows = self.rows()
        if not rows or detections.empty:
            return {}
        names = [str(name) for name in detections["detection"]]
        others = {"decision": names, "seen": [None] * len(names)}
        frame = gpd.GeoDataFrame(others, geometry=list(detections.geometry), crs=LONLAT)
        pairs = pair_places(as_frame(rows), frame, self.match_iou)
        return {names[position]: rows[place] for position, place in pairs.items()}

    def lay_out(self, detections: gpd.GeoDataFrame) -> int:
        """Put the undecided detections (``read_pending``) into the file as pending rows; return how many there are.

        QGIS can change rows only. Pending rows of an earlier model go; decided places and the history stay as they are.
        """
        decided = set(self.match(detections))
        wanted = {
            str(row["detection"]): _pending_row(row)
            for row in detections.to_dict("records")
            if row["detection"] not in decided
        }
        present = self.keeper.read(self._laid_out, None)
        if present == {name: (row["seen"], row["confidence"]) for name, row in wanted.items()}:
            return len(wanted)

        def work(book: Book) -> None:
            book.lay_out()
            for number, _ in _undecided(book):
                book.note_state(LAYER, number, State(None))
            for row in wanted.values():
                book.add_undecided(LAYER, row)

        self._quietly(work)
        return len(wanted)

    def _laid_out(self, connection: sqlite3.Connection) -> dict[str, Any] | None:
        book = Book(connection, self.layers)
        if not book.is_laid_out():
            return None
        return {str(row["detection"]): (row["seen"], row["confidence"]) for _, row in _undecided(book)}

    # --- other files

    def import_file(self, path: Path, reviewer: str) -> Outcome:
        """Take over the decisions of another file, of any format that the chain reads, as one act that can be undone.

        Each is joined with what stands here about its place. Contradictions become conflicts, and what fits no place here is
        kept as a row of its own. Rows without a reviewer get ``reviewer``. Raises UserError for a file that the chain would refuse.
        """
        return self._taking(path, clean(reviewer))()

    def _taking(self, path: Path, reviewer: str) -> Callable[[], Outcome]:
        """Read the decisions of a file; return the act that takes them over."""
        decided = read_decisions(path)
        decided = decided[says_something(decided)].reset_index(drop=True)
        rows = [as_row(_decision(record), _reviewer_of(record) or reviewer) for record in decided.to_dict("records")]

        def work(book: Book) -> tuple[Act, Outcome]:
            act = book.begin(reviewer, f"take over {path.name}", self._time())
            kept = [*self._kept(book)]
            places = pair_places(as_frame(kept), decided, self.match_iou) if kept else {}
            numbers, conflicts = [], 0
            for position, row in enumerate(rows):
                number = kept[places[position]].row if position in places else self._pending_place(book, row)
                state = self._taken_over(book, number, row)
                if state is not None:
                    numbers.append(book.change(act, LAYER, number, state))
                    conflicts += bool(state.statements)
            if not act.rows:
                book.enter(act)
            text = f"{len(numbers)} of {len(rows)} decisions of {path.name} are new here."
            text += f" {conflicts} contradict what stands here and wait in the list of conflicts." if conflicts else ""
            return act, Outcome(book.version(), tuple(numbers), text, conflicts > 0)

        return lambda: self._act(work)

    def _pending_place(self, book: Book, row: Row) -> int | None:
        """Return the laid-out row of a detection that nobody decided."""
        found = book.rows(LAYER, "detection = ? AND status = 'pending' AND seen = ?", [row["detection"], row["seen"]])
        return next((number for number, _ in found), None)

    def _taken_over(self, book: Book, number: int | None, row: Row) -> State | None:
        """Return the state of a place after a row of another file, None where that says nothing new."""
        before = book.current(LAYER, number)
        if before.row is None or (undecided(before.row) and not before.statements):
            return State(row)
        statements = [*(before.statements or [before.row])]
        if any(not contradictions([one, row]) and _says_no_more(row, one) for one in statements):
            return None
        return settled([*statements, row])

    def export_geojson(self, path: Path) -> int:
        """Write all decisions as GeoJSON in EPSG:4326, as the chain and the mailed page read them; return their number.

        The same decisions give the same bytes, whatever acts led to them. Places in conflict are not among them.
        """
        features = [_feature(row) for row in self.rows() if row.status != "pending" or not row.statements]
        features.sort(key=lambda feature: json.dumps(feature, sort_keys=True))
        text = json.dumps(
            {"type": "FeatureCollection", "name": "decisions", "features": features}, ensure_ascii=False, indent=1
        )
        with atomic_write(path, fsync=True) as new:
            new.write_text(text + "\n", encoding="utf-8")
        return len(features)


def _undecided(book: Book) -> list[tuple[int, Row]]:
    """Return the rows that nobody decided, with their numbers."""
    disputed = book.disputed(LAYER)
    rows = book.rows(LAYER, "status IS NULL OR status = 'pending'")
    return [(number, row) for number, row in rows if undecided(row) and number not in disputed]


def as_frame(rows: list[KeptDecision]) -> gpd.GeoDataFrame:
    """Return decisions as a table in EPSG:4326 with the columns that ``read_decisions`` returns, and ``row``."""
    columns = {
        "decision": [row.detection for row in rows],
        "status": [row.status for row in rows],
        **{name: [row.words[name] for row in rows] for name in WORDS},
        "reviewer": [row.reviewer or None for row in rows],
        "remark": [row.remark or None for row in rows],
        "seen": np.array([*[row.seen for row in rows], None], dtype=object)[:-1],
        "row": [row.row for row in rows],
    }
    texts = {name: pd.Series(values, dtype=object) for name, values in columns.items() if name != "row"}
    return gpd.GeoDataFrame({**columns, **texts}, geometry=[row.outline for row in rows], crs=LONLAT)


def _decision(record: Mapping[str, Any]) -> Decision:
    """Return the decision of a row that ``read_decisions`` returned."""
    words = {name: record[name] for name in WORDS if not pd.isna(record[name])}
    texts = {name: None if pd.isna(record[name]) else str(record[name]) for name in ("decision", "remark")}
    return Decision(
        texts["decision"], record["status"], record["geometry"], record["seen"], words, texts["remark"] or ""
    )


def _reviewer_of(record: Mapping[str, Any]) -> str:
    return "" if pd.isna(record["reviewer"]) else clean(str(record["reviewer"]))


def _says_no_more(row: Row, than: Row) -> bool:
    """Whether a row has no word, remark, name or outline that another has not."""
    fields = [name for name in (*WORDS, "remark", "reviewer") if row.get(name)]
    same = row["status"] == than["status"] and row["geometry"].equals(than["geometry"])
    return same and all(row[name] in (than.get(name) or "").split("; ") for name in fields)


def _pending_row(detection: Mapping[str, Any]) -> Row:
    facts = {name: detection.get(name) for name in (*MEASURES, "tiles")}
    facts = {name: value for name, value in facts.items() if value is not None and not pd.isna(value)}
    facts = {name: float(str(value)) if name in MEASURES else str(value) for name, value in facts.items()}
    outline = detection["geometry"]
    return {
        "confidence": None,
        **facts,
        "detection": str(detection["detection"]),
        "status": "pending",
        "seen": as_wkt(outline),
        "geometry": outline,
    }


def _feature(row: KeptDecision) -> dict[str, Any]:
    properties = {
        "detection": row.detection,
        "status": row.status,
        **row.words,
        "reviewer": row.reviewer or None,
        "remark": row.remark or None,
        "seen": None if row.seen is None else as_wkt(row.seen),
    }
    return {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(row.outline)}
