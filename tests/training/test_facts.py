from types import SimpleNamespace

import numpy as np
import pytest

from lobate.settings.training import Network, Schedule
from lobate.training.facts import scalars_of, warnings_of, write_metrics

IOUS = {"iou_background": 0.9, "iou_landform": None, "iou_overall": None}
ROWS = [
    {"iteration": 5, "split": "training", "loss": 0.5, "learning_rate": 0.01, "step_loss": 0.75, **IOUS},
    {"iteration": 5, "split": "validation", "loss": 0.25, "learning_rate": 0.01, "step_loss": 0.75, **IOUS},
]


def test_the_table_leaves_the_unknown_empty(tmp_path):
    write_metrics(tmp_path / "metrics.csv", ROWS)
    assert (tmp_path / "metrics.csv").read_bytes().decode() == (
        "iteration,split,iou_background,iou_landform,iou_overall,loss,learning_rate\n"
        "5,training,0.9,,,0.5,0.01\n"
        "5,validation,0.9,,,0.25,0.01\n"
    )


def test_curves_leave_the_unknown_out():
    assert list(scalars_of(ROWS)) == [
        (5, "iou_background/training", 0.9),
        (5, "loss/training", 0.5),
        (5, "learning_rate", 0.01),
        (5, "loss/steps", 0.75),
        (5, "iou_background/validation", 0.9),
        (5, "loss/validation", 0.25),
    ]


@pytest.mark.parametrize(
    ("schedule", "weights", "seen", "words"),
    [
        (Schedule(), "imagenet", [[5, 5]], []),
        (Schedule(), "none", [[5, 5]], ["frozen batch norm"]),
        (Schedule(batch=1, batch_norm="trained"), "none", [[5, 5]], ["batch of 1"]),
        (Schedule(batch=4, accumulate=3, batch_norm="trained"), "imagenet", [[5, 5]], ["accumulate"]),
        (Schedule(batch=1), "imagenet", [[5, 0]], ["No validation patch"]),
    ],
)
def test_what_a_reader_should_know(schedule, weights, seen, words):
    plan = SimpleNamespace(schedule=schedule, data=SimpleNamespace(seen=np.array(seen)))
    found = warnings_of(plan, Network(weights=weights))
    assert len(found) == len(words)
    assert all(word in one for word, one in zip(words, found, strict=True))
