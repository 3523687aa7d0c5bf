from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lobate import care
from lobate.care import Usage, collect, usage, verify
from lobate.errors import Mistake
from lobate.store import Store, Target


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


def test_gc_waits_for_running_jobs(toy):
    process = toy.start("copy", "--source", "in.txt", "--result", "r", "--settings", "toy.json", TOY_SLEEP="60")
    try:
        while not list((toy.folder / "store").glob("work/*/made")):
            assert process.poll() is None
        done = toy.run("store", "gc")
        assert (done.returncode, "Jobs are at work" in done.stderr) == (2, True)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert not list((toy.folder / "store/work").iterdir()), "a job that is asked to end cleans up"


def test_gc_keeps_the_records_of_what_results_were_made_from(toy):
    """The middle file is gone and its bytes may go; how it was made stays, or a lineage would have a hole."""
    toy.copy("middle/in.txt")
    toy.settings(seed=3)
    toy.run("copy", "--source", "middle/in.txt", "--result", "end.txt", "--settings", "toy.json", "--letter", "A")
    (toy.folder / "middle/in.txt").unlink()
    assert toy.run("store", "gc").stdout.startswith("dropped: 0 recipes, 1 objects")
    assert toy.run("explain", "end.txt").stdout.count("by copy") == 2


def test_two_regions_share_a_store_and_gc_keeps_both(toy):
    toy.copy("one/result.txt")
    toy.settings(seed=5)
    toy.copy("two/result.txt")
    assert toy.run("store", "gc").stdout.startswith("dropped: 0 recipes, 0 objects")
    (toy.folder / "one/result.txt").unlink()
    assert toy.run("store", "gc").stdout.startswith("dropped: 1 recipes, 1 objects")
    assert toy.copy("three/result.txt") == "restored"


def test_verification_cut_short_goes_on_and_passes_over_nothing_that_changed(tmp_path, monkeypatch):
    store = filled(tmp_path, 60)
    objects = sorted((tmp_path / "store/objects").glob("*/*"))
    read: list[str] = []
    whole = Store.intact

    def cut(self: Store, digest: str) -> bool:
        read.append(digest)
        if len(read) == 40:
            raise KeyboardInterrupt
        return whole(self, digest)

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(Store, "intact", cut)
    with pytest.raises(KeyboardInterrupt):
        verify(store)
    noted = len((tmp_path / "store/verified").read_text().split())
    assert noted
    with (tmp_path / "store/verified").open("a") as torn:
        torn.write(objects[50].name + " 1")
    changed = objects[0]
    changed.chmod(0o644)
    stamps = changed.stat()
    changed.write_bytes(b"X" * stamps.st_size)
    os.utime(changed, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    again: list[str] = []
    monkeypatch.setattr(Store, "intact", lambda self, digest: again.append(digest) or whole(self, digest))
    assert verify(store) == [changed.name]
    assert changed.name in again
    assert set(again) >= {one.name for one in objects[40:]}
    assert len(again) < 60
    assert not (tmp_path / "store/verified").exists()
    again.clear()
    verify(store)
    assert len(again) == 59, "a new verification reads everything"


def test_gc_keeps_what_is_linked_from_where_it_does_not_look(tmp_path):
    """A result that was moved shares its file with the store; dropping that would free nothing and lose its lineage."""
    store = filled(tmp_path, 4)
    for number in range(4):
        assert store.restore(f"{number:064x}", {"made": [Target(tmp_path / "results" / str(number))]})
    (tmp_path / "results").rename(tmp_path / "moved")
    assert collect(store) == Usage(0, 0, 0)
    (tmp_path / "moved/1").unlink()
    assert collect(store, dry_run=True) == Usage(1, 1, 2)
    assert usage(store).objects == 4
    assert collect(store) == Usage(1, 1, 2)
    assert usage(store) == Usage(3, 3, 1 + 3 + 4)


def test_gc_leaves_alone_what_comes_while_it_works(tmp_path, monkeypatch):
    store = filled(tmp_path, 2)
    sweep = care._sweep_work

    def meanwhile(*words: object, **named: object) -> None:
        sweep(*words, **named)
        publish(store, 9, tmp_path)

    monkeypatch.setattr(care, "_sweep_work", meanwhile)
    assert collect(store).objects == 2
    assert store.has(f"{9:064x}")


def test_files_of_other_names_are_no_objects(tmp_path):
    store = filled(tmp_path, 1)
    (held,) = (tmp_path / "store/objects").glob("*/*")
    (held.parent / ".nfs0000000000000001").write_text("left by a network file system")
    (tmp_path / "store/work/odd@host@name@x").mkdir(parents=True)
    assert usage(store) == Usage(1, 1, 1)
    assert verify(store) == []
    with pytest.raises(Mistake, match="odd@host"):
        collect(store)


def filled(folder: Path, number: int) -> Store:
    store = Store(folder / "store")
    for one in range(number):
        publish(store, one, folder)
    return store


def publish(store: Store, number: int, folder: Path) -> None:
    made = folder / "made.bin"
    made.write_bytes(bytes([number]) * (1 + number))
    store.publish(f"{number:064x}", {"recipe": {}, "sources": {}, "run": {}}, {"made": [made]})
