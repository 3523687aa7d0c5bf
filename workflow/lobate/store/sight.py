"""Which clones of a store this host sees, and which of them may still use a noted result.

A clone is seen if its id lies in a folder where some host has seen it, whatever that host is called. A result of a clone
that is seen is gone if its file is. Of all other clones (another host, an unmounted disk, a container, a folder without
permission, a clone that was moved or removed) nothing is known, so all that they have noted is in use. Only a person can
tell that such a clone is gone for good.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobate.store.clones import CLONE_ID, read_clone
from lobate.store.notes import LinkNotes, Note

EARLIER = "earlier"
"""Stands for the clones of notes by an earlier version, which name no clone."""


@dataclass(frozen=True)
class UnseenClone:
    """A clone that this host cannot see: its id, the number of its results, and where they were last seen."""

    id: str
    results: int
    places: tuple[str, ...]


class Sight:
    """The clones of a store as this host sees them at this moment."""

    def __init__(self, root: Path) -> None:
        self.notes = LinkNotes(root)
        self.seen: dict[str, str] = {}
        self.places: defaultdict[str, list[str]] = defaultdict(list)
        self.copies: defaultdict[str, list[str]] = defaultdict(list)
        for record in _clone_records(root):
            self._look_into(record["folder"])
            place = f"{record['folder']} on {record['host']}".encode(errors="backslashreplace").decode()
            self.places[record["clone"]].append(place)
            for original in record["copied_from"]:
                self.copies[original].append(record["clone"])
        for folder in ("results", root.parent):  # a clone that was moved, and has not linked anything since
            self._look_into(os.path.abspath(folder))  # noqa: PTH100

    def _look_into(self, folder: str) -> None:
        clone = read_clone(folder)
        if clone and clone.id:
            self.seen[clone.id] = folder

    def users_of(self, note: Note) -> Iterator[str]:
        """Yield the clones that may use the noted result: those that are seen to have it, and all that are not seen."""
        if not note.clone:
            yield from self._earlier_users_of(note)
            return
        for clone in (note.clone, *self.copies[note.clone]):
            if clone != note.clone and self.notes.file_in_clone(clone, note.place).exists():
                continue  # the copy has a note of its own on this result
            if clone not in self.seen or not is_gone(self.seen[clone], note.place):
                yield clone

    def _earlier_users_of(self, note: Note) -> Iterator[str]:
        newer = self.notes.file_on(Path(note.path))
        is_superseded = newer is not None and newer.exists()
        if os.path.lexists(note.path) and not is_superseded:
            yield note.path
        elif not self.notes.lies_beside(note.path):
            yield EARLIER

    def is_seen(self, user: str) -> bool:
        """Whether a user of a result is a clone that is seen, or an existing file that an earlier version noted."""
        return user in self.seen or os.path.isabs(user)  # noqa: PTH117

    def unseen(self, n_results: Mapping[str, int]) -> list[UnseenClone]:
        """Return the users of results (id -> number of results) that are not seen, in order."""
        ids = sorted(user for user in n_results if not self.is_seen(user))
        return [UnseenClone(clone, n_results[clone], tuple(sorted(self.places[clone]))) for clone in ids]

    def is_outdated(self) -> bool:
        """Whether a clone that was seen is not seen any more, as after an unmount."""
        return not self.seen.items() <= Sight(self.notes.root).seen.items()


def is_gone(folder: str, place: str) -> bool:
    """Whether a clone's folder, which is seen, has no file at this place.

    False if the file's own folder cannot be entered, or is on a disk that is not mounted: then nothing is known.
    """
    path = os.path.join(folder, place)  # noqa: PTH118
    try:
        if _has_entry(path):
            return False
        while not _has_entry(path):
            path = os.path.dirname(path)  # noqa: PTH120
        return os.stat(path).st_dev == os.stat(folder).st_dev  # noqa: PTH116
    except OSError:
        return False


def _has_entry(path: str) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _clone_records(root: Path) -> list[dict[str, Any]]:
    """Return where hosts have seen the clones of the store, in order; damaged records are left out."""
    try:
        files = sorted(Path(root, "clones").glob("*.json"))
    except OSError:
        return []
    return [record for file in files if (record := _record(file))]


def _record(file: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_bytes())
        texts = (record["clone"], record["host"], record["folder"], *record["copied_from"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None
    is_well_formed = all(isinstance(text, str) for text in texts) and CLONE_ID.fullmatch(record["clone"])
    return record if is_well_formed else None
