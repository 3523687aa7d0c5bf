import json

from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.training.protocols import compare, read_facts, spread_of


def test_no_file_has_no_facts(tmp_path):
    assert read_facts(None) == {}
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    assert read_facts(tmp_path / "a.json") == {"a": 1}


def test_without_leakage_the_methods_are_unknown():
    found = compare({"validation_iou": {"landform": 0.5}}, {}, {})
    assert (found["configured"]["method"], found["other"]["method"]) == (None, None)


def test_an_impossible_method_has_no_measures():
    leakage = {"used": "random", "random": {"leaked_share": 0.9}, "grouped": {"impossible": "too close"}}
    found = compare({"validation_iou": {"landform": 0.5}}, {"impossible": "too close"}, leakage)
    assert found["other"] | {"x": 0} == {
        "method": "grouped",
        "impossible": "too close",
        **dict.fromkeys(("validation_iou", "training_iou", "iteration", "leaked_share", "polygons_on_both_sides")),
        **dict.fromkeys(("nearest_m", "training", "validation", "dropped")),
        "x": 0,
    }


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_mean_and_spread_lie_within_the_folds(ious):
    found = spread_of([{"validation_iou": {"landform": iou}} for iou in ious])
    assert min(ious) - 1e-6 <= found["mean"] <= max(ious) + 1e-6
    assert 0 <= found["spread"] <= max(ious) - min(ious) + 1e-6
