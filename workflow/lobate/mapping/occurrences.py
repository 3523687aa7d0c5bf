"""On how many other dates a detection was mapped too: snow, cloud shadow and water rarely lie in one place twice."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lobate.errors import Mistake
from lobate.mapping.matching import overlapping
from lobate.mapping.reference import chosen, repaired
from lobate.settings.base import PolygonFile
from lobate.vectors import LONLAT

log = logging.getLogger(__name__)
SETTING = "mapping.filter.occurrence_files"


def occurrences(outlines: np.ndarray, paths: Sequence[Path], files: Sequence[PolygonFile]) -> np.ndarray:
    """Return in how many of the ``paths`` (outlines of other dates, read as ``files`` say) each outline (n,) occurs.

    ``outlines`` are in EPSG:4326. One occurs where it shares a tenth of the smaller of both with an outline of that date.
    Raises Mistake when there are not as many paths as files, or a file cannot be read.
    """
    if len(paths) != len(files):
        raise Mistake(
            f"The setting {SETTING} names {len(files)} files, but {len(paths)} were given. Give the same ones, in the same "
            "order, with --occurrences."
        )
    counts = np.zeros(len(outlines), dtype=int)
    for path, file in zip(paths, files, strict=True):
        others = repaired(chosen(path, file, SETTING).to_crs(LONLAT).geometry)
        found = overlapping(outlines, others)
        counts += found
        log.info(
            "%d of %d detections occur among the %d outlines of %s.", *(found.sum(), len(found), len(others), path)
        )
    return counts
