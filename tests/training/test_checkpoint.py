import logging

import pytest
import torch

from lobate.training.checkpoint import SCRATCH_VARIABLE, checkpoint_path, load_checkpoint, save_checkpoint

STATE = {"recipe": "a", "weights": {"w": torch.arange(3.0)}, "rows": [{"iou": 0.5}]}


def test_what_was_kept_comes_back(tmp_path):
    path = tmp_path / "deep" / "checkpoint.pt"
    assert load_checkpoint(path, "a") is None
    save_checkpoint(path, STATE)
    back = load_checkpoint(path, "a")
    assert back["weights"]["w"].equal(STATE["weights"]["w"])
    assert back["rows"] == STATE["rows"]
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * 100])
def test_a_damaged_one_is_told_and_not_used(tmp_path, caplog, damage):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(path, "a") is None
    assert "anew" in caplog.text


def test_another_recipe_s_is_not_used(tmp_path):
    save_checkpoint(tmp_path / "c.pt", STATE)
    assert load_checkpoint(tmp_path / "c.pt", "b") is None


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(SCRATCH_VARIABLE, raising=False)
    assert checkpoint_path() is None
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path))
    assert checkpoint_path() == tmp_path / "checkpoint.pt"
