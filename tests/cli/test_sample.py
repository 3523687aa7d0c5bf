"""`lobate sample`: what it prints before anybody looks, what it writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.mapping.accuracy.conftest import MadeMap, answer, made_map, read_response

from lobate.cli.check import check_region
from lobate.cli.main import main
from lobate.errors import UserErrors
from lobate.io.vector import write_layers
from lobate.mapping.accuracy.frozen import read_frozen
from lobate.settings.load import parse

__all__ = ["made_map"]

IMAGERY = "Pleiades 0.5 m, August 2021"
DRAW = ["--imagery", IMAGERY, "--detections", "12", "--pixels", "40", "60", "200", "--squares", "8"]
REGION = {
    "region": "made",
    "imagery": {"tiles": {"T1": ["T1.tif"], "T2": ["T2.tif"]}},
    "labels": {"positives": [{"path": "positives.gpkg"}]},
}
FOLDER = Path("resources/made/accuracy")
FILES = ["answers.gpkg", "frozen", "frozen/sample.json", "second_look.gpkg"]


@pytest.fixture
def project(made_map: MadeMap, tmp_path, monkeypatch) -> MadeMap:
    """A project with a finished map, as the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("made.yaml").write_text(yaml.safe_dump(REGION))
    mapping = Path("results/made/mapping")
    mapping.mkdir(parents=True)
    for file in (made_map.files.detections, *made_map.files.probabilities):
        shutil.copy(file, mapping)
    return made_map


def run(capsys, *words: str) -> tuple[int, str, str]:
    status = main(["sample", "made.yaml", *words])
    told = capsys.readouterr()
    return status, told.out, told.err


def written() -> list[str]:
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*"))


def test_a_dry_run_says_what_each_number_buys_and_writes_nothing(project, capsys):
    status, out, _ = run(capsys, "--dry-run", *DRAW[2:])
    assert status == 0
    for words in (
        "detections  12 of 30, by size and probability",
        "A share of real detections of 90% within 18% or 50% within 25%.",
        "pixels      40 of 21184 detected, 60 of 15528 near, 200 of 129338 rest",
        "If the map's mean probabilities hold (detected 0.79, near 0.043, rest 0):",
        "user's accuracy 0.78 (0.62 to 0.88), producer's accuracy 0.95 (0.82 to 0.97), area of rock glaciers 1.72 (1.4",
        "squares     8 of 24 of 1 km",
        "About 14 rock glaciers are expected in them. If the map has all of these, it may still miss 22% of all.",
    ):
        assert words in out, out
    assert not Path("resources").exists()


def test_a_dry_run_says_which_sample_gives_intervals_instead_of_limits(project, capsys):
    _, out, _ = run(capsys, "--dry-run", "--pixels", "40", "20", "50")
    assert "producer's accuracy at least 0." in out and "area of rock glaciers at most " in out
    finer = out.split("gives intervals instead of limits: ")[1].split("\n")[0].split()
    assert finer[0] == "--pixels"
    assert "at least" not in run(capsys, "--dry-run", *finer)[1]


def test_it_writes_the_frozen_sample_apart_from_what_people_fill_in(project, capsys):
    status, out, _ = run(capsys, *DRAW)
    assert status == 0
    assert written() == FILES
    sample = read_frozen(FOLDER / "frozen/sample.json")
    assert (sample.region, sample.imagery, sample.seed) == ("made", IMAGERY, 0)
    assert [stratum.sampled for stratum in sample.strata] == [40, 60, 200]
    assert len(read_response(FOLDER / "answers.gpkg")["places"]) == 312
    assert f"Frozen as sample {sample.name}." in out
    named = yaml.safe_load(out[out.index("  mapping:") :])["mapping"]["accuracy"]
    assert named == {
        "frozen": f"{FOLDER}/frozen/sample.json",
        "answers": f"{FOLDER}/answers.gpkg",
        "second_look": f"{FOLDER}/second_look.gpkg",
    }
    assert parse({**REGION, "mapping": {"accuracy": named}}).mapping.accuracy.answers == named["answers"]


def test_the_same_draw_gives_the_same_files(project, capsys):
    run(capsys, *DRAW)
    first = {name: (FOLDER / name).read_bytes() for name in FILES if "." in name}
    shutil.rmtree(FOLDER)
    run(capsys, *DRAW)
    assert {name: (FOLDER / name).read_bytes() for name in first} == first


def test_a_sample_is_drawn_once(project, capsys):
    run(capsys, *DRAW)
    before = {name: (FOLDER / name).read_bytes() for name in FILES if "." in name}
    status, _, err = run(capsys, *DRAW)
    assert status == 2 and "is there already and stays as it is" in err
    assert {name: (FOLDER / name).read_bytes() for name in before} == before
    assert run(capsys, "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pixels", "100", "200", "9"], "--pixels asks for 9, but a sample needs at least 10 in each stratum"),
        (["--detections", "3"], "--detections asks for 3, but a sample needs at least 10"),
        (["--squares", "0"], "--squares asks for 0, but a sample needs at least 5"),
        (["--imagery", " "], "--imagery does not name the images"),
    ],
)
def test_a_sample_that_says_nothing_is_refused(project, capsys, words, message):
    status, out, err = run(capsys, *(words if "--imagery" in words else ["--imagery", IMAGERY, *words]))
    assert (status, out) == (2, "") and message in err
    assert not Path("resources").exists()


@pytest.mark.parametrize("lost", ["detections.gpkg", "T2_probability.tif"])
def test_without_a_map_there_is_nothing_to_sample(project, capsys, lost):
    Path("results/made/mapping", lost).unlink()
    status, _, err = run(capsys, *DRAW)
    assert status == 2
    assert f"There is no map of the region made to sample yet: results/made/mapping/{lost} does not exist." in err
    assert not Path("resources").exists()


@pytest.mark.parametrize("lost", ["detections.gpkg", "T2_probability.tif"])
def test_a_damaged_map_is_a_paragraph(project, capsys, lost):
    Path("results/made/mapping", lost).write_bytes(b"\x00nothing")
    status, _, err = run(capsys, *DRAW)
    assert status == 2 and "Error: " in err and "Traceback" not in err
    assert not Path("resources").exists()


def test_a_failure_while_writing_leaves_nothing(project, capsys, monkeypatch):
    def broken(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("lobate.cli.sample.write_response", broken)
    assert run(capsys, *DRAW)[0] == 1
    assert not FOLDER.exists()
    assert not list(Path("resources/made").glob(".*"))


# check


def checked(capsys, project: MadeMap) -> tuple[str, dict]:
    """Draw a sample, answer it, and return the configuration that names it."""
    run(capsys, *DRAW)
    for name in ("answers.gpkg", "second_look.gpkg"):
        answer(FOLDER / name, project.truth)
    named = {"frozen": "frozen/sample.json", "answers": "answers.gpkg", "second_look": "second_look.gpkg"}
    return {**REGION, "mapping": {"accuracy": {name: f"{FOLDER}/{file}" for name, file in named.items()}}}


def mistakes(config: dict) -> str:
    with pytest.raises(UserErrors) as raised:
        check_region(parse(config))
    return str(raised.value)


def test_check_reads_the_answers_before_the_first_job(project, capsys, monkeypatch):
    config = checked(capsys, project)
    monkeypatch.setattr("lobate.cli.check.named_files", lambda *arguments: iter(()))  # this region has no images
    monkeypatch.setattr("lobate.cli.check._tile_footprints", lambda region: (None, []))
    assert check_region(parse(config)) == []
    layers = read_response(FOLDER / "answers.gpkg")
    layers["places"].loc[0, "answer"] = None
    write_layers(FOLDER / "answers.gpkg", layers, points=("places",))
    assert "Setting mapping.accuracy: " in (text := mistakes(config)) and "1 of 312 units have no answer: p0001" in text
    frozen = FOLDER / "frozen/sample.json"
    content = json.loads(frozen.read_text())
    content["places"][0]["inclusion"] = 0.5
    frozen.write_text(json.dumps(content))
    assert "was changed after it was drawn" in mistakes(config)


def test_check_misses_a_file_that_is_not_there(project, capsys):
    config = checked(capsys, project)
    (FOLDER / "second_look.gpkg").unlink()
    assert "Setting mapping.accuracy.second_look names" in mistakes(config)
