"""One image from several scenes: each pixel from the first scene that shows it best.

A pixel is clear, avoided (snow, dark ground, the rim of a cloud) or masked in each scene. The first scene in which it is
clear gives it; where it is clear in none, the first in which it is avoided. So ground that lies under snow on all dates stays
in the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lobate.imagery.pixels import CLEAR, MASKED, ScenePixels

Read = Callable[[ScenePixels, int, int], tuple[np.ndarray, np.ndarray]]
"""From a scene's rows to layers (bands, h, w) and their ranks (h, w); both may be written to."""


def compose_rows(
    sources: Sequence[ScenePixels], start: int, stop: int, read: Read
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return layers, (bands, h, w), scene numbers and ranks, (h, w) uint8, of rows ``start``..``stop``.

    The number 1 is the first scene, 0 none; the rank is that of the pixel in its scene. A scene is read only where its
    classification promises a better pixel.
    """
    layers, rank = read(sources[0], start, stop)
    numbers = (rank < MASKED).astype(np.uint8)
    for number, source in enumerate(sources[1:], 2):
        if not (rank > CLEAR).any():
            break
        if not (source.class_rank(start, stop) < rank).any():
            continue
        others, other_rank = read(source, start, stop)
        better = other_rank < rank
        np.copyto(layers, others, where=better)
        np.copyto(rank, other_rank, where=better)
        numbers[better] = number
    return layers, numbers, rank
