"""Damaged objects and records are computed again; edited results are refused as inputs."""

from __future__ import annotations

import json

import pytest

from lobate.engine import stage
from lobate.errors import UserError
from lobate.io.digest import content_digest, file_digest
from lobate.settings.load import parse
from lobate.store.store import OutputTarget, Store


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


def test_a_plan_takes_results_for_what_was_linked_there_and_reads_only_the_rest(tmp_path, monkeypatch):
    store, result, own = Store(tmp_path / "store"), tmp_path / "detections.gpkg", tmp_path / "mine.gpkg"
    made, read = tmp_path / "made.gpkg", []
    for path in (made, own):
        path.write_bytes(b"outlines")
    with store.workdir("toy"):
        store.commit("k" * 64, {"recipe": {}, "sources": {}, "run": {}}, {"found": [made]})
        assert store.checkout("k" * 64, {"found": [OutputTarget(result)]})
    monkeypatch.setattr(stage, "content_digest", lambda path: read.append(path.name) or content_digest(path))
    assert store.linked_digest(result) == file_digest(result)
    assert store.linked_digest(own) is None
    for path in (result, own):
        assert not stage.is_cached("review_sheet", {"detections": path, "review": tmp_path / "r.gpkg"}, None, store)
    assert read == ["mine.gpkg"]
    result.unlink()
    with pytest.raises(UserError, match="does not exist"):
        stage.is_cached("review_sheet", {"detections": result, "review": tmp_path / "r.gpkg"}, None, store)


def test_a_result_that_is_lost_while_it_is_taken_in_is_told(tmp_path, monkeypatch):
    """As a failing disk would, or a collection on another host that saw the folder as it was before."""
    monkeypatch.setattr(Store, "checkout", lambda *_: False)
    monkeypatch.setattr(Store, "commit", lambda *_: None)
    monkeypatch.setattr(stage, "_compute", lambda *_: ({}, {}))
    (tmp_path / "d.gpkg").write_bytes(b"outlines")
    region = parse(
        {"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}}
    )
    given = {"merged": tmp_path / "d.gpkg", "detections": tmp_path / "out.gpkg"}
    with pytest.raises(UserError, match="Run again"):
        stage.run("filter_detections", given, region, Store(tmp_path / "store"))
