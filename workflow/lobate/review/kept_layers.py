"""Layers that people change act by act, on one server or several: acts, undo over sessions, and what QGIS changed since."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from lobate.errors import UserError, first_line
from lobate.review.geopackage import Layer
from lobate.review.history import Act, Book, BookContent, Entry, Row, State
from lobate.review.keeping import Keeper, note, noted

T = TypeVar("T")

ELSEWHERE = "in another program"
"""What an act was that another program did."""
UNDO = "undo"
UNTAKEN = "not all taken up"
"""What stands for the change counter while a row that another program wrote cannot be taken up."""
MAX_TEXT = 10_000
"""Letters of a text that a person enters."""


@dataclass(frozen=True)
class Outcome:
    """What an act did: the version after it, and the numbers of the rows it changed, in their order.

    ``message`` is for the person, "" where all is as asked for. ``conflict`` tells that somebody contradicts.
    """

    version: int
    rows: tuple[int, ...] = ()
    message: str = ""
    conflict: bool = False


class KeptLayers:
    """A kept GeoPackage with layers of outlines in EPSG:4326; each public method is one act or one look."""

    def __init__(
        self,
        path: Path,
        layers: Sequence[Layer],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        styles: Mapping[str, Sequence[Element]] | None = None,
    ) -> None:
        self.path = path
        self.layers = tuple(layers)
        self.keeper = Keeper(path, BookContent(layers, styles or {}), now)
        self._looked_at: int | None = None

    def notices(self) -> list[str]:
        """Return what the person must be told, and forget it."""
        told, self.keeper.notices[:] = list(self.keeper.notices), []
        return told

    def version(self) -> int:
        """Return the number of the last row of the history; it grows with each act, also of other programs and servers."""
        return self._look(lambda book: book.version(), 0)

    def history(self, last: int = 200, reviewer: str | None = None) -> list[Entry]:
        """Return the last rows of the history, the newest first."""
        where, values = ("reviewer = ? AND", [reviewer]) if reviewer is not None else ("", [])
        found = lambda book: [*book.entries(f"{where} 1", values, f"number DESC LIMIT {int(last)}")]  # noqa: E731
        return self._look(found, [])

    def changed_since(self, version: int) -> list[Entry]:
        """Return the rows of the history after a version, oldest first."""
        return self._look(lambda book: [*book.entries("number > ?", [version])], [])

    # --- undo

    def undo(self, reviewer: str, act: int | None = None) -> Outcome:
        """Undo the reviewer's last act that is not undone, or the act with this number, in whichever session it was.

        Raises UserError where there is none, and where somebody has changed all of it since.
        """
        reviewer = clean(reviewer)

        def work(book: Book) -> tuple[Act, Outcome]:
            entries = self._to_undo(book, reviewer, act)
            new = book.begin(reviewer, UNDO, self._time(), undoes=entries[0].act)
            rows, since = [], []
            for entry in reversed(entries):
                if entry.layer is None or entry.row is None:
                    continue
                if self._undo_entry(book, new, entry):
                    rows.append(entry.row)
                else:
                    since.append(entry)
            if since and not rows:
                raise self._changed_since(book, since[0])
            if not new.rows:
                book.enter(new)
            message = (
                f"{len(since)} of {len(entries)} rows were changed by others since and stay as they are."
                if since
                else ""
            )
            return new, Outcome(book.version(), tuple(rows), message)

        return self._change(work)

    def _to_undo(self, book: Book, reviewer: str, act: int | None) -> list[Entry]:
        undone = "act NOT IN (SELECT undoes FROM history WHERE undoes IS NOT NULL)"
        if act is None:
            where, values = f"reviewer = ? AND what NOT IN (?, ?) AND {undone}", [reviewer, UNDO, ELSEWHERE]
            last = next(book.entries(where, values, "number DESC LIMIT 1"), None)
            if last is None:
                raise UserError(f"There is nothing to undo: all acts of {reviewer or 'nobody by name'} are undone.")
            act = last.act
        entries = [*book.entries(f"act = ? AND what <> ? AND {undone}", [act, UNDO])]
        if not entries:
            raise UserError(f"The act {act} is undone already, or there is none of this number.")
        return entries

    def _undo_entry(self, book: Book, act: Act, entry: Entry) -> bool:
        """Give a row the state before an act, if it is still in the state after it; return whether it was."""
        assert entry.layer is not None
        assert entry.row is not None
        if book.known(entry.layer, entry.row) != entry.after:
            return False
        book.change(act, entry.layer, entry.row, book.state(entry.before))
        return True

    def _changed_since(self, book: Book, entry: Entry) -> UserError:
        later = "layer = ? AND row = ? AND number > ?"
        last = next(book.entries(later, [entry.layer, entry.row, entry.number], "number DESC LIMIT 1"))
        return UserError(
            f"{last.reviewer or 'Somebody'} changed {entry.name or f'row {entry.row}'} since (act {last.act}, {last.time}), so this cannot "
            "be undone. Undo that act first, in the history, or decide anew."
        )

    # --- acts and looks

    def _change(self, work: Callable[[Book], tuple[Act, Outcome]]) -> Outcome:
        """Do an act on what is kept already; it begins no file."""
        if not self.path.exists():
            raise UserError(f"There is nothing to undo or to take back: nothing is kept in {self.path} yet.")
        return self._act(work)

    def _delete(self, reviewer: str, layer: str, row: int) -> Outcome:
        """Delete a row; that can be undone. Raises UserError for a row that is not there."""
        reviewer = clean(reviewer)

        def work(book: Book) -> tuple[Act, Outcome]:
            self._present(book, layer, row)
            act = book.begin(reviewer, "delete", self._time())
            book.change(act, layer, row, State(None))
            return act, Outcome(book.version(), (row,))

        return self._change(work)

    def _present(self, book: Book, layer: str, row: int) -> Row:
        found = book.row(layer, row)
        if found is None:
            raise UserError(f"The layer {layer} of {self.path} has no row {row} any more. Look at the list again.")
        return found

    def _act(self, work: Callable[[Book], tuple[Act, Outcome]]) -> Outcome:
        """Do an act in one transaction, after what another program changed was taken up."""
        logged: dict[str, Any] = {}

        def transaction(connection: sqlite3.Connection, counter: int) -> Outcome:
            book = Book(connection, self.layers)
            taken, whole = self._take_up(book, connection, counter)
            act, outcome = work(book)
            note(connection, "counter", str(counter + 1) if whole else UNTAKEN)
            logged.update(rows=[*taken, *act.rows], contents={name: text.hex() for name, text in book.contents.items()})
            return outcome

        outcome = self.keeper.write(transaction)
        self._log(logged)
        return outcome

    def _look(self, look: Callable[[Book], T], default: T) -> T:
        """Return what a look at the file gives, after what another program changed was taken up."""
        self.take_up()
        return self.keeper.read(lambda connection: look(Book(connection, self.layers)), default)

    def _quietly(self, work: Callable[[Book], None] | None = None) -> int:
        """Take up what another program changed, and write what is no act of a person; return the number of rows taken up."""
        logged: dict[str, Any] = {}

        def transaction(connection: sqlite3.Connection, counter: int) -> int:
            book = Book(connection, self.layers)
            taken, whole = self._take_up(book, connection, counter)
            if work:
                work(book)
            note(connection, "counter", str(counter + 1) if whole else UNTAKEN)
            logged.update(rows=taken, contents={name: text.hex() for name, text in book.contents.items()})
            return len(taken)

        count = self.keeper.write(transaction)
        self._looked_at = self.keeper.counter()
        self._log(logged)
        return count

    def take_up(self) -> int:
        """Enter what another program, QGIS for instance, changed in the layers into the history; return the number of rows.

        A file that is open for editing there is left for later.
        """
        counter = self.keeper.counter()
        if counter is None or counter == self._looked_at or self.keeper.is_edited_elsewhere():
            return 0
        if self.keeper.read(lambda connection: noted(connection, "counter"), None) in (
            None,
            str(self.keeper.counter()),
        ):
            self._looked_at = counter
            return 0
        try:
            return self._quietly()
        except UserError as error:
            self._tell_once(str(error))
            return 0

    def _take_up(self, book: Book, connection: sqlite3.Connection, counter: int) -> tuple[list[list[Any]], bool]:
        """Return the history's rows of what another program changed, and whether all of it could be taken up."""
        if noted(connection, "counter") == str(counter):
            return [], True
        rows, whole = [], True
        for layer in self.layers:
            for fid, row in book.changed_rows(layer.name):
                try:
                    checked = None if row is None else self._checked(layer.name, fid, row)
                except UserError as error:
                    self._tell_once(str(error))
                    whole = False
                    continue
                who = clean(str((row or {}).get("reviewer") or ""))
                act = book.begin(who, ELSEWHERE, self._time())
                book.change(act, layer.name, fid, State(checked))
                rows += act.rows
        return rows, whole

    def _checked(self, layer: str, fid: int, row: Row) -> Row:
        """Return a row that another program wrote as lobate writes it. Raises UserError for one that cannot stand."""
        return row

    def _log(self, entry: dict[str, Any]) -> None:
        if not entry.get("rows"):
            return
        backups = self.keeper.backups()
        try:
            self.keeper.log.append(backups[-1] if backups else None, entry)
        except OSError as error:
            self._tell_once(
                f"The log of acts beside the backups of {self.path} cannot be written ({first_line(error)}). The file itself is whole."
            )

    def _tell_once(self, text: str) -> None:
        if text not in self.keeper.notices:
            self.keeper.notices.append(text)

    def _time(self) -> str:
        return self.keeper.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clean(text: str | None) -> str:
    """Return a text that a person entered, in one form of its letters, without what a file or a terminal cannot hold."""
    whole = unicodedata.normalize("NFC", (text or "").encode("utf-8", "replace").decode())
    kept = "".join(letter for letter in whole if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs"))
    return kept.strip()[:MAX_TEXT]
