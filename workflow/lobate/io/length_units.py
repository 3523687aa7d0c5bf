"""Units of elevation: what a raster says of them, in its band or in a vertical coordinate reference system, in metres."""

from __future__ import annotations

import re
import unicodedata

from pyproj import CRS
from rasterio.io import DatasetReader

from lobate.errors import UserError

US_FOOT_M = 1200 / 3937
UNITS_M: dict[str, float] = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres", "metro", "metros", "metri", "mètre", "mètres"), 1.0),
    **dict.fromkeys(("м", "метр", "метры", "米", "公尺"), 1.0),
    **dict.fromkeys(("dm", "decimeter", "decimeters", "decimetre", "decimetres", "dezimeter"), 0.1),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres", "zentimeter", "厘米"), 0.01),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 0.001),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
    **dict.fromkeys(("ft", "foot", "feet", "international foot", "international feet", "foot international", "ift", "'"), 0.3048),
    **dict.fromkeys(("foot intl", "ft intl", "intl foot", "intl ft", "intl feet", "fuss", "pied", "pieds", "pie", "pies"), 0.3048),
    **dict.fromkeys(("us survey foot", "us survey feet", "u s survey foot", "u s survey feet", "survey foot", "survey feet"), US_FOOT_M),
    **dict.fromkeys(("us foot", "us feet", "us ft", "usft", "ftus", "ft us", "sft", "foot us", "feet us"), US_FOOT_M),
    **dict.fromkeys(("us survey ft", "survey ft", "ussft", "us sft", "foot us survey", "feet us survey", "ft us survey"), US_FOOT_M),
    **dict.fromkeys(("yd", "yard", "yards"), 0.9144),
    **dict.fromkeys(("fathom", "fathoms"), 1.8288),
}  # fmt: skip
"""Unit of length, in small letters without punctuation -> metres (EPSG: 9001, 9002, 9003, 9096, 9014)."""
SAME_SHARE = 1e-7
"""Units that differ by less are one; the two feet differ by 2e-6."""


def length_in_metres(text: str) -> float | None:
    """Return the length in metres of a unit by its name, None for one that is not known."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return UNITS_M.get(folded, UNITS_M.get(" ".join(re.sub(r"[^\w]|_", " ", folded).split())))


def metres_per_unit(dem: DatasetReader, index: int = 1) -> float:
    """Return the metres in a unit of a band's elevations, 1 where the raster says nothing of it.

    Raises UserError for a unit that is no known length, for a band and a vertical coordinate reference system that
    contradict each other, and for depths.
    """
    text = (dem.units[index - 1] or "").strip()
    of_band, of_crs = length_in_metres(text) if text else None, _vertical_unit_m(dem)
    if text and of_band is None:
        raise UserError(
            f'The DEM {dem.name} says that its unit is "{text}", which is no length that lobate knows. Write the right unit into it '
            "(gdal_edit.py -units m FILE), such as m, cm, ft or US survey foot."
        )
    if of_band and of_crs and abs(of_band / of_crs - 1) > SAME_SHARE:
        raise UserError(
            f'The DEM {dem.name} says that its unit is "{text}", but the unit of its vertical coordinate reference system is {of_crs:.6g} m. '
            "Write the right unit into it (gdal_edit.py -units m FILE), or the right system (gdal_edit.py -a_srs EPSG:<code> FILE)."
        )
    return of_band or of_crs or 1.0


def _vertical_unit_m(dem: DatasetReader) -> float | None:
    """Return the metres in the unit of the raster's vertical CRS, None where it has none."""
    crs = CRS.from_wkt(dem.crs.to_wkt())
    vertical = [part.axis_info[0] for part in crs.sub_crs_list if part.is_vertical] or list(crs.axis_info[2:3])
    if not vertical:
        return None
    if vertical[0].direction == "down":
        raise UserError(
            f'The DEM {dem.name} holds depths, by its vertical coordinate reference system ("{crs.name}"), and not elevations. Give '
            "elevations, or assign the right system (gdal_edit.py -a_srs EPSG:<code> FILE)."
        )
    return float(vertical[0].unit_conversion_factor)
