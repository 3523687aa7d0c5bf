"""The range of a landform's area: how far it may be off because of its outline alone.

Where several people drew the outline, it is the range of their areas (see ``reviewers``). Else the line may lie half a pixel of
the map further in or out, all along:

    low, high = A -+ P p / 2,   with area A, perimeter P and side p of a pixel; low is at least 0.

It is a range, no interval of a known confidence. Errors of single outlines partly cancel in a region, so ranges are not summed.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

DECIMALS = 6
"""Decimals of areas in km2."""
HALF_PIXEL = "half a pixel of {:g} m along the outline"


def with_area_range(records: gpd.GeoDataFrame, ground: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the records with a range where they have none; ``ground`` in their CRS has ``pixel_m`` (``mapped_ground``).

    The columns are ``area_low_km2``, ``area_high_km2`` and ``area_range``, what gives them. Without any ground they stay null.
    """
    pixels = _pixel_near(records.geometry, ground)
    band_km2 = (records["perimeter_m"] * pixels / 2 / 1e6).astype(float)
    by_pixel = records["area_low_km2"].isna() & band_km2.notna()
    low, high = (records["area_km2"] - band_km2).clip(lower=0), records["area_km2"] + band_km2
    notes = np.array([HALF_PIXEL.format(pixel) for pixel in pixels], dtype=object)
    return records.assign(
        area_low_km2=records["area_low_km2"].astype(float).mask(by_pixel, low.round(DECIMALS)),
        area_high_km2=records["area_high_km2"].astype(float).mask(by_pixel, high.round(DECIMALS)),
        area_range=np.where(by_pixel, notes, records["area_range"]),
    )


def _pixel_near(outlines: gpd.GeoSeries, ground: gpd.GeoDataFrame) -> np.ndarray:
    """Return the side in metres of the largest pixels under each outline (n,), or of the largest of all beside the map."""
    if ground.empty:
        return np.full(len(outlines), np.nan)
    pixels = np.zeros(len(outlines))
    hits, parts = shapely.STRtree(ground.geometry.values).query(outlines.values, predicate="intersects")
    np.maximum.at(pixels, hits, ground["pixel_m"].to_numpy()[parts])
    return np.where(pixels > 0, pixels, ground["pixel_m"].max())
