"""The lineage of the inventory, from the store's records: each step once, no clocks, raw data at the ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobate.cli.main import main
from lobate.store.lineage import lineage_steps
from lobate.store.store import OutputTarget, Store

KEYS = {name: letter * 64 for name, letter in zip(("train", "predict", "compile"), "abc", strict=True)}


@pytest.fixture
def inventory(tmp_path, monkeypatch) -> Path:
    """An inventory behind which a model stands twice: two steps read it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    Path("scene.tif").write_bytes(b"a scene")
    publish("train", "model", scene="scene.tif")
    publish("predict", "map", model="model", scene="scene.tif")
    publish("compile", "inventory.gpkg", maps="map", model="model")
    return Path("inventory.gpkg")


def publish(stage: str, target: str, **sources: str) -> None:
    from lobate.io.digest import content_digest

    store, made = Store.from_environment(), Path("made", stage, target)
    made.parent.mkdir(parents=True)
    made.write_text(stage)
    listed = {
        name: [{"path": path, "name": path, "digest": content_digest(Path(path))}] for name, path in sources.items()
    }
    recipe = {"stage": stage, "code": "5" * 64, "settings": {}, "scalars": {}, "libraries": {"numpy": "2"}}
    run = {"when": "2026-11-23T10:00:00+00:00", "seconds": 1.0, "host": "secret-host"}
    store.commit(KEYS[stage], {"recipe": recipe, "sources": listed, "run": run}, {"made": [made]})
    store.checkout(KEYS[stage], {"made": [OutputTarget(Path(target))]})


def test_each_step_stands_once_and_names_the_steps_before_it(inventory):
    nodes = lineage_steps(inventory, Store.from_environment())
    assert list(nodes) == [KEYS["compile"], KEYS["predict"], KEYS["train"]]
    before = {
        key: {(file["path"], file["step"]) for files in step["inputs"].values() for file in files}
        for key, step in nodes.items()
    }
    assert before[KEYS["compile"]] == {("map", KEYS["predict"]), ("model", KEYS["train"])}
    assert before[KEYS["train"]] == {("scene.tif", None)}


def test_the_verb_writes_it_without_clocks_and_hosts_the_same_each_time(inventory):
    for name in ("one.json", "other.json"):
        assert main(["trace-inventory", "--inventory", str(inventory), "--lineage", name]) == 0
    text = Path("one.json").read_text()
    assert text == Path("other.json").read_text()
    assert [step["stage"] for step in json.loads(text)["steps"]] == ["compile", "predict", "train"]
    assert "secret-host" not in text
    assert "2026" not in text


def test_a_file_that_no_step_made_is_a_mistake(inventory, capfd):
    assert main(["trace-inventory", "--inventory", "scene.tif", "--lineage", "l.json"]) == 2
    assert "Nothing in the store" in capfd.readouterr().err
    assert not Path("l.json").exists()
