"""Settings of the room `inventory`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lobate.settings.base import PolygonFile, ProjectPath, Section


class OtherInventory(PolygonFile):
    """An inventory made by another method, compiled with the reviewed detections."""

    method: str = "InSAR"
    """Name of the method that made it, as it stands in the inventory."""
    fields: dict[str, str] = {}
    """Inventory attribute -> field of this file, for instance {velocity: vel_cm_yr, velocity_error: vel_err}."""


class Inventory(Section):
    """Review, attributes and compilation."""

    dem: ProjectPath | None = None
    """Elevation raster in metres, with a CRS; without it, elevation, slope and aspect are null."""
    decisions: ProjectPath | None = None
    """A person's decisions about the detections, from the review sheet; without it all are pending."""
    others: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], OtherInventory] = {}
    """Other inventories to compile with, by a short name."""
    pending: Literal["keep", "drop"] = "keep"
    """Whether detections that nobody has looked at yet stand in the inventory (marked as pending) or not."""
    match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Outlines of two inventories are the same landform from this IoU on."""
    id_prefix: str = "RGU"
    """Identifiers are this, latitude x 1e4 and longitude x 1e4, as in RGU384455N1092526W."""
