"""Settings of the room `imagery`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from lobate.settings.base import ProjectPath, Section


def _free(name: str) -> str:
    if name in ("stretch", "dem") or name.endswith("_scene"):
        raise ValueError("is what another result of the room is called (stretch, dem, ..._scene); choose another name")
    return name


TileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$"), AfterValidator(_free)]
Reflectance = Annotated[float, Field(ge=-1, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Month = Annotated[int, Field(ge=1, le=12)]
Year = Annotated[int, Field(ge=2015, le=2100)]


class Find(Section):
    """Which scenes a catalogue is asked for: an area, and the same months of one or more years."""

    area: ProjectPath
    """Outline of the region: any vector file of polygons with a CRS."""
    layer: str | None = None
    """Layer of the area, where its file has several."""
    years: Annotated[list[Year], Field(min_length=1)]
    """Years of the seasons. A season over New Year belongs to the year it begins in."""
    months: Annotated[list[Month], Field(min_length=1)]
    """Months of the season, in order: [7, 8], or [12, 1, 2] for a southern summer, which goes on into the next year."""

    @field_validator("years", "months")
    @classmethod
    def _once(cls, numbers: list[int]) -> list[int]:
        if len(set(numbers)) < len(numbers):
            raise ValueError("names one of them twice")
        return numbers

    @field_validator("months")
    @classmethod
    def _in_order(cls, months: list[int]) -> list[int]:
        turns = [(one, after) for one, after in pairwise(months) if after < one]
        if turns and turns != [(12, 1)]:
            raise ValueError("is out of order; give months as they pass, [7, 8], or over New Year [12, 1, 2]")
        return months


class Catalogue(Section):
    """The STAC API that is asked for scenes and elevation, and whose files are fetched."""

    name: Literal["earth-search", "planetary-computer"] = "earth-search"
    """A catalogue whose address, collection and signing are known."""
    url: WebAddress | None = None
    """Address of any other STAC API; it takes the place of the named one, and needs a collection."""
    collection: str | None = None
    """Collection of Sentinel-2 Level-2A scenes, where it is not the named catalogue's own."""
    dem_collection: str = "cop-dem-glo-30"
    """Collection of the Copernicus DEM."""
    signing: WebAddress | None = None
    """Service that signs addresses of files (asked with ?href=..., answers {"href": ...}), where the files need it."""
    allow_private: bool = False
    """Let addresses lead into this machine or its private network; otherwise they are refused."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long one answer may be waited for, in seconds."""
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    """How often a request is made before the other side counts as down."""

    @model_validator(mode="after")
    def _complete(self) -> Catalogue:
        if self.url and not self.collection:
            raise ValueError("a catalogue given by url needs the name of its collection too")
        return self


class Percentiles(Section):
    """A range measured on the whole region: what the images show, each pixel from the scene that gives it."""

    low: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Per cent of a band's pixels that are as dark as 1, or darker."""
    high: Annotated[float, Field(ge=0, le=100)] = 98.0
    """Per cent of a band's pixels that are no brighter than 255."""
    common: bool = False
    """One range for all bands together, which keeps the colours, in place of a range for each."""

    @model_validator(mode="after")
    def _ordered(self) -> Percentiles:
        if self.high <= self.low:
            raise ValueError("high must be greater than low")
        return self


class Stretch(Section):
    """How reflectance becomes 8 bit: one range for every scene and tile alike, so training and inference agree."""

    method: Literal["fixed", "percentiles"] = "fixed"
    """Where the range comes from: from lowest and highest, or measured once on all tiles of the region."""
    lowest: Reflectance = 0.0
    """Surface reflectance that becomes 1 (0 stands for nodata), with method fixed."""
    highest: Reflectance = 0.3
    """Surface reflectance that becomes 255, with method fixed."""
    percentiles: Percentiles = Percentiles()
    """What is measured, with method percentiles."""

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
    """Masked areas grow by this many metres, from cell centre to cell centre of the classification."""


class Imagery(Section):
    """Scenes and how they become one 8-bit image a tile."""

    find: Find | None = None
    """What `find_scenes` looks for in the catalogue. Enough to begin with: its table is what `scenes` then names."""
    catalogue: Catalogue = Catalogue()
    """Where scenes and elevation are looked for and fetched from."""
    scenes: ProjectPath | None = None
    """Table of the scenes to use (TSV, as `find_scenes` writes it), looked through by a person and kept under resources/."""
    tiles: dict[TileName, Annotated[list[ProjectPath], Field(min_length=1)]] = {}
    """In place of `scenes`, products that are here already. Tile name -> its scenes: .SAFE folders or zips, folders with a STAC item and bands, or GeoTIFFs of several bands, 8-bit RGB ones among them."""
    bands: Annotated[list[str], Field(min_length=1)] = ["B04", "B03", "B02"]
    """Bands of the image, in order; red, green, blue because the network was pre-trained on such images."""
    band_order: Annotated[list[str], Field(min_length=1)] | None = None
    """Bands of GeoTIFFs of several bands, in the order they have in the file (SCL may be among them). Without it, the bands' descriptions say which is which; where they say nothing, the file must hold the image's bands in order."""
    stretch: Stretch = Stretch()
    """Reflectance range of the 8-bit image."""
    clouds: Clouds = Clouds()
    """Cloud cover and cloud mask."""
    offset: Literal["metadata", "none", "1000"] = "metadata"
    """Offset of the digital numbers: read from the product, or, for products that do not say, none or -1000 by decree."""

    @field_validator("band_order")
    @classmethod
    def _told_apart(cls, order: list[str] | None) -> list[str] | None:
        if order and len({name.lower() for name in order}) < len(order):
            raise ValueError("names a band twice; call those that are not wanted by names of their own")
        return order

    @model_validator(mode="after")
    def _one_source(self) -> Imagery:
        if self.scenes and self.tiles:
            raise ValueError("scenes and tiles both say which scenes to use; keep one of them")
        if not (self.scenes or self.tiles or self.find):
            raise ValueError(
                "it names no scenes. Give tiles (products that are here already), scenes (a table of scenes to fetch), or "
                "find (area, years and months), and run snakemake find_scenes for such a table"
            )
        return self
