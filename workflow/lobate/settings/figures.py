"""Settings of the room `figures`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lobate.settings.base import ProjectPath, Section

Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Example = Literal["training", "validation", "new", "mended"]


class Motion(Section):
    """Figure of one landform with an interferogram beside the image (the paper's figure 4)."""

    phase: ProjectPath | None = None
    """Raster of interferometric phase over the landform: complex, or in radians (wrapped by the figure); none: the image alone."""
    landform: str | None = None
    """Identifier in the inventory; none: the fastest landform, or the largest if no velocity is known."""
    reference_point: tuple[Longitude, Latitude] | None = None
    """Longitude and latitude of the reference point of the phase correction, in degrees; none: it is not marked."""
    direction_deg: Annotated[float, Field(ge=0, lt=360)] | None = None
    """Direction of motion, in degrees clockwise from true north; none: the arrow shows the mean aspect, with a note."""


class Figures(Section):
    """Figures of the results."""

    dpi: Annotated[int, Field(ge=50, le=1200)] = 300
    """Resolution of the PNG files, in dots per inch."""
    credit: str = "Contains modified Copernicus Sentinel data"
    """Credit line under every map."""
    examples: dict[Example, str] = {}
    """Identifiers of the example outlines: polygons of the labels, detections. By default a rule picks them."""
    motion: Motion = Motion()
    """The figure of one landform's motion."""
