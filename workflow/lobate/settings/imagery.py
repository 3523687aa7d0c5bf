"""Settings of the room `imagery`."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from lobate.io.redaction import hide
from lobate.settings.base import OneOrMore, ProjectPath, Section


def _without_login(address: str) -> str:
    login = urlsplit(address).netloc.rpartition("@")[0]
    if login:
        hide(login)
        raise ValueError(
            "holds a name or a password, and a configuration is copied into results; take them out of the address and keep "
            "them in ~/.netrc"
        )
    return address


def _hide_login(host: Any) -> Any:
    """Hide a login before a host's name, so that the message about the name does not show it."""
    if isinstance(host, str) and "@" in host:
        hide(host.rpartition("@")[0])
    return host


TileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Reflectance = Annotated[float, Field(ge=-1, le=10)]
Share = Annotated[float, Field(ge=0, le=1)]
WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$"), AfterValidator(_without_login)]
HostName = Annotated[
    str, Field(pattern=r"^\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d+)?$"), BeforeValidator(_hide_login)
]
Month = Annotated[int, Field(ge=1, le=12)]
Year = Annotated[int, Field(ge=2015, le=2100)]


class Find(Section):
    """The query for scenes: an area, and the same months of one or more years."""

    area: ProjectPath
    """Outline of the region: a vector file of polygons with a CRS."""
    layer: str | None = None
    """Layer of the area, if its file has several."""
    years: Annotated[list[Year], Field(min_length=1)]
    """Years of the seasons. A season over New Year belongs to the year of its first month."""
    months: Annotated[list[Month], Field(min_length=1)]
    """Months of the season, in order: [7, 8], or [12, 1, 2] for a southern summer, which extends into the next year."""

    @field_validator("years", "months")
    @classmethod
    def _no_repeats(cls, numbers: list[int]) -> list[int]:
        if len(set(numbers)) < len(numbers):
            raise ValueError("has a number twice")
        return numbers

    @field_validator("months")
    @classmethod
    def _in_order(cls, months: list[int]) -> list[int]:
        turns = [(month, following) for month, following in pairwise(months) if following < month]
        if turns and turns != [(12, 1)]:
            raise ValueError(
                "is out of order; give months in the order of the season: [7, 8], or over New Year [12, 1, 2]"
            )
        return months


class Archive(Section):
    """Servers that want an account. Its name, password and keys come from the environment, ~/.netrc or the AWS files."""

    access: Literal["https", "s3"] = "https"
    """Addresses to take where a catalogue gives both: https (with a token or a login), or s3 (with S3 keys)."""
    token_url: WebAddress | None = None
    """Token server (OAuth 2, with the grants password and refresh_token). Its host is the one to name in ~/.netrc."""
    client_id: str = "cdse-public"
    """Client for which the token server gives tokens."""
    token_hosts: list[HostName] = []
    """Hosts that get the token, and no others. A host that begins with a dot stands for all hosts that end so."""
    s3_endpoint: WebAddress | None = None
    """Address of the S3 server. The default is the one of the environment or the AWS files, else Amazon."""
    s3_region: str | None = None
    """Region of the S3 server. The default is the one of the environment or the AWS files, else us-east-1."""
    connections: Annotated[int, Field(ge=1, le=64)] | None = None
    """Connections at a time, of all processes of a user together. By default four a scene, and as many scenes as the
    profile lets be fetched at a time."""


class Catalogue(Section):
    """The STAC API for scenes and elevation."""

    name: Literal["earth-search", "planetary-computer", "copernicus-data-space"] = "earth-search"
    """A catalogue with known address, collection and signing."""
    url: WebAddress | None = None
    """Address of any other STAC API. It replaces the named catalogue, and needs a collection."""
    collection: str | None = None
    """Collection of Sentinel-2 Level-2A scenes; the default is that of the named catalogue."""
    dem_collection: str | None = None
    """Collection of the Copernicus DEM; the default is that of the named catalogue, else cop-dem-glo-30."""
    signing: WebAddress | None = None
    """Service that signs addresses of files, if they need it (request ?href=..., response {"href": ...})."""
    archive: Archive = Archive()
    """The servers of the files, where they want an account. A named catalogue knows its own."""
    allow_private: bool = False
    """Allow addresses in this machine or its private network; otherwise they are refused."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest wait for one response, in seconds."""
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    """Attempts at a request before the server counts as down."""

    @model_validator(mode="after")
    def _complete(self) -> Catalogue:
        if self.url and not self.collection:
            raise ValueError("a catalogue given by url also needs the name of its collection")
        return self


class Percentiles(Section):
    """A range measured on the images of the whole region; each pixel counts with the scene that fills it."""

    low: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Per cent of a band's pixels that become 1, the darkest value."""
    high: Annotated[float, Field(ge=0, le=100)] = 98.0
    """Per cent of a band's pixels that are at most as bright as the value 255."""
    common: bool = False
    """One range for all bands together, which keeps the colours, instead of one range a band."""

    @model_validator(mode="after")
    def _ordered(self) -> Percentiles:
        if self.high <= self.low:
            raise ValueError("high must be greater than low")
        return self


class Stretch(Section):
    """From reflectance to 8 bit: one range for all scenes and tiles, so training and inference agree."""

    method: Literal["fixed", "percentiles"] = "fixed"
    """fixed: the range is lowest to highest; percentiles: it is measured once on all tiles of the region."""
    lowest: Reflectance = 0.0
    """Surface reflectance that becomes 1 (0 stands for nodata), with method fixed."""
    highest: Reflectance = 0.3
    """Surface reflectance that becomes 255, with method fixed."""
    percentiles: Percentiles = Percentiles()
    """The percentiles to measure, with method percentiles."""

    @model_validator(mode="after")
    def _ordered(self) -> Stretch:
        if self.highest <= self.lowest:
            raise ValueError("highest must be greater than lowest")
        return self


SceneClass = Annotated[int, Field(ge=0, le=11)]


class Clouds(Section):
    """Cloud limits, the mask of invalid pixels, and pixels that another date should show."""

    max_scene_cloud: Annotated[float, Field(ge=0, le=100)] = 5.0
    """Scenes with more cloud cover than this, in per cent, are left out, and the reason is recorded."""
    invalid_classes: list[SceneClass] = [0, 1, 3, 8, 9, 10]
    """Masked classes of the scene classification (SCL): nodata, defective, cloud shadow, cloud, cirrus. They are in no image."""
    avoided_classes: list[SceneClass] = [2, 7, 11]
    """Classes taken only where no date of the tile shows the pixel clear: dark ground and shadow of the terrain (2),
    unclassified (7), snow and ice (11)."""
    dilate_m: Annotated[float, Field(ge=0)] = 0.0
    """Distance in metres by which masked areas grow, between the centres of the classification's cells. Masked ground is lost
    where no other date has it, so the default is 0, and avoided_rim_m treats the rims of clouds."""
    avoided_rim_m: Annotated[float, Field(ge=0)] = 120.0
    """Distance in metres around masked areas within which a pixel is taken only where no date shows it clear."""


class Imagery(Section):
    """Scenes, and one 8-bit image a tile."""

    find: Find | None = None
    """The query of `find_scenes`. It is enough to begin with; then name its table in `scenes`."""
    catalogue: Catalogue = Catalogue()
    """The source of scenes and elevation."""
    scenes: ProjectPath | None = None
    """Table of the scenes to use (TSV, as `find_scenes` writes it, or a STAC item collection), checked by a person and kept under resources/."""
    tiles: dict[TileName, Annotated[list[ProjectPath], Field(min_length=1), OneOrMore]] = {}
    """Products that you have already, instead of `scenes`. Tile name -> its scenes: .SAFE folders or zips, folders with a STAC item and bands, or GeoTIFFs of several bands, also 8-bit RGB."""
    bands: Annotated[list[str], Field(min_length=1)] = ["B04", "B03", "B02"]
    """Bands of the image, in order. The default is red, green, blue, because the network was pre-trained on such images."""
    band_order: Annotated[list[str], Field(min_length=1)] | None = None
    """Bands of GeoTIFFs of several bands, in the order of the file (also SCL and alpha). The default is what the file says: names of bands in its descriptions (B04, red, 665 nm), then its colour interpretation. A file that says nothing must hold the image's bands in order."""
    stretch: Stretch = Stretch()
    """Reflectance range of the 8-bit image."""
    clouds: Clouds = Clouds()
    """Cloud cover and cloud mask."""
    offset: Literal["metadata", "none", "1000"] = "metadata"
    """Offset of the digital numbers: read from the product's metadata, or, for products without metadata, none or -1000."""
    quantification: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Number that stands for a reflectance of 1 in files that do not say it: 1, 100 for per cent, 10000. The default is 10000 for integers. For floating-point numbers it is 1 where the values can only be reflectance, and else must be given."""

    @field_validator("band_order")
    @classmethod
    def _distinct_bands(cls, order: list[str] | None) -> list[str] | None:
        if order and len({name.lower() for name in order}) < len(order):
            raise ValueError("names a band twice; give unused bands names of their own")
        return order

    @model_validator(mode="after")
    def _one_source(self) -> Imagery:
        if self.scenes and self.tiles:
            raise ValueError("scenes and tiles both name the scenes to use; keep one of them")
        if not (self.scenes or self.tiles or self.find):
            raise ValueError(
                "it names no scenes. Give tiles (local products), scenes (a table of scenes to fetch), or "
                "find (area, years and months), and run snakemake find_scenes for such a table"
            )
        return self
