"""A call whose key is noted is linked without its verb's module, and any other call runs as a stage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lobate.engine import known_calls
from lobate.engine.known_calls import call_digest, parse_call, sources_digest
from lobate.store.gc import collect
from lobate.store.link import OutputTarget
from lobate.store.store import Store

WORDS = ("copy", "--source", "in.txt", "--result", "out/result.txt", "--settings", "toy.json")
IMPORTED = "import sys; from lobate.cli.main import main; print(main(sys.argv[1:]), 'lobate.toy.verbs' in sys.modules)"


def said(toy, *words: str) -> tuple[list[str], str]:
    """Return the status and whether the verb's module was imported, and the first word of the last line of the log."""
    environment = {**os.environ, "PYTHONPATH": str(toy.code), "LOBATE_STORE": "store", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *words],
        cwd=toy.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(), done.stderr.splitlines()[-1].split()[0]


def test_known_call_is_linked_without_the_verbs_module(toy):
    assert said(toy, *WORDS) == (["0", "True"], "computed")
    (toy.folder / "out/result.txt").unlink()
    assert said(toy, *WORDS, "--log", "log.txt") == (["0", "False"], "restored")
    assert (toy.folder / "out/result.txt").read_text() == "APPLE\nAVOCADO\n0\n"
    assert (toy.folder / "log.txt").read_text().startswith("restored copy ")


def test_editable_output_and_stand_in_run_as_stages(toy):
    for suffix in (".shp", ".dbf", ".shx"):
        (toy.folder / "a").with_suffix(suffix).write_text("1")
    (toy.folder / "low.txt").write_text("0.1")
    shape = ("shape", "--source", "a.shp", "--result", "b.shp")
    total = ("total", "--sources", "low.txt", "--folder", "made", "--settings", "toy.json")
    for words in (shape, total):
        assert said(toy, *words) == (["0", "True"], "computed")
        assert said(toy, *words) == (["0", "True"], "restored")


@pytest.mark.parametrize(
    "change",
    [
        "input",
        "setting",
        "scalar",
        "name of the input",
        "name of the output",
        "helper",
        "code of the settings",
        "engine",
    ],
)
def test_other_call_is_not_linked_from_the_note(toy, change):
    said(toy, *WORDS)
    words = list(WORDS)
    if change == "input":
        (toy.folder / "in.txt").write_text("ananas\n")
    elif change == "setting":
        toy.settings(seed=3)
    elif change == "scalar":
        words += ["--letter", "b"]
    elif change.startswith("name of"):
        old, new = ("in.txt", "other.txt") if change.endswith("input") else ("out/result.txt", "out/other.txt")
        (toy.folder / "other.txt").write_text((toy.folder / "in.txt").read_text())
        words[words.index(old)] = new
    elif change == "helper":
        helper = toy.code / "lobate/toy_helper.py"
        helper.write_text(helper.read_text().replace("upper()", "lower()"))
    else:
        module = "settings/base.py" if change.startswith("code") else "engine/bound_call.py"
        with (toy.code / "lobate" / module).open("a") as file:
            file.write("\nNEW = 1\n")
    status, word = said(toy, *words)
    assert status == ["0", "True"]
    assert word == ("restored" if change in ("code of the settings", "engine") else "computed")


def test_other_library_is_another_call(monkeypatch):
    outputs = {"label": [OutputTarget(Path("a.tif"))]}
    first = call_digest("rasterize_labels", {}, outputs, "")
    assert first == call_digest("rasterize_labels", {}, outputs, "")
    monkeypatch.setattr(known_calls, "libraries", lambda modules: {"rasterio": "0"})
    assert first != call_digest("rasterize_labels", {}, outputs, "")


def test_settings_and_engine_decide():
    modules = known_calls.deciding_modules("rasterize_labels")
    assert {
        "lobate.settings.labels",
        "lobate.settings",
        "lobate.engine.stage",
        "lobate.labels.rasterize_labels",
    } <= modules


def test_a_result_edited_into_a_known_input_is_refused(toy):
    first, second = (("copy", "--source", one, "--result", two, "--settings", "toy.json") for one, two in
                     (("in.txt", "out/a.txt"), ("out/a.txt", "out/b.txt")))  # fmt: skip
    said(toy, *first)
    said(toy, *second)
    known = (toy.folder / "out/a.txt").read_text()
    (toy.folder / "in.txt").write_text("ananas\n")
    said(toy, *first)
    said(toy, *second)
    (toy.folder / "out/a.txt").chmod(0o644)
    (toy.folder / "out/a.txt").unlink()
    (toy.folder / "out/a.txt").write_text(known)
    status, word = said(toy, *second)
    assert (status[0], word) == ("2", "Error:")


def test_damaged_object_is_computed_again(toy):
    said(toy, *WORDS)
    (target,) = [path for path in toy.objects() if "APPLE" in path.read_text()]
    target.chmod(0o644)
    target.write_text("damaged")
    (toy.folder / "out/result.txt").unlink()
    assert said(toy, *WORDS) == (["0", "True"], "computed")


def test_collection_drops_the_notes_of_dropped_results(toy):
    said(toy, *WORDS)
    store = Store(toy.folder / "store")
    assert len([*store.root.glob("calls/*/*")]) == 1
    collect(store)
    assert len([*store.root.glob("calls/*/*")]) == 1
    (toy.folder / "out/result.txt").unlink()
    collect(store)
    assert not [*store.root.glob("calls/*/*")]
    assert said(toy, *WORDS) == (["0", "True"], "computed")


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        ["--version"],
        ["check", "config/config.yaml"],
        ["rasterize-labels", "--help"],
        ["rasterize-labels", "image.tif"],
        ["rasterize-labels", "--image=image.tif"],
        ["rasterize-labels", "--image", "a.tif", "b.tif"],
        ["rasterize-labels", "--image", "a.tif", "--image", "b.tif"],
        ["rasterize-labels", "--unknown", "1"],
        ["rasterize-labels", "--image", "-a.tif"],
        ["rasterize-labels", "--ring-m", "3"],
        ["train", "--patches", "a.npy"],
        ["mine-negatives", "--model", "m"],
    ],
)
def test_what_is_no_plain_call_runs_as_a_stage(tokens):
    assert parse_call(tokens) is None


def test_plain_call_is_parsed():
    tokens = [
        "crop-patches",
        "--image",
        "a.tif",
        "--tile",
        "T1",
        "--settings",
        "s.json",
        "--log",
        "l.log",
        "--patches",
        "p",
    ]
    call = parse_call(tokens)
    assert call is not None
    assert (call.verb, call.settings, call.log) == ("crop_patches", ["s.json"], "l.log")
    assert (call.of("Input"), call.of("Output"), call.of("")) == (
        {"image": ["a.tif"]},
        {"patches": ["p"]},
        {"tile": ["T1"]},
    )


def test_an_optional_input_that_is_not_there_is_left_out():
    call = parse_call(["crop-patches", "--image", "a.tif", "--tile", "T1", "--reserved", "--patches", "p"])
    assert call is not None
    assert call.of("Input") == {"image": ["a.tif"]}


def test_empty_list_and_no_list_are_one_call():
    assert sources_digest({"a": []}) == sources_digest({})
    assert sources_digest({"a": [{"name": "x", "digest": "1"}]}) != sources_digest(
        {"b": [{"name": "x", "digest": "1"}]}
    )
