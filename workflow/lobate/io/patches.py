"""Patch files, and the side of each patch in a fold of the split."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap

from lobate.errors import UserError
from lobate.io.mask_values import IGNORE, LANDFORM, UNMENDED_LANDFORM


def open_patches(path: Path, rows: int | None = None) -> np.ndarray:
    """Memory-map a patch file, (n, P, P, bands + 1) uint8; ``rows`` is the number of its footprints.

    Raises UserError for a truncated file, other content, or another number of patches than ``rows``.
    """
    try:
        array = open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, OverflowError, MemoryError, SyntaxError, TokenError) as error:
        raise UserError(
            f"The patch file {path} cannot be read: {error}. It is truncated or not a .npy file; delete it and run "
            "again, and it will be computed again."
        ) from error
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] != array.shape[2]:
        raise UserError(
            f"The patch file {path} holds {array.dtype} {array.shape}, not uint8 patches of (n, side, side, bands + label). "
            "Give a file that crop-patches or mine-negatives wrote."
        )
    if rows is not None and len(array) != rows:
        raise UserError(
            f"The patch file {path} holds {len(array)} patches, but there are {rows} footprints. Give the two files that "
            "one run wrote, tiles in the same order."
        )
    return array


def labels_of_side(labels: np.ndarray, *, training: bool) -> np.ndarray:
    """Return labels of patches as one side reads them: 0, 1 and 255.

    An outline of a model that nobody mended is landform to training. Elsewhere it is ignored: a model would be judged by a
    model.
    """
    value = np.uint8(LANDFORM if training else IGNORE)
    return np.where(labels == UNMENDED_LANDFORM, value, labels)


def sides_of_fold(split: pd.DataFrame, fold: int) -> np.ndarray:
    """Return the side of each patch (n,) in a fold: "training", "validation" or "dropped".

    Patches of the ``fold`` are its validation set. Others are dropped if their column ``clash``, numbers of folds joined
    by commas, names it: they overlap its ground.
    """
    clashes = split["clash"].fillna("").astype(str).str.split(",").map(lambda folds: str(fold) in folds)
    return np.select([split["fold"] == fold, clashes], ["validation", "dropped"], "training")
