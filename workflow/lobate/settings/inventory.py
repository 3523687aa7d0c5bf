"""Settings of the room `inventory`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lobate.settings.base import PolygonFile, ProjectPath, Section

Known = Literal[
    "upslope_connection",
    "activity",
    "kinematics",
    "velocity",
    "velocity_error",
    "mapping_date",
    "outline_type",
    "remark",
]


class OtherInventory(PolygonFile):
    """An inventory made by another method, compiled with the reviewed detections."""

    method: Annotated[str, Field(min_length=1)] = "InSAR"
    """Name of the method that made it, as it stands in the inventory."""
    fields: dict[Known, str] = {}
    """Inventory attribute -> field of this file, for instance {velocity: vel_cm_yr, velocity_error: vel_err}."""

    velocity_unit: Literal["mm", "cm", "m"] = "cm"
    """Velocities of this file are in this unit a year; the inventory's are in cm a year."""
    licence: str | None = None
    """Under which terms it may be passed on, as the compiled inventory's README repeats them."""
    citation: str | None = None
    """How it wants to be cited."""


class Inventory(Section):
    """Review, attributes and compilation."""

    dem: ProjectPath | Annotated[list[ProjectPath], Field(min_length=1)] | None = None
    """Elevation raster in metres, with a CRS, or a list of several in one CRS that become one, the first first where they
    overlap; without it, elevation, slope and aspect are null."""
    min_dem_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Outlines of which less than this has an elevation (voids) get null attributes; so do all that reach past the DEM."""
    decisions: ProjectPath | list[ProjectPath] | None = None
    """A person's decisions about the detections, from the review sheet or the review page, or a list of files, one a
    reviewer; without it all are pending. Rejected places become negatives, accepted and edited ones are never mined."""
    others: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], OtherInventory] = {}
    """Other inventories to compile with, by a short name; where two know one landform, the first one's outline stands."""
    pending: Literal["keep", "drop"] = "keep"
    """Whether detections that nobody has looked at yet stand in the inventory (marked as pending) or not."""
    match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Outlines of two inventories, or of a decision and a detection, are the same landform from this IoU on."""
    outline: Literal["other", "detection", "edited"] = "other"
    """Whose outline stands where another inventory and the detections know the same landform: the other inventory's, the
    detection's, or the detection's only where a person drew it (edited)."""
    outline_type: Literal["Extended", "Restricted"] = "Extended"
    """RGIK's Out.Type of the outlines, where an inventory's own field does not say: with (Extended) or without (Restricted) the
    steep front and the margins at the sides. Detections are what the outlines were that the network learned from."""
    licence: str | None = None
    """Terms under which you pass the compiled inventory on, for instance CC BY 4.0."""
    citation: str | None = None
    """How the compiled inventory is to be cited."""
    id_prefix: str = "RGU"
    """Identifiers are this, latitude x 1e4 and longitude x 1e4, as in RGU384455N1092526W."""
