"""Elevation, slope and aspect of one outline from the DEM cells under it; an unknown value is None, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lobate.inventory.zonal import Cells

ROUNDING = 1e-6
"""Share beyond the DEM that counts as rounding."""

MIN_SLOPE_SHARE = 0.5
"""Slope and aspect are null where a smaller share of the outline than this has them."""

Value = float | str | None


@dataclass(frozen=True)
class TerrainAttributes:
    """Elevation, slope and aspect (column -> value), and the cells they come from, None without elevations."""

    values: dict[str, Value]
    cells: Cells | None


def summarize_cells(cells: Cells | None, min_share: float) -> TerrainAttributes:
    """Return the attributes of the cells under an outline; ``cells`` is None without a DEM.

    An outline that reaches past the DEM has no attributes, since its highest or lowest part is unknown. Voids are left out
    where at least ``min_share`` of the outline has an elevation, else the attributes are null too.
    """
    if cells is None:
        return TerrainAttributes({"dem_share": None, "dem_note": "no DEM"}, None)
    total = cells.cover.sum()
    known = np.isfinite(cells.elevation)
    share = float(cells.cover[known].sum() / total)
    beyond = float(cells.cover[~cells.on_dem].sum() / total)
    note = _note(share, beyond, min_share)
    values: dict[str, Value] = {"dem_share": share, "dem_note": note}
    if beyond > ROUNDING or share < min_share:
        return TerrainAttributes(values, None)
    valid = Cells(*(getattr(cells, name)[known] for name in Cells.__dataclass_fields__))
    slope, caveat = _slope(valid, total)
    values["dem_note"] = "; ".join(filter(None, [note, caveat])) or None
    return TerrainAttributes({**values, **_elevation(valid), **slope}, valid)


def _note(share: float, beyond: float, min_share: float) -> str | None:
    if beyond > 1 - ROUNDING:
        return "lies outside the DEM"
    if beyond > ROUNDING:
        return f"reaches past the DEM ({beyond:.1%} of it)"
    if share < min_share:
        return f"the DEM is void in {1 - share:.1%} of it"
    return f"without the {1 - share:.1%} of it where the DEM is void" if share < 1 - ROUNDING else None


def _elevation(cells: Cells) -> dict[str, Value]:
    lowest, highest = float(cells.elevation.min()), float(cells.elevation.max())
    return {
        "elevation_min_m": lowest,
        "elevation_mean_m": float(np.average(cells.elevation, weights=cells.cover)),
        "elevation_max_m": highest,
        "elevation_range_m": highest - lowest,
    }


def _slope(cells: Cells, total: float) -> tuple[dict[str, Value], str | None]:
    """Return slope and aspect, and a note where they are unknown: beside a void or the DEM's edge."""
    known = np.isfinite(cells.slope)
    cover = cells.cover[known]
    share = float(cover.sum() / total)
    if share < MIN_SLOPE_SHARE:
        return {}, f"slope and aspect are known in {share:.1%} of it"
    aspect, concentration = circular_mean(cells.aspect[known], cover)
    slope: dict[str, Value] = {
        "slope_deg": float(np.average(cells.slope[known], weights=cover)),
        "aspect_deg": aspect,
        "aspect_concentration": concentration,
    }
    return slope, f"slope and aspect from {share:.1%} of it" if share < 1 - ROUNDING else None


def circular_mean(degrees: np.ndarray, weights: np.ndarray) -> tuple[float | None, float | None]:
    """Return the weighted mean direction (0 to 360) and the resultant length R (0 to 1); NaN directions (flat) are left out.

    C = sum(w cos a) / sum(w), S = sum(w sin a) / sum(w), mean = atan2(S, C), R = sqrt(C^2 + S^2) (Mardia and Jupp 2000,
    section 2.2). Both are None where all is flat; the mean alone is None where R is 0.
    """
    sloping = np.isfinite(degrees)
    if not sloping.any():
        return None, None
    angles, weights = np.radians(degrees[sloping]), weights[sloping]
    c, s = np.average(np.cos(angles), weights=weights), np.average(np.sin(angles), weights=weights)
    strength = float(np.hypot(c, s))
    return (float(np.degrees(np.arctan2(s, c)) % 360) if strength > 1e-9 else None), strength
