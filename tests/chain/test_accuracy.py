"""A sample of the chain's own map: drawn, answered by the truth, and told of in the README and the report, by no other step."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
from tests.chain.test_review import many_bodies
from tests.mapping.accuracy.conftest import answer
from tests.mapping.accuracy.truth import of_results

pytestmark = pytest.mark.xdist_group("chain")

TOLD = ("--", "results/tiny/inventory/README.md", "results/tiny/report.html")
FOLDER = "resources/tiny/accuracy"
ACCURACY = {
    "frozen": f"{FOLDER}/frozen/sample.json",
    "answers": f"{FOLDER}/answers.gpkg",
    "second_look": f"{FOLDER}/second_look.gpkg",
}
DRAW = ("--imagery", "SYNTHETIC truth", "--detections", "10", "--pixels", "50", "50", "100", "--squares", "8")


def test_answers_are_told_of_and_reach_no_other_step(clone):
    mapping = many_bodies(clone)["mapping"]
    before = clone.run(*TOLD, overlay={"mapping": mapping})
    assert before.status == 0, before.text[-3000:]
    plain = {name: (clone.folder / name).read_bytes() for name in TOLD[1:]}
    drawn = clone.lobate("sample", "tests/conf/tiny.yaml", "overlay.yaml", *DRAW)
    assert drawn.returncode == 0, drawn.stderr
    truth = gpd.read_file(clone.results / "example/truth.gpkg").to_crs(4326).geometry
    for name, person in (("answers", "one"), ("second_look", "another")):
        answer(clone.folder / ACCURACY[name], truth, person)

    done = clone.run(*TOLD, overlay={"mapping": {**mapping, "accuracy": ACCURACY}})
    assert done.status == 0, done.text[-3000:]
    assert set(done.computed) == {"estimate_accuracy", "document_inventory", "report"}
    result = json.loads((clone.results / "mapping/accuracy.json").read_text())
    assert result["map"]["is_current"] and result["agreement"]["by"] == "two people"
    assert result["agreement"]["share"]["value"] == 1.0
    assert "## Accuracy of the map" in (clone.results / "inventory/README.md").read_text()
    assert "SYNTHETIC truth" in (clone.results / "report.html").read_text()

    without = clone.run(*TOLD, overlay={"mapping": mapping})
    assert without.status == 0 and not without.computed
    assert {name: (clone.folder / name).read_bytes() for name in TOLD[1:]} == plain


def test_the_strata_are_those_of_the_scores(finished):
    """Two ways of counting one map's pixels: by its strata, and by the detections that `score` burns."""
    clone, _ = finished
    table = of_results(clone.results)
    pixels = json.loads((clone.results / "mapping/scores.json").read_text())["pixels"]
    detected = pixels["true_positive"] + pixels["false_positive"]
    assert detected <= table["detected"][0] <= detected + pixels["left_out"], "score leaves removed ground out"
    assert table["detected"][1] == pixels["true_positive"]
    assert table["near"][1] + table["rest"][1] == pixels["false_negative"]
    assert sum(size for size, _ in table.values()) == sum(
        pixels[name] for name in ("true_positive", "false_positive", "false_negative", "true_negative", "left_out")
    )
