"""Settings of the room `inventory`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import PolygonFile, ProjectPath, Section

AttributeName = Literal[
    "upslope_connection",
    "activity",
    "kinematics",
    "velocity",
    "velocity_error",
    "mapping_date",
    "outline_type",
    "country",
    "polygon_id",
    "remark",
]


Unit = Literal["mm", "cm", "m"]
UNIT_A_YEAR = re.compile(
    r"(?<![a-z])(mm|cm|m)[\W_]*(?:per|p|pro|par|al)?[\W_]*(?:yr|y|year|a|ann|an|annum|jahr|anno|ano)(?:[\W_]*(?:-1|1))?(?![a-z])"
)
"""A unit of length a year in the name of a field."""


def unit_in_name(field: str) -> str | None:
    """Return the unit a year that a field's name states (``vel_cm_yr``, ``v [m/a]``), None where it states none."""
    match = UNIT_A_YEAR.search(field.lower())
    return match[1] if match else None


class OtherInventory(PolygonFile):
    """An inventory by another method, compiled with the reviewed detections."""

    method: Annotated[str, Field(min_length=1)] | None = None
    """Name of the method, as in the compiled inventory, for instance InSAR. The default is the inventory's short name."""
    fields: dict[AttributeName, str] = {}
    """Inventory attribute -> field of this file, for instance {velocity: vel_cm_yr, velocity_error: vel_err}."""

    velocity_unit: Unit | None = None
    """Unit a year of the velocities in this file; the compiled inventory has cm a year. The default is the unit in the names of the fields, such as vel_cm_yr or v_m_a; where they have none, the setting is needed."""
    licence: str | None = None
    """Its licence, for the README of the compiled inventory."""
    citation: str | None = None
    """Its citation."""

    def unit_of_velocities(self) -> str:
        """Return the unit a year: that of ``velocity_unit``, else that in the names of the fields of velocity."""
        return self.velocity_unit or self._stated_units().pop()

    def _velocity_fields(self) -> list[str]:
        return [field for name, field in self.fields.items() if name in ("velocity", "velocity_error")]

    def _stated_units(self) -> set[str]:
        return set(filter(None, map(unit_in_name, self._velocity_fields())))

    @model_validator(mode="after")
    def _known_unit(self) -> OtherInventory:
        fields, stated = self._velocity_fields(), self._stated_units()
        if fields and not self.velocity_unit and len(stated) != 1:
            raise ValueError(
                f"its fields of velocity are called {' and '.join(fields)}, which states {'two units' if stated else 'no unit'}; "
                "set velocity_unit to mm, cm or m, for velocities of so many a year"
            )
        return self


class Inventory(Section):
    """Review, attributes and compilation."""

    dem: ProjectPath | Annotated[list[ProjectPath], Field(min_length=1)] | None = None
    """Elevation raster with a CRS, in metres unless it states another unit, or a list of rasters in one CRS. Where several overlap, the first in the
    list counts. Without elevation, the attributes elevation, slope and aspect are null."""
    min_dem_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Outlines with elevation on a smaller share of their area get null attributes; so do outlines that cross the DEM's edge."""
    decisions: ProjectPath | list[ProjectPath] | None = None
    """File of review decisions, or a list of files, one a reviewer: from `lobate review`, the review sheet or the review page. Without it
    all detections are pending. resources/REGION/decisions.gpkg, which `lobate review` keeps, may be named before it is there.
    Rejected places become negatives, accepted and edited ones are never mined."""
    others: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], OtherInventory] = {}
    """Other inventories to compile with, by a short name. If two have the same landform, the first one's outline is kept."""
    pending: Literal["keep", "drop"] = "keep"
    """Whether detections without a review are in the inventory (marked as pending)."""
    match_iou: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Outlines of two inventories, or of a decision and a detection, with at least this IoU are the same landform."""
    previous: ProjectPath | None = None
    """The inventory of this region that is published already: an inventory.gpkg of lobate, kept under resources/. Landforms
    at the place of a published one keep its identifier and marker."""
    outline: Literal["other", "detection", "edited"] = "other"
    """The outline of a landform that is in another inventory and among the detections. other: the other inventory's;
    detection: the detection's; edited: the detection's only if a person drew it."""
    outline_type: Literal["Extended", "Restricted"] = "Extended"
    """RGIK's Out.Type of outlines without a field for it: with (Extended) or without (Restricted) the steep front and
    the lateral margins. Detections are of the same type as the training outlines."""
    licence: str | None = None
    """Licence of the compiled inventory, for instance CC BY 4.0."""
    citation: str | None = None
    """Citation of the compiled inventory."""
    id_prefix: str = "RGU"
    """Prefix of identifiers; latitude x 1e4 and longitude x 1e4 follow, as in RGU384455N1092526W."""
