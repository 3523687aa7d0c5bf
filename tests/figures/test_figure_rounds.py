"""The rounds: those that rest are no points, unknown IoUs are no zeros, legible for one round and for fifty."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lobate.figures.figure_rounds import figure_rounds, rounds_and_target

from .tables import line, same_bytes_twice, selection, written

ALL = ["flip", "rotate", "blur", "crop", "scale", "brightness", "gamma", "noise"]


def draw(facts, landform="rock glacier"):
    from lobate.figures.drawing.rounds import draw_rounds
    from lobate.figures.drawing.style import styled

    with styled():
        return draw_rounds(*rounds_and_target(facts), landform)


@pytest.mark.parametrize("count", [1, 3, 12, 50])
@pytest.mark.parametrize("operations", [[], ALL])
def test_no_text_overlaps(check_texts, count, operations):
    rounds = [line(n + 1, trained_in=min(n + 1, 30), augment=operations) for n in range(count)]
    check_texts(draw(selection(rounds, min(count, 30)), "a landform with a very long name " * 4))


def test_a_round_with_an_interval_has_a_bar(check_texts):
    known = {"validation_intervals": {"iou": {"blocks": 6, "low": 0.2, "high": 0.7}}}
    figure = draw(selection([line(1), line(2, **known)], 2))
    check_texts(figure)
    assert [bar.tolist() for bar in figure.axes[2].collections[0].get_segments()] == [[[2.0, 0.2], [2.0, 0.7]]]


def test_resting_rounds_and_unknown_ious_are_no_points():
    rounds = [line(1, validation_iou={"landform": None}), line(2), line(3, trained_in=2)]
    augment, patches, ious = draw(selection(rounds, 2)).axes
    training, validation = ious.lines[:2]
    assert list(training.get_xdata()) == [1, 2]
    assert np.isnan(validation.get_ydata()[0]) and validation.get_ydata()[1] == pytest.approx(0.7)
    bars = [bar for bar in patches.patches if bar.get_width() == pytest.approx(0.6)]
    assert [bar.get_height() for bar in bars] == [2007, 2007, 0, 7]
    assert augment.collections[0].get_offsets().tolist() == [[1, 0], [2, 0], [2, 1]]


def test_the_iou_that_judges_is_drawn_beside_that_of_the_patches():
    judged = {"ground": "windows", "iou": 0.91, "interval": {"blocks": 3}, "groups": {}}
    figure = draw(selection([line(1, judged=judged), line(2, judged={"ground": "validation patches", "iou": 0.7})]))
    points = figure.axes[2].lines[2]
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([1], [0.91])
    assert any("on validation windows 0.910" in text.get_text() for text in figure.texts)


def test_nothing_known_is_drawn_as_nothing(check_texts):
    check_texts(draw(selection([line(1, training_iou=None, patches=None, mined_negatives=None, augment=None)])))


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    path = written(tmp_path / "selection.json", selection([line(1), line(2)]))
    same_bytes_twice(tmp_path, partial(figure_rounds, path))
