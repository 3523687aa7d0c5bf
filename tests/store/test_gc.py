"""What goes from a store and what stays, while jobs come and go, run on other hosts, and die."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.kept import filled, key, publish

from lobate.store import gc
from lobate.store.gc import collect
from lobate.store.lineage import trace_lineage
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import Usage, disk_usage, verify

NOTHING = Usage(0, 0, 0)


@pytest.fixture
def elsewhere():
    """Return a function that lets a job of another host begin in a store, and end."""

    def begin(store: Store, host: str = "node7") -> Path:
        folder = store.root / f"work/train@{host}@1@000000000000.12@{next(numbers)}"
        folder.mkdir(parents=True)
        return folder

    numbers = itertools.count()
    return begin


def wanted(path: Path) -> dict[str, list[OutputTarget]]:
    return {"made": [OutputTarget(path)]}


def test_gc_keeps_the_records_of_what_results_were_made_from(toy):
    """The middle file is gone and its bytes may go; how it was made stays, or a lineage would have a hole."""
    toy.copy("middle/in.txt")
    toy.settings(seed=3)
    toy.run("copy", "--source", "middle/in.txt", "--result", "end.txt", "--settings", "toy.json", "--letter", "A")
    (toy.folder / "middle/in.txt").unlink()
    assert toy.run("store", "gc").stdout.startswith("deleted: 0 recipes, 1 objects")
    assert toy.run("explain", "end.txt").stdout.count("by copy") == 2


def test_two_regions_share_a_store_and_gc_keeps_both(toy):
    toy.copy("one/result.txt")
    toy.settings(seed=5)
    toy.copy("two/result.txt")
    assert toy.run("store", "gc").stdout.startswith("deleted: 0 recipes, 0 objects")
    (toy.folder / "one/result.txt").unlink()
    assert toy.run("store", "gc").stdout.startswith("deleted: 1 recipes, 1 objects")
    assert toy.copy("three/result.txt") == "restored"


def test_gc_keeps_what_is_linked_from_where_it_does_not_look(tmp_path):
    """A result that was moved shares its file with the store; dropping that would free nothing and lose its lineage."""
    store = filled(tmp_path, 4)
    for number in range(4):
        assert store.checkout(f"{number:064x}", {"made": [OutputTarget(tmp_path / "results" / str(number))]})
    (tmp_path / "results").rename(tmp_path / "moved")
    (clone,) = collect(store).unseen
    assert collect(store, forget=[clone.id]).dropped == NOTHING
    (tmp_path / "moved/1").unlink()
    assert collect(store, dry_run=True).dropped == Usage(1, 1, 2)
    assert disk_usage(store).objects == 4
    assert collect(store).dropped == Usage(1, 1, 2)
    assert disk_usage(store) == Usage(3, 3, 1 + 3 + 4)


def test_what_jobs_at_work_might_use_is_put_aside_and_dropped_when_they_have_ended(tmp_path, elsewhere):
    store = filled(tmp_path, 3)
    assert store.checkout(key(2), wanted(tmp_path / "out"))
    first = elsewhere(store)
    done = collect(store)
    assert (done.dropped, done.waiting, [job.host for job in done.jobs]) == (NOTHING, Usage(2, 2, 3), ["node7"])
    assert disk_usage(store) == Usage(1, 1, 3)
    later = elsewhere(store, "node8")
    assert collect(store).waiting == Usage(2, 2, 3), "the job is still at work"
    first.rmdir()
    done = collect(store)
    assert (done.dropped, done.waiting, done.jobs) == (Usage(2, 2, 3), NOTHING, []), (
        "one that came later needs none of it"
    )
    assert later.exists()
    assert not list((store.root / "aside").iterdir())
    assert len(list((store.root / "made").glob("*/*"))) == 1


def test_a_job_takes_back_what_was_put_aside_under_its_hands(tmp_path, elsewhere):
    """It saw that the objects are there, or began later and asks for them: both is served, nothing is computed again."""
    store = filled(tmp_path, 3)
    job = elsewhere(store)
    assert collect(store).waiting.objects == 3
    assert store.has(key(0))
    assert store.checkout(key(0), wanted(tmp_path / "out"))
    publish(store, 1, tmp_path)
    assert store.checkout(key(1), wanted(tmp_path / "other"))
    job.rmdir()
    assert collect(store).dropped == Usage(1, 1, 3)
    assert store.read_record(key(0)) and store.read_record(key(1))
    assert lineage_is_known(tmp_path, store)


def lineage_is_known(folder: Path, store: Store) -> bool:
    recipe = {name: {} for name in ("stage", "code", "settings", "scalars", "libraries")}
    (folder / "made.bin").write_bytes(b"bytes")
    store.commit(key(9), {"recipe": recipe, "sources": {}, "run": {}}, {"made": [folder / "made.bin"]})
    store.checkout(key(9), wanted(folder / "result"))
    collect(store)
    return trace_lineage(folder / "result", store)["key"] == key(9)


def test_a_result_that_came_between_the_two_looks_is_kept(tmp_path, monkeypatch):
    """On a file system without links, where only the note tells: the job ended before anybody listed it."""
    store = filled(tmp_path, 2)
    put_aside = gc.move_to_trash

    def meanwhile(*words: object) -> object:
        left = put_aside(*words)
        if not (tmp_path / "out").exists():
            assert store.checkout(key(0), {"made": [OutputTarget(tmp_path / "out")]})
            (tmp_path / "copy").write_bytes((tmp_path / "out").read_bytes())
            (tmp_path / "copy").replace(tmp_path / "out")
            aside = store.root / "aside"
            (batch,) = aside.iterdir()
            for home in (store.recipe_path(key(0)), next((store.root / "objects").glob("*/*"))):
                home.rename(batch / home.name)
        return left

    monkeypatch.setattr(gc, "move_to_trash", meanwhile)
    assert collect(store).dropped == Usage(1, 1, 2)
    assert store.has(key(0))
    assert not list((store.root / "aside").iterdir())


def test_a_note_on_a_result_that_came_back_is_kept(tmp_path, elsewhere):
    store, out = filled(tmp_path, 1), tmp_path / "out"
    assert store.checkout(key(0), wanted(out))
    out.rename(tmp_path / "away")
    job = elsewhere(store)
    collect(store)
    assert store.linked_digest(out) is None
    (tmp_path / "away").rename(out)
    job.rmdir()
    collect(store)
    assert store.linked_digest(out) is not None


def test_a_collection_that_was_killed_is_ended_by_the_next(tmp_path, monkeypatch):
    """Between any two of its steps: nothing used is lost, and nothing unused is left for ever."""
    steps = ["move_to_trash", "snapshot_jobs", "claim", "purge", "untrash", "drop_backrefs"]
    for number, (step, after) in enumerate(itertools.product(steps, (False, True))):
        folder = tmp_path / str(number)
        folder.mkdir()
        store = filled(folder, 4)
        assert store.checkout(key(3), wanted(folder / "out"))
        whole = getattr(gc, step)

        def dies(*words: object, whole=whole, after=after) -> object:
            if after:
                whole(*words)
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(gc, step, dies)
            if step != "untrash":
                with pytest.raises(KeyboardInterrupt):
                    collect(store)
        collect(store)
        assert disk_usage(store) == Usage(1, 1, 4), (step, after)
        assert not list((store.root / "aside").iterdir())
        assert len(list((store.root / "made").glob("*/*"))) == 1


def test_a_full_disk_is_emptied_bit_by_bit(tmp_path, monkeypatch):
    """The list of a folder needs room, too: what could be put aside is dropped, and then there is room for more."""
    store, rename, room = filled(tmp_path, 9), os.rename, itertools.count()

    def tight(source: Path, target: Path) -> None:
        if next(room) % 4 == 3:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(gc.os, "rename", tight)
    assert collect(store).dropped == Usage(9, 9, 45)
    assert not list((store.root / "aside").iterdir())


def test_gc_prints_what_it_did_and_what_waits(toy, elsewhere):
    toy.copy()
    (toy.folder / "out/result.txt").unlink()
    store = Store(toy.folder / "store")
    elsewhere(store)
    done = toy.run("store", "gc")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "deleted: 0 recipes, 0 objects, 0 bytes",
        "kept for running jobs; run lobate store gc again when they have ended: 1 recipes, 1 objects, 16 bytes",
        "running job: train on node7, process 1",
        "Jobs on other hosts cannot be checked from here. If you know that none of them runs any more: "
        "lobate store gc --abandoned node7",
    ]
    assert toy.run("store", "gc", "--abandoned", "node8").returncode == 2
    assert toy.run("store", "gc", "--dry-run").stdout.startswith("would be deleted: 1 recipes, 1 objects, 16 bytes\n")
    assert toy.run("store", "gc", "--abandoned", "node7").stdout == "deleted: 1 recipes, 1 objects, 16 bytes\n"
    assert not list((store.root / "work").iterdir())


def test_a_job_runs_on_while_the_store_is_collected(toy):
    """What it is about to make is there already, and is put aside under its hands."""
    toy.copy("old.txt")
    (toy.folder / "old.txt").unlink()
    process = toy.start("copy", "--source", "in.txt", "--result", "r", "--settings", "toy.json", TOY_SLEEP="4")
    while not list((toy.folder / "store").glob("work/*/made")):
        assert process.poll() is None
        time.sleep(0.01)
    output = toy.run("store", "gc").stdout
    assert "ended: 1 recipes, 1 objects, 16 bytes\nrunning job: copy on" in output
    assert "--abandoned" not in output, "that this job lives is seen"
    assert process.communicate(timeout=60)[1].startswith("computed")
    assert toy.run("store", "gc").stdout == "deleted: 1 recipes, 0 objects, 0 bytes\n"
    assert (toy.folder / "r").read_text() == "APPLE\nAVOCADO\n0\n"


def test_a_job_whose_folder_was_taken_away_keeps_nothing(toy):
    """Somebody said that no job runs on this host, and was wrong."""
    process = toy.start("copy", "--source", "in.txt", "--result", "r", "--settings", "toy.json", TOY_SLEEP="2")
    store = Store(toy.folder / "store")
    while not list(store.root.glob("work/*/made/result/0/r")):
        assert process.poll() is None
        time.sleep(0.01)
    (folder,) = (store.root / "work").iterdir()
    folder = folder.rename(folder.with_name("copy@node7@1@000000000000.12@x"))
    assert toy.run("store", "gc", "--abandoned", "node7").returncode == 0
    _, output = process.communicate(timeout=60)
    assert (process.returncode, "was removed while its job was running" in output) == (2, True), output
    assert disk_usage(store) == NOTHING
    assert not (toy.folder / "r").exists()


WORKER = """
import random, sys, time
from pathlib import Path
from lobate.store.store import Store
from lobate.store.link import OutputTarget

folder, name, seed, seconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
store, dice, end = Store(folder / "store"), random.Random(seed), time.monotonic() + seconds
results = folder / name
results.mkdir()
while time.monotonic() < end:
    number = dice.randrange(12)
    key, out = f"{number:064x}", results / f"{number}.{dice.randrange(2)}"
    with store.workdir("toy") as job:
        wanted = {"made": [OutputTarget(out), OutputTarget(out.with_suffix(".also"))]}
        if not store.checkout(key, wanted):
            made = [job / "one", job / "two"]
            made[0].write_bytes(b"%d" % number * 99)
            made[1].write_bytes(b"%d" % (number // 4) * 50)  # shared by several recipes
            store.commit(key, {"recipe": {}, "sources": {}, "run": {}}, {"made": made})
            time.sleep(dice.random() / 20)  # nothing but this job's folder tells that it is needed
            assert store.checkout(key, wanted), f"lost {number}"
        assert out.read_bytes() == b"%d" % number * 99
    for path in results.glob("[0-9]*"):
        if dice.random() < 0.3:
            path.unlink()
"""
COLLECTOR = """
import sys, time
from pathlib import Path
from lobate.store.gc import collect
from lobate.store.store import Store
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    collect(Store(Path(sys.argv[1]) / "store"))
"""


@pytest.mark.parametrize("seed", [int(os.environ.get("STORE_SEED", "0"))])
def test_jobs_and_collections_race_and_some_are_killed(tmp_path, seed):
    """Real processes on one store: what results use is never lost, no job fails, and in the end nothing is left over."""
    seconds, dice = float(os.environ.get("STORE_SECONDS", "5")), random.Random(seed)
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "collector.py").write_text(COLLECTOR)

    def start(*words: object) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, *map(str, words)], cwd=tmp_path, stderr=subprocess.PIPE, text=True)

    workers = [start("worker.py", tmp_path, f"w{number}", seed * 10 + number, seconds) for number in range(3)]
    collectors = [start("collector.py", tmp_path, seconds) for _ in range(2)]
    time.sleep(dice.uniform(0.5, 0.8) * seconds)
    for victim in (workers.pop(), collectors.pop()):
        victim.kill()
        victim.communicate()
    errors = [process.communicate(timeout=60 + seconds)[1] for process in workers + collectors]
    assert [process.returncode for process in workers + collectors] == [0] * 3, errors
    store = Store(tmp_path / "store")
    collect(store)
    assert not list((store.root / "aside").iterdir()), "what the killed ones left is gone"
    assert not list((store.root / "work").iterdir())
    results = [
        path for name in ("w0", "w1", "w2") for path in (tmp_path / name).iterdir() if path.suffix in (".0", ".1")
    ]
    assert results
    for result in results:
        assert store.has(key(int(result.stem))), "a result's recipe and objects are there"
    assert verify(store) == []
    used = {path.stat().st_ino for path in tmp_path.glob("w*/[0-9]*")}
    assert disk_usage(store).recipes <= 12
    assert used
    for name in ("w0", "w1", "w2"):
        for path in (tmp_path / name).glob("[0-9]*"):
            path.unlink()
    collect(store)
    assert disk_usage(store) == NOTHING
    assert not list((store.root / "made").glob("*/*"))
    assert not list((store.root / "links").glob("*/*.json"))
