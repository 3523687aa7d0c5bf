"""The reliability diagram: the map's bins, legible whatever is known."""

from __future__ import annotations

from functools import partial

import pytest

from lobate.errors import UserError
from lobate.figures.figure_reliability import figure_reliability, reliability_of_map
from lobate.settings.figures import Figures

from .tables import BINS, same_bytes_twice, threshold_record, written


def draw(record, landform="rock glacier"):
    from lobate.figures.drawing.reliability import draw_reliability
    from lobate.figures.drawing.style import styled

    with styled():
        return draw_reliability(reliability_of_map(record), landform)


def calibrated(bins, error=0.0123, share=0.0131):
    return threshold_record(calibration={"bins": bins, "error": error, "landform_share": share})


@pytest.mark.parametrize(("error", "share"), [(None, None), (0.123456, 1.0), (0.0, 0.000123)])
@pytest.mark.parametrize("bins", [[], BINS[:1], BINS, [[0.5, 0.5, 10**6]]])
def test_no_text_overlaps(check_texts, bins, error, share):
    check_texts(draw(calibrated(bins, error, share), "a landform with a very long name " * 3))


def test_points_and_bars_are_what_the_bins_say():
    left, right = draw(threshold_record()).axes
    (curve,) = [curve for curve in left.lines if len(curve.get_xdata()) == len(BINS)]
    assert list(zip(*curve.get_data(), strict=True)) == [(predicted, observed) for predicted, observed, _ in BINS]
    bars = [(round(bar.get_x(), 3), bar.get_height()) for bar in right.patches]
    assert bars == [(0.0, 900.5), (0.2, 10), (0.5, 20), (0.9, 100)]


def test_the_share_of_landform_is_told_with_the_calibration():
    texts = " ".join(text.get_text() for text in draw(threshold_record()).texts)
    assert "holds for ground with 1.31 % landform" in texts


@pytest.mark.parametrize("bins", [[[1.5, 0.2, 3]], [[0.5, 0.2, 0]], [[0.5, -0.1, 3]]])
def test_bins_that_cannot_be_are_a_mistake(tmp_path, bins):
    path = written(tmp_path / "threshold.json", calibrated(bins))
    with pytest.raises(UserError, match=r"a bin of "):
        figure_reliability(path, tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures())


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    path = written(tmp_path / "threshold.json", threshold_record())
    same_bytes_twice(tmp_path, partial(figure_reliability, path))
