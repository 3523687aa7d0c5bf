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

from lobate.store.store import Store
from lobate.store.verify import disk_usage, verify


def test_du_verify_and_gc(toy):
    toy.copy()
    toy.settings(seed=1)
    toy.copy()
    assert json.loads(toy.run("store", "du", "--json").stdout) == {"recipes": 2, "objects": 2, "bytes": 32}
    assert toy.run("store", "verify").returncode == 0
    dry = toy.run("store", "gc", "--dry-run").stdout
    assert dry == "would go: 1 recipes, 1 objects, 16 bytes\n"
    assert toy.run("store", "gc").stdout == dry.replace("would go", "dropped")
    assert toy.copy() == "restored"
    (kept,) = toy.objects()
    kept.chmod(0o644)
    kept.write_bytes(b"flipped")
    found = toy.run("store", "verify")
    assert (found.returncode, kept.name in found.stdout) == (1, True)
    assert not toy.objects()


def test_verification_passes_over_nothing_that_changed(tmp_path, monkeypatch):
    store = filled(tmp_path, 60)
    objects = sorted((tmp_path / "store/objects").glob("*/*"), key=lambda one: -one.stat().st_size)
    read: list[str] = []
    whole = Store.is_intact

    def cut(self: Store, digest: str) -> bool:
        read.append(digest)
        if len(read) == 40:
            raise KeyboardInterrupt
        return whole(self, digest)

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(Store, "is_intact", cut)
    with pytest.raises(KeyboardInterrupt):
        verify(store)
    noted = [line.split()[0] for line in (tmp_path / "store/verified").read_text().split("\n") if line]
    assert 39 <= len(noted) < 60, "each is noted at once"
    with (tmp_path / "store/verified").open("a") as torn:
        torn.write(objects[50].name + " 1")
    changed = objects[0]
    changed.chmod(0o644)
    stamps = changed.stat()
    changed.write_bytes(b"X" * stamps.st_size)
    os.utime(changed, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    again: list[str] = []
    monkeypatch.setattr(Store, "is_intact", lambda self, digest: again.append(digest) or whole(self, digest))
    assert verify(store) == [changed.name]
    assert set(again) == {changed.name} | {one.name for one in objects if one.name not in noted}
    assert not (tmp_path / "store/verified").exists()
    again.clear()
    verify(store)
    assert len(again) == 59, "a new verification reads everything"


def test_verification_killed_in_the_middle_goes_on_and_says_so(tmp_path):
    """24 objects of 64 MiB that take no room; the second run reads only what the first had not."""
    store = Store(tmp_path / "store")
    sparse_objects(store, 24, 64 << 20)
    words = [sys.executable, "-m", "lobate", "store", "verify"]
    environment = {**os.environ, "LOBATE_STORE": str(store.root)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    notes = store.root / "verified"
    while not notes.exists() or len(notes.read_text().split()) < 5 * 5:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate()
    found = len([line for line in notes.read_text().split("\n") if line])
    assert found < 24
    again = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"going on with a verification that was cut short: {24 - found} objects are left" in again.stderr
    assert again.stdout == "every object is whole\n"
    assert not notes.exists()


def test_verification_tells_how_far_it_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("lobate"), "propagate", True)
    monkeypatch.setattr("lobate.store.verify.EVERY_S", -1)
    caplog.set_level("INFO", logger="lobate.store.verify")
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
        home = store.object(zeros.hexdigest())
        home.parent.mkdir(parents=True, exist_ok=True)
        home.touch()
        os.truncate(home, size)
        zeros.update(b"\0")
        size += 1
