"""A finished region as a crate: its files, its metadata, and the agreement of the validator of its profiles."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from tests.figures.made import REGION
from tests.needs import lacking

from lobate.cli.main import main
from lobate.store.store import OutputTarget, Store

VALIDATOR = Path(".venv-servers/bin/python")
KEYS = {name: sha256(name.encode()).hexdigest() for name in ("select_model", "compile_inventory")}


def make(store: Store, folder: Path, stage: str, target: Path, sources: dict[str, Path], when: str) -> None:
    """Publish a record of a step as a stage does, and link what it made."""
    made = folder / stage / target.name
    made.parent.mkdir()
    made.write_bytes(f"made by {stage}".encode())
    listed = {
        name: [{"path": str(path), "name": path.name, "digest": sha256(path.read_bytes()).hexdigest()}]
        for name, path in sources.items()
    }
    recipe = {
        "stage": stage, "code": "5" * 64, "libraries": {"numpy": "2.4.6"}, "settings": {}, "scalars": {},
        "inputs": {}, "outputs": {"made": [target.name]},
    }  # fmt: skip
    run = {"when": when, "seconds": 90.0, "host": "h", "python": "3.11", "lobate": "0.1.0"}
    target.parent.mkdir(parents=True, exist_ok=True)
    store.commit(KEYS[stage], {"recipe": recipe, "sources": listed, "run": run}, {"made": [made]})
    assert store.checkout(KEYS[stage], {"made": [OutputTarget(target)]})


@pytest.fixture
def finished(tmp_path, monkeypatch, project) -> Path:
    """A project's folder with a region whose model and inventory were made with the store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    for name in ("workflow/rules", "workflow/__pycache__"):
        Path(name).mkdir(parents=True)
        Path(name, "one.smk").write_text("rule one:\n")
    for name in ("Snakefile", "LICENSE"):
        Path(name).write_bytes((project / name).read_bytes())
    results, store = Path("results/made"), Store.from_environment()
    results.mkdir(parents=True)
    Path("region.yaml").write_text(json.dumps(REGION))
    (results / "settings.json").write_text(json.dumps(REGION))
    scene, selection = tmp_path / "scene.tif", results / "training/selection.json"
    scene.write_bytes(b"a scene")
    make(store, tmp_path, "select_model", selection, {"models": scene}, "2026-11-22T10:00:00+00:00")
    inventory = results / "inventory/inventory.gpkg"
    make(store, tmp_path, "compile_inventory", inventory, {"reviewed": selection}, "2026-11-23T10:00:00+00:00")
    return tmp_path


def graph(folder: Path) -> dict[str, dict]:
    return {entity["@id"]: entity for entity in json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]}


def test_results_stand_in_it_with_their_digests(finished):
    assert main(["crate", "region.yaml"]) == 0
    folder = Path("results/made/crate")
    entities = graph(folder)
    files = [entity for entity in entities.values() if entity["@type"] == "File"]
    assert {file["@id"] for file in files} == {
        "LICENSE",
        *(f"results/made/{name}" for name in ("settings.json", "training/selection.json", "inventory/inventory.gpkg")),
    }
    for file in files:
        assert file["sha256"] == sha256((folder / file["@id"]).read_bytes()).hexdigest()
    assert entities["./"]["mainEntity"] == {"@id": "Snakefile"}
    assert (folder / "workflow/rules/one.smk").exists()
    assert not (folder / "workflow/__pycache__").exists()


def test_it_holds_what_the_store_recorded(finished):
    main(["crate", "region.yaml", "--out", "c"])
    entities = graph(Path("c"))
    select, compiled = (entities[f"#step-{KEYS[name][:16]}"] for name in KEYS)
    scene = "#sha256-" + sha256(b"a scene").hexdigest()
    assert select["object"] == [{"@id": scene}]
    assert select["startTime"] == "2026-11-22T09:58:30+00:00"
    assert select["endTime"] == "2026-11-22T10:00:00+00:00"
    assert compiled["object"] == select["result"] == [{"@id": "results/made/training/selection.json"}]
    run = entities["#run"]
    assert (run["startTime"], run["endTime"]) == ("2026-11-22T09:58:30+00:00", "2026-11-23T10:00:00+00:00")
    assert run["instrument"] == {"@id": "Snakefile"}
    assert {"@id": scene} in run["object"]
    assert {"@id": "#value-training.target_iou"} in run["object"]
    assert entities["#value-training.target_iou"]["value"] == "0.7"


def test_the_same_results_make_the_same_zip(finished):
    for name in ("a.zip", "b.zip"):
        assert main(["crate", "region.yaml", "--out", name, "--licence", "CC-BY-4.0"]) == 0
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()


def test_an_older_crate_is_replaced_and_any_other_folder_is_not(finished, capfd):
    assert main(["crate", "region.yaml", "--out", "c"]) == 0
    assert main(["crate", "region.yaml", "--out", "c"]) == 0
    assert main(["crate", "region.yaml", "--out", "workflow"]) == 2
    assert "is no crate" in capfd.readouterr().err
    assert Path("workflow/rules/one.smk").exists()
    assert not list(Path().glob(".crate-*"))


@pytest.mark.parametrize("gone", ["results/made/inventory/inventory.gpkg", "Snakefile", "store"])
def test_what_is_not_finished_is_an_error(finished, gone, capfd):
    Path(gone).rename("elsewhere")
    assert main(["crate", "region.yaml", "--out", "c"]) == 2
    assert "Error" in capfd.readouterr().err
    assert not Path("c").exists()


def test_the_validator_of_its_profiles_agrees_and_would_not_with_less(finished, project):
    if not (project / VALIDATOR).exists():
        lacking("no RO-Crate validator: run tests/servers/install.sh")
    main(["crate", "region.yaml", "--out", "c"])
    verdict = validated(project)
    assert verdict["passed"], verdict["issues"]
    assert "workflow-run-crate" in json.dumps(verdict["validation_settings"])
    metadata = Path("c/ro-crate-metadata.json")
    metadata.write_text(metadata.read_text().replace('"mainEntity"', '"about"'))
    assert not validated(project)["passed"]


def validated(project: Path) -> dict:
    """Return the validator's verdict on the crate c."""
    import rocrate

    words = [
        "-y",
        "--disable-color",
        "validate",
        "--no-cache",
        "--skip-availability-check",
        "--no-paging",
        "-l",
        "required",
    ]
    words += ["-p", "workflow-run-crate-0.5", "-f", "json", "-o", "verdict.json", "c"]
    context = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    command = [project / VALIDATOR, project / "tests/crate/validate.py", context, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert Path("verdict.json").exists(), done.stdout + done.stderr
    return json.loads(Path("verdict.json").read_text())
