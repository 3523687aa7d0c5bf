from __future__ import annotations

import json


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
