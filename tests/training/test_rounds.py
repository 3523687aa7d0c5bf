import json

import pytest

from lobate.errors import UserError
from lobate.training.rounds import augmentation_for_round, copy_previous_round, round_met_target, target_met

STEPS = [["flip"], ["flip", "blur"]]


def verdict(folder, iou, round=1):
    path = folder / f"verdict_{round}.json"
    path.write_text(json.dumps({"round": round, "validation_iou": {"landform": iou}}))
    return path


def test_later_rounds_use_the_last_step():
    assert [augmentation_for_round(STEPS, n) for n in (1, 2, 3, 9)] == [
        ["flip"],
        ["flip", "blur"],
        ["flip", "blur"],
        ["flip", "blur"],
    ]


@pytest.mark.parametrize(
    ("iou", "target", "answer"), [(0.8, 0.8, True), (0.79, 0.8, False), (None, 0.1, False), (0, 0.1, False)]
)
def test_a_round_reaches_the_target_or_not(tmp_path, iou, target, answer):
    assert target_met(verdict(tmp_path, iou), target) is answer
    assert round_met_target(verdict(tmp_path, iou), target) is answer


def test_nothing_was_reached_before_the_first_round():
    assert target_met(None, 0.0001) is False


def test_passing_on_copies_every_file(tmp_path):
    sources = []
    for name in ("model", "verdict", "metrics", "events"):
        sources.append(tmp_path / name)
        sources[-1].write_bytes(name.encode())
    targets = [tmp_path / f"new_{source.name}" for source in sources]
    model, before, metrics, events = sources
    copy_previous_round(model, before, metrics, events, targets[0], targets[2], targets[1], targets[3])
    assert [target.read_bytes() for target in targets] == [source.read_bytes() for source in sources]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"round": 1}', '{"validation_iou": 3, "round": 1}'])
def test_a_damaged_verdict_is_told(tmp_path, text):
    path = tmp_path / "verdict.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"verdict\.json is not (valid JSON|a verdict\.json written by `train`)"):
        target_met(path, 0.5)
