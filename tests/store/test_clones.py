"""A clone has an identity of its own: no path and no host's name stands for it, and what is not seen is kept.

A disk is a folder that is renamed to ``home`` while a host has it mounted, so hosts have the same path on other disks.
Links to the store are refused, as between two disks: only notes tell what is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.kept import filled, key
from tests.store.clone_world import RESULT, refuses_edited

from lobate.errors import UserError
from lobate.io.digest import content_digest
from lobate.store import gc
from lobate.store.clones import own_clone, read_clone
from lobate.store.gc import collect
from lobate.store.lineage import trace_lineage
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import Usage, disk_usage


@pytest.mark.parametrize("hosts", [("node1", "node2"), ("localhost", "localhost")])
def test_two_hosts_with_one_path_on_two_disks_do_not_accuse_each_other(world, hosts):
    """Two machines, or two containers of one name: each sees its own notes only."""
    for number, host in enumerate(hosts):
        with world.on(host, f"disk{number}"):
            world.link(number)
    for number, host in enumerate(hosts):
        with world.on(host, f"disk{number}"):
            world.check()
            assert world.store.linked_digest(RESULT) == content_digest(RESULT)
            assert refuses_edited(world)


def test_gc_on_a_third_host_drops_nothing_that_another_host_may_use(world):
    with world.on("node1"):
        world.link(0)
        first = world.clone_id()
    with world.on("node2"):
        world.link(1)
        second = world.clone_id()
    with world.on_third_host():
        done = world.gc()
        assert done.dropped == Usage(2, 2, 7), "what nobody has noted"
        assert {clone.id: (clone.results, clone.places) for clone in done.unseen} == {
            one: (1, (f"{world.home}/clone/results on {host}",)) for one, host in ((first, "node1"), (second, "node2"))
        }
        assert world.has(0, 1)
        assert world.gc(forget=[first], dry_run=True).dropped == Usage(1, 1, 1)
        assert world.gc(forget=[first]).dropped == Usage(1, 1, 1)
        assert world.has(1)
        assert [clone.id for clone in world.gc().unseen] == [second]


def test_gc_on_a_host_drops_what_its_clone_does_not_use_and_nothing_of_the_other(world):
    for number, host in enumerate(("node1", "node2")):
        with world.on(host):
            world.link(number)
    with world.on("node2"):
        RESULT.unlink()
        assert [clone.places[0].split()[-1] for clone in world.gc().unseen] == ["node1"]
        assert world.has(0)


@pytest.mark.parametrize("gone", [RESULT, RESULT.parent])
def test_removed_results_are_gone(world, gone):
    """A result, and a region: the identity in `results` stays, so their absence is seen."""
    with world.on("node1"):
        world.link(0)
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        assert world.gc().unseen == []
        assert world.has()


@pytest.mark.parametrize("gone", ["results", "."])
def test_a_removed_clone_is_kept_until_a_person_names_it(world, gone):
    """Nothing tells it from one that was moved, or is on a disk that is not mounted."""
    with world.on("node1"):
        world.link(0)
        old = world.clone_id()
        shutil.rmtree(world.home / "clone" / gone)
        Path(world.home / "clone").mkdir(exist_ok=True)
    with world.on("node1"):
        world.link(1)  # a new clone at the same place is no sign either
        assert world.clone_id() != old
        assert [clone.id for clone in world.gc().unseen] == [old]
        assert world.has(0, 1)
        assert world.gc(forget=[old]).unseen == []
        assert world.has(1)
        assert not list((world.store.root / "clones").glob(f"{old}*"))


def test_only_a_clone_that_is_not_seen_can_be_forgotten(world):
    with world.on("node1"):
        world.link(0)
        with pytest.raises(UserError, match=r"cannot be forgotten\. Delete the results there"):
            world.gc(forget=[world.clone_id()])
        with pytest.raises(UserError, match="The store knows no clone 0123456789abcdef"):
            world.gc(forget=["0123456789abcdef"])
        assert world.has(0, 1, 2, 3), "nothing happens before names are checked"


def test_a_moved_clone_keeps_its_notes(world):
    with world.on("node1"):
        world.link(0)
        world.link(1, RESULT.with_name("one.tif"))
        Path("results").rename("elsewhere")
        moved = Path("elsewhere/demo/map.tif")
        world.check(moved)
        assert world.store.linked_digest(moved) is not None
        assert len(world.gc().unseen) == 1
        assert world.has(0, 1)
        world.link(1, moved.with_name("one.tif"))  # from now on it is seen at its new place
        assert world.gc().unseen == []
        assert world.has(0, 1)
        moved.unlink()
        assert world.gc().unseen == []
        assert world.has(1)


def test_gc_sees_the_clone_it_is_run_in(world):
    """It was moved, and has linked nothing since."""
    with world.on("node1"):
        world.link(0)
        world.link(1, RESULT.with_name("other.tif"))
    (world.folder / "disks/node1/clone").rename(world.folder / "moved")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(world.folder / "moved")
        RESULT.unlink()
        assert world.gc().unseen == []
        assert world.has(1)


def test_a_host_with_a_new_name_sees_its_clone(world):
    with world.on("node1"):
        world.link(0)
        world.link(1, RESULT.with_name("other.tif"))
    with world.on("renamed", "node1"):
        world.check()
        RESULT.unlink()
        assert world.gc().unseen == []
        assert world.has(1)


def test_one_disk_under_two_paths_is_one_clone(world):
    """As a home folder that two hosts mount at other places, or reach by a link."""
    with world.on("node1"):
        world.link(0)
    world.be("node2")
    other = world.folder / "disks/node1/clone"
    with pytest.MonkeyPatch.context() as here:
        here.chdir(other)
        world.check()
        world.link(1)
        (world.folder / "short").symlink_to(other / "results")
        world.check(world.folder / "short/demo/map.tif")
        assert refuses_edited(world, world.folder / "short/demo/map.tif")


def copied(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


def test_a_copied_clone_is_not_accused_by_its_original_and_gets_an_id_of_its_own(world):
    with world.on("node1"):
        world.link(0)
        world.link(2, RESULT.with_name("same.tif"))
        copied(Path("results"), Path("copy"))
        world.link(1)
        copy = Path("copy/demo/map.tif")
        world.check(copy)
        world.check()
        world.link(3, copy.with_name("new.tif"))
        assert world.clone_id("copy") not in ("", world.clone_id())
        assert read_clone(str(Path("copy").absolute())).copied_from() == [world.clone_id()]
        world.check(copy.with_name("same.tif"))
        assert refuses_edited(world, copy.with_name("same.tif")), "it was seen with the content of the note"
        world.check(RESULT.with_name("same.tif"))


def test_a_copy_of_a_copy_and_a_copy_put_back_in_place_are_clones_of_their_own(world):
    with world.on("node1"):
        world.link(0)
        ids = [world.clone_id()]
        for source, target in (("results", "b"), ("b", "c")):
            copied(Path(source), Path(target))
            world.link(1, Path(target, "demo/other.tif"))
            ids.append(world.clone_id(target))
        assert len(set(ids)) == 3
        assert read_clone(str(Path("c").absolute())).copied_from() == sorted(ids[:2])
        world.check(Path("c/demo/map.tif"))
        assert refuses_edited(world, Path("c/demo/map.tif"))


def test_what_a_copy_uses_is_kept_when_its_original_uses_it_no_more(world):
    with world.on("node1"):
        world.link(0)
        copied(Path("results"), Path("copy"))
        world.link(1, Path("copy/demo/other.tif"))
        RESULT.unlink()
        assert world.gc().unseen == []
        assert world.has(0, 1)
        shutil.rmtree("results")
        (clone,) = world.gc().unseen
        assert world.gc(forget=[clone.id]).unseen == []
        assert world.has(0, 1), "the copy is seen, and has it"
        Path("copy/demo/map.tif").unlink()
        world.gc()
        assert world.has(1)


def test_a_result_in_the_folder_of_a_job_is_no_clones(world):
    """As between the steps of `lobate map`: it goes with the job, and nobody is to forget it."""
    with world.on("node1"):
        with world.store.workdir("map") as folder:
            world.link(0, folder / "between.tif")
            world.check(folder / "between.tif")
        assert not list(world.folder.rglob(".lobate"))
        assert world.gc().unseen == []
        assert world.has()


def test_the_store_may_be_moved(world):
    with world.on("node1"):
        world.link(0)
        moved = Store(world.store.root.rename(world.folder / "store2"))
        moved.check_unmodified(RESULT, content_digest(RESULT))
        assert moved.linked_digest(RESULT) is not None
        assert collect(moved).unseen == []
        assert moved.has(key(0)) and not moved.has(key(1))


def test_a_clone_may_be_moved_with_the_store_in_it(world):
    with world.on("node1"):
        Path("results").mkdir()
        store = Store(world.store.root.rename("results/.store").absolute())
        assert store.checkout(key(0), {"made": [OutputTarget(RESULT)]})
        (world.home / "clone").rename(world.home / "moved")
        os.chdir(world.home / "moved")
        store = Store("results/.store")
        store.check_unmodified(RESULT, content_digest(RESULT))
        assert collect(store).unseen == []
        assert disk_usage(store).objects == 1
        (world.home / "moved").rename(world.home / "clone")


def test_results_behind_a_link_to_a_disk_that_is_not_mounted_are_kept(world):
    with world.on("node1"):
        Path("results").mkdir()
        disk = world.folder / "disks/scratch"
        disk.mkdir()
        Path("results/demo").symlink_to(disk)
        world.link(0)
        world.link(1, Path("results/here.tif"))
        disk.rename(world.folder / "unmounted")
        Path("results/here.tif").unlink()
        world.gc()
        assert world.has(0)


def test_results_on_another_disk_have_their_identity_there(world):
    """/dev/shm is a file system of its own; that the disk is gone says nothing about the results on it."""
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == world.folder.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with world.on("node1"), tempfile.TemporaryDirectory(dir=other) as folder:
        world.link(1, Path("results/here.tif"))
        Path("results/demo").symlink_to(folder)
        world.link(0)
        identity = Path(folder, ".lobate")
        assert identity.is_dir()
        identity.rename(Path(folder, ".other"))  # as if another disk was mounted there, without the result
        RESULT.unlink()
        world.gc()
        assert world.has(0, 1)


def test_a_disk_that_is_unmounted_during_a_collection(world, monkeypatch):
    whole, unmounted = gc.note_use, world.folder / "unmounted"

    def unmount(*words: object) -> object:
        if not unmounted.exists():
            Path("results").rename(unmounted)
        return whole(*words)

    with world.on("node1"):
        world.link(0)
        monkeypatch.setattr(gc, "note_use", unmount)
        assert len(world.gc().unseen) == 1
        assert world.has(0)


def test_a_clone_that_was_forgotten_and_lives_is_noted_again(world):
    with world.on("node1"):
        world.link(0)
        one = world.clone_id()
    with world.on_third_host():
        world.gc(forget=[one])
        assert world.has()
    again = filled(world.folder, 4)
    with world.on("node1"):
        world.check()
        world.link(1)
        assert world.clone_id() == one
    with world.on_third_host():
        assert [clone.id for clone in world.gc().unseen] == [one]
        assert again.has(key(1))


def test_notes_of_a_forgotten_clone_wait_for_running_jobs_like_all_else(world):
    with world.on("node1"):
        world.link(0)
        one = world.clone_id()
    with world.on_third_host():
        job = world.store.root / "work/train@node7@1@000000000000.12@x"
        job.mkdir(parents=True)
        assert world.gc(forget=[one]).waiting == Usage(4, 4, 10)
        job.rmdir()
        assert world.gc().dropped == Usage(4, 4, 10)
        assert not list((world.store.root / "links").glob("*/*"))


def test_of_many_jobs_in_a_new_clone_one_gives_it_its_id(world):
    with world.on("node1"):
        targets = [Path(f"results/demo/{number}/x").absolute() for number in range(16)]
        for target in targets:
            target.parent.mkdir(parents=True)
        with ThreadPoolExecutor(16) as pool:
            ids = set(pool.map(lambda target: own_clone(str(target)).id, targets))
        assert ids == {world.clone_id()}
        assert len(list(Path("results/.lobate").iterdir())) == 1
        assert not list(Path("results").rglob("*.new"))


def test_a_damaged_identity_is_a_new_one(world):
    with world.on("node1"):
        world.link(0)
        old = world.clone_id()
        (identity,) = Path("results/.lobate").iterdir()
        identity.write_text("")
        assert read_clone(str(Path("results").absolute())) is None
        world.link(1, RESULT.with_name("other.tif"))
        world.check()
        assert [clone.id for clone in world.gc().unseen] == [old]
        assert world.has(0, 1)


@pytest.mark.parametrize("content", ["", "[]", '{"clone":1}', '{"clone":"x","host":"h","folder":"/","copied_from":7}'])
def test_a_damaged_record_of_a_clone_hides_it_and_nothing_else(world, content):
    with world.on("node1"):
        world.link(0)
        (record,) = (world.store.root / "clones").iterdir()
    record.write_text(content)
    with world.on_third_host():
        (clone,) = world.gc().unseen
        assert clone.places == ()
        assert world.has(0)
        world.gc(forget=[clone.id])
        assert world.has()


def test_lineage_follows_the_clones_own_note(world):
    recipe = {name: {} for name in ("stage", "code", "settings", "scalars", "libraries")}
    with world.on("node1"):
        for number in "ef":
            Path("made").write_bytes(b"the same bytes")
            record = {"recipe": {**recipe, "stage": number}, "sources": {}, "run": {}}
            world.store.commit(number * 64, record, {"made": [Path("made")]})
        for number in "ef":
            target = Path(f"results/{number}")
            assert world.store.checkout(number * 64, {"made": [OutputTarget(target)]})
            assert trace_lineage(target, world.store)["stage"] == number
        copied(Path("results"), Path("copy"))
        assert trace_lineage(Path("copy/f"), world.store)["stage"] == "f"


def test_gc_says_what_it_kept_unseen_and_how_to_forget_it(toy):
    toy.copy("results/toy/result.txt")
    (clone,) = (one.read_text().strip() for one in (toy.folder / "results/.lobate").iterdir())
    (toy.folder / "results").rename(toy.folder / "moved")
    output = toy.run("store", "gc").stdout.splitlines()
    assert output[0] == "deleted: 0 recipes, 0 objects, 0 bytes"
    assert output[1].startswith(
        f"kept for 1 results that cannot be seen from here: clone {clone}, {toy.folder}/results on "
    )
    assert output[2:] == [
        "Run lobate store gc where these results can be seen. If you know that they are gone for good: "
        f"lobate store gc --forget {clone}"
    ]
    shutil.rmtree(toy.folder / "moved")
    assert toy.run("store", "gc", "--forget", "node7").returncode == 2
    assert toy.run("store", "gc", "--forget", clone).stdout == "deleted: 1 recipes, 1 objects, 16 bytes\n"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root makes a namespace of mounts")
def test_two_containers_with_real_mounts_at_one_path(toy):
    """The same path on two file systems, each in a namespace of its own; the store is on a third that both see."""
    (toy.folder / "mnt").mkdir()
    script = (
        'set -e; mount -t tmpfs none mnt; cp in.txt toy.json mnt; cd mnt; echo "a $1" >> in.txt; '
        'run() { LOBATE_STORE=../store python3 -m lobate copy --settings toy.json "$@"; }; '
        "run --source in.txt --result results/r.txt; "
        "touch ../ready$1; while [ ! -e ../ready$2 ]; do sleep 0.1; done; "
        "run --source results/r.txt --result results/s.txt --letter A; LOBATE_STORE=../store python3 -m lobate store gc"
    )
    env = {**os.environ, "PYTHONPATH": str(toy.code), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", toy.folder / "mnt"], check=False).returncode:
        pytest.skip("no mounts here")
    processes = [
        subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script, "sh", *words],
            cwd=toy.folder,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for words in ("12", "21")
    ]
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "cannot be seen from here" in output
    assert "deleted: 0 recipes" in toy.run("store", "gc").stdout
    assert len(list((toy.folder / "store/recipes").glob("*/*"))) == 4
