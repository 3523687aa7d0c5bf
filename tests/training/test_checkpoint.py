import logging

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobate.engine.checkpoint_check import checked_by
from lobate.errors import UserError
from lobate.training.checkpoint import (
    DIGEST_BYTES,
    SCRATCH_VARIABLE,
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
)

STATE = {"recipe": "a", "weights": {"w": torch.arange(3.0)}, "rows": [{"iou": 0.5}]}


@pytest.fixture
def path(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.pt", STATE)
    return tmp_path / "checkpoint.pt"


def assert_discarded(path, caplog):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(path, "a") is None
    assert str(path) in caplog.text
    assert "anew" in caplog.text


def test_what_was_kept_comes_back(tmp_path):
    path = tmp_path / "deep" / "checkpoint.pt"
    assert load_checkpoint(path, "a") is None
    save_checkpoint(path, STATE)
    back = load_checkpoint(path, "a")
    assert back["weights"]["w"].equal(STATE["weights"]["w"])
    assert back["rows"] == STATE["rows"]
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[:-DIGEST_BYTES],
        lambda data: data[: DIGEST_BYTES - 1],
        lambda data: data + b"x",
        lambda data: b"",
        lambda data: b"x" * 100,
    ],
)
def test_a_damaged_one_is_told_and_not_used(path, caplog, damage):
    path.write_bytes(damage(path.read_bytes()))
    assert_discarded(path, caplog)


def test_a_flipped_bit_in_any_byte_is_told_and_not_used(path, caplog):
    """In the archive's header, its pickle, its tensors, its padding, its directory and the digest."""
    whole = path.read_bytes()
    assert load_checkpoint(path, "a") is not None
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        assert_discarded(path, caplog)


def test_a_flipped_bit_of_a_large_tensor_is_told_and_not_used(tmp_path, caplog):
    """More than one read of the file; without a digest most of these flips load."""
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {**STATE, "weights": torch.zeros(1 << 19)})
    assert load_checkpoint(path, "a") is not None
    whole = path.read_bytes()

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, len(whole) - 1), st.integers(0, 7))
    def flip(place, bit):
        content = bytearray(whole)
        content[place] ^= 1 << bit
        path.write_bytes(content)
        assert_discarded(path, caplog)

    flip()


def test_one_without_a_digest_is_not_used(tmp_path, caplog):
    """As earlier versions wrote them."""
    torch.save(STATE, tmp_path / "checkpoint.pt")
    assert_discarded(tmp_path / "checkpoint.pt", caplog)


def test_another_recipe_s_is_not_used(tmp_path):
    save_checkpoint(tmp_path / "c.pt", STATE)
    assert load_checkpoint(tmp_path / "c.pt", "b") is None


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(SCRATCH_VARIABLE, raising=False)
    assert checkpoint_path() is None
    monkeypatch.setenv(SCRATCH_VARIABLE, str(tmp_path))
    assert checkpoint_path() == tmp_path / "checkpoint.pt"


def test_no_checkpoint_is_written_once_an_input_has_changed(path):
    """It would outlast the run, and a later run with the old input would resume from it."""

    def refuse() -> None:
        raise UserError("patches.npy changed while train read it.")

    before = path.read_bytes()
    with checked_by(refuse), pytest.raises(UserError, match="changed while"):
        save_checkpoint(path, {**STATE, "rows": []})
    assert path.read_bytes() == before
    save_checkpoint(path, {**STATE, "rows": []})
    assert path.read_bytes() != before
