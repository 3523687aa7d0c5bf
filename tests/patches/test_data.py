"""Patches as a data set for PyTorch."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lobate.errors import UserError
from lobate.patches.data import Patches
from lobate.patches.split_patches import split_patches
from lobate.settings.patches import Split


@pytest.fixture
def folder(made):
    split_patches(
        made.files("gpkg"),
        made.folder / "split.gpkg",
        made.folder / "leakage.json",
        split_settings=Split(folds=3),
        seed=0,
    )
    return made.folder


def test_samples_are_the_patches_of_their_side(folder):
    for side in ("training", "validation"):
        data = Patches(folder, side)
        assert len(data) == len(data.table) > 0
        assert set(data.table["side"]) == {side}
        sample, one = data[len(data) - 1], data.table.iloc[-1]
        patch = np.load(folder / f"{one['tile']}.npy")[one["row"]]
        assert sample["patch"] == one["patch"]
        assert sample["image"].dtype == torch.float32
        assert sample["mask"].dtype == torch.int64
        assert (sample["image"].numpy() == np.moveaxis(patch[..., :-1], -1, 0)).all()
        assert (sample["mask"].numpy() == patch[..., -1]).all()


def test_folds_make_sides_of_their_own(folder):
    every = len(Patches(folder, "training")) + len(Patches(folder, "validation"))
    validation = [Patches(folder, "validation", fold) for fold in range(3)]
    assert sum(map(len, validation)) >= every
    for fold, one in enumerate(validation):
        training = Patches(folder, "training", fold)
        assert not set(one.table["patch"]) & set(training.table["patch"])
        assert not training.table["clash"].fillna("").str.contains(str(fold)).any()


def test_batches_and_copies_in_other_processes(folder):
    data = pickle.loads(pickle.dumps(Patches(folder)))
    assert len(pickle.dumps(data)) < 100_000  # not the pixels
    batch = next(iter(DataLoader(data, batch_size=3)))
    assert batch["image"].shape == (3, 3, 48, 48)
    assert batch["patch"] == data.table["patch"].tolist()[:3]


def test_a_transform_is_applied(folder):
    data = Patches(folder, transform=lambda sample: sample | {"image": sample["image"] / 255})
    assert data[0]["image"].max() <= 1


def test_what_does_not_exist(folder, tmp_path):
    with pytest.raises(UserError, match="no side judge"):
        Patches(folder, "judge")
    with pytest.raises(UserError, match="no test side in"):
        Patches(folder, "test")
    with pytest.raises(UserError, match="no fold 3; it has 3"):
        Patches(folder, fold=3)
    with pytest.raises(UserError, match="does not exist"):
        Patches(tmp_path)
    (folder / "t1.npy").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        Patches(folder)
