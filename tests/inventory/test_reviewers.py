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
def write_decisions(tmp_path):
    """Write a decisions file and read it."""

    def write(name, outlines, statuses, **columns):
        path = tmp_path / f"{name}.geojson"
        frame(outlines, status=statuses, detection=[None] * len(outlines), **columns).to_file(path)
        return path

    return write


def test_kappa_of_cohens_own_kind():
    """Of 50 cases both say yes to 20 and no to 15, one alone to 5, the other alone to 10: p_o = 0.7, p_e = 0.5."""
    first = np.array([True] * 20 + [True] * 5 + [False] * 10 + [False] * 15)
    second = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(first, first) == 1
    assert cohen_kappa(first, ~first) < 0
    assert cohen_kappa(first[:5], second[:5]) is None
    assert cohen_kappa(first[:0], second[:0]) is None


def test_agreement_and_conflicts(detections, write_decisions, tmp_path):
    outlines = [square(n) for n in range(6)]
    moved = [shapely.affinity.translate(outline, STEP / 20) for outline in outlines]
    words = ["accepted", "accepted", "rejected", "edited", "rejected", "accepted"]
    first = write_decisions(
        "one", outlines, words, activity=["active", None, None, "relict", None, None], reviewer=["A"] * 6
    )
    words = ["accepted", "rejected", "rejected", "accepted", "accepted", "pending"]
    second = write_decisions("other", moved, words, activity=["relict", None, None, "relict", None, None])
    apply_review(detections(outlines), tmp_path / "reviewed.gpkg", [first, second], tmp_path / "agreement.json")
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
    assert {about: count for about, count in facts["conflicts"].items() if count} == {"status": 2, "activity": 1}


def test_outlines_drawn_apart_are_a_conflict(write_decisions):
    files = {
        "a": write_decisions("a", [square(0)], ["edited"]),
        "b": write_decisions("b", [square(0, side=0.6)], ["edited"]),
    }
    merged = merge_reviewers({name: read_decisions(path) for name, path in files.items()}, 0.3)
    assert list(merged.conflicts["about"]) == ["outline"]
    assert merged.decided.empty


def test_an_edited_outline_stands_before_an_accepted_one(write_decisions):
    first = read_decisions(write_decisions("a", [square(0)], ["accepted"], remark=["fine"]))
    second = read_decisions(write_decisions("b", [square(0, side=0.85)], ["edited"], remark=["mended"]))
    merged = merge_reviewers({"a": first, "b": second}, 0.3)
    assert merged.conflicts.empty
    assert merged.decided["status"].tolist() == ["edited"]
    assert merged.decided["remark"].tolist() == ["fine; mended"]
    assert merged.decided.geometry[0].equals(square(0, side=0.85))


def test_edits_far_from_each_other_meet_by_what_was_shown(write_decisions):
    shown = [square(0).wkt]
    first = read_decisions(write_decisions("a", [square(0, side=0.2)], ["edited"], seen=shown))
    second = read_decisions(
        write_decisions("b", [shapely.affinity.translate(square(0, side=0.2), STEP / 2)], ["edited"], seen=shown)
    )
    assert len(match_decisions(first, second, 0.3)) == 1


def test_three_people(write_decisions):
    files = {
        name: read_decisions(write_decisions(name, [square(0)], [word]))
        for name, word in zip("abc", ("accepted", "accepted", "rejected"), strict=True)
    }
    merged = merge_reviewers(files, 0.3)
    assert len(merged.facts["pairs"]) == 3
    assert len(merged.conflicts) == 1
    assert merged.decided.empty


def test_one_person_has_nobody_to_disagree_with(write_decisions):
    first = read_decisions(write_decisions("a", [square(0), square(1)], ["accepted", "rejected"]))
    merged = merge_reviewers({"a": first}, 0.3)
    assert merged.facts["pairs"] == []
    assert merged.decided["status"].tolist() == ["accepted", "rejected"]
    assert merge_reviewers({}, 0.3).decided.empty


def test_words_about_pending_and_disputed_places_are_merged(detections, write_decisions, tmp_path):
    outlines = [square(n) for n in range(4)]
    first = write_decisions(
        "one",
        outlines,
        ["pending", "accepted", "pending", "accepted"],
        activity=["active", None, "active", "relict"],
        remark=["I", None, None, "sure"],
    )
    second = write_decisions(
        "other",
        outlines,
        ["pending", "pending", "pending", "rejected"],
        activity=[None, "relict", "relict", None],
        remark=["II", None, None, "a lake"],
    )
    apply_review(detections(outlines), tmp_path / "reviewed.gpkg", [first, second], tmp_path / "agreement.json")
    reviewed = read_layer(tmp_path / "reviewed.gpkg", "reviewed").set_index("detection")
    assert reviewed["status"].tolist() == ["pending", "accepted", "pending", "pending"]
    assert reviewed["activity"].fillna("").tolist() == ["active", "relict", "", "relict"]
    assert reviewed["remark"].fillna("").tolist() == ["I; II", "", "", "sure; a lake"], "a dispute keeps what both said"
    conflicts = read_layer(tmp_path / "reviewed.gpkg", "conflicts").set_index("about")
    assert (
        conflicts.loc["activity", "said"]
        == "active by one.geojson (one.geojson); relict by other.geojson (other.geojson)"
    )
    assert "sure" not in conflicts.loc["status", "said"]
    facts = json.loads((tmp_path / "agreement.json").read_text())
    assert facts["pairs"][0]["both"] == 1, "words alone are no decision to agree on"
