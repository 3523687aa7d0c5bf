"""The verb `figure-motion`: one landform with the phase of an interferogram beside the image (the paper's figure 4)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.antimeridian import joined
from lobate.io.grid import WGS84
from lobate.io.vector import LONLAT, read_polygons
from lobate.settings.figures import Figures, Motion

MAX_REFERENCE_DISTANCE_M = 20_000.0
"""Largest distance from the landform to its reference point."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MovingLandform:
    """The landform of the figure: its outline (EPSG:4326), its direction of motion, and a line of facts.

    ``direction`` is in degrees clockwise from true north, None where it is unknown. It is ``measured`` where the settings
    give it, else the mean aspect. ``reference`` is a longitude and a latitude.
    """

    name: str
    outline: shapely.Geometry
    facts: str
    direction: float | None
    measured: bool
    reference: tuple[float, float] | None


def figure_motion(
    inventory: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    phase: Annotated[Path | None, Input()] = None,
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw one landform's wrapped phase beside the image, with an arrow of motion and the reference point, PNG and PDF.

    Where nothing is known of a motion, that is without a phase, a direction and any velocity, the figure says so instead.

    ``inventory``: GeoPackage with the layer ``inventory``; ``phase``: raster of radians (wrapped or not) or of complex
    numbers, over the landform; without it the image stands alone. The setting ``figures.motion`` names the landform, its
    reference point and its direction. Raises UserError for an unknown landform and for a raster without phase there.
    """
    from lobate.figures.drawing.basemap import common_crs
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.motion import draw_motion
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled

    landforms = read_polygons(inventory, "inventory").to_crs(LONLAT)
    shown = pick_landform(landforms, figures.motion) if phase or knows_motion(landforms, figures.motion) else None
    with styled(figures.font):
        figure = draw_motion(
            shown, images, phase, common_crs(images), landform=landform, credit=figures.credit, page=Page.of(figures)
        )
        save(figure, png, pdf, figures.dpi)
    log.info("%s drawn, %s", shown.name if shown else "no landform", "with its phase" if phase else "the image alone")


def knows_motion(landforms: gpd.GeoDataFrame, motion: Motion) -> bool:
    """Return whether the settings name a phase or a direction of motion, or any landform has a velocity."""
    given = motion.phase is not None or motion.direction_deg is not None
    return given or bool(pd.to_numeric(landforms["velocity"], errors="coerce").notna().any())


def pick_landform(landforms: gpd.GeoDataFrame, motion: Motion) -> MovingLandform | None:
    """Return the landform that the settings name, else the fastest, else the largest; None for an empty inventory."""
    if motion.landform is not None:
        landforms = landforms[landforms["id"] == motion.landform]
        if landforms.empty:
            raise UserError(
                f"Setting figures.motion.landform names {motion.landform}, which is not in the inventory. Name the id of one "
                "of its landforms, or leave the setting out: then the fastest is shown."
            )
    if landforms.empty:
        return None
    ranked = landforms.assign(speed=pd.to_numeric(landforms["velocity"], errors="coerce").fillna(-1))
    row = ranked.sort_values(["speed", "area_km2", "id"], ascending=[False, False, True]).iloc[0]
    measured = motion.direction_deg is not None
    aspect = None if pd.isna(row["aspect_deg"]) else float(row["aspect_deg"])
    return MovingLandform(
        name=str(row["id"]),
        outline=row.geometry,
        facts=_facts(row),
        direction=motion.direction_deg if measured else aspect,
        measured=measured,
        reference=_check_reference(motion.reference_point, row.geometry),
    )


def _check_reference(point: tuple[float, float] | None, outline: shapely.Geometry) -> tuple[float, float] | None:
    """Return the reference point; UserError for a point far from the landform, most likely with swapped numbers."""
    if point is None:
        return None
    middle = joined(np.array([outline]))[0].centroid
    distance_m = WGS84.inv(*point, middle.x, middle.y)[2]
    if distance_m > MAX_REFERENCE_DISTANCE_M:
        raise UserError(
            f"Setting figures.motion.reference_point lies {distance_m / 1000:,.0f} km from the landform that is shown, so it is not "
            "its reference point. Give its longitude first, then its latitude, in degrees."
        )
    return point


def _facts(row: pd.Series) -> str:
    speed = None if pd.isna(row["velocity"]) else f"{row['velocity']:g} cm a year downslope"
    kind = None if pd.isna(row["upslope_connection"]) else str(row["upslope_connection"]).replace("_", " ")
    return ", ".join(filter(None, [str(row["id"]), f"{row['area_km2']:.2f} km\N{SUPERSCRIPT TWO}", kind, speed]))
