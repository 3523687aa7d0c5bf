"""The frozen sample: one map by the digests of its files, and the drawn units with strata and inclusion probabilities.

People who answer never see this file; what they fill in lies in files of its own (``response``). A digest over the content shows
every later change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from lobate.errors import UserError
from lobate.io.digest import canonical_json, content_digest, text_digest
from lobate.io.grid import LONLAT
from lobate.io.jsonfile import json_text, parse_json

FORMAT = 1
WHAT = "a sample frozen by `lobate sample`"
ADVICE = "Name the file that `lobate sample` wrote in mapping.accuracy.frozen, unchanged; take it from a copy or from version control."


@dataclass(frozen=True)
class Stratum:
    """A stratum or class: its name, its number of members, and how many of them were drawn."""

    name: str
    size: int
    sampled: int

    @property
    def inclusion(self) -> float:
        """Probability with which each member was drawn."""
        return self.sampled / self.size


@dataclass(frozen=True)
class Place:
    """A drawn point in EPSG:4326; ``part`` is detections or pixels, ``stratum`` a name among the strata of that part.

    ``twice``: whether people look at it a second time.
    """

    unit: str
    part: str
    stratum: str
    inclusion: float
    lon: float
    lat: float
    detection: str | None
    twice: bool


@dataclass(frozen=True)
class Square:
    """A drawn square, as WKT in EPSG:4326."""

    unit: str
    inclusion: float
    outline: str
    twice: bool


@dataclass(frozen=True)
class FrozenSample:
    """A sample of one map. ``map`` holds the digests of its files; ``near_squares`` the kept detections near the squares (WKT)."""

    region: str
    landform: str
    seed: int
    imagery: str
    map: dict[str, Any]
    pixel_m2: float
    strata: tuple[Stratum, ...]
    classes: tuple[Stratum, ...]
    squares_in_region: int
    places: tuple[Place, ...]
    squares: tuple[Square, ...]
    near_squares: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The sha256 of the content."""
        return text_digest(canonical_json(self._content()))

    @property
    def name(self) -> str:
        """The beginning of the digest, by which the answers name their sample."""
        return self.digest[:16]

    @property
    def detections_near_squares(self) -> gpd.GeoSeries:
        """The frozen map's detections near the drawn squares, in EPSG:4326."""
        return gpd.GeoSeries(shapely.from_wkt(list(self.near_squares)), crs=LONLAT)

    def _content(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    def text(self) -> str:
        """Return the file's content."""
        return json_text({**self._content(), "digest": self.digest})


def read_frozen(path: Path) -> FrozenSample:
    """Read a frozen sample. Raises UserError for another file, and for one that was changed after the draw."""
    sample, digest = parse_json(path, _parse, WHAT, ADVICE)
    if sample.digest != digest:
        raise UserError(
            f"The frozen sample {path} was changed after it was drawn: its content no longer has the digest {digest[:16]}. With "
            f"strata or probabilities that were not drawn, no estimate holds. {ADVICE}"
        )
    return sample


def _parse(content: dict[str, Any]) -> tuple[FrozenSample, str]:
    values = dict(content)
    digest, version = str(values.pop("digest")), values.pop("format")
    if version != FORMAT:
        raise ValueError(f"format {version}, not {FORMAT}")
    members = {"strata": Stratum, "classes": Stratum, "places": Place, "squares": Square}
    for name, kind in members.items():
        values[name] = tuple(kind(**member) for member in values[name])
    values["near_squares"] = tuple(values["near_squares"])
    return FrozenSample(**values), digest


def map_digests(detections: Path, probabilities: Sequence[Path]) -> dict[str, Any]:
    """Return the digests of a map's files: the detections as mapped, and the probability raster of each tile."""
    return {
        "detections": content_digest(detections),
        "probabilities": {path.name: content_digest(path) for path in sorted(probabilities)},
    }
