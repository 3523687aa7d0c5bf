from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

import pytest

from lobate import stage
from lobate.digests import content_digest, file_digest
from lobate.errors import Mistake
from lobate.settings.load import parse
from lobate.store import Store, Target


def test_damaged_object_is_found_thrown_away_and_rebuilt(toy):
    toy.copy()
    result = toy.folder / "out/result.txt"
    result.unlink()
    (damaged,) = toy.objects()
    damaged.chmod(0o644)
    damaged.write_bytes(b"X" + damaged.read_bytes()[1:])
    done = toy.run("copy", "--source", "in.txt", "--result", "out/result.txt", "--settings", "toy.json")
    assert "damaged" in done.stderr
    assert "computed copy" in done.stderr
    assert result.read_text() == "APPLE\nAVOCADO\n0\n"


def test_damaged_record_counts_as_unknown(toy):
    toy.copy()
    (record,) = (toy.folder / "store").glob("recipes/*/*.json")
    record.write_text("{")
    done = toy.run("copy", "--source", "in.txt", "--result", "out/result.txt", "--settings", "toy.json")
    assert "computed copy" in done.stderr
    assert json.loads(record.read_text())["recipe"]["stage"] == "copy"


def test_edited_result_is_refused_as_input(toy):
    toy.copy("out/in.txt")
    result = toy.folder / "out/in.txt"
    result.unlink()
    result.write_text("edited\n")
    done = toy.run("copy", "--source", "out/in.txt", "--result", "r.txt", "--settings", "toy.json")
    assert done.returncode == 2
    assert "no longer what lobate made" in done.stderr
    assert not (toy.folder / "r.txt").exists()


def test_without_hard_links_outputs_are_copies(toy, monkeypatch):
    from lobate import store as module

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    toy.copy()
    monkeypatch.setattr(module.os, "link", refuse)
    monkeypatch.chdir(toy.folder)
    kept = module.Store("store")
    (record,) = kept.root.glob("recipes/*/*.json")
    target = toy.folder / "copied.txt"
    assert kept.restore(record.stem, {"result": [module.Target(target)]})
    assert target.read_text() == "APPLE\nAVOCADO\n0\n"
    assert target.stat().st_nlink == 1


def test_two_results_never_share_a_file(toy):
    """Snakemake touches what a job made; the other result must not look newer for it."""
    toy.copy("a/result.txt")
    toy.copy("b/result.txt")
    first, second = (toy.folder / name / "result.txt" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_ino != second.stat().st_ino
    assert {first.stat().st_mode & 0o777, second.stat().st_mode & 0o777} == {0o444}
    (kept,) = toy.objects()
    assert kept.stat().st_ino == first.stat().st_ino


def test_a_plan_takes_results_for_what_was_linked_there_and_reads_only_the_rest(tmp_path, monkeypatch):
    store, result, own = Store(tmp_path / "store"), tmp_path / "detections.gpkg", tmp_path / "mine.gpkg"
    made, read = tmp_path / "made.gpkg", []
    for path in (made, own):
        path.write_bytes(b"outlines")
    with store.work("toy"):
        store.publish("k" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"found": [made]})
        assert store.restore("k" * 64, {"found": [Target(result)]})
    monkeypatch.setattr(stage, "content_digest", lambda path: read.append(path.name) or content_digest(path))
    assert store.linked(result) == file_digest(result)
    assert store.linked(own) is None
    for path in (result, own):
        assert not stage.known("review_sheet", {"detections": path, "review": tmp_path / "r.gpkg"}, None, store)
    assert read == ["mine.gpkg"]
    result.unlink()
    with pytest.raises(Mistake, match="does not exist"):
        stage.known("review_sheet", {"detections": result, "review": tmp_path / "r.gpkg"}, None, store)


def test_store_on_another_file_system_gives_copies_and_says_so(tmp_path, caplog):
    """/dev/shm is a file system of its own, across which nothing can be linked."""
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        store = Store(Path(folder) / "store")
        with store.work("toy") as job:
            made = job / "made.bin"
            made.write_bytes(b"outlines")
            store.publish("k" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"found": [made]})
        target = tmp_path / "out/found.bin"
        with caplog.at_level("INFO", logger="lobate.store"):
            logging.getLogger("lobate").propagate = True
            assert store.restore("k" * 64, {"found": [Target(target)]})
        assert "found.bin cannot be linked from the store (Invalid cross-device link): it is copied" in caplog.text
        (kept,) = (Path(folder) / "store/objects").glob("*/*")
        kept.chmod(0o644)
        kept.write_bytes(b"outlinez")
        assert target.read_bytes() == b"outlines"
        assert target.stat().st_mode & 0o222 == 0


def test_result_linked_again_stays_a_link(tmp_path):
    store, target = Store(tmp_path / "store"), tmp_path / "out/found.bin"
    made = tmp_path / "made.bin"
    made.write_bytes(b"outlines")
    store.publish("k" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"found": [made]})
    for _ in range(2):
        assert store.restore("k" * 64, {"found": [Target(target)]})
        assert target.stat().st_nlink == 2


def test_a_result_that_is_lost_while_it_is_taken_in_is_told(tmp_path, monkeypatch):
    """As a failing disk would, or a collection on another host that saw the folder as it was before."""
    monkeypatch.setattr(Store, "restore", lambda *_: False)
    monkeypatch.setattr(stage, "_compute", lambda *_: None)
    (tmp_path / "d.gpkg").write_bytes(b"outlines")
    region = parse(
        {"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}}
    )
    given = {"merged": tmp_path / "d.gpkg", "detections": tmp_path / "out.gpkg"}
    with pytest.raises(Mistake, match="Run again"):
        stage.run("filter_detections", given, region, Store(tmp_path / "store"))
