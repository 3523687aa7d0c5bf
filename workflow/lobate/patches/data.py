"""A region's patches as a data set for PyTorch, for training of other models on them.

    training = Patches("results/demo/patches", side="training")
    for batch in DataLoader(training, batch_size=8, shuffle=True): ...

Samples are dictionaries with ``image`` and ``mask``, as in torchgeo, so its transforms and trainers take them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from lobate.errors import UserError
from lobate.io.patches import labels_of_side, open_patches, sides_of_fold
from lobate.io.vector import read_layer

Sample = dict[str, Any]


class Patches(Dataset[Sample]):
    """The patches of one side of a split, or of one fold of it.

    A sample has ``image``, (bands, P, P) float32 from 0 to 255, ``mask``, (P, P) int64 with 1 for the landform, 0 for
    background and 255 for ignored pixels (``CrossEntropyLoss(ignore_index=255)``), and ``patch``, its name. Each access opens
    the patch's file, so workers may be forked or spawned.
    """

    def __init__(
        self,
        folder: str | Path,
        side: str = "training",
        fold: int | None = None,
        transform: Callable[[Sample], Sample] | None = None,
    ) -> None:
        """Open the split in ``folder`` (results/<region>/patches); with ``fold`` the sides are those of that fold.

        The side ``test`` has files of its own, and no folds. Raises UserError when the side or the fold does not exist, or a
        patch file does not go with the split.
        """
        self.folder, self.transform, self.training = Path(folder), transform, side == "training"
        if side == "test":
            self.folder = self.folder / "test"
            self.table = _test_table(self.folder, fold)
            return
        split = read_layer(self.folder / "split.gpkg", "split")
        sides = split["side"] if fold is None else _fold_sides(split, fold)
        if side not in ("training", "validation"):
            raise UserError(f"There is no side {side}; there are training, validation and test.")
        self.table = pd.DataFrame(split[sides == side].drop(columns="geometry")).reset_index(drop=True)
        """One row for each patch: the columns of split.gpkg."""
        for tile, rows in split.groupby("tile"):
            open_patches(self._file(tile), len(rows))

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Sample:
        row = self.table.iloc[index]
        patch = np.load(self._file(row["tile"]), mmap_mode="r")[row["row"]]
        image = torch.from_numpy(np.moveaxis(patch[..., :-1], -1, 0).copy()).float()
        mask = torch.from_numpy(labels_of_side(patch[..., -1], training=self.training)).long()
        sample = {"image": image, "mask": mask, "patch": row["patch"]}
        return self.transform(sample) if self.transform else sample

    def _file(self, tile: str) -> Path:
        return self.folder / f"{tile}.npy"


def _test_table(folder: Path, fold: int | None) -> pd.DataFrame:
    """Return one row for each patch of the test side; its footprints stand for the split."""
    footprints = sorted(folder.glob("*.gpkg"))
    if fold is not None or not footprints:
        raise UserError(
            f"There is no test side in {folder}. Set patches.split.test and run again."
            if fold is None
            else "The test side has no folds. Ask for it without a fold."
        )
    tables = [read_layer(path, "patches") for path in footprints]
    for path, table in zip(footprints, tables, strict=True):
        open_patches(path.with_suffix(".npy"), len(table))
    return pd.concat([pd.DataFrame(table.drop(columns="geometry")) for table in tables], ignore_index=True)


def _fold_sides(split: pd.DataFrame, fold: int) -> np.ndarray:
    if not 0 <= fold <= split["fold"].max():
        raise UserError(
            f"The split has no fold {fold}; it has {split['fold'].max() + 1}. Set patches.split.folds and split again."
        )
    return sides_of_fold(split, fold)
