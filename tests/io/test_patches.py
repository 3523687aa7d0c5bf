"""Patch files are mapped into memory and checked; sides of a fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lobate.errors import UserError
from lobate.io.patches import open_patches, sides_of_fold


def test_patches_are_mapped_and_not_read(tmp_path):
    np.save(tmp_path / "p.npy", np.arange(2 * 4 * 4 * 2, dtype=np.uint8).reshape(2, 4, 4, 2))
    found = open_patches(tmp_path / "p.npy", 2)
    assert isinstance(found, np.memmap)
    assert found[1, 3, 3].tolist() == [62, 63]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"garbage"])
def test_what_is_no_patch_file(tmp_path, content):
    (tmp_path / "p.npy").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        open_patches(tmp_path / "p.npy", 1)


def test_a_file_cut_short(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros((2, 9, 9, 2), np.uint8))
    (tmp_path / "p.npy").write_bytes((tmp_path / "p.npy").read_bytes()[:-1])
    with pytest.raises(UserError, match="cannot be read"):
        open_patches(tmp_path / "p.npy", 2)


def test_other_patches_than_the_footprints_tell_of(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros((2, 9, 9, 2), np.uint8))
    with pytest.raises(UserError, match="but there are 3 footprints"):
        open_patches(tmp_path / "p.npy", 3)


@pytest.mark.parametrize("array", [np.zeros((2, 9, 9, 2)), np.zeros((2, 9, 8, 2), np.uint8), np.zeros(5, np.uint8)])
def test_what_is_no_patches(tmp_path, array):
    np.save(tmp_path / "p.npy", array)
    with pytest.raises(UserError, match="not uint8 patches"):
        open_patches(tmp_path / "p.npy")


def test_sides_of_a_fold_are_read_from_fold_and_clash():
    split = pd.DataFrame({"fold": [0, 1, 1, -1, 10], "clash": ["", "0", None, "0,1", "10,12"]})
    assert sides_of_fold(split, 0).tolist() == ["validation", "dropped", "training", "dropped", "training"]
    assert sides_of_fold(split, 1).tolist() == ["training", "validation", "validation", "dropped", "training"]
    assert sides_of_fold(split.assign(clash=None), 2).tolist() == ["training"] * 5
