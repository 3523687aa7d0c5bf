"""The table of polygons on which the whole room works, and what every step does with it.

One row for each polygon: ``polygon`` (its id), ``outline`` (the id of the drawn outline, which several parts of one
share), ``class``, ``source`` (file name), ``geometry`` in EPSG:4326 (None where there is nothing usable) and ``reason``,
which is empty as long as the polygon is kept. Nothing ever leaves the table: what is left out gets its reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely

from lobate.vectors import geodesic_measures

SHOWN = 10
"""So many names stand in a reason or a message."""


def mark(rows: gpd.GeoDataFrame, holds: np.ndarray, words: str) -> gpd.GeoDataFrame:
    """Return the rows with ``words`` as reason where ``holds``; what has a reason already keeps it."""
    return rows.assign(reason=rows["reason"].mask(holds & (rows["reason"] == ""), words))


def measures(geometry: gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return geodesic areas in square metres to a tenth and perimeters in metres, 0 without a geometry; both (n,)."""
    shapes = np.array(geometry.values, dtype=object)
    known = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    found = np.zeros((2, len(geometry)))
    found[:, known] = geodesic_measures(geometry[known])
    return found[0].round(1), found[1]


def area_m2(geometry: gpd.GeoSeries) -> np.ndarray:
    """Return geodesic areas in square metres to a tenth, 0 where there is no geometry, (n,)."""
    return measures(geometry)[0]


def few(names: Sequence[str]) -> str:
    """Return the first names in words, and how many there are besides."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
