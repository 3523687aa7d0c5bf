from __future__ import annotations

import csv

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from lobate.training.curves import scalars_of, write_events, write_live_curves, write_metrics

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


def live(iteration, speed):
    return [row | {"iteration": iteration, "images_per_s": speed} for row in ROWS]


def test_curves_can_be_watched_while_they_grow(tmp_path):
    """TensorBoard reads on in the same file, and images/s is among them."""
    checkpoint, folder = tmp_path / "deep" / "checkpoint.pt", tmp_path / "deep" / "curves"
    write_live_curves(checkpoint, live(5, 8.5))
    reader = EventFileLoader(str(folder / "events.out.tfevents.lobate"))

    def read():
        values = [(event.step, value) for event in reader.Load() for value in event.summary.value]
        return [(step, value.tag, value.tensor.float_val[0]) for step, value in values]

    first = read()
    assert (5, "images_per_s", 8.5) in first
    assert [(step, tag) for step, tag, _ in first if tag != "images_per_s"] == [
        scalar[:2] for scalar in scalars_of(ROWS)
    ]
    write_live_curves(checkpoint, [*live(5, 8.5), *live(10, 7.0)])
    second = read()
    assert {step for step, *_ in second} == {10}
    assert (10, "images_per_s", 7.0) in second
    with (folder / "metrics.csv").open() as file:
        assert [(row["iteration"], row["images_per_s"]) for row in csv.DictReader(file)][::2] == [
            ("5", "8.5"),
            ("10", "7.0"),
        ]


def test_tensorboard_reads_it_and_bytes_repeat(tmp_path):
    rows = [(10, "iou/validation", 0.25), (20, "iou/validation", 0.5), (20, "loss", 1.5)]
    first, second = tmp_path / "events.out.tfevents.a", tmp_path / "events.out.tfevents.b"
    write_events(first, rows)
    write_events(second, iter(rows))
    assert first.read_bytes() == second.read_bytes()
    events = [event for event in EventFileLoader(str(first)).Load() if event.summary.value]
    read = [(event.step, value.tag, value.tensor.float_val[0]) for event in events for value in event.summary.value]
    assert read == rows
    assert {event.wall_time for event in events} == {0}
