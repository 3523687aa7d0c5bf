"""Byte values with a meaning in rasters: classes of labels, levels of probability maps, nodata of images."""

from __future__ import annotations

from math import ceil

LANDFORM = 1
"""Class of the landform in label rasters, in the last channel of patches, and in the network's output; 0 is background."""
UNMENDED_LANDFORM = 2
"""Label, in rasters and patch files, of an outline of a model that nobody mended: landform to training, ignored elsewhere."""
IGNORE = 255
"""Label of a pixel that is ignored in training and scores: no data, or ground that nobody can judge."""

PROBABILITY_SCALE = 254
"""A probability p of a map is the byte round(254 p)."""
PROBABILITY_NODATA = 255
"""Byte of a probability map where the image has no data."""
PROBABILITY_LEVELS = PROBABILITY_SCALE + 1
"""Number of bytes that stand for a probability, 0 to 254."""
ROUNDING_TOLERANCE = 1e-9

IMAGE_NODATA = 0
"""Byte of an image without data; reflectance becomes 1 to 255."""


def lowest_level(threshold: float) -> int:
    """Return the lowest level of a probability map with level / 254 >= threshold, despite rounding errors."""
    return ceil(threshold * PROBABILITY_SCALE - ROUNDING_TOLERANCE)
