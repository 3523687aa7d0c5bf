"""The IoU curves: each round that trained once, legible for one round and for many."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lobate.errors import UserError
from lobate.figures.figure_iou import figure_iou, intervals_by_round, metrics_by_round
from lobate.settings.figures import Figures


def metrics(looks=5, every=100) -> pd.DataFrame:
    rows = [
        {
            "iteration": every * (n + 1),
            "split": split,
            "iou_background": 0.9,
            "iou_landform": n / looks,
            "iou_overall": 0.5,
        }
        for n in range(looks)
        for split in ("training", "validation")
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def rounds(tmp_path):
    """Write rounds; ``numbers`` are those their verdicts name."""

    def write(*numbers):
        tables, verdicts = [], []
        for place, number in enumerate(numbers):
            tables.append(tmp_path / f"metrics_{place}.csv")
            verdicts.append(tmp_path / f"verdict_{place}.json")
            metrics().to_csv(tables[-1], index=False)
            verdicts[-1].write_text(json.dumps({"round": number}))
        return tables, verdicts

    return write


def test_rounds_that_passed_on_a_verdict_are_drawn_once(rounds):
    assert list(metrics_by_round(*rounds(1, 2, 2, 2))) == [1, 2]


@pytest.mark.parametrize("count", [1, 3, 12, 50])
@pytest.mark.parametrize("looks", [1, 40])
def test_no_text_overlaps(check_texts, count, looks):
    from lobate.figures.drawing.iou import draw_iou
    from lobate.figures.drawing.style import styled

    with styled():
        rounds = {n + 1: metrics(looks, 1000) for n in range(count)}
        intervals = dict.fromkeys(rounds, (1000.0, 0.2, 0.4))
        check_texts(draw_iou(rounds, "debris-covered glacier " * 3, 0.8, intervals))


def test_the_interval_stands_at_the_evaluation_that_was_chosen(tmp_path):
    from lobate.figures.drawing.iou import draw_iou

    def verdict(number, **facts):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"round": number, "iteration": 300, **facts}))
        return path

    known = {"validation_intervals": {"iou": {"blocks": 6, "low": 0.2, "high": 0.7}}}
    few = {"validation_intervals": {"iou": {"blocks": 2, "values": [0.2, 0.7]}}}
    intervals = intervals_by_round([verdict(1, **few), verdict(2, **known), verdict(3)])
    assert intervals == {2: (300.0, 0.2, 0.7)}
    lower, upper = draw_iou({1: metrics(), 2: metrics()}, "glacier", 0.7, intervals).axes
    assert [bar.tolist() for bar in lower.collections[0].get_segments()] == [[[800.0, 0.2], [800.0, 0.7]]]
    assert not upper.collections


def test_curves_are_what_the_table_says():
    from lobate.figures.drawing.iou import draw_iou
    from lobate.figures.drawing.style import VERMILION

    table = metrics()
    table.loc[0, "iou_landform"] = np.nan  # no label showed the class: unknown, not 0
    figure = draw_iou({1: table, 2: metrics()}, "glacier", 0.7)
    lower, upper = figure.axes
    first, second = (line for line in upper.lines if line.get_color() == VERMILION)
    assert list(first.get_xdata()) == [100, 200, 300, 400, 500]
    assert np.isnan(first.get_ydata()[0])
    assert list(second.get_xdata()) == [600, 700, 800, 900, 1000]
    assert [0.7, 0.7] in [list(line.get_ydata()) for line in lower.lines]
    assert [0.7, 0.7] not in [list(line.get_ydata()) for line in upper.lines]


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path, rounds):
    written = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_iou(*rounds(1, 2), png, pdf, figures=Figures(dpi=60))
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("table", "verdict", "message"),
    [
        ("iteration,split\n1,training\n", '{"round": 1}', "lack iou_background"),
        ("", "{}", "is not a verdict.json written by `train`"),
    ],
)
def test_damaged_input_is_a_mistake(tmp_path, table, verdict, message):
    (tmp_path / "m.csv").write_text(table)
    (tmp_path / "v.json").write_text(verdict)
    with pytest.raises(UserError, match=message):
        figure_iou(
            [tmp_path / "m.csv"], [tmp_path / "v.json"], tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures()
        )
