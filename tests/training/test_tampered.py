"""A training on shuffled labels learns nothing, and what is made of it says so, from the verdict to the figure of the curves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lobate.cli.show import describe_model
from lobate.figures.figure_iou import figure_iou
from lobate.network.header import read_header
from lobate.settings.figures import Figures
from lobate.training.select_model import select_model


@pytest.fixture
def tampered(long):
    """Train on patches with shuffled labels, as long as `test_it_learns` does with the right ones; return the outputs by name."""
    random = np.random.default_rng(1)
    for path in long.patches:
        patches = np.load(path)
        labels = patches[..., -1]
        patches[..., -1] = random.permuted(labels.reshape(len(labels), -1), axis=1).reshape(labels.shape)
        np.save(path, patches)
    return long.train("tampered")


def test_every_result_of_a_tampered_training_says_that_nothing_was_learnt(tampered, tmp_path):
    verdict = json.loads(tampered["verdict"].read_text())
    reason = verdict["learnt_nothing"]
    assert reason
    chosen, selection, stac = tmp_path / "chosen.safetensors", tmp_path / "selection.json", tmp_path / "stac.json"
    select_model([tampered["verdict"]], [tampered["model"]], chosen, selection, stac)
    for model in (tampered["model"], chosen):
        assert read_header(model)["learnt_nothing"] == reason
        assert describe_model(model).splitlines()[1].startswith(f"  THE MODEL LEARNT NOTHING: {reason}")
    assert json.loads(selection.read_text())["rounds"][0]["learnt_nothing"] == reason
    assert json.loads(stac.read_text())["properties"]["lobate:learnt_nothing"] == reason
    figure_iou(
        [tampered["metrics"]], [tampered["verdict"]], tmp_path / "a.png", tmp_path / "a.pdf", figures=Figures(dpi=50)
    )
    learnt = json.loads(tampered["verdict"].read_text()) | {"learnt_nothing": None}
    (tmp_path / "verdict.json").write_text(json.dumps(learnt))
    figure_iou(
        [tampered["metrics"]],
        [tmp_path / "verdict.json"],
        tmp_path / "b.png",
        tmp_path / "b.pdf",
        figures=Figures(dpi=50),
    )
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
