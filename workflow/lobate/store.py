"""The content-addressed store: what was made once is never made again, wherever it is asked for.

    objects/ab/<sha256>        the bytes of one file, read-only
    recipes/ab/<key>.json      what was done to what, and which objects came out
    made/ab/<sha256>/<key>     which recipes made these bytes (empty files)
    links/ab/<sha256>.json     where outputs were linked to, and what they must contain
    work/<job>/                a running job's folder
    scratch/<key>/             checkpoints of a job that was interrupted
    verified                   objects that a verification still under way found whole

Everything is written under a temporary name in the same file system and renamed, objects before the recipe that names
them, so a killed job leaves nothing that can be mistaken for a result. Two jobs with one key both succeed: the first
to publish wins, and both link the same objects.

Any number of hosts may share the folder, also over NFS. Nothing there waits for another: no lock file, no flock, no
database, no file that has to be the first of its name, nothing that is changed in place or appended to but ``verified``,
whose torn lines match nothing. A name says what its file must contain, a rename over an existing file puts the same
bytes there again, and bytes are read before they are served; a host that sees an old list of a folder computes once
more than it had to. No time stamp is compared with a clock.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobate.digests import ITSELF, canonical, family, family_digest, file_digest, member, text_digest
from lobate.errors import Mistake

log = logging.getLogger(__name__)

DEFAULT = Path("results/.store")
ITS_OWN_AND_THE_STORES = 2
FICLONE = 0x40049409  # ioctl of Linux: share the blocks of another file, as btrfs and XFS can
Family = dict[str, str]
"""Relative name -> sha256 of each file of one output."""


@dataclass(frozen=True)
class Target:
    """Where one output is wanted."""

    path: Path
    editable: bool = False


class Store:
    """A folder of objects and recipes; any number of jobs and hosts may use it at once."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @classmethod
    def here(cls) -> Store:
        """Return the store that LOBATE_STORE names, else ``results/.store``."""
        return cls(os.environ.get("LOBATE_STORE") or DEFAULT)

    def object(self, digest: str) -> Path:
        """Return where the object with this digest stands."""
        return self.root / "objects" / digest[:2] / digest

    def recipe(self, key: str) -> Path:
        """Return where the recipe with this key stands."""
        return self.root / "recipes" / key[:2] / f"{key}.json"

    def makers(self, digest: str) -> Path:
        """Return the folder that lists the recipes which made this content."""
        return self.root / "made" / digest[:2] / digest

    def ledger(self, target: Path) -> Path:
        """Return where it is noted what was linked to ``target``."""
        place = text_digest(os.path.abspath(target))  # noqa: PTH100 - links are not to be followed
        return self.root / "links" / place[:2] / f"{place}.json"

    def scratch(self, key: str) -> Path:
        """Return the folder in which an interrupted job with this key finds its checkpoints."""
        return self.root / "scratch" / key

    def find(self, key: str) -> dict[str, Any] | None:
        """Return what is known under a key, None if nothing is; a damaged record counts as nothing."""
        try:
            known = json.loads(self.recipe(key).read_bytes())
            return known if known["key"] == key and isinstance(known["outputs"], dict) else None
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            log.warning("the store's record %s is damaged; it is thrown away and made anew", key[:12])
            self.recipe(key).unlink(missing_ok=True)
            return None

    def has(self, key: str) -> bool:
        """Whether a key's outputs are all there, without reading them."""
        known = self.find(key)
        return known is not None and all(self.object(one).exists() for one in _digests(known))

    def restore(self, key: str, targets: Mapping[str, list[Target]]) -> bool:
        """Link a known key's outputs to where they are wanted; False if it is unknown or any of it is damaged."""
        known = self.find(key)
        if known is None or not self._sound(known):
            return False
        try:
            for name, wanted in targets.items():
                for target, files in zip(wanted, known["outputs"][name], strict=True):
                    with _allowed(target.path, "let the results go elsewhere"):
                        self._place(target, files, key)
        except FileNotFoundError:  # another job found damage and threw the object away
            return False
        return True

    def _sound(self, known: dict[str, Any]) -> bool:
        broken = [one for one in sorted(set(_digests(known))) if not self.intact(one)]
        for digest in broken:
            log.warning("the store's object %s is damaged or gone; it is thrown away and made anew", digest[:12])
            self.discard(digest)
        return not broken

    def intact(self, digest: str) -> bool:
        """Whether an object is there and its bytes are what its name says."""
        try:
            return file_digest(self.object(digest)) == digest
        except OSError:
            return False

    def discard(self, digest: str) -> None:
        """Throw an object away."""
        self.object(digest).unlink(missing_ok=True)

    @contextmanager
    def work(self, stage: str) -> Iterator[Path]:
        """Give a running job an empty folder in the store's file system, and remove it afterwards."""
        folder = self.root / "work"
        with _allowed(self.root, "name another folder for the store in the environment variable LOBATE_STORE"):
            folder.mkdir(parents=True, exist_ok=True)
            job = Path(tempfile.mkdtemp(prefix=f"{stage}@{socket.gethostname()}@{os.getpid()}@", dir=folder))
        try:
            yield job
        finally:
            shutil.rmtree(job, ignore_errors=True)

    def publish(self, key: str, record: dict[str, Any], made: Mapping[str, list[Path]]) -> None:
        """Take the outputs at ``made`` into the store, then the record that names them."""
        outputs = {name: [self._adopt(path) for path in paths] for name, paths in made.items()}
        text = canonical({**record, "key": key, "outputs": outputs})
        self._write_new(self.recipe(key), text)
        for files in (one for family_list in outputs.values() for one in family_list):
            for digest in {family_digest(files), *files.values()}:
                marker = self.makers(digest) / key
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
        shutil.rmtree(self.scratch(key), ignore_errors=True)

    def _adopt(self, path: Path) -> Family:
        return {name: self._take(file) for name, file in family(path).items()}

    def _take(self, file: Path) -> str:
        digest = file_digest(file)
        home = self.object(digest)
        if self.intact(digest):
            return digest
        home.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(0o444)
        _flush(file)
        file.replace(home)
        return digest

    def _write_new(self, path: Path, text: str, *, lasting: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                if lasting:
                    os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _place(self, target: Target, files: Family, key: str) -> None:
        target.path.parent.mkdir(parents=True, exist_ok=True)
        if ITSELF in files or target.path.suffix.lower() == ".shp":
            for name in sorted(files, key=lambda one: one in (ITSELF, ".shp")):
                self._link(files[name], member(target.path, name), target.editable)
        else:
            self._place_folder(target, files)
        if not target.editable:
            note = {"path": os.path.abspath(target.path), "digest": family_digest(files), "key": key}  # noqa: PTH100
            # not made to last: a note lost in a power cut only makes the next plan read the file
            self._write_new(self.ledger(target.path), canonical(note), lasting=False)

    def _place_folder(self, target: Target, files: Family) -> None:
        new = Path(tempfile.mkdtemp(dir=target.path.parent, prefix=f".{target.path.name}."))
        new.chmod(0o755)
        try:
            for name, digest in files.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                self._link(digest, new / name, target.editable)
            if target.path.is_dir():
                shutil.rmtree(target.path)
            new.replace(target.path)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def _link(self, digest: str, place: Path, editable: bool) -> None:
        source = self.object(digest)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        os.close(handle)
        new = Path(temporary)
        try:
            if editable or not _hard_link(source, new, place):
                _copy(source, new, place)
                new.chmod(0o644 if editable else 0o444)
            # Snakemake compares time stamps: an output must not be older than the inputs it was restored for
            with suppress(PermissionError):
                os.utime(new)
            new.replace(place)
        finally:
            new.unlink(missing_ok=True)

    def linked(self, path: Path) -> str | None:
        """Return the digest of what this store linked to ``path``, None if it did not; the file itself is not looked at."""
        try:
            return json.loads(self.ledger(path).read_bytes())["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def check_untouched(self, path: Path, digest: str) -> None:
        """Refuse an input that this store linked there and that has changed since.

        Raises Mistake: its bytes were damaged on disk, or somebody edited a result by hand.
        """
        if self.linked(path) not in (None, digest):
            raise Mistake(
                f"The result {path} is no longer what lobate made: it was damaged on disk or edited by hand. Delete it "
                "and run again to have it back; a person's own data belongs in resources/, named in the configuration."
            )


def _digests(known: dict[str, Any]) -> list[str]:
    return [digest for families in known["outputs"].values() for files in families for digest in files.values()]


def _hard_link(source: Path, new: Path, place: Path) -> bool:
    """Link ``new`` (an empty file) to ``source``, unless that is linked somewhere else than at ``place`` or cannot be.

    A result shares its file with the store and with no other result: Snakemake touches what a job made, and a time
    stamp shared by two results would make one of them look newer than what was made from it.
    """
    with suppress(FileNotFoundError):
        if place.samefile(source):
            place.unlink()
    try:
        new.unlink()
        os.link(source, new)
    except FileNotFoundError:
        raise
    except OSError as error:
        log.info("%s cannot be linked from the store (%s): it is copied", place.name, error.strerror)
        return False
    if new.stat().st_nlink == ITS_OWN_AND_THE_STORES:
        return True
    new.unlink()
    return False


def _copy(source: Path, new: Path, place: Path) -> None:
    """Copy a file, sharing its blocks where the file system can."""
    with source.open("rb") as old, new.open("wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), FICLONE, old.fileno())
            log.info("%s shares its blocks with the store's file", place.name)
        except OSError:
            shutil.copyfileobj(old, copy, 1 << 20)


@contextmanager
def _allowed(path: Path, advice: str) -> Iterator[None]:
    """Turn a refusal to write at ``path`` into a Mistake."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise Mistake(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}. Give yourself the right to write "
            f"there, or {advice}."
        ) from error


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
