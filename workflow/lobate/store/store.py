"""The content-addressed store: a result that was computed once is never computed again.

    objects/ab/<sha256>        the bytes of one file, read-only
    recipes/ab/<key>.json      the record of a stage: its recipe, its sources and the digests of its outputs
    made/ab/<sha256>.<key>     back reference: the recipe that made these bytes (an empty file)
    calls/ab/<call>.<inputs>.<key> the key that a call of a verb led to (an empty file; lobate.engine.known_calls)
    links/ab/<sha256>.json     link note: the clone and path of a linked output, its digest and its key (lobate.store.notes)
    clones/<clone>.<host>.json where a host has seen a clone (lobate.store.clones)
    work/<job>/                the folder of a running job (lobate.store.jobs)
    aside/<batch>/             unused files, until they are dropped (lobate.store.gc)
    scratch/<key>/             checkpoints of an interrupted job
    judged/<test side>/<model> a model that a test side has judged (lobate.store.judged)

Every file is written under a temporary name in the same file system and renamed, objects before the recipe that names
them. So a killed job leaves nothing that looks like a result. Two jobs with one key both succeed: the first commit
wins, and both link the same objects.

Any number of hosts may share the folder, also over NFS. No job waits for another: there is no lock file, no flock and no
database, and no file is changed in place or appended to. A name determines its file's content, so a rename over an
existing file replaces bytes by the same bytes. Bytes are checked before they are used. A host with an outdated list of a
folder at worst computes once more than necessary. No time stamp is compared with a clock. lobate.store.gc explains why
nothing is dropped that a job is about to use.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from lobate.errors import UserError
from lobate.io.atomic import atomic_write, fsync_file
from lobate.io.digest import canonical_json, family_digest, file_digest, files_of
from lobate.store import jobs
from lobate.store.link import OutputTarget, link_output
from lobate.store.notes import DEFAULT_NAME, LinkNotes
from lobate.store.os_errors import MISSING_CODES, UNREADABLE_CODES, require_writable
from lobate.store.seal import seal, unseal

__all__ = ["OutputTarget", "Store"]

log = logging.getLogger(__name__)

DEFAULT_ROOT = Path("results", DEFAULT_NAME)
DIGEST = re.compile("[0-9a-f]{64}")
"""Names of objects and recipes; a network file system may leave files of its own beside them."""
MAX_ATTEMPTS = 5
T = TypeVar("T")
Family = dict[str, str]
"""Relative name -> sha256 of each file of one output."""


class Store:
    """A folder of objects and recipes; any number of jobs and hosts may use it at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.notes = LinkNotes(self.root)

    @classmethod
    def from_environment(cls) -> Store:
        """Return the store that LOBATE_STORE names, else ``results/.store``."""
        return cls(os.environ.get("LOBATE_STORE") or DEFAULT_ROOT)

    def object_path(self, digest: str) -> Path:
        """Return the path of the object with this digest."""
        return Path(self.root, "objects", digest[:2], digest)

    def recipe_path(self, key: str) -> Path:
        """Return the path of the record with this key."""
        return Path(self.root, "recipes", key[:2], f"{key}.json")

    def backref_path(self, digest: str, key: str) -> Path:
        """Return the path of the back reference from this content to the recipe that made it."""
        return Path(self.root, "made", digest[:2], f"{digest}.{key}")

    def producers(self, digest: str) -> list[str]:
        """Return the keys of the recipes that made this content, in order."""
        backrefs = sorted_names(self.root / "made" / digest[:2])
        return [name.partition(".")[2] for name in backrefs if name.startswith(f"{digest}.")]

    def scratch_folder(self, key: str) -> Path:
        """Return the folder for the checkpoints of a job with this key."""
        return self.root / "scratch" / key

    def read_record(self, key: str) -> dict[str, Any] | None:
        """Return the record with this key, or None; a damaged record is deleted."""
        path = self.recipe_path(key)
        try:
            record = unseal(json.loads(self._use_file(path, _read_record_file)))
        except OSError as error:
            if error.errno not in MISSING_CODES:
                raise
            return None
        except (ValueError, RecursionError):
            record = None
        if is_well_formed(record, key):
            return record
        log.warning("the store's record %s is damaged; it is deleted and computed again", key[:12])
        path.unlink(missing_ok=True)
        return None

    def _use_file(self, path: Path, use: Callable[[Path], T]) -> T:
        """Return ``use`` of an object or a record, taken back from the trash whenever a collection moves it there."""
        for _ in range(MAX_ATTEMPTS):
            try:
                return use(path)
            except OSError as error:
                if error.errno not in MISSING_CODES or not self.exists(path):
                    raise
        return use(path)

    def has(self, key: str) -> bool:
        """Whether a key's outputs are all in the store; they are not read."""
        record = self.read_record(key)
        return record is not None and all(self.exists(self.object_path(digest)) for digest in output_digests(record))

    def exists(self, path: Path) -> bool:
        """Whether an object or a record is in its place, or could be taken back from the trash."""
        return os.path.lexists(path) or self.restore_from_trash(path)

    def restore_from_trash(self, path: Path) -> bool:
        """Take an object or a record back from the trash; return False if it is nowhere."""
        searched = None
        while (batches := sorted_names(self.root / "aside")) != searched:  # a batch may be renamed meanwhile
            for batch in batches:
                with suppress(FileNotFoundError, NotADirectoryError):
                    (self.root / "aside" / batch / path.name).replace(path)
                    return True
            searched = batches
        return os.path.lexists(path)  # another job may have taken it back

    def checkout(self, key: str, targets: Mapping[str, list[OutputTarget]]) -> bool:
        """Link a key's outputs to their targets; return False if the key is unknown or any output is damaged."""
        record = self.read_record(key)
        if record is None or not self._outputs_are_intact(record):
            return False
        try:
            for name, output_targets in targets.items():
                for target, files in zip(output_targets, record["outputs"][name], strict=True):
                    self._link_output(target, files, key)
        except OSError as error:  # another job has deleted a damaged object
            if error.errno not in MISSING_CODES:
                raise
            return False
        return True

    def _outputs_are_intact(self, record: dict[str, Any]) -> bool:
        damaged = [digest for digest in sorted(set(output_digests(record))) if not self._check_object(digest)]
        return not damaged

    def _check_object(self, digest: str) -> bool:
        """Whether an object is intact; a damaged one is deleted."""
        before = self._inode_and_mtime(digest)
        if self.is_intact(digest):
            return True
        log.warning("the store's object %s is damaged or gone; it is deleted and computed again", digest[:12])
        if self._inode_and_mtime(digest) == before:  # else another job has put an intact one there meanwhile
            self.discard(digest)
        return False

    def _inode_and_mtime(self, digest: str) -> tuple[int, int] | None:
        try:
            status = self.object_path(digest).lstat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def is_intact(self, digest: str) -> bool:
        """Whether an object is a regular file with this digest."""
        try:
            return self._use_file(self.object_path(digest), _regular_file_digest) == digest
        except OSError as error:
            if error.errno in UNREADABLE_CODES:
                return False
            raise  # for instance too many open files: the object is not damaged

    def discard(self, digest: str) -> None:
        """Delete an object, or a folder in its place."""
        path = self.object_path(digest)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def workdir(self, stage: str) -> Iterator[Path]:
        """Yield an empty folder for a running job in the store's file system, and remove it afterwards."""
        folder = self.root / "work"
        folder.mkdir(parents=True, exist_ok=True)
        job = jobs.register(folder, stage)
        try:
            yield job
        finally:
            shutil.rmtree(job, ignore_errors=True)

    def commit(self, key: str, record: dict[str, Any], outputs: Mapping[str, list[Path]]) -> None:
        """Move the outputs into the store, then write the record that names them, then the back references."""
        families = {name: [self._add_family(path) for path in paths] for name, paths in outputs.items()}
        self._write_new(self.recipe_path(key), canonical_json(seal({**record, "key": key, "outputs": families})))
        for files in (files for output in families.values() for files in output):
            for digest in {family_digest(files), *files.values()}:
                backref = self.backref_path(digest, key)
                backref.parent.mkdir(parents=True, exist_ok=True)
                backref.touch()
        shutil.rmtree(self.scratch_folder(key), ignore_errors=True)

    def note_call(self, call: str, inputs: str, key: str) -> None:
        """Note the key that a call led to, by the digests of the call and of its inputs."""
        path = Path(self.root, "calls", call[:2], f"{call}.{inputs}.{key}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def has_call(self, call: str) -> bool:
        """Whether this call is noted with any inputs."""
        return any(name.startswith(f"{call}.") for name in sorted_names(self.root / "calls" / call[:2]))

    def keys_of_call(self, call: str, inputs: str) -> list[str]:
        """Return the keys that a call with these inputs led to, in order: one, if no note was damaged."""
        names = sorted_names(self.root / "calls" / call[:2])
        keys = (name.removeprefix(f"{call}.{inputs}.") for name in names if name.startswith(f"{call}.{inputs}."))
        return [key for key in keys if DIGEST.fullmatch(key)]

    def _add_family(self, path: Path) -> Family:
        return {name: self._add_object(file) for name, file in files_of(path).items()}

    def _add_object(self, file: Path) -> str:
        digest = file_digest(file)
        path = self.object_path(digest)
        if self.is_intact(digest):
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            self.discard(digest)
        file.chmod(0o444)
        fsync_file(file)
        file.replace(path)
        return digest

    def _write_new(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, fsync=True) as new:
            new.write_text(text + "\n", encoding="utf-8", errors="surrogatepass")
            new.chmod(0o644)

    def _link_output(self, target: OutputTarget, files: Family, key: str) -> None:
        with require_writable(target.path, "let the results go elsewhere"):
            link_output(target, files, lambda digest, use: self._use_file(self.object_path(digest), use))
        if not target.editable:
            self.notes.write(target.path, family_digest(files), key)

    def linked_digest(self, path: Path) -> str | None:
        """Return the digest in the clone's link note on ``path``, or None; the file itself is not read."""
        note = self.notes.own(path)
        return note.digest if note else None

    def check_unmodified(self, path: Path, digest: str) -> None:
        """Raise UserError if this store linked other content to ``path``: it was damaged on disk or edited by hand.

        Only the clone's own note counts. An inherited note on this content becomes the clone's own.
        """
        note = self.notes.own(path)
        if note is None:
            same = (inherited for inherited in self.notes.inherited(path) if inherited.digest == digest)
            if inherited := next(same, None):
                self.notes.take_over(path, inherited)
        elif note.digest != digest:
            raise UserError(
                f"The result {path} is no longer what lobate made: it was damaged on disk or edited by hand. Delete it "
                "and run again to have it back; a person's own data belongs in resources/, named in the configuration."
            )


def output_digests(record: dict[str, Any]) -> list[str]:
    """Return the digests of all objects that a record names."""
    return [digest for families in record["outputs"].values() for files in families for digest in files.values()]


def is_well_formed(record: Any, key: str) -> bool:
    """Whether a value is a record with this key, with digests of objects and with names inside the output's folder.

    Names in a record become paths, so they are checked before use.
    """
    try:
        families = [files for families in record["outputs"].values() for files in families]
        sources = [source for sources in record["sources"].values() for source in sources]
        return (
            record["key"] == key
            and all(_is_digest(digest) for digest in output_digests(record))
            and all(_is_inside(name) for files in families for name in files)
            and all(isinstance(source["path"], str) and _is_digest(source["digest"]) for source in sources)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def sorted_names(folder: Path) -> list[str]:
    """Return the names in a folder, in order; none if there is no folder."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _read_record_file(path: Path) -> bytes:
    """Return the bytes of a record. Raises ValueError for a pipe or a device, which might never end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(f"{path} is no file")
    return path.read_bytes()


def _regular_file_digest(path: Path) -> str | None:
    """Return the digest of a regular file, None for a link, a folder or a pipe."""
    return file_digest(path) if stat.S_ISREG(path.lstat().st_mode) else None
