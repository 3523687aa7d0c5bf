"""Settings of the room `imagery`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import ProjectPath, Section

TileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Stretch(Section):
    """How reflectance becomes 8 bit: one fixed range for every scene alike, so training and inference agree."""

    lowest: float = 0.0
    """Surface reflectance that becomes 1 (0 stands for nodata)."""
    highest: float = 0.3
    """Surface reflectance that becomes 255."""

    @model_validator(mode="after")
    def _ordered(self) -> Stretch:
        if self.highest <= self.lowest:
            raise ValueError("highest must be greater than lowest")
        return self


class Clouds(Section):
    """Which pixels of a scene count as seen."""

    max_scene_cloud: Annotated[float, Field(ge=0, le=100)] = 5.0
    """Scenes with more cloud cover than this, in per cent, are left out, with their reason."""
    invalid_classes: list[Annotated[int, Field(ge=0, le=11)]] = [0, 1, 3, 8, 9, 10]
    """Classes of the scene classification (SCL) that are masked; snow (11) stays."""
    dilate_m: Annotated[float, Field(ge=0)] = 0.0
    """Masked areas grow by this many metres."""


class Imagery(Section):
    """Scenes and how they become one 8-bit image a tile."""

    tiles: dict[TileName, Annotated[list[ProjectPath], Field(min_length=1)]] = Field(min_length=1)
    """Tile name -> its scenes: .SAFE folders or zips, folders with a STAC item and bands, or ready 8-bit RGB GeoTIFFs."""
    bands: Annotated[list[str], Field(min_length=1)] = ["B04", "B03", "B02"]
    """Bands of the image, in order; red, green, blue because the network was pre-trained on such images."""
    stretch: Stretch = Stretch()
    """Reflectance range of the 8-bit image."""
    clouds: Clouds = Clouds()
    """Cloud cover and cloud mask."""
    offset: Literal["metadata", "none", "1000"] = "metadata"
    """Offset of the digital numbers: read from the product, or, for products that do not say, none or -1000 by decree."""
