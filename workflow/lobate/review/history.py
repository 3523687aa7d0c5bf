"""The rows of a kept file and the history of all acts on them: what stood in a row before each act and after it.

The history is only added to; to undo an act is an act too. A row's state is a short JSON text; outlines and long texts are
kept once, under their digest. The last known state of each row tells what another program has changed since.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

import shapely

from lobate.io.digest import canonical_json, text_digest
from lobate.io.qgis.package import write_styles
from lobate.review.geopackage import (
    GEOMETRY,
    Layer,
    create_core,
    create_layer,
    create_table,
    forget_extent,
    from_blob,
    meets,
    single_part,
    to_blob,
)
from lobate.review.keeping import KEEPING, Damaged, note, noted

Row = dict[str, Any]
"""Field -> value, and ``geometry``, the outline in EPSG:4326."""

LONG = 200
"""Texts longer than this are kept once, under their digest."""

HISTORY_FIELDS = (
    "number INTEGER PRIMARY KEY NOT NULL",
    "act INTEGER",
    "time TEXT",
    "reviewer TEXT",
    "what TEXT",
    "undoes INTEGER",
    "layer TEXT",
    "row INTEGER",
    "name TEXT",
    "status_before TEXT",
    "status_after TEXT",
    "before TEXT",
    "after TEXT",
    "digest TEXT",
)
HISTORY_NAMES = tuple(text.split()[0] for text in HISTORY_FIELDS)
LAID_OUT = "laid_out"
DISPUTED = '"statements":'
"""What the text of a state holds where people contradict each other; in a person's own text its quotes are escaped."""
KNOWN, CONTENTS = "lobate_known", "lobate_contents"


@dataclass(frozen=True)
class Entry:
    """One row of the history: what an act did to one row of a layer; ``before`` and ``after`` are its states."""

    number: int
    act: int
    time: str
    reviewer: str
    what: str
    undoes: int | None
    layer: str | None
    row: int | None
    name: str | None
    status_before: str | None
    status_after: str | None
    before: str | None
    after: str | None


@dataclass
class Act:
    """An act that is under way: its number, who does it, when, and the history's rows so far."""

    number: int
    reviewer: str
    time: str
    what: str
    undoes: int | None = None
    rows: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What stands in a row (None: there is no row), and the statements of people who contradict each other about it."""

    row: Row | None
    statements: tuple[Row, ...] = ()


class Book:
    """Rows, states and history in an open file. All changes go through ``change``, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, layers: Sequence[Layer]) -> None:
        self._connection = connection
        self._layers = {layer.name: layer for layer in layers}
        self.contents: dict[str, bytes] = {}

    # --- acts

    def version(self) -> int:
        """Return the number of the last row of the history, 0 for none."""
        return int(self._connection.execute("SELECT coalesce(max(number), 0) FROM history").fetchone()[0])

    def begin(self, reviewer: str, what: str, time: str, undoes: int | None = None) -> Act:
        """Return a new act."""
        last = self._connection.execute("SELECT coalesce(max(act), 0) FROM history").fetchone()[0]
        return Act(int(last) + 1, reviewer, time, what, undoes)

    def change(self, act: Act, layer: str, fid: int | None, state: State) -> int:
        """Give a row its new state, and write the history; return the row's number. ``fid`` None makes a new row."""
        before = None if fid is None else self.known(layer, fid)
        if before is not None and fid is not None and (row := self.row(layer, fid)):
            self._encode_row(row)  # the outline of a laid-out row is kept from its first act on
        fid = self._write_row(layer, fid, state.row)
        after = self._encode(state)
        self._note_state(layer, fid, after)
        self.enter(act, layer, fid, before, after)
        return fid

    def enter(
        self,
        act: Act,
        layer: str | None = None,
        fid: int | None = None,
        before: str | None = None,
        after: str | None = None,
    ) -> None:
        """Add a row to the history."""
        rows = [None if text is None else json.loads(text) for text in (before, after)]
        fields = [{} if row is None else row["fields"] for row in rows]
        label = self._layers[layer].label if layer else ""
        name = next((fields[n][label] for n in (1, 0) if fields[n].get(label)), None)
        statuses = [self._status(layer, row) for row in rows]
        values = [
            self.version() + 1,
            act.number,
            act.time,
            act.reviewer,
            act.what,
            act.undoes,
            layer,
            fid,
            name,
            *statuses,
            before,
            after,
        ]
        values.append(_digest(values))
        self._insert_history(values)
        act.rows.append(values)

    def _status(self, layer: str | None, state: dict[str, Any] | None) -> str | None:
        if layer is None:
            return None
        if state is None or state["geometry"] is None:
            return "undecided" if "status" in self._layers[layer].fields else None
        return "in conflict" if state.get("statements") else state["fields"].get("status")

    def _insert_history(self, values: Sequence[Any]) -> None:
        self._connection.execute(f"INSERT INTO history VALUES ({', '.join('?' * len(values))})", list(values))

    # --- rows

    def row(self, layer: str, fid: int) -> Row | None:
        """Return a row as it stands in the layer, None where there is none."""
        return next(self._select(layer, "WHERE fid = ?", [fid]), (0, None))[1]

    def rows(self, layer: str, where: str = "", values: Sequence[Any] = ()) -> Iterator[tuple[int, Row]]:
        """Yield number and content of the rows of a layer, in order of their numbers. ``where``: a condition in SQL."""
        yield from self._select(layer, f"WHERE {where}" if where else "", values)

    def _select(self, layer: str, where: str, values: Sequence[Any]) -> Iterator[tuple[int, Row]]:
        names = self._layers[layer].fields
        columns = ", ".join(f'"{name}"' for name in names)
        query = f'SELECT fid, {GEOMETRY}{", " * bool(names)}{columns} FROM "{layer}" {where} ORDER BY fid'
        for fid, blob, *texts in self._connection.execute(query, list(values)):
            try:
                outline = from_blob(blob)
            except ValueError as error:
                raise Damaged(f"row {fid} of the layer {layer}: {error}") from error
            yield fid, {**dict(zip(names, texts, strict=True)), "geometry": outline}

    def _write_row(self, layer: str, fid: int | None, row: Row | None) -> int:
        names = [GEOMETRY, *self._layers[layer].fields]
        if row is None:
            self._connection.execute(f'DELETE FROM "{layer}" WHERE fid = ?', [fid])
            assert fid is not None
            return fid
        outline = row["geometry"]
        values = [
            None if outline is None else to_blob(outline),
            *(row.get(name) for name in self._layers[layer].fields),
        ]
        columns = ", ".join(f'"{name}"' for name in names)
        cursor = self._connection.execute(
            f'INSERT OR REPLACE INTO "{layer}" (fid, {columns}) VALUES ({", ".join("?" * (len(names) + 1))})',
            [fid, *values],
        )
        forget_extent(self._connection, layer)
        return int(cursor.lastrowid or 0)

    def rows_near(self, layer: str, *outlines: shapely.Geometry | None) -> Iterator[tuple[int, Row]]:
        """Yield the rows whose bounds meet those of an outline; the bounds stand in front of each outline in the file."""
        boxes = [outline.bounds for outline in outlines if outline is not None]
        query = f'SELECT fid, substr({GEOMETRY}, 1, 40) FROM "{layer}"'
        near = [fid for fid, head in self._connection.execute(query) if any(meets(head, box) for box in boxes)]
        for fid in near:
            yield from self._select(layer, "WHERE fid = ?", [fid])

    # --- states

    def known(self, layer: str, fid: int) -> str | None:
        """Return the state that the last act, or the laying out, gave a row."""
        found = self._connection.execute(
            f"SELECT state FROM {KNOWN} WHERE layer = ? AND row = ?", [layer, fid]
        ).fetchone()
        return None if found is None else str(found[0])

    def all_known(self, layer: str) -> dict[int, str]:
        """Return the known states of a layer's rows."""
        return dict(self._connection.execute(f"SELECT row, state FROM {KNOWN} WHERE layer = ?", [layer]).fetchall())

    def current(self, layer: str, fid: int | None) -> State:
        """Return what stands in a row now, nothing for a row that is not there yet."""
        row = None if fid is None else self.row(layer, fid)
        known = "" if fid is None else self.known(layer, fid) or ""
        return State(row, self.state(known).statements if DISPUTED in known else ())

    def disputed(self, layer: str) -> dict[int, tuple[Row, ...]]:
        """Return the statements about the rows of a layer that are in conflict."""
        query = f"SELECT row, state FROM {KNOWN} WHERE layer = ? AND instr(state, ?)"
        return {
            fid: self.state(text).statements
            for fid, text in self._connection.execute(query, [layer, DISPUTED]).fetchall()
        }

    def state(self, text: str | None) -> State:
        """Return what a state's text says."""
        if text is None:
            return State(None)
        encoded = json.loads(text)
        row = None if encoded["geometry"] is None and not encoded["fields"] else self._decode_row(encoded)
        return State(row, tuple(self._decode_row(statement) for statement in encoded.get("statements", [])))

    def encode_row(self, row: Row) -> str:
        """Return the text of the state of a row without statements."""
        return self._encode(State(row)) or ""

    def note_state(self, layer: str, fid: int, state: State) -> None:
        """Give a row its state without an act, for a row that nobody decided."""
        fid = self._write_row(layer, fid, state.row)
        self._note_state(layer, fid, self._encode(state))

    def add_undecided(self, layer: str, row: Row) -> int:
        """Add a row that nobody decided, without an act; return its number."""
        fid = self._write_row(layer, None, row)
        self._note_state(layer, fid, canonical_json(_digests(row)))
        return fid

    def _note_state(self, layer: str, fid: int, text: str | None) -> None:
        if text is None:
            self._connection.execute(f"DELETE FROM {KNOWN} WHERE layer = ? AND row = ?", [layer, fid])
        else:
            self._connection.execute(f"INSERT OR REPLACE INTO {KNOWN} VALUES (?, ?, ?)", [layer, fid, text])

    def _encode(self, state: State) -> str | None:
        if state.row is None:
            return None
        encoded = self._encode_row(state.row)
        if state.statements:
            encoded["statements"] = [self._encode_row(row) for row in state.statements]
        return canonical_json(encoded)

    def _encode_row(self, row: Row) -> dict[str, Any]:
        for value in row.values():
            if isinstance(value, str) and len(value) > LONG:
                self._keep(value.encode())
        if row["geometry"] is not None:
            self._keep(_wkb(row["geometry"]))
        return _digests(row)

    def _decode_row(self, encoded: dict[str, Any]) -> Row:
        fields = {
            name: self._content(value["digest"]).decode() if isinstance(value, dict) else value
            for name, value in encoded["fields"].items()
        }
        outline = encoded["geometry"]
        return {**fields, "geometry": None if outline is None else shapely.from_wkb(self._content(outline))}

    def _keep(self, content: bytes) -> str:
        digest = content_digest(content)
        self._connection.execute(f"INSERT OR IGNORE INTO {CONTENTS} VALUES (?, ?)", [digest, zlib.compress(content)])
        self.contents[digest] = content
        return digest

    def _content(self, digest: str) -> bytes:
        found = self._connection.execute(f"SELECT content FROM {CONTENTS} WHERE digest = ?", [digest]).fetchone()
        if found is None:
            raise Damaged(f"the history lacks the outline {digest}")
        return unpacked(found[0])

    def changed_rows(self, layer: str) -> list[tuple[int, Row | None]]:
        """Return number and content (None: it is gone) of the rows that are not in their known state."""
        known, changed = self.all_known(layer), []
        for fid, row in self.rows(layer):
            state = known.pop(fid, None)
            if state is None or not _digests(row).items() <= json.loads(state).items():
                changed.append((fid, row))
        return [*changed, *((fid, None) for fid in known)]

    # --- the history

    def repeat(self, values: Sequence[Any], contents: dict[str, bytes]) -> None:
        """Do again what a row of the history did, in a file that lacks it."""
        for content in contents.values():
            self._keep(content)
        entry = Entry(*values[:-1])
        self._insert_history(values)
        if entry.layer is not None and entry.row is not None:
            self._write_row(entry.layer, entry.row, self.state(entry.after).row)
            self._note_state(entry.layer, entry.row, entry.after)

    def versions(self, layer: str) -> dict[int, int]:
        """Return for each row of a layer the number of its last entry in the history."""
        return dict(
            self._connection.execute("SELECT row, max(number) FROM history WHERE layer = ? GROUP BY row", [layer])
        )

    def version_of(self, layer: str, fid: int) -> int:
        """Return the number of a row's last entry in the history, 0 for none."""
        query = "SELECT coalesce(max(number), 0) FROM history WHERE layer = ? AND row = ?"
        return int(self._connection.execute(query, [layer, fid]).fetchone()[0])

    def is_laid_out(self) -> bool:
        """Whether undecided rows are in the file, for programs that can only change rows."""
        return noted(self._connection, LAID_OUT) is not None

    def lay_out(self) -> None:
        """Note that undecided rows are in the file."""
        note(self._connection, LAID_OUT, "1")

    def entries(self, where: str = "1", values: Sequence[Any] = (), order: str = "number") -> Iterator[Entry]:
        """Yield rows of the history. ``where`` and ``order``: conditions in SQL."""
        names = ", ".join(HISTORY_NAMES[:-1])
        for found in self._connection.execute(
            f"SELECT {names} FROM history WHERE {where} ORDER BY {order}", list(values)
        ):
            yield Entry(*found)


class BookContent:
    """The tables of a kept file: its layers, the history, and what the keeping notes. See ``keeping.Content``."""

    def __init__(self, layers: Sequence[Layer], styles: Mapping[str, Sequence[Element]]) -> None:
        self.layers, self._styles = tuple(layers), styles

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file."""
        create_core(connection)
        for layer in self.layers:
            create_layer(connection, layer)
        create_table(connection, "history", HISTORY_FIELDS)
        write_styles(connection, self._styles)
        connection.execute("CREATE INDEX lobate_history_rows ON history (layer, row, number)")
        connection.execute("CREATE INDEX lobate_history_acts ON history (act)")
        connection.execute("CREATE INDEX lobate_history_undone ON history (undoes)")
        connection.execute(f"CREATE TABLE {KNOWN} (layer TEXT, row INTEGER, state TEXT, PRIMARY KEY (layer, row))")
        connection.execute(f"CREATE TABLE {CONTENTS} (digest TEXT PRIMARY KEY, content BLOB)")
        connection.execute(f"CREATE TABLE {KEEPING} (name TEXT PRIMARY KEY, value TEXT)")
        note(connection, "counter", "1")

    def verify(self, connection: sqlite3.Connection, counter: int) -> None:
        """Raise Damaged for a history, an outline or, where no other program wrote, a row that is not as it was written."""
        for values in connection.execute(f"SELECT {', '.join(HISTORY_NAMES)} FROM history"):
            if _digest(values[:-1]) != values[-1]:
                raise Damaged(f"row {values[0]} of the history is not as it was written")
        for digest, content in connection.execute(f"SELECT digest, content FROM {CONTENTS}"):
            if content_digest(unpacked(content)) != digest:
                raise Damaged("an outline of the history is not as it was written")
        if noted(connection, "counter") != str(counter):
            return
        book = Book(connection, self.layers)
        for layer in self.layers:
            changed = book.changed_rows(layer.name)
            if changed:
                raise Damaged(f"row {changed[0][0]} of the layer {layer.name} is not as it was written")

    def replay(self, connection: sqlite3.Connection, entries: Iterator[dict[str, Any]]) -> tuple[int, bool]:
        """Write the logged transactions that the file lacks; return the number of acts and whether some are missing."""
        book, acts, missing = Book(connection, self.layers), set(), False
        for entry in sorted(entries, key=lambda entry: entry["rows"][0][0]):
            for values in entry["rows"]:
                missing |= values[0] > book.version() + 1
                if values[0] > book.version():
                    book.repeat(values, {digest: bytes.fromhex(text) for digest, text in entry["contents"].items()})
                    acts.add(values[1])
        return len(acts), missing


def unpacked(content: bytes) -> bytes:
    """Return an outline or a long text of the history. Raises Damaged for bytes that are none."""
    try:
        return zlib.decompress(content)
    except (zlib.error, TypeError) as error:
        raise Damaged(f"an outline of the history is not as it was written: {error}") from error


def _digests(row: Row) -> dict[str, Any]:
    """Return a row as its state holds it: short values as they are, outline and long texts by their digests."""
    fields = {
        name: {"digest": content_digest(value.encode())} if isinstance(value, str) and len(value) > LONG else value
        for name, value in row.items()
        if name != "geometry" and value is not None
    }
    return {"fields": fields, "geometry": None if row["geometry"] is None else content_digest(_wkb(row["geometry"]))}


def _wkb(outline: shapely.Geometry) -> bytes:
    return bytes(shapely.to_wkb(single_part(shapely.force_2d(outline)), byte_order=1))


def content_digest(content: bytes) -> str:
    """Return the name of an outline or a long text in the history."""
    return hashlib.sha256(content).hexdigest()[:24]


def _digest(values: Sequence[Any]) -> str:
    return text_digest(canonical_json(list(values)))[:16]
