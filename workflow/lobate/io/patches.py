"""Files of patches: the arrays of training units, and the sides that a split gives them in a fold."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap

from lobate.errors import UserError


def open_patches(path: Path, rows: int | None = None) -> np.ndarray:
    """Memory-map a patch file, (n, P, P, bands + 1) uint8; with ``rows``, n must be that of its footprints.

    Raises UserError when it is cut short, holds something else, or more or fewer patches.
    """
    try:
        array = open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, OverflowError, MemoryError, SyntaxError, TokenError) as error:
        raise UserError(
            f"The patch file {path} cannot be read: {error}. It was cut short or is no .npy file; delete it and run "
            "again, and it will be made anew."
        ) from error
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] != array.shape[2]:
        raise UserError(
            f"The patch file {path} holds {array.dtype} {array.shape}, not uint8 patches of (n, side, side, bands + label). "
            "Give a file that crop-patches or mine-negatives wrote."
        )
    if rows is not None and len(array) != rows:
        raise UserError(
            f"The patch file {path} holds {len(array)} patches, but its footprints tell of {rows}. Give the two files that "
            "were written in one go, tiles in the same order."
        )
    return array


def sides_of_fold(split: pd.DataFrame, fold: int) -> np.ndarray:
    """Return the side of each patch (n,) in a fold: "training", "validation" or "dropped".

    Patches of the ``fold`` validate. Of the others those that ``clash`` with it, numbers joined by commas, are dropped: they
    overlap its ground.
    """
    clashes = split["clash"].fillna("").astype(str).str.split(",").map(lambda folds: str(fold) in folds)
    return np.select([split["fold"] == fold, clashes], ["validation", "dropped"], "training")
