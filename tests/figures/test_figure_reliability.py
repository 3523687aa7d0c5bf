"""The reliability diagram: the chosen round's bins, legible whatever is known."""

from __future__ import annotations

from functools import partial

import pytest

from lobate.errors import UserError
from lobate.figures.figure_reliability import figure_reliability, reliability_by_round
from lobate.settings.figures import Figures

from .tables import BINS, line, same_bytes_twice, selection, written


def draw(facts, landform="rock glacier"):
    from lobate.figures.drawing.reliability import draw_reliability
    from lobate.figures.drawing.style import styled

    with styled():
        return draw_reliability(reliability_by_round(facts), landform)


@pytest.mark.parametrize("rounds", [1, 3, 50])
@pytest.mark.parametrize("bins", [None, BINS[:1], BINS, [[0.5, 0.5, 10**9]]])
def test_no_text_overlaps(check_texts, rounds, bins):
    facts = selection([line(n + 1, calibration=bins, calibration_error=None) for n in range(rounds)])
    check_texts(draw(facts, "a landform with a very long name " * 3))


def test_points_and_bars_are_what_the_bins_say():
    left, right = draw(selection([line(1), line(2), line(3, trained_in=2)], 2)).axes
    curves = [curve for curve in left.lines if len(curve.get_xdata()) == len(BINS)]
    assert len(curves) == 2, "a round that rests has no curve of its own"
    assert list(zip(*curves[-1].get_data(), strict=True)) == [(predicted, observed) for predicted, observed, _ in BINS]
    bars = [(round(bar.get_x(), 3), bar.get_height()) for bar in right.patches]
    assert bars == [(0.0, 90_000), (0.2, 1_000), (0.5, 2_000), (0.9, 10_000)]


def test_bins_that_cannot_be_are_a_mistake(tmp_path):
    path = written(tmp_path / "selection.json", selection([line(1, calibration=[[1.5, 0.2, 3]])]))
    with pytest.raises(UserError, match=r"a bin of 1\.5"):
        figure_reliability(path, tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures())


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    path = written(tmp_path / "selection.json", selection([line(1), line(2)]))
    same_bytes_twice(tmp_path, partial(figure_reliability, path))
