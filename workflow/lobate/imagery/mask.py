"""Which pixels of a scene are seen: its classification (SCL) by the list of invalid classes, grown by some metres."""

from __future__ import annotations

import numpy as np

from lobate.imagery.nearest import OnGrid
from lobate.settings.imagery import Clouds

UTM_SLACK = 1.002
"""A UTM cell of 20 m is up to 0.1 % shorter or longer on the ground; 40 m are two cells all the same."""


class CloudMask:
    """The mask of one scene on the image's grid. It grows on the classification's own grid, before it is spread."""

    def __init__(self, classes: OnGrid, clouds: Clouds) -> None:
        self._classes = classes
        self._masked = np.zeros(256, dtype=bool)
        self._masked[clouds.invalid_classes] = True
        self._radius = clouds.dilate_m / classes.resolution_m * UTM_SLACK
        self._reach = int(self._radius)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return where rows ``start``..``stop`` of the image are masked, (stop - start, width) bool."""
        first, last = self._classes.own_rows(start, stop, halo=self._reach)
        masked = self._masked[np.clip(self._classes.read_own(first, last), 0, 255)]
        if self._reach:
            masked = grown(masked, self._radius)
        return self._classes.spread(masked, first, start, stop, fill=self._masked[0])


def grown(masked: np.ndarray, radius: float) -> np.ndarray:
    """Return where a masked pixel lies within ``radius`` pixels, centre to centre; shape and dtype (h, w) bool stay.

    The disc is a stack of horizontal runs, each grown by a running count: work goes with the radius, not with its square.
    """
    height, width = masked.shape
    counts = np.zeros((height, width + 1), dtype=np.int32)
    np.cumsum(masked, axis=1, out=counts[:, 1:])
    result = np.zeros_like(masked)
    columns = np.arange(width)
    for shift in range(min(int(radius), height - 1) + 1):
        run = int((radius**2 - shift**2) ** 0.5)
        wide = counts[:, np.minimum(columns + run + 1, width)] > counts[:, np.maximum(columns - run, 0)]
        result[shift:] |= wide[: height - shift]
        result[: height - shift] |= wide[shift:]
    return result
