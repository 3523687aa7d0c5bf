"""Two people's decisions: counted together where they agree, nobody's where they do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from lobate.inventory.apply_review import apply_review
from lobate.inventory.decisions import read_decisions
from lobate.inventory.reviewers import cohen_kappa, match_decisions, merge_reviewers
from lobate.io.vector import read_layer

from .conftest import STEP, frame, square


@pytest.fixture
def said(tmp_path):
    """Write a decisions file and read it."""

    def write(name, outlines, statuses, **columns):
        path = tmp_path / f"{name}.geojson"
        frame(outlines, status=statuses, detection=[None] * len(outlines), **columns).to_file(path)
        return path

    return write


def test_kappa_of_cohens_own_kind():
    """Of 50 cases both say yes to 20 and no to 15, one alone to 5, the other alone to 10: p_o = 0.7, p_e = 0.5."""
    one = np.array([True] * 20 + [True] * 5 + [False] * 10 + [False] * 15)
    other = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa(one, one) == 1
    assert cohen_kappa(one, ~one) < 0
    assert cohen_kappa(one[:5], other[:5]) is None
    assert cohen_kappa(one[:0], other[:0]) is None


def test_agreement_and_conflicts(detections, said, tmp_path):
    outlines = [square(n) for n in range(6)]
    moved = [shapely.affinity.translate(outline, STEP / 20) for outline in outlines]
    words = ["accepted", "accepted", "rejected", "edited", "rejected", "accepted"]
    one = said("one", outlines, words, activity=["active", None, None, "relict", None, None], reviewer=["A"] * 6)
    words = ["accepted", "rejected", "rejected", "accepted", "accepted", "pending"]
    other = said("other", moved, words, activity=["relict", None, None, "relict", None, None])
    apply_review(detections(outlines), tmp_path / "reviewed.gpkg", [one, other], tmp_path / "agreement.json")
    reviewed = read_layer(tmp_path / "reviewed.gpkg", "reviewed").set_index("detection")
    assert dict(reviewed["status"]) == {
        "d00000": "accepted", "d00001": "pending", "d00003": "edited", "d00004": "pending", "d00005": "accepted",
    }  # fmt: skip
    assert reviewed["activity"].isna()["d00000"], "they contradict each other"
    assert reviewed.loc["d00003", "activity"] == "relict"
    assert list(read_layer(tmp_path / "reviewed.gpkg", "rejected")["detection"]) == ["d00002"]
    conflicts = read_layer(tmp_path / "reviewed.gpkg", "conflicts")
    assert sorted(conflicts["about"]) == ["activity", "status", "status"]
    assert "accepted by A (one.geojson); rejected by other.geojson (other.geojson)" in set(conflicts["said"])
    facts = json.loads((tmp_path / "agreement.json").read_text())
    (pair,) = facts["pairs"]
    assert (pair["both"], pair["agree"], pair["share"]) == (5, 3, 0.6)
    assert pair["kappa"] == pytest.approx((0.6 - 0.52) / 0.48, abs=1e-4)
    assert facts["conflicts"] == {"status": 2, "outline": 0, "upslope_connection": 0, "activity": 1}


def test_outlines_drawn_apart_are_a_conflict(said):
    files = {"a": said("a", [square(0)], ["edited"]), "b": said("b", [square(0, side=0.6)], ["edited"])}
    together = merge_reviewers({name: read_decisions(path) for name, path in files.items()}, 0.3)
    assert list(together.conflicts["about"]) == ["outline"]
    assert together.decided.empty


def test_an_edited_outline_stands_before_an_accepted_one(said):
    one = read_decisions(said("a", [square(0)], ["accepted"], remark=["fine"]))
    other = read_decisions(said("b", [square(0, side=0.85)], ["edited"], remark=["mended"]))
    together = merge_reviewers({"a": one, "b": other}, 0.3)
    assert together.conflicts.empty
    assert together.decided["status"].tolist() == ["edited"]
    assert together.decided["remark"].tolist() == ["fine; mended"]
    assert together.decided.geometry[0].equals(square(0, side=0.85))


def test_edits_far_from_each_other_meet_by_what_was_shown(said):
    shown = [square(0).wkt]
    one = read_decisions(said("a", [square(0, side=0.2)], ["edited"], seen=shown))
    other = read_decisions(
        said("b", [shapely.affinity.translate(square(0, side=0.2), STEP / 2)], ["edited"], seen=shown)
    )
    assert len(match_decisions(one, other, 0.3)) == 1


def test_three_people(said):
    files = {
        name: read_decisions(said(name, [square(0)], [word]))
        for name, word in zip("abc", ("accepted", "accepted", "rejected"), strict=True)
    }
    together = merge_reviewers(files, 0.3)
    assert len(together.facts["pairs"]) == 3
    assert len(together.conflicts) == 1
    assert together.decided.empty


def test_one_person_has_nobody_to_disagree_with(said):
    one = read_decisions(said("a", [square(0), square(1)], ["accepted", "rejected"]))
    together = merge_reviewers({"a": one}, 0.3)
    assert together.facts["pairs"] == []
    assert together.decided["status"].tolist() == ["accepted", "rejected"]
    assert merge_reviewers({}, 0.3).decided.empty
