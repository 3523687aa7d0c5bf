"""How a file that a person's hours are in is kept: one transaction an act, dated backups, and a log of acts beside them.

The file is a GeoPackage with SQLite's rollback journal, never a write-ahead log. It is opened for each act and closed after
it, so a run, QGIS or another server may read in between. An act is on disk when ``write`` returns, or it is not in the
file at all. A damaged file is set aside and answered by the newest good backup and the acts that the log has since.

All access to a file goes through one ``Keeper`` a path and process at a time: POSIX locks belong to the process, and
another SQLite in it (GDAL has its own) would drop them. Nothing else in this process may open the file meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from lobate.errors import UserError, first_line
from lobate.io.atomic import atomic_write, temporary_folder
from lobate.review.acts_log import ActsLog
from lobate.store.os_errors import is_disk_full

T = TypeVar("T")

BUSY_S = 5.0
"""Seconds to wait for another program's lock."""
BACKUP_EVERY = timedelta(hours=1)
BACKUPS_KEPT = 20
BACKUPS = "backups"
"""Folder of backups, beside the file."""

HEADER_BYTES = 100
MAGIC = b"SQLite format 3\0"
WAL_VERSION = 2
"""Read and write version in the header of a file with a write-ahead log."""
KEEPING = "lobate_keeping"
"""Table of what the keeping itself notes."""

DAMAGE_TEXTS = ("no such table", "no such column", "malformed database schema", "Could not decode")
"""Beginnings of SQLite's texts for bytes that are wrong, among its errors of operation."""

_LOCKS: dict[str, threading.RLock] = {}
_LOCKS_GUARD = threading.Lock()


class Damaged(Exception):
    """The file's bytes are not those that were written."""


class Brought(Exception):
    """The file is whole, and another program made it."""


class Content(Protocol):
    """What is in a kept file."""

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file."""

    def verify(self, connection: sqlite3.Connection, counter: int) -> None:
        """Raise Damaged for content that is not as it was written; ``counter``: the file's change counter."""

    def replay(self, connection: sqlite3.Connection, entries: Iterator[dict[str, Any]]) -> tuple[int, bool]:
        """Write the logged transactions that the file lacks; return their number and whether some between are missing."""


class Keeper:
    """One kept file with its content.

    ``notices`` are paragraphs for the person, oldest first; whoever shows them empties the list.
    """

    def __init__(self, path: Path, content: Content, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self.notices: list[str] = []
        self.now = now
        self.log = ActsLog(path.parent / BACKUPS, path.stem)
        self._content = content
        self.adopt: Callable[[], Callable[[], object]] | None = None
        """Reads a file that another program made, and returns what writes its rows into a new one."""
        self._checked: int | None = None  # the change counter at which the content was found good
        self._backed_up: datetime | None = None
        with _LOCKS_GUARD:
            self.lock = _LOCKS.setdefault(os.path.realpath(path), threading.RLock())

    # --- reading and writing

    def read(self, work: Callable[[sqlite3.Connection], T], default: T) -> T:
        """Return what ``work`` reads of the file, ``default`` where there is no file yet."""
        with self.lock:
            return self._guarded(lambda: self._read(work)) if self.path.exists() else default

    def write(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        """Do ``work`` (connection, change counter before) in one transaction that is on disk when this returns.

        The file is made where it is missing, and backed up before the first act of a session and then once an hour. An
        exception in ``work`` leaves the file as it was. Raises UserError for a full disk, a lock of another program, or a
        folder that cannot be written.
        """
        with self.lock:
            with telling(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self._make()
            return self._guarded(lambda: self._write(work))

    def counter(self) -> int | None:
        """Return the file's change counter, which grows with each transaction of any program; None without a file."""
        with self.lock:
            return self._guarded(lambda: _header(self.path)[0]) if self.path.exists() else None

    def is_edited_elsewhere(self) -> bool:
        """Whether another program has the file open for editing with a write-ahead log, as QGIS does."""
        with self.lock:
            return self.path.exists() and self._guarded(lambda: self._settle() >= 0 and _header(self.path)[1])

    def _guarded(self, step: Callable[[], T]) -> T:
        """Return what a step returns; of a damaged file, what it returns of the restored one."""
        with telling(self.path):
            try:
                return step()
            except Brought:
                self._take_in()
                return step()
            except (Damaged, sqlite3.DatabaseError) as error:
                if not _is_damage(error):
                    raise
                self._restore(error)
            try:
                return step()
            except Damaged as error:
                raise UserError(
                    f"{self.path} is damaged again right after it was restored ({first_line(error)}). Check the disk, and start the review "
                    "with --decisions and a file on another one."
                ) from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        counter = self._settle()
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            self._check(connection, counter)
            return work(connection)

    def _write(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        counter = self._settle(must_leave_wal=True)
        with closing(self._connect()) as connection:
            connection.execute("BEGIN")
            self._check(connection, counter)
            connection.execute("ROLLBACK")
            self._back_up(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection, counter)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        self._checked = _header(self.path)[0]
        return result

    def _connect(self) -> sqlite3.Connection:
        return connect(self.path)

    def _settle(self, *, must_leave_wal: bool = False) -> int:
        """Return the change counter, after what a killed program left of an act is undone and a write-ahead log taken in.

        A write-ahead log stays while another program has the file open for editing.
        """
        if self.path.with_name(f"{self.path.name}-journal").exists():
            with closing(self._connect()) as connection:
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # SQLite rolls back
        counter, wal = _header(self.path)
        if not wal:
            return counter
        with closing(self._connect()) as connection:
            if not must_leave_wal:
                connection.execute("PRAGMA busy_timeout=0")
            try:
                connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            except sqlite3.OperationalError:
                if must_leave_wal:
                    raise
        counter, wal = _header(self.path)
        if wal and must_leave_wal:
            raise sqlite3.OperationalError("database is locked")
        return counter

    def _check(self, connection: sqlite3.Connection, counter: int) -> None:
        """Raise Damaged unless the content is whole; once a session, and after another program changed the file."""
        if counter == self._checked:
            return
        flaw = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if flaw != "ok":
            raise Damaged(str(flaw))
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [KEEPING]).fetchone():
            raise Brought(self.path)
        self._content.verify(connection, counter)
        self._checked = counter

    def _make(self, *, told: bool = False) -> None:
        """Make the file with its tables, complete or not at all, and back it up: later acts are in the log beside that."""
        with telling(self.path):
            earlier = [] if told else self.backups()
            with temporary_folder(self.path) as folder:
                new = folder / self.path.name
                with closing(connect(new, "rwc")) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                    self._content.create(connection)
                    connection.execute("COMMIT")
                with suppress(FileExistsError):  # another server made it meanwhile
                    _place(new, self.path)
            _fsync_folder(self.path.parent)
        if earlier:
            self.notices.append(
                f"{self.path} was not there and begins anew. Backups of an earlier one are in {self.path.parent / BACKUPS}, the "
                f"newest {earlier[-1].name}; to go on with it, stop the review and copy it to {self.path}."
            )
        self._checked = None

    # --- backups

    def backups(self) -> list[Path]:
        """Return the backups of this file, oldest first."""
        return sorted((self.path.parent / BACKUPS).glob(f"{self.path.stem}_[0-9]*Z{self.path.suffix}"))

    def _back_up(self, connection: sqlite3.Connection) -> None:
        """Copy the file if a backup is due. A failure is told and does not stop the act."""
        now = self.now()
        if self._backed_up is not None and now - self._backed_up < BACKUP_EVERY:
            return
        folder = self.path.parent / BACKUPS
        try:
            folder.mkdir(exist_ok=True)
            target = self._free_name(now)
            with atomic_write(target, fsync=True) as new:
                with closing(sqlite3.connect(new)) as copy:
                    connection.backup(copy)
                _note_counter(new)
            _fsync_folder(folder)
        except (OSError, sqlite3.Error) as error:
            self.notices.append(
                f"No backup of {self.path} could be made in {folder} ({first_line(error)}). The decisions are kept in the file "
                "itself; free some space or give yourself the right to write there."
            )
            return
        self._backed_up = now
        for old in self.backups()[:-BACKUPS_KEPT]:
            with suppress(OSError):
                old.unlink()
                self.log.beside(old).unlink(missing_ok=True)

    def _free_name(self, now: datetime) -> Path:
        while (name := self._dated(now)).exists():
            now += timedelta(seconds=1)
        return name

    def _dated(self, now: datetime, word: str = "") -> Path:
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        return self.path.parent / BACKUPS / f"{self.path.stem}_{word}{stamp}{self.path.suffix}"

    def _take_in(self) -> None:
        """Set a file that another program made aside, and put its rows into a new one."""
        if self.adopt is None:
            raise UserError(
                f"{self.path} was not made by lobate review, which keeps its file act by act. Give yours another name, name that in the "
                "configuration too, and start again."
            )
        write = self.adopt()
        (self.path.parent / BACKUPS).mkdir(exist_ok=True)
        aside = self._dated(self.now(), "brought_")
        self.path.replace(aside)
        self._make(told=True)
        write()
        self.notices.append(
            f"{self.path} was made by another program. Its decisions were taken over, and the file as it was is kept as {BACKUPS}/{aside.name}."
        )

    # --- a damaged file

    def _restore(self, error: BaseException) -> None:
        """Set the damaged file aside and put the newest good backup in its place, with the acts logged since."""
        folder = self.path.parent / BACKUPS
        folder.mkdir(exist_ok=True)
        with (folder / f".{self.path.stem}.lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)  # of two servers, one restores
            if self._is_whole():
                return
            aside = self._dated(self.now(), "damaged_")
            self.path.replace(aside)
            self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)  # of the damaged file
            backup = next((path for path in reversed(self.backups()) if self._is_good(path)), None)
            if backup is None:
                self._make(told=True)
            else:
                with atomic_write(self.path, fsync=True) as new:
                    shutil.copyfile(backup, new)
                _fsync_folder(self.path.parent)
            self._checked = None
            acts, gaps = self._replay()
        origin = f"the backup {backup.name}" if backup else "a new file, since there is no good backup"
        self.notices.append(
            f"{self.path} was damaged ({first_line(error)}). It is kept as {BACKUPS}/{aside.name}. The review goes on with {origin}"
            f" and the {acts} acts that the log beside the backups has since."
            + (" Some acts are missing there: look through the latest decisions again." if gaps or not backup else "")
        )

    def _replay(self) -> tuple[int, bool]:
        """Write the logged acts into the restored file; return their number and whether some are missing."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            replayed = self._content.replay(connection, self.log.entries())
            note(connection, "counter", str(_header(self.path)[0] + 1))
            connection.execute("COMMIT")
        return replayed

    def _is_whole(self) -> bool:
        try:
            self._checked = None
            self._read(lambda connection: None)
        except (Damaged, sqlite3.DatabaseError) as error:
            return not _is_damage(error)
        return True

    def _is_good(self, backup: Path) -> bool:
        try:
            counter, _ = _header(backup)
            with closing(connect(backup)) as connection:
                if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                    return False
                self._content.verify(connection, counter)
        except (Damaged, sqlite3.Error, OSError):
            return False
        return True


def connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open a file with a rollback journal that is on disk, its folder too, when a transaction ends."""
    connection = sqlite3.connect(
        f"file:{quote(os.fspath(path))}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
    )
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def note(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Set a value that the keeping notes in the file."""
    connection.execute(f"INSERT OR REPLACE INTO {KEEPING} VALUES (?, ?)", [name, value])


def noted(connection: sqlite3.Connection, name: str) -> str | None:
    """Return a value that the keeping noted in the file."""
    row = connection.execute(f"SELECT value FROM {KEEPING} WHERE name = ?", [name]).fetchone()
    return None if row is None else str(row[0])


def _note_counter(copy: Path) -> None:
    """Note the change counter in a copy, so that its content counts as written by lobate."""
    with closing(connect(copy)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        note(connection, "counter", str(_header(copy)[0] + 1))
        connection.execute("COMMIT")


def _header(path: Path) -> tuple[int, bool]:
    """Return a file's change counter and whether it has a write-ahead log. Raises Damaged if it is no SQLite file.

    Closing the file drops this process's locks on it, so no connection to it may be open.
    """
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
        raise Damaged("it is empty" if not head else "it is no GeoPackage")
    return int.from_bytes(head[24:28], "big"), WAL_VERSION in head[18:20]


def _is_damage(error: BaseException) -> bool:
    """Whether an error says that the bytes are wrong, and not a lock, a full disk or a right that is missing."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(DAMAGE_TEXTS)
    return not isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what the disk or another program refuses into a UserError; nothing was written then."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _refusal(path, error) from error
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> UserError:
    text = first_line(error)
    if "locked" in text or "busy" in text:
        return UserError(
            f"{path} is open for editing in another program, QGIS for instance, which has locked it. Nothing was kept of this act. Save "
            "and end the editing there, and repeat it."
        )
    if is_disk_full(error) or "disk I/O error" in text:
        return UserError(
            f"The disk of {path} is full, or your quota is used up ({text}). Nothing was kept of this act; all earlier ones are in the "
            "file. Free some space and repeat it."
        )
    return UserError(
        f"{path} cannot be written ({text}). Nothing was kept of this act. Give yourself the right to write there, or start the review "
        "with --decisions and a file elsewhere."
    )


def _place(new: Path, path: Path) -> None:
    """Give a complete file its name. Raises FileExistsError where the name is taken."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        new.replace(path)


def _fsync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
