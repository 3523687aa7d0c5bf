"""The verb `figure-motion`: one landform with the phase of an interferogram beside the image (the paper's figure 4)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.grid import WGS84
from lobate.io.vector import LONLAT, read_polygons
from lobate.settings.figures import Figures, Motion

FARTHEST_M = 20_000.0
"""From the landform to its reference point."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moving:
    """The landform shown: its outline (EPSG:4326), where it moves to, and words about it.

    ``direction`` is in degrees clockwise from true north, None where nothing is known; ``measured`` says that a person gave
    it, else it is the mean aspect. ``reference`` is a longitude and a latitude.
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

    ``inventory``: GeoPackage with the layer ``inventory``; ``phase``: raster of radians (wrapped or not) or of complex
    numbers, over the landform. Without it the image stands alone. Which landform, and its point and direction, are named in
    the setting ``figures.motion``. Raises UserError where the landform, or any phase on its ground, is not to be found.
    """
    from lobate.figures.drawing.basemap import common_crs
    from lobate.figures.drawing.motion import draw_motion
    from lobate.figures.drawing.style import save, styled

    moving = pick_moving(read_polygons(inventory, "inventory").to_crs(LONLAT), figures.motion)
    with styled():
        figure = draw_motion(moving, images, phase, common_crs(images), landform=landform, credit=figures.credit)
        save(figure, png, pdf, figures.dpi)
    log.info("%s drawn, %s", moving.name if moving else "no landform", "with its phase" if phase else "the image alone")


def pick_moving(landforms: gpd.GeoDataFrame, motion: Motion) -> Moving | None:
    """Return the landform that is named, else the fastest, else the largest; None of an empty inventory."""
    if motion.landform is not None:
        landforms = landforms[landforms["id"] == motion.landform]
        if landforms.empty:
            raise UserError(
                f"Setting figures.motion.landform names {motion.landform}, which is not in the inventory. Name the id of one "
                "of its landforms, or leave the setting out: then the fastest is shown."
            )
    if landforms.empty:
        return None
    order = landforms.assign(speed=pd.to_numeric(landforms["velocity"], errors="coerce").fillna(-1))
    one = order.sort_values(["speed", "area_km2", "id"], ascending=[False, False, True]).iloc[0]
    measured = motion.direction_deg is not None
    aspect = None if pd.isna(one["aspect_deg"]) else float(one["aspect_deg"])
    return Moving(
        name=str(one["id"]),
        outline=one.geometry,
        facts=_facts(one),
        direction=motion.direction_deg if measured else aspect,
        measured=measured,
        reference=_near(motion.reference_point, one.geometry),
    )


def _near(point: tuple[float, float] | None, outline: shapely.Geometry) -> tuple[float, float] | None:
    """Return the reference point; one far from the landform is a UserError, most likely with its numbers swapped."""
    if point is None:
        return None
    middle = outline.centroid
    away = WGS84.inv(*point, middle.x, middle.y)[2]
    if away > FARTHEST_M:
        raise UserError(
            f"Setting figures.motion.reference_point lies {away / 1000:,.0f} km from the landform that is shown, so it is not "
            "its reference point. Give its longitude first, then its latitude, in degrees."
        )
    return point


def _facts(one: pd.Series) -> str:
    speed = None if pd.isna(one["velocity"]) else f"{one['velocity']:g} cm a year downslope"
    kind = None if pd.isna(one["upslope_connection"]) else str(one["upslope_connection"]).replace("_", " ")
    return ", ".join(filter(None, [str(one["id"]), f"{one['area_km2']:.2f} km\N{SUPERSCRIPT TWO}", kind, speed]))
