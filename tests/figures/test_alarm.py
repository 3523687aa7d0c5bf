"""Every figure of a model, of its map or of what the map became says in red that the model learnt nothing, and says nothing where it learnt."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import rasterio

from lobate.engine.registry import ROOMS, load
from lobate.engine.signature import parameters
from lobate.figures.figure_iou import figure_iou
from lobate.figures.figure_leakage import figure_leakage
from lobate.figures.figure_precision_recall import figure_precision_recall
from lobate.figures.figure_reliability import figure_reliability
from lobate.figures.figure_rounds import figure_rounds
from lobate.io.vector import write_layers
from lobate.settings.figures import Figures

from .of_the_inventory import draw_attributes, draw_map, draw_outlines, draw_upslope
from .tables import line, selection, threshold_record, written
from .test_figure_iou import metrics
from .test_figure_leakage import LEAKAGE
from .test_figure_precision_recall import cases, scores

REASON = (
    "its validation IoU of 0.786 is not more than 0.05 above the 0.770 of a map that calls all ground landform " * 2
)
NUMBERS = {"threshold", "selection", "verdicts"}
"""Inputs that say whether a model learnt anything."""
TOP = 12
"""Rows above a figure's first letters; an image in it may have any colour."""


def draw_iou(folder, nothing):
    metrics().to_csv(folder / "metrics.csv", index=False)
    verdict = written(folder / "verdict.json", {"round": 1, "learnt_nothing": nothing})
    return partial(figure_iou, [folder / "metrics.csv"], [verdict])


def draw_rounds(folder, nothing):
    return partial(figure_rounds, written(folder / "s.json", selection([line(1, learnt_nothing=nothing)])))


def draw_reliability(folder, nothing):
    return partial(figure_reliability, written(folder / "t.json", threshold_record(learnt_nothing=nothing)))


def draw_precision_recall(folder, nothing):
    threshold = written(folder / "t.json", threshold_record(learnt_nothing=nothing))
    write_layers(folder / "cases.gpkg", cases(9))
    scored = written(folder / "scores.json", scores(9))
    return partial(figure_precision_recall, threshold, scored, folder / "cases.gpkg")


def draw_leakage(folder, nothing):
    chosen = written(folder / "s.json", selection([line(1, learnt_nothing=nothing)]))
    return partial(figure_leakage, written(folder / "l.json", LEAKAGE), chosen)


PLACES = {
    "figure_leakage": draw_leakage,
    "figure_iou": draw_iou,
    "figure_rounds": draw_rounds,
    "figure_reliability": draw_reliability,
    "figure_precision_recall": draw_precision_recall,
    "figure_map": draw_map,
    "figure_outlines": draw_outlines,
    "figure_attributes": draw_attributes,
    "figure_upslope": draw_upslope,
}


def picture(draw, folder):
    draw(folder / "a.png", folder / "a.pdf", figures=Figures(dpi=100))
    with rasterio.open(folder / "a.png") as png:
        return png.read()[:3]


def is_red(pixels):
    return (pixels[0] > 150) & (pixels[1] < 60) & (pixels[2] < 60)


@pytest.mark.parametrize("name", PLACES)
def test_an_alarm_stands_in_red_above_the_figure_which_stays_as_it_was(name, tmp_path):
    plain = picture(PLACES[name](tmp_path, None), tmp_path)
    alarmed = picture(PLACES[name](tmp_path, REASON), tmp_path)
    assert not is_red(plain[:, :TOP]).any()
    strip = alarmed.shape[1] - plain.shape[1]
    assert is_red(alarmed[:, :strip]).sum() > 500
    assert not is_red(alarmed[:, :strip, -5:]).any()
    assert np.mean(alarmed[:, strip:] != plain) < 0.001


def test_every_figure_of_a_model_s_numbers_is_in_the_list():
    verbs = [verb for verb in ROOMS["figures"] if verb.startswith("figure_")]
    inputs = {verb: set(parameters(load(verb))) for verb in verbs}
    assert {verb for verb, names in inputs.items() if names & NUMBERS} == set(PLACES)
