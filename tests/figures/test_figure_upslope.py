"""Altitude and velocity by upslope connection: every value in its row, legible at any number of landforms and kinds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lobate.figures.figure_upslope import figure_upslope
from lobate.io.vector import write_layers

from .tables import of_a_model, same_bytes_twice
from .test_figure_attributes import UPSLOPE, inventory


def draw(landforms, landform="rock glacier"):
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.upslope import draw_upslope

    with styled():
        return draw_upslope(landforms, landform)


@pytest.mark.parametrize("count", [0, 1, 30, 400])
@pytest.mark.parametrize("kinds", [(None,), (*UPSLOPE, None)])
def test_no_text_overlaps(check_texts, count, kinds):
    check_texts(draw(inventory(count, kinds), "a landform of a very long name " * 4))


def test_rows_are_all_and_each_kind_on_the_same_bins():
    figure = draw(inventory(30, ("talus", "glacier", None)))
    altitude, velocity = figure.axes[:4], figure.axes[4:]
    assert [round(sum(bar.get_height() for bar in axes.patches)) for axes in altitude] == [24, 8, 8, 8]
    assert [round(sum(bar.get_height() for bar in axes.patches)) for axes in velocity] == [20, 10, 0, 10]
    assert len({axes.get_xlim() for axes in altitude}) == 1
    words = [text.get_text() for text in figure.texts]
    assert [word for word in words if word[:1] == "("] == ["(a) all", "(b) glacier", "(c) talus", "(d) unknown"]
    assert "upslope connection known of 20 of 30 landforms" in " ".join(words)


def test_no_two_rows_look_alike():
    """Neither two kinds, nor a kind and all landforms."""
    figure = draw(inventory(60, (*UPSLOPE, None)))
    altitude = figure.axes[: len(figure.axes) // 2]
    colours = [axes.patches[0].get_facecolor() for axes in altitude]
    assert len({*colours}) == len(colours) == len(UPSLOPE) + 2


def test_mean_and_spread_are_written():
    landforms = inventory(3).assign(elevation_mean_m=[4000.0, 4100.0, np.nan], velocity=[10.0, np.nan, np.nan])
    words = [text.get_text() for text in draw(landforms).texts]
    assert "n = 2: 4,050.0 \N{PLUS-MINUS SIGN} 70.7 m" in words
    assert "n = 1: 10.0 cm a year" in words


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": inventory(9, ("talus", None)).to_crs(4326)})
    same_bytes_twice(tmp_path, partial(figure_upslope, tmp_path / "inventory.gpkg", *of_a_model(tmp_path)))
