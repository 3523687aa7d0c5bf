"""Disk usage, and verification that reads every object."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import subprocess
import sys
import time

import pytest
from tests.kept import filled

from lobate.store import verify as verification
from lobate.store.store import Store
from lobate.store.verify import disk_usage, verify


def test_du_verify_and_gc(toy):
    toy.copy()
    toy.settings(seed=1)
    toy.copy()
    assert json.loads(toy.run("store", "du", "--json").stdout) == {"recipes": 2, "objects": 2, "bytes": 32}
    assert toy.run("store", "verify").returncode == 0
    dry = toy.run("store", "gc", "--dry-run").stdout
    assert dry == "would be deleted: 1 recipes, 1 objects, 16 bytes\n"
    assert toy.run("store", "gc").stdout == dry.replace("would be deleted", "deleted")
    assert toy.copy() == "restored"
    (kept,) = toy.objects()
    kept.chmod(0o644)
    kept.write_bytes(b"flipped")
    found = toy.run("store", "verify")
    assert (found.returncode, kept.name in found.stdout) == (1, True)
    assert not toy.objects()


def test_verification_reads_everything_each_time(tmp_path, monkeypatch):
    """A file that was changed in place, with its old size and time of change, is seen."""
    store = filled(tmp_path, 60)
    objects = sorted((tmp_path / "store/objects").glob("*/*"), key=lambda path: -path.stat().st_size)
    changed = objects[0]
    changed.chmod(0o644)
    stamps = changed.stat()
    changed.write_bytes(b"X" * stamps.st_size)
    os.utime(changed, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    whole, read = Store.is_intact, []
    monkeypatch.setattr(Store, "is_intact", lambda self, digest: read.append(digest) or whole(self, digest))
    assert verify(store) == [changed.name]
    assert sorted(read) == sorted([*(path.name for path in objects), changed.name]), "a damaged one is read twice"
    read.clear()
    assert verify(store) == []
    assert len(read) == 59
    assert not (tmp_path / "store/verified").exists()


def test_an_interrupted_verification_reads_and_throws_away_nothing_more(tmp_path, monkeypatch):
    store = filled(tmp_path, 60)
    (smallest,) = (path for path in (tmp_path / "store/objects").glob("*/*") if path.stat().st_size == 1)
    smallest.chmod(0o644)
    smallest.write_bytes(b"X")
    whole, read = Store.is_intact, []

    def cut(self: Store, digest: str) -> bool:
        read.append(digest)
        if len(read) == 40:
            raise KeyboardInterrupt
        if len(read) > 40:
            time.sleep(0.05)
        return whole(self, digest)

    with monkeypatch.context() as broken:
        broken.setattr("os.cpu_count", lambda: 1)
        broken.setattr(Store, "is_intact", cut)
        with pytest.raises(KeyboardInterrupt):
            verify(store)
    assert len(read) < 60 and disk_usage(store).objects == 60
    assert verify(store) == [smallest.name]


def test_a_killed_verification_leaves_the_next_one_nothing_to_stumble_over(tmp_path):
    """24 objects of 64 MiB that take no room."""
    store = Store(tmp_path / "store")
    sparse_objects(store, 24, 64 << 20)
    words = [sys.executable, "-m", "lobate", "store", "verify"]
    environment = {**os.environ, "LOBATE_STORE": str(store.root)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    process.kill()
    process.communicate()
    assert sorted(path.name for path in store.root.iterdir()) == ["objects"]
    again = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout == "every object is whole\n"


def test_verification_tells_how_far_it_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("lobate"), "propagate", True)
    monkeypatch.setattr("lobate.store.verify.LOG_EVERY_S", -1)
    caplog.set_level("INFO", logger="lobate.progress")
    store = filled(tmp_path, 3)
    verify(store)
    assert "read 3 of 3 objects, 0.0 of 0.0 GB" in caplog.text


def test_a_limit_of_this_process_is_not_taken_for_damage(tmp_path, monkeypatch):
    """Too many open files: no object is thrown away for that."""
    store = filled(tmp_path, 3)

    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr("lobate.store.store.file_digest", refuse)
        with pytest.raises(OSError, match="Too many"):
            verify(store)
    assert disk_usage(store).objects == 3


def sparse_objects(store: Store, number: int, size: int) -> None:
    """Write objects of nothing but zeros, each a byte longer than the one before, under their right names."""
    zeros = hashlib.sha256(bytes(size))
    for _ in range(number):
        home = store.object_path(zeros.hexdigest())
        home.parent.mkdir(parents=True, exist_ok=True)
        home.touch()
        os.truncate(home, size)
        zeros.update(b"\0")
        size += 1


def test_an_object_that_a_job_has_built_again_meanwhile_is_kept(tmp_path, monkeypatch):
    """Reading a large store takes hours; what was damaged at the first look need not be at the last."""
    store = filled(tmp_path, 2)
    path = store.object_path(hashlib.sha256(b"\1\1").hexdigest())
    path.chmod(0o644)
    path.write_bytes(b"\1\2")
    read = verification._damaged_objects

    def meanwhile(*words: object) -> list[str]:
        damaged = [*read(*words)]
        path.write_bytes(b"\1\1")
        return damaged

    monkeypatch.setattr(verification, "_damaged_objects", meanwhile)
    assert verify(store) == []
    assert path.exists()
