"""Leakage: both protocols with their own IoU, impossible and untrained ones said so, legible at any numbers."""

from __future__ import annotations

from functools import partial

import pytest

from lobate.errors import UserError
from lobate.figures.figure_leakage import figure_leakage, protocols_of

from .tables import line, same_bytes_twice, selection, written


def measured(**more):
    return {"leaked_share": 0.3, "nearest_m": 0.0, "training": 90, "validation": 10, "dropped": 0} | more


LEAKAGE = {
    "used": "grouped",
    "random": measured(),
    "grouped": measured(leaked_share=0.0, nearest_m=260.0, dropped=4),
    "folds": [measured()],
}
FOLDS = {"validation_iou": [0.7, None, 0.9]}


def protocols(leakage=LEAKAGE, **more):
    return protocols_of(leakage, selection([line(1)])["protocols"] | more, FOLDS)


def draw(protocols, landform="rock glacier"):
    from lobate.figures.drawing.leakage import draw_leakage
    from lobate.figures.drawing.style import styled

    with styled():
        return draw_leakage(protocols, landform)


def test_configured_comes_first_and_folds_are_its_own():
    grouped, random = protocols()
    assert (grouped.method, grouped.configured, grouped.iou, grouped.folds) == ("grouped", True, 0.78, (0.7, 0.9))
    assert (random.method, random.configured, random.iou, random.folds) == ("random", False, 0.86, ())


def test_what_was_not_trained_or_is_impossible_says_so():
    blocks = LEAKAGE | {"used": "blocks", "blocks": measured(), "grouped": {"impossible": "too close"}}
    trained = {
        "configured": {"method": "blocks", "validation_iou": {"landform": None}},
        "other": {"method": "random", "validation_iou": None, "impossible": "not trained: both_protocols is false"},
    }
    used, grouped, random = protocols(blocks, **trained)
    assert (used.method, used.iou, used.reason) == ("blocks", None, "no validation patch shows the landform")
    assert (grouped.reason, grouped.leaked_share) == ("too close", None)
    assert random.reason == "not trained: both_protocols is false"


@pytest.mark.parametrize("patches", [1, 30, 400, 2_000_000])
def test_no_text_overlaps(check_texts, patches):
    many = dict.fromkeys(("training", "validation", "dropped"), patches)
    used = measured(nearest_m=float(patches), **many)
    leakage = LEAKAGE | {"grouped": used, "blocks": {"impossible": "too close together " * 9}}
    check_texts(draw(protocols(leakage), "a landform with a very long name " * 3))


def test_bars_are_the_numbers():
    iou, leaked, nearest = draw(protocols()).axes
    assert [bar.get_width() for bar in iou.patches] == [0.78, 0.86]
    assert [bar.get_width() for bar in leaked.patches] == [0, 30]
    assert [bar.get_width() for bar in nearest.patches] == [260, 0]
    assert [text.get_text() for text in leaked.texts] == ["0.0 %", "30.0 %"]


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    leakage = written(tmp_path / "leakage.json", LEAKAGE)
    chosen = written(tmp_path / "selection.json", selection([line(1)], folds=FOLDS))
    same_bytes_twice(tmp_path, partial(figure_leakage, leakage, chosen))
    with pytest.raises(UserError, match=r"is not a leakage\.json written by `split-patches`"):
        figure_leakage(chosen, chosen, tmp_path / "a.png", tmp_path / "a.pdf", figures=None)
