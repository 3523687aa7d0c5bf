"""Link notes: which content the store linked to which result, and where it has seen the clone of that result.

    links/ab/<sha256 of clone and place>.json    the clone, the place in it, the digest and the key
    clones/<clone>.<sha256 of host>.json         the host, the folder of the clone as last seen there, and what it is a copy of

A clone accuses nobody by the note of another. Two kinds of notes are *inherited*: those of the clones that this one is a
copy of, and those of earlier versions, which name an absolute path and no clone. They count where the content agrees, and
then become notes of the clone itself. An earlier note on a path beside the store, as in ``results/.store``, is the clone's
own: no other clone has that store.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobate.io.atomic import atomic_write
from lobate.io.digest import canonical_json, text_digest
from lobate.store.clones import CLONE_ID, Clone, find_clone, own_clone

DEFAULT_NAME = ".store"
"""Name of a store that lies in the folder of the results of its only clone."""


@dataclass(frozen=True)
class Note:
    """A link note: the content of a result, the key of its recipe, its absolute path when it was linked, and its clone.

    ``clone`` and ``place`` (the path in the clone) are "" in a note of an earlier version.
    """

    digest: str
    key: str
    path: str
    clone: str = ""
    place: str = ""


class LinkNotes:
    """The link notes of the store in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._registered: set[Clone] = set()

    def file(self, digest: str) -> Path:
        """Return the path of the note with this digest of its clone and place."""
        return Path(self.root, "links", digest[:2], f"{digest}.json")

    def file_in_clone(self, clone: str, place: str) -> Path:
        """Return the path of the note on a place in a clone."""
        return self.file(text_digest(f"{clone}\0{place}"))

    def file_on(self, target: Path) -> Path | None:
        """Return the path of the note of the clone that ``target`` belongs to; None if that has no id yet."""
        path = _absolute(target)
        clone = find_clone(path)
        return self.file_in_clone(clone.id, clone.place(path)) if clone and clone.id else None

    def file_of_earlier(self, path: str) -> Path:
        """Return the path of an earlier version's note on an absolute path."""
        return self.file(text_digest(path))

    def lies_beside(self, path: str) -> bool:
        """Whether an absolute path is in the folder of results that holds this store, and only its clone uses it."""
        root = _absolute(self.root)
        return os.path.basename(root) == DEFAULT_NAME and path.startswith(os.path.dirname(root) + os.sep)  # noqa: PTH119, PTH120

    def own(self, target: Path) -> Note | None:
        """Return the note of the clone that ``target`` belongs to."""
        file, path = self.file_on(target), _absolute(target)
        note = file and _read_if_possible(file)
        return note or (_read_if_possible(self.file_of_earlier(path)) if self.lies_beside(path) else None)

    def inherited(self, target: Path) -> Iterator[Note]:
        """Yield the notes on ``target`` that this clone did not make: they may be about another file."""
        path = _absolute(target)
        clone = find_clone(path)
        files = [self.file_in_clone(other, clone.place(path)) for other in clone.copied_from()] if clone else []
        for file in (*files, self.file_of_earlier(path)):
            if note := _read_if_possible(file):
                yield note

    def write(self, target: Path, digest: str, key: str) -> None:
        """Note the content of a result; its clone gets an id if it has none, and is noted as seen on this host.

        A result in the store's own folder is of a running job, such as `lobate map`, and goes with it: it needs no note.
        """
        path = _absolute(target)
        if path.startswith(_absolute(self.root) + os.sep):
            return
        clone = own_clone(path)
        if clone not in self._registered:
            self._register(clone)
        self.pass_on(Note(digest, key, path, place=clone.place(path)), clone.id)
        if self.lies_beside(path):
            self.file_of_earlier(path).unlink(missing_ok=True)

    def pass_on(self, note: Note, clone: str) -> None:
        """Write a note on the same place in another clone."""
        _write(self.file_in_clone(clone, note.place), {**vars(note), "clone": clone})

    def take_over(self, target: Path, note: Note) -> None:
        """Make an inherited note the clone's own, if the clone can be written and has an identity or is a copy."""
        if find_clone(_absolute(target)):
            with suppress(OSError):
                self.write(target, note.digest, note.key)

    def _register(self, clone: Clone) -> None:
        host = socket.gethostname()
        file = Path(self.root, "clones", f"{clone.id}.{text_digest(host)[:12]}.json")
        seen = {"clone": clone.id, "host": host, "folder": clone.folder, "copied_from": clone.copied_from()}
        if _json_of(file) != seen:
            _write(file, seen)
        self._registered.add(clone)


def read_note(file: Path) -> Note | None:
    """Return the note in a file; None if there is no such file, or it is damaged. Raises OSError if it cannot be read."""
    try:
        content = json.loads(file.read_bytes())
        clone, place = content.get("clone", ""), content.get("place", "")
        note = Note(content["digest"], content["key"], content["path"], clone, place)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    is_text = all(isinstance(value, str) for value in vars(note).values())
    return note if is_text and (not note.clone or CLONE_ID.fullmatch(note.clone)) else None


def _read_if_possible(file: Path) -> Note | None:
    try:
        return read_note(file)
    except OSError:
        return None


def _json_of(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write JSON without fsync: if a power cut loses the note, the next plan only reads the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as new:
        new.write_text(canonical_json(content) + "\n", encoding="utf-8", errors="surrogatepass")
        new.chmod(0o644)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links are not to be followed
