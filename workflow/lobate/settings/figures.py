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


COLUMNS_MM = {"single": 90.0, "double": 180.0}
"""Widths of a journal's column and page, in millimetres."""


class Figures(Section):
    """Figures of the results."""

    dpi: Annotated[int, Field(ge=50, le=1200)] = 300
    """Resolution of the PNG files, in dots per inch."""
    width: Literal["single", "double"] | Annotated[float, Field(ge=80, le=250)] = "double"
    """Width of every figure: single (a column of 90 mm), double (a page of 180 mm), or a journal's own width in mm."""
    font: Annotated[str, Field(min_length=1)] = "DejaVu Sans"
    """Font of every figure, by its family name; it must be installed. Letters that it lacks are taken from DejaVu Sans."""
    letters: Literal["(a)", "a", "A", "none"] = "(a)"
    """How panels are lettered in figures of several panels."""
    titles: bool = True
    """Whether title and subtitle stand inside the figures. Most journals want them in the caption only."""
    credit: str = "Contains modified Copernicus Sentinel data"
    """Credit line under every map."""
    examples: dict[Example, str] = {}
    """Identifiers of the example outlines: polygons of the labels, detections. By default a rule picks them."""
    motion: Motion = Motion()
    """The figure of one landform's motion."""

    @property
    def width_mm(self) -> float:
        """Width of every figure in millimetres."""
        return COLUMNS_MM[self.width] if isinstance(self.width, str) else self.width
