"""Histograms: every value in one bar, the missing ones counted, legible at any number of landforms."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.figures.figure_attributes import figure_attributes
from lobate.io.vector import write_layers
from lobate.settings.figures import Figures

from .conftest import make_landforms
from .tables import of_a_model

UPSLOPE = ("talus", "debris-mantled_slope", "glacier_forefield", "landslide", "uncertain", "other", "glacier", "poly")


def inventory(count, kinds=(None,)):
    rng = np.random.default_rng(count)
    elevation = rng.normal(4800, 300, count)
    elevation[::5] = np.nan
    return make_landforms(count).assign(
        upslope_connection=[kinds[n % len(kinds)] for n in range(count)],
        elevation_mean_m=elevation,
        slope_deg=rng.uniform(5, 40, count),
        aspect_deg=rng.uniform(0, 360, count),
        velocity=np.where(np.arange(count) % 3, rng.lognormal(3, 1, count), np.nan),
        length_m=rng.uniform(200, 2000, count),
    )


def draw(landforms):
    from lobate.figures.drawing.attributes import draw_attributes
    from lobate.figures.drawing.style import styled

    with styled():
        figure = draw_attributes(landforms, "rock glacier")
        figure.canvas.draw()
    return figure


@pytest.mark.parametrize("count", [0, 1, 30, 400])
@pytest.mark.parametrize("kinds", [(None,), (*UPSLOPE, None)])
def test_no_text_overlaps(check_texts, count, kinds):
    check_texts(draw(inventory(count, kinds)))


def test_every_value_is_in_one_bar():
    figure = draw(inventory(30, ("talus", "glacier", None)))
    altitude, area, slope, _, velocity, length = figure.axes
    panels = (altitude, area, slope, velocity, length)
    heights = [round(sum(bar.get_height() for bar in axes.patches)) for axes in panels]
    assert heights == [24, 30, 30, 20, 30]
    words = [text.get_text() for text in figure.texts]
    assert "n = 24, 6 without a value" in words
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["glacier (10)", "talus (10)", "unknown (10)"]


def test_areas_of_the_rose_are_counts():
    landforms = inventory(8).assign(aspect_deg=[359.0, 1, 5, 90, 90, 180, 180, np.nan])
    rose = draw(landforms).axes[3]
    squares = {}
    for bar in rose.patches:
        outer = bar.get_y() + bar.get_height()
        sector = round(np.degrees(bar.get_x() + bar.get_width() / 2)) % 360
        squares[sector] = squares.get(sector, 0) + outer**2 - bar.get_y() ** 2
    assert {place: round(count) for place, count in squares.items() if count > 0.5} == {0: 3, 90: 2, 180: 2}


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": inventory(9).to_crs(4326)})
    written = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_attributes(tmp_path / "inventory.gpkg", *of_a_model(tmp_path), png, pdf, figures=Figures(dpi=60))
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]
