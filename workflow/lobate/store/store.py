"""The content-addressed store: what was made once is never made again, wherever it is asked for.

    objects/ab/<sha256>        the bytes of one file, read-only
    recipes/ab/<key>.json      what was done to what, and which objects came out
    made/ab/<sha256>.<key>     that this recipe made these bytes (empty files)
    links/ab/<sha256>.json     where outputs were linked to, and what they must contain
    work/<job>/                a running job's folder (lobate.store.jobs)
    aside/<batch>/             what nobody uses, until it is dropped (lobate.store.gc)
    scratch/<key>/             checkpoints of a job that was interrupted

Everything is written under a temporary name in the same file system and renamed, objects before the recipe that names
them, so a killed job leaves nothing that can be mistaken for a result. Two jobs with one key both succeed: the first
to publish wins, and both link the same objects.

Any number of hosts may share the folder, also over NFS. Nothing there waits for another: no lock file, no flock, no
database, no file that has to be the first of its name, nothing that is changed in place or appended to. A
name says what its file must contain, a rename over an existing file puts the same bytes there again, and bytes are read
before they are served; a host that sees an old list of a folder computes once more than it had to. No time stamp is
compared with a clock. Why nothing is dropped that a job is about to use: lobate.store.gc.

What a record of the store must look like: a name in it becomes a path, so nothing else is believed.
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
from lobate.io.digest import canonical_json, family_digest, file_digest, files_of, text_digest
from lobate.store import jobs
from lobate.store.link import OutputTarget, link_output
from lobate.store.os_errors import MISSING_CODES, UNREADABLE_CODES, require_writable

DIGEST = re.compile("[0-9a-f]{64}")
"""Names of objects and recipes; a network file system may leave files of its own beside them."""
FAMILIES = "outputs"


def output_digests(known: dict[str, Any]) -> list[str]:
    """Return the objects that a record names."""
    return [digest for families in known[FAMILIES].values() for files in families for digest in files.values()]


def is_well_formed(known: Any, key: str) -> bool:
    """Whether this is a record with this key, whose outputs name objects and stay in their folders."""
    try:
        families = [files for listed in known[FAMILIES].values() for files in listed]
        sources = [one for listed in known["sources"].values() for one in listed]
        return (
            known["key"] == key
            and all(_is_digest(digest) for digest in output_digests(known))
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


__all__ = ["OutputTarget", "Store"]

log = logging.getLogger(__name__)

DEFAULT_ROOT = Path("results/.store")
MAX_ATTEMPTS = 5
T = TypeVar("T")
Family = dict[str, str]
"""Relative name -> sha256 of each file of one output."""


class Store:
    """A folder of objects and recipes; any number of jobs and hosts may use it at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @classmethod
    def from_environment(cls) -> Store:
        """Return the store that LOBATE_STORE names, else ``results/.store``."""
        return cls(os.environ.get("LOBATE_STORE") or DEFAULT_ROOT)

    def object_path(self, digest: str) -> Path:
        """Return where the object with this digest stands."""
        return Path(self.root, "objects", digest[:2], digest)

    def recipe_path(self, key: str) -> Path:
        """Return where the recipe with this key stands."""
        return Path(self.root, "recipes", key[:2], f"{key}.json")

    def backref_path(self, digest: str, key: str) -> Path:
        """Return the empty file that says that this recipe made this content."""
        return Path(self.root, "made", digest[:2], f"{digest}.{key}")

    def producers(self, digest: str) -> list[str]:
        """Return the keys of the recipes that made this content, in order."""
        listed = sorted_names(self.root / "made" / digest[:2])
        return [name.partition(".")[2] for name in listed if name.startswith(f"{digest}.")]

    def link_note_path(self, target: Path) -> Path:
        """Return where it is noted what was linked to ``target``."""
        return self.note_path(text_digest(os.path.abspath(target)))  # noqa: PTH100 - links are not to be followed

    def note_path(self, place: str) -> Path:
        """Return the note on a place, named by the digest of its path."""
        return Path(self.root, "links", place[:2], f"{place}.json")

    def scratch_folder(self, key: str) -> Path:
        """Return the folder in which an interrupted job with this key finds its checkpoints."""
        return self.root / "scratch" / key

    def read_record(self, key: str) -> dict[str, Any] | None:
        """Return what is known under a key, None if nothing is; a damaged record counts as nothing."""
        home = self.recipe_path(key)
        try:
            known = json.loads(self._use_file(home, Path.read_bytes))
        except OSError as error:
            if error.errno not in MISSING_CODES:
                raise
            return None
        except (ValueError, RecursionError):
            known = None
        if is_well_formed(known, key):
            return known
        log.warning("the store's record %s is damaged; it is thrown away and made anew", key[:12])
        home.unlink(missing_ok=True)
        return None

    def _use_file(self, home: Path, use: Callable[[Path], T]) -> T:
        """Use an object or a recipe, taken back as often as collections put it aside meanwhile."""
        for _ in range(MAX_ATTEMPTS):
            try:
                return use(home)
            except OSError as error:
                if error.errno not in MISSING_CODES or not self.exists(home):
                    raise
        return use(home)

    def has(self, key: str) -> bool:
        """Whether a key's outputs are all there, without reading them."""
        known = self.read_record(key)
        return known is not None and all(self.exists(self.object_path(digest)) for digest in output_digests(known))

    def exists(self, home: Path) -> bool:
        """Whether an object or a recipe is in its place, or could be taken back to it."""
        return os.path.lexists(home) or self.restore_from_trash(home)

    def restore_from_trash(self, home: Path) -> bool:
        """Bring an object or a recipe back that a collection has put aside; False if it is nowhere."""
        seen = None
        while (batches := sorted_names(self.root / "aside")) != seen:  # a batch may change its name meanwhile
            for batch in batches:
                with suppress(FileNotFoundError, NotADirectoryError):
                    (self.root / "aside" / batch / home.name).replace(home)
                    return True
            seen = batches
        return os.path.lexists(home)  # somebody else has taken it back

    def checkout(self, key: str, targets: Mapping[str, list[OutputTarget]]) -> bool:
        """Link a known key's outputs to where they are wanted; False if it is unknown or any of it is damaged."""
        known = self.read_record(key)
        if known is None or not self._outputs_are_intact(known):
            return False
        try:
            for name, wanted in targets.items():
                for target, files in zip(wanted, known["outputs"][name], strict=True):
                    self._link_output(target, files, key)
        except OSError as error:  # another job found damage and threw the object away
            if error.errno not in MISSING_CODES:
                raise
            return False
        return True

    def _outputs_are_intact(self, known: dict[str, Any]) -> bool:
        damaged = [digest for digest in sorted(set(output_digests(known))) if not self._check_object(digest)]
        return not damaged

    def _check_object(self, digest: str) -> bool:
        seen = self._inode_and_mtime(digest)
        if self.is_intact(digest):
            return True
        log.warning("the store's object %s is damaged or gone; it is thrown away and made anew", digest[:12])
        if self._inode_and_mtime(digest) == seen:  # else another job has put a whole one there meanwhile
            self.discard(digest)
        return False

    def _inode_and_mtime(self, digest: str) -> tuple[int, int] | None:
        try:
            found = self.object_path(digest).lstat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def is_intact(self, digest: str) -> bool:
        """Whether an object is there, a file of its own, and its bytes are what its name says."""
        try:
            return self._use_file(self.object_path(digest), _regular_file_digest) == digest
        except OSError as error:
            if error.errno in UNREADABLE_CODES:
                return False
            raise  # too many open files, say: no fault of the object's

    def discard(self, digest: str) -> None:
        """Throw an object away, or what stands in its place."""
        home = self.object_path(digest)
        if home.is_dir() and not home.is_symlink():
            shutil.rmtree(home)
        else:
            home.unlink(missing_ok=True)

    @contextmanager
    def workdir(self, stage: str) -> Iterator[Path]:
        """Give a running job an empty folder in the store's file system, and remove it afterwards."""
        folder = self.root / "work"
        folder.mkdir(parents=True, exist_ok=True)
        job = jobs.register(folder, stage)
        try:
            yield job
        finally:
            shutil.rmtree(job, ignore_errors=True)

    def commit(self, key: str, record: dict[str, Any], made: Mapping[str, list[Path]]) -> None:
        """Take the outputs at ``made`` into the store, then the record that names them."""
        outputs = {name: [self._add_family(path) for path in paths] for name, paths in made.items()}
        self._write_new(self.recipe_path(key), canonical_json({**record, "key": key, "outputs": outputs}))
        for files in (one for listed in outputs.values() for one in listed):
            for digest in {family_digest(files), *files.values()}:
                marker = self.backref_path(digest, key)
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
        shutil.rmtree(self.scratch_folder(key), ignore_errors=True)

    def _add_family(self, path: Path) -> Family:
        return {name: self._add_object(file) for name, file in files_of(path).items()}

    def _add_object(self, file: Path) -> str:
        digest = file_digest(file)
        home = self.object_path(digest)
        if self.is_intact(digest):
            return digest
        home.parent.mkdir(parents=True, exist_ok=True)
        if home.is_dir() and not home.is_symlink():
            self.discard(digest)
        file.chmod(0o444)
        fsync_file(file)
        file.replace(home)
        return digest

    def _write_new(self, path: Path, text: str, *, lasting: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, fsync=lasting) as new:
            new.write_text(text + "\n", encoding="utf-8", errors="surrogatepass")
            new.chmod(0o644)

    def _link_output(self, target: OutputTarget, files: Family, key: str) -> None:
        with require_writable(target.path, "let the results go elsewhere"):
            link_output(target, files, lambda digest, use: self._use_file(self.object_path(digest), use))
        if not target.editable:
            note = {"path": os.path.abspath(target.path), "digest": family_digest(files), "key": key}  # noqa: PTH100
            # not made to last: a note lost in a power cut only makes the next plan read the file
            self._write_new(self.link_note_path(target.path), canonical_json(note), lasting=False)

    def linked_digest(self, path: Path) -> str | None:
        """Return the digest of what this store linked to ``path``, None if it did not; the file itself is not looked at."""
        try:
            return json.loads(self.link_note_path(path).read_bytes())["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def check_unmodified(self, path: Path, digest: str) -> None:
        """Refuse an input that this store linked there and that has changed since.

        Raises UserError: its bytes were damaged on disk, or somebody edited a result by hand.
        """
        if self.linked_digest(path) not in (None, digest):
            raise UserError(
                f"The result {path} is no longer what lobate made: it was damaged on disk or edited by hand. Delete it "
                "and run again to have it back; a person's own data belongs in resources/, named in the configuration."
            )


def sorted_names(folder: Path) -> list[str]:
    """Return the names in a folder, in order; none where there is no folder."""
    try:
        return sorted(one.name for one in folder.iterdir())
    except FileNotFoundError:
        return []


def _regular_file_digest(home: Path) -> str | None:
    """Return the digest of a file, None for a link, a folder or a pipe in its place."""
    return file_digest(home) if stat.S_ISREG(home.lstat().st_mode) else None
