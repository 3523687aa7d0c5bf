import numpy as np
import pytest

from lobate.errors import UserError
from lobate.training.datamodule import read_data

TILES = ["A", "B"]


def read(train_call, mined=()):
    return read_data(list(train_call.patches), TILES, train_call.split, list(mined))


def test_both_sides_and_what_was_mined(train_call, tmp_path):
    np.save(tmp_path / "mined.npy", np.zeros((3, 64, 64, 4), dtype=np.uint8))
    np.save(tmp_path / "none.npy", np.zeros((0, 0, 0, 0), dtype=np.uint8))
    data = read(train_call, [tmp_path / "mined.npy", tmp_path / "none.npy"])
    assert (len(data.training), len(data.validation), data.n_mined) == (11, 2, 3)
    assert data.training.channels == 3
    assert data.positive.tolist() == [True, False, True, True] * 2 + [False] * 3
    assert (data.validation_pixels[:, 1] > 0).all()
    assert str(data).startswith("11 training patches (6 show the landform, 3 were mined)")


def test_a_tile_without_patches_is_fine(train_call, split_writer):
    np.save(train_call.patches[1], np.zeros((0, 64, 64, 4), dtype=np.uint8))
    split_writer(train_call.split, {"A": ["training"] * 4 + ["validation"]})
    assert len(read(train_call).training) == 4


def test_a_patch_file_cut_short_is_told(train_call):
    whole = train_call.patches[0].read_bytes()
    for length in (0, 50, len(whole) // 2):
        train_call.patches[0].write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"A\.npy cannot be read"):
            read(train_call)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 64, 64, 4)), np.zeros((2, 64, 4), np.uint8), np.zeros((2, 64, 32, 4), np.uint8)]
)
def test_something_else_in_a_patch_file_is_told(train_call, array):
    np.save(train_call.patches[0], array)
    with pytest.raises(UserError, match="not uint8 patches"):
        read(train_call)


def test_files_of_different_channels_are_told(train_call):
    np.save(train_call.patches[1], np.zeros((5, 64, 64, 5), np.uint8))
    with pytest.raises(UserError, match=r"B\.npy.*same bands"):
        read(train_call)


def test_fewer_patches_than_the_split_names_are_told(train_call):
    np.save(train_call.patches[1], np.zeros((3, 64, 64, 4), np.uint8))
    with pytest.raises(UserError, match=r"patch 3 of .*B\.npy, which holds only 3"):
        read(train_call)


@pytest.mark.parametrize(("side", "lacking"), [("training", "validation"), ("validation", "training")])
def test_a_side_without_patches_is_told(train_call, split_writer, side, lacking):
    split_writer(train_call.split, {"A": [side] * 3})
    with pytest.raises(UserError, match=f"has no {lacking} patch"):
        read(train_call)


def test_training_without_the_landform_is_told(train_call, split_writer):
    split_writer(train_call.split, {"A": ["validation", "training", "validation"]})  # patch 1 shows none
    with pytest.raises(UserError, match="nothing to learn"):
        read(train_call)


def test_an_unknown_tile_and_a_lacking_field_are_told(train_call, split_writer):
    split_writer(train_call.split, {"C": ["training", "validation"]})
    with pytest.raises(UserError, match="names the tile C"):
        read(train_call)
    split_writer(train_call.split, {"A": ["training", "validation"]}, side=None)
    with pytest.raises(UserError, match="no training patch"):
        read(train_call)
