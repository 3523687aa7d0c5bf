"""Opening patch files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lobate.errors import Mistake


def open_patches(path: Path, rows: int) -> np.ndarray:
    """Memory-map the patch file that goes with ``rows`` footprints: (rows, P, P, bands + 1) uint8.

    Raises Mistake when it is cut short, holds something else, or more or fewer patches.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise Mistake(
            f"The patch file {path} cannot be read: {error}. It was cut short or is no .npy file; make it again with "
            "crop-patches."
        ) from error
    if array.dtype != np.uint8 or array.ndim != 4 or len(array) != rows:
        raise Mistake(
            f"The patch file {path} holds {array.dtype} {array.shape}, but its footprints tell of {rows} patches of uint8. Give "
            "the two files that crop-patches wrote in one go, tiles in the same order."
        )
    return array
