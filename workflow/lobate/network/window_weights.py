"""Where the windows lie that cover an image, and how much each counts at each pixel.

Windows form a grid, so everything is said for one axis and the other alike: the weight of a window at a pixel is the
product of its weights along both axes. Along an axis they are scaled to sum to one at every pixel, hence no second
accumulator is needed for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Blend = Literal["ramp", "crop"]

STEEPNESS = 16
"""The ramp rises over this part of the overlap, in its middle. Nearer to a window's rim the network lacked surroundings,
so what it said there counts for next to nothing: a network that sees less far than 15/16 of the overlap is blended exactly."""

LEAST = 1e-6
"""Weight of a pixel at a window's rim, relative to its middle: never 0, so no pixel is ever without a value."""


@dataclass(frozen=True)
class WindowAxis:
    """Windows along one axis: ``starts`` (n,), all of ``length`` pixels, ``weights`` (n, length) float32."""

    size: int
    length: int
    starts: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def settled(self, number: int) -> int:
        """Return the first pixel that windows after ``number`` still change."""
        return int(self.starts[number + 1]) if number + 1 < len(self) else self.size


def layout_windows(size: int, window: int, overlap: int, blend: Blend = "ramp") -> WindowAxis:
    """Cover ``size`` pixels with windows of ``window`` pixels that share at least ``overlap`` with their neighbours.

    The last window lies flush with the border; an axis shorter than a window has one window of its own size. With
    ``ramp`` weights fall towards a window's rim in the middle of the overlap, never to 0, and stay 1 at the image's
    borders; with ``crop`` each pixel takes the window whose middle is nearest.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"windows of {window} cannot overlap by {overlap}")
    length = min(window, size)
    stride = window - overlap
    starts = np.append(np.arange(0, size - length, stride), size - length)
    weights = _ramps(starts, length, overlap) if blend == "ramp" else _crops(starts, size, length)
    total = np.zeros(size)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + length] += weight
    scaled = [weight / total[start : start + length] for start, weight in zip(starts, weights, strict=True)]
    return WindowAxis(size, length, starts, np.array(scaled, dtype=np.float32))


def _ramps(starts: np.ndarray, length: int, overlap: int) -> np.ndarray:
    middle, width = overlap / 2, max(1.0, overlap / STEEPNESS)
    rise = np.clip((np.arange(length) + 0.5 - middle) / width + 0.5, LEAST, 1.0)
    weights = np.tile(rise * rise[::-1], (len(starts), 1))
    weights[0] = rise[::-1]
    weights[-1] = rise
    return weights if len(starts) > 1 else np.ones((1, length))


def _crops(starts: np.ndarray, size: int, length: int) -> np.ndarray:
    middles = (starts[:-1] + starts[1:] + length) // 2
    cuts = np.concatenate([[0], middles, [size]])
    pixels = starts[:, None] + np.arange(length)
    return ((pixels >= cuts[:-1, None]) & (pixels < cuts[1:, None])).astype(float)
