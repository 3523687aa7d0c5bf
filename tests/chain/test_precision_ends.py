"""Without a reference precision has two ends; decisions about all detections bring both to the value of the truth."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
from tests.chain.test_review import many_bodies

pytestmark = pytest.mark.xdist_group("chain")

SCORES = "results/tiny/mapping/scores.json"
DECISIONS = "resources/tiny/decisions.gpkg"
GROUNDS = ("all", "unseen")


def score(clone, overlay: dict[str, object], *words: str) -> tuple[dict[str, dict], object]:
    """Run the chain to the scores; return those of the polygons on each ground, and the run."""
    done = clone.run(*words, "--", SCORES, overlay=overlay)
    assert done.status == 0, done.text[-3000:]
    scores = json.loads((clone.folder / SCORES).read_text())
    return {"all": scores["polygons"], "unseen": scores["unseen"]["polygons"]}, done


def decide_from_the_truth(clone) -> None:
    """Accept the detections that match a landform of the truth, and reject the others."""
    hits = gpd.read_file(clone.results / "mapping/cases.gpkg", layer="hits")
    rows = gpd.read_file(clone.results / "mapping/detections.gpkg", layer="kept")[["detection", "geometry"]].to_crs(
        4326
    )
    rows["status"] = np.where(rows["detection"].isin(hits["detection"]), "accepted", "rejected")
    rows["seen"] = rows.geometry.to_wkt(rounding_precision=8)
    (clone.folder / DECISIONS).parent.mkdir(parents=True, exist_ok=True)
    rows.to_file(clone.folder / DECISIONS, layer="review")


def test_both_ends_of_precision_meet_at_the_true_value(clone):
    mapping = many_bodies(clone)
    true, _ = score(clone, mapping)
    undecided = {"mapping": {**mapping["mapping"], "reference": None}}
    ends, _ = score(clone, undecided)
    for ground in GROUNDS:
        assert ends[ground]["unknown"] > 0, "nobody has looked at the detections without an outline"
        assert ends[ground]["precision"] < ends[ground]["precision_if_unknown_right"]
        assert ends[ground]["precision"] <= true[ground]["precision"] <= ends[ground]["precision_if_unknown_right"]

    score(clone, mapping)
    decide_from_the_truth(clone)
    # rejected places also become labels, and a whole run trains with them; this one scores the map that was decided on
    met, done = score(clone, undecided | {"inventory": {"decisions": DECISIONS}}, "--allowed-rules", "score")
    assert done.computed == {"score": 1}
    for ground in GROUNDS:
        assert met[ground]["unknown"] == 0
        assert met[ground]["precision"] == met[ground]["precision_if_unknown_right"] == true[ground]["precision"]
