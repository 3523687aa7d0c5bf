"""Positives that came from a model: what people drew or mended at the same place stands before what nobody mended."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.io.origin import DRAWN, UNMENDED
from lobate.labels.table import set_reason

SAME_PLACE = 0.5
"""Two outlines are of one place if they share at least this part of the smaller one."""

YIELDED = "a person drew or mended an outline at this place, and this one of a model was not mended"
"""Reason of a positive that yields; its ground outside the person's outline is ignored."""


def of_models(rows: gpd.GeoDataFrame) -> np.ndarray:
    """Return which outlines are positives that came from a model, mended or not, (n,) of bool."""
    return ((rows["class"] == "positive") & (rows["origin"] != DRAWN)).to_numpy()


def people_first(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with unmended positives of a model behind all others, each part in its order."""
    unmended = of_models(rows) & (rows["origin"] == UNMENDED).to_numpy()
    return gpd.GeoDataFrame(pd.concat([rows[~unmended], rows[unmended]], ignore_index=True)) if unmended.any() else rows


def yield_to_people(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with a reason for each unmended positive of a model at the place of one that people drew or mended."""
    kept = (rows["reason"] == "").to_numpy() & (rows["class"] == "positive").to_numpy()
    unmended = np.flatnonzero(kept & (rows["origin"] == UNMENDED).to_numpy())
    people = np.flatnonzero(kept & (rows["origin"] != UNMENDED).to_numpy())
    shapes = np.array(rows.geometry.values, dtype=object)
    left, right = shapely.STRtree(shapes[people]).query(shapes[unmended], predicate="intersects")
    model, person = shapes[unmended[left]], shapes[people[right]]
    common = shapely.area(shapely.intersection(model, person))
    same = common >= SAME_PLACE * np.minimum(shapely.area(model), shapely.area(person))
    yielding = np.zeros(len(rows), dtype=bool)
    yielding[unmended[left[same]]] = True
    return set_reason(rows, yielding, YIELDED)
