"""Opening patch files, the arrays of training units that crop-patches and mine-negatives write."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
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
