import json
import logging

import pytest

from lobate.training.select import select_model


@pytest.fixture
def rounds(tmp_path):
    """A function that makes rounds of given (IoU, round that trained), runs the verb and returns selection and model."""

    def run(*given, target=0.8):
        verdicts, models = [], []
        for number, (iou, trained) in enumerate(given, 1):
            verdicts.append(tmp_path / f"v{number}.json")
            verdicts[-1].write_text(
                json.dumps({"round": trained, "validation_iou": {"landform": iou}, "mined_negatives": 0})
            )
            models.append(tmp_path / f"m{number}")
            models[-1].write_text(f"model {trained}")
        model, selection = tmp_path / "model", tmp_path / "selection.json"
        select_model(verdicts, models, model, selection, target_iou=target)
        return json.loads(selection.read_text()), model.read_text()

    return run


def test_the_first_that_reached_the_target_is_taken(rounds):
    found, model = rounds((0.7, 1), (0.82, 2), (0.82, 2))
    assert (found["chosen"], found["reached"], model) == (2, True, "model 2")
    assert [line["chosen"] for line in found["rounds"]] == [False, True, False]
    assert [line["reached"] for line in found["rounds"]] == [False, True, True]
    assert [(line["round"], line["trained_in"], line["trained"]) for line in found["rounds"]] == [
        (1, 1, True),
        (2, 2, True),
        (3, 2, False),
    ]


def test_else_the_best_and_loudly(rounds, caplog):
    with caplog.at_level(logging.WARNING):
        found, model = rounds((0.6, 1), (0.7, 2), (0.65, 3))
    assert (found["chosen"], found["reached"], model) == (2, False, "model 2")
    assert "NO ROUND REACHED the target of 0.8" in caplog.text


def test_an_unknown_iou_loses(rounds):
    assert rounds((None, 1), (0.0, 2))[0]["chosen"] == 2
    assert rounds((None, 1), (None, 2))[0]["chosen"] == 1
