"""Texts fit their room."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("words", ["short", "a rather long title " * 3, "x" * 2000])
def test_fit_keeps_a_text_within_its_room(words):
    from lobate.figures.drawing.page import shrink_to_fit
    from lobate.figures.drawing.style import new_figure, styled

    with styled():
        figure = new_figure(2.0)
        text = shrink_to_fit(figure.text(0.1, 0.5, words, size=11), 3.0)
        width = text.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
    assert width <= 3.0
    assert text.get_text()[:4] == words[:4]
    assert text.get_fontsize() >= 5.5
