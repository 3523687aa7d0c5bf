"""What dies, fills up, is flipped, runs twice or has a wrong clock: the results are right, or a paragraph says why not.

`make torture` does the killing for longer; here are a few of each kind.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.chain.clone import Clone
from tests.faults.bench import Bench, contents, damage, kill_group, moments, timed
from tests.faults.torture import strays

from lobate.io.digest import file_digest
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import disk_usage, verify

pytestmark = pytest.mark.xdist_group("faults")

TINY = "tests/conf/tiny.yaml"


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench")).fill()


@pytest.fixture(scope="module")
def trained(bench) -> float:
    """The wall time of an undisturbed training, whose results stand in ``trained``."""
    return timed(bench, "train", "trained", "calm")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, and the function that makes it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system; run as root")
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    subprocess.run(["umount", str(disk)], check=True)


def test_training_killed_at_any_moment_ends_with_the_same_bytes(bench, trained):
    words = bench.words("train", "killed")
    hits = [bench.killed(*words, after=moment, store="torn") for moment in (trained / 8, *moments(3, trained, 2))]
    assert any(hits)
    status, output = bench.run(*words, store="torn")
    assert status == 0, output
    assert contents(bench.folder / "killed") == contents(bench.folder / "trained")
    assert bench.run("store", "gc", store="torn")[0] == 0
    assert strays(bench.folder / "killed", bench.folder / "torn") == []


def test_prediction_killed_or_built_twice_at_once_ends_with_the_same_bytes(bench, trained):
    length = timed(bench, "predict", "calm_map", "calm")
    words = bench.words("predict", "first")
    hits = [bench.killed(*words, after=moment, store="shared") for moment in (length / 8, *moments(5, length, 2))]
    assert any(hits)
    both = [bench.start(*bench.words("predict", name), store="shared") for name in ("first", "second", "second")]
    assert [process.wait(300) for process in both] == [0, 0, 0], [process.communicate()[1] for process in both]
    calm = contents(bench.folder / "calm_map")
    assert contents(bench.folder / "first") == contents(bench.folder / "second") == calm
    assert verify(Store(bench.folder / "shared")) == []


def stages(store: Path) -> dict[str, str]:
    """Return the stage of each key that a store knows."""
    return {path.name: json.loads(path.read_text())["recipe"]["stage"] for path in (store / "recipes").rglob("*.json")}


def test_two_snakemakes_share_a_store_and_one_is_killed(tmp_path, project):
    """Two regions on the same ground at the same moment: most of their keys are the same, their patches are not."""
    one, two = (Clone(tmp_path / name, project, tmp_path / "store") for name in ("one", "two"))
    calm, calm_two = (Clone(tmp_path / name, project, tmp_path / f"store_of_{name}") for name in ("calm", "calm_two"))
    for clone in (two, calm_two):
        tiny = (clone.folder / "tests/conf/tiny.yaml").read_text()
        (clone.folder / "other.yaml").write_text(
            tiny.replace("tiny", "other").replace("buffer_m: 150", "buffer_m: 200")
        )
    until, work = ("--until", "crop_patches"), tmp_path / "store/work"
    process = one.start(*until)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(two.run, *until, config="other.yaml")
        end = time.monotonic() + 120
        while not [*work.glob("compose_rgb@*"), *work.glob("make_example@*")] and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(random.Random(0).uniform(0, 5))
        assert process.poll() is None, "it was to be killed at work"
        kill_group(process)
        done = other.result()
    assert done.status == 0, done.text
    assert one.run("--unlock").status == 0
    again = one.run(*until)
    assert again.status == 0, again.text
    assert calm.run(*until).status == 0
    assert contents(one.results) == contents(calm.results)
    kept, alone = (stages(clone.store) for clone in (one, calm))
    own = {
        "make_example": 1,
        "clean_labels": 1,
        "crop_patches": 2,
    }  # their settings differ; images and rasters are shared
    assert alone.items() <= kept.items()
    assert Counter(kept[key] for key in kept.keys() - alone.keys()) == own
    assert verify(Store(tmp_path / "store")) == []


def test_the_torture_sees_each_kind_of_stray_file(tmp_path):
    results, store = tmp_path / "results", tmp_path / "results/.store"
    names = (
        "results/.0123.new",
        "results/deep/.hidden",
        *(f"results/.store/{name}/x" for name in ("work", "aside", "scratch")),
    )
    names += ("results/.store/recipes/ab/.0123.new", "results/.store/links/ab/.0123.new")
    for name in (*names, "results/folder/.snakemake_timestamp", "results/a.tif", "results/.store/objects/ab/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert strays(results, store) == sorted(tmp_path / name for name in names)


def test_full_disk_is_told_and_the_next_run_goes_on(bench, small_disk, tmp_path):
    disk, enlarge = small_disk
    outputs = ("image", "record", "facts")
    words = ["compose-rgb", "--scenes", "image.tif", "--settings", "settings.json"]
    words += [word for name in outputs for word in (f"--{name}", str(disk / f"results/{name}"))]
    status, output = bench.run(*words, store=disk / "store")
    assert (status, "your quota is used up; nothing half-written was left behind" in output) == (2, True), output
    assert "Traceback" not in output
    assert not (disk / "results").exists()
    assert disk_usage(Store(disk / "store")).objects == 0
    assert not list((disk / "store/work").iterdir())
    enlarge()
    status, output = bench.run(*words, store=disk / "store")
    assert status == 0, output
    assert len(contents(disk / "results")) == len(outputs)


def publish(store: Store, number: int, folder: Path) -> str:
    """Put a file of some bytes under a key into the store, as a stage does."""
    key, made = f"{number:064x}", folder / f"{number}.bin"
    made.write_bytes(random.Random(number).randbytes(1 + number * 7))
    store.commit(key, {"recipe": {}, "sources": {}, "run": {}}, {"made": [made]})
    return key


def test_every_one_of_200_flipped_bytes_is_found_and_built_again(tmp_path):
    """A bit in each of 200 objects: half are found when they are asked for, half by `store verify`; none is served."""
    store, dice = Store(tmp_path / "store"), random.Random(0)
    keys = [publish(store, number, tmp_path) for number in range(200)]
    before = {key: store.read_record(key)["outputs"]["made"][0][""] for key in keys}
    damage(
        {
            store.object_path(digest): dice.randrange(store.object_path(digest).stat().st_size)
            for digest in before.values()
        }
    )
    for key in keys[:100]:
        target = tmp_path / "out" / key
        assert not store.checkout(key, {"made": [OutputTarget(target)]})
        assert not target.exists()
    assert sorted(verify(store)) == sorted(before[key] for key in keys[100:])
    for number, key in enumerate(keys):
        publish(store, number, tmp_path)
        target = tmp_path / "out" / key
        assert store.checkout(key, {"made": [OutputTarget(target)]})
        assert file_digest(target) == before[key]


def test_a_damaged_object_is_not_hidden_by_a_result_that_shares_its_file(bench, trained):
    """The flipped byte shows in the result, too: it is refused as an input, made again, and right again."""
    calm = contents(bench.folder / "trained")
    model = bench.folder / "trained/model"
    damage({model: 1000})
    status, output = bench.run(*bench.words("predict", "refused"), store="calm")
    assert (status, "no longer what lobate made" in output) == (2, True), output
    model.unlink()
    status, output = bench.run(*bench.words("train", "trained"), store="calm")
    assert (status, "is damaged or gone" in output, "computed train" in output) == (0, True, True), output
    assert contents(bench.folder / "trained") == calm


def test_a_clock_that_goes_backwards_changes_no_result(tmp_path, project):
    """Results from the future: what Snakemake orders by time, the store does not believe."""
    clone = Clone(tmp_path / "clone", project, tmp_path / "store")
    until = ("--until", "compose_rgb")
    assert clone.run(*until).status == 0
    calm = contents(clone.results)
    tomorrow = time.time() + 86_400
    for path in clone.results.rglob("*.tif"):
        os.utime(path, (tomorrow, tomorrow))
    image = clone.results / "imagery/T44SPC.tif"
    image.unlink()
    again = clone.run(*until)
    assert (again.status, set(again.computed)) == (0, set()), again.text
    assert contents(clone.results) == calm


def test_results_that_cannot_be_written_are_told(bench, tmp_path):
    """A folder that takes no file ends in a paragraph; a read-only result from before is replaced."""
    out = tmp_path / "out"
    out.mkdir()
    words = ["compose-rgb", "--scenes", "image.tif", "--settings", "settings.json"]
    words += [word for name in ("image", "record", "facts") for word in (f"--{name}", str(out / name))]
    (out / "facts").write_text("older")
    (out / "facts").chmod(0o444)
    status, output = bench.run(*words)
    assert status == 0, output
    assert (out / "facts").read_text() != "older"
    (out / "image").unlink()
    out.chmod(0o555)
    if os.access(out, os.W_OK):
        subprocess.run(["chattr", "+i", str(out)], check=False)
    try:
        status, output = bench.run(*words)
    finally:
        subprocess.run(["chattr", "-i", str(out)], check=False, capture_output=True)
        out.chmod(0o755)
    assert (status, "cannot be written" in output, "Traceback" in output) == (2, True, False), output
