"""Layout of the windows that cover an image, and the blending weight of each at each pixel.

Windows form a grid, so both axes are treated alike: the weight of a window at a pixel is the product of its weights along
both axes. Along an axis the weights sum to one at every pixel, so no second accumulator is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Blend = Literal["ramp", "crop"]

RAMP_DIVISOR = 16
"""The ramp rises over 1/16 of the overlap, in its middle. Nearer to a window's rim the network lacks surroundings, and its
values count for next to nothing. Blending is exact for a network with a receptive field below 15/16 of the overlap."""

MIN_WEIGHT = 1e-6
"""Weight of a pixel at a window's rim, relative to its middle. It is above 0, so that every pixel has a value."""


@dataclass(frozen=True)
class WindowAxis:
    """Windows along one axis of ``size`` pixels: ``starts`` (n,), one ``length`` for all, ``weights`` (n, length) float32."""

    size: int
    length: int
    starts: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def settled(self, number: int) -> int:
        """Return the first pixel that windows after window ``number`` still change."""
        return int(self.starts[number + 1]) if number + 1 < len(self) else self.size


def layout_windows(size: int, window: int, overlap: int, blend: Blend = "ramp") -> WindowAxis:
    """Return windows of ``window`` pixels that cover ``size`` pixels and share at least ``overlap`` with neighbours.

    The last window ends at the border; an axis shorter than a window has one window of its own size. With ``ramp``,
    weights fall towards a window's rim in the middle of the overlap, never to 0, and stay 1 at the image's borders. With
    ``crop``, each pixel takes the window with the nearest middle.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"windows of {window} cannot overlap by {overlap}")
    length = min(window, size)
    stride = window - overlap
    starts = np.append(np.arange(0, size - length, stride), size - length)
    weights = _ramp_weights(starts, length, overlap) if blend == "ramp" else _crop_weights(starts, size, length)
    total = np.zeros(size)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + length] += weight
    scaled = [weight / total[start : start + length] for start, weight in zip(starts, weights, strict=True)]
    return WindowAxis(size, length, starts, np.array(scaled, dtype=np.float32))


def _ramp_weights(starts: np.ndarray, length: int, overlap: int) -> np.ndarray:
    middle, width = overlap / 2, max(1.0, overlap / RAMP_DIVISOR)
    rise = np.clip((np.arange(length) + 0.5 - middle) / width + 0.5, MIN_WEIGHT, 1.0)
    weights = np.tile(rise * rise[::-1], (len(starts), 1))
    weights[0] = rise[::-1]
    weights[-1] = rise
    return weights if len(starts) > 1 else np.ones((1, length))


def _crop_weights(starts: np.ndarray, size: int, length: int) -> np.ndarray:
    middles = (starts[:-1] + starts[1:] + length) // 2
    cuts = np.concatenate([[0], middles, [size]])
    pixels = starts[:, None] + np.arange(length)
    return ((pixels >= cuts[:-1, None]) & (pixels < cuts[1:, None])).astype(float)
