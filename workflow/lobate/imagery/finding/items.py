"""From a STAC item to what the scene table says of a scene, whichever catalogue wrote the item.

Catalogues differ in where they say which tile and which processing baseline a scene has, and some say nothing of clouds;
the product's name says the rest. What cannot be used is told, never dropped in silence.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import shapely
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from lobate.imagery.finding.antimeridian import cut_at_antimeridian
from lobate.imagery.reading.scene import COMMON_NAMES, find_date
from lobate.imagery.scene_table import SCENE_NAME, Row

log = logging.getLogger(__name__)
Json = dict[str, Any]

TILE_PATTERN = re.compile(r"(?:^|[_-])(?:MGRS-)?T?(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z][A-HJ-NP-V])(?=[_-]|$)")
TIME_PATTERN = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
BASELINE_PATTERN = re.compile(r"_N(\d{2})\.?(\d{2})(?=_|$)")
BAND_OF_ASSET = {
    "SCL": "SCL",
    "scl": "SCL",
    **{name: name for name in COMMON_NAMES},
    **{b: a for a, b in COMMON_NAMES.items()},
}
"""Names of assets, and the bands they are."""
SAME_PRODUCT_OVERLAP = 0.5
"""Of one pass over one tile, footprints that overlap by more than this share are one product, delivered twice."""


@dataclass(frozen=True)
class CatalogueScene:
    """One scene in the catalogue; ``footprint`` in longitude and latitude, within -180 and 180."""

    scene: str
    tile: str
    date: date
    cloud: float | None
    baseline: str
    source: str
    footprint: BaseGeometry = field(repr=False)
    overpass: str = ""
    """Satellite and start of the pass: the same for all deliveries of one product."""
    generated: str = ""
    """When the product was made."""
    checksums: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def row(self) -> Row:
        """Its line in the scene table."""
        return {
            "scene": self.scene,
            "tile": self.tile,
            "date": self.date.isoformat(),
            "cloud_cover": "" if self.cloud is None else f"{self.cloud:.4f}".rstrip("0").rstrip("."),
            "baseline": self.baseline,
            "source": self.source,
            "checksums": ";".join(f"{band}={digest}" for band, digest in sorted(self.checksums.items())),
        }


class UnusableItem(Exception):
    """An item that lacks what a scene must have."""


def read_items(items: Iterable[Json], collection_url: str) -> list[CatalogueScene]:
    """Return the scenes that items describe, sorted by tile, date and name; items that are none are told.

    ``collection_url``: where an item stands that does not say so itself.
    """
    found: dict[str, CatalogueScene] = {}
    for item in items:
        try:
            one = read_item(item, collection_url)
            found.setdefault(one.scene, one)
        except UnusableItem as why:
            log.warning("The catalogue's item %.80s is left out: %s.", item.get("id"), why)
    return sort_items(found.values())


def read_item(item: Json, collection_url: str) -> CatalogueScene:
    """Return the scene that an item describes. Raises Unusable."""
    scene, properties = str(item.get("id", "")), _mapping(item.get("properties"))
    if not SCENE_NAME.fullmatch(scene):
        raise UnusableItem("its identifier is no name of a folder")
    names = [str(one) for one in (properties.get("s2:product_uri"), properties.get("s2:datatake_id"), scene) if one]
    return CatalogueScene(
        scene,
        _tile(properties, names),
        _date(properties, scene),
        _cloud(properties),
        _baseline(properties, names),
        _source(item, collection_url),
        _footprint(item),
        _overpass(properties, names),
        str(properties.get("s2:generation_time") or properties.get("created") or ""),
        _checksums(_mapping(item.get("assets"))),
    )


def latest_revision(scenes: list[CatalogueScene]) -> list[CatalogueScene]:
    """Return the scenes less those of which a newer processing is there; each that goes is told.

    Two products of one pass over one tile stay where they show different parts of it.
    """
    kept: dict[tuple[str, str], list[CatalogueScene]] = {}
    for scene in sorted(scenes, key=lambda one: (one.baseline, one.generated, one.scene), reverse=True):
        passes = kept.setdefault((scene.tile, scene.overpass), [])
        newer = next((other for other in passes if _is_same_product(scene, other)), None)
        if newer is None:
            passes.append(scene)
            continue
        log.warning(
            "The scene %s (baseline %s) is left out: %s (baseline %s) is a newer processing of the same product.",
            scene.scene,
            scene.baseline or "unknown",
            newer.scene,
            newer.baseline or "unknown",
        )
    return sort_items(one for passes in kept.values() for one in passes)


def sort_items(scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return scenes as the table lists them."""
    return sorted(scenes, key=lambda one: (one.tile, one.date, one.scene))


def _is_same_product(one: CatalogueScene, other: CatalogueScene) -> bool:
    smaller = min(one.footprint.area, other.footprint.area)
    return one.footprint.intersection(other.footprint).area > SAME_PRODUCT_OVERLAP * smaller


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _tile(properties: Json, names: list[str]) -> str:
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    said = [
        properties.get("s2:mgrs_tile"),
        properties.get("grid:code"),
        "".join(map(str, parts)) if all(parts) else None,
    ]
    for text in (*filter(None, said), *names):
        match = TILE_PATTERN.search(str(text).removesuffix(".SAFE"))
        if match:
            return f"{int(match[1]):02d}{match[2]}{match[3]}"
    raise UnusableItem("neither its properties nor its name say which MGRS tile it shows")


def _date(properties: Json, scene: str) -> date:
    for text in (properties.get("datetime"), properties.get("start_datetime"), find_date(scene)):
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            continue
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    raise UnusableItem("it has no date")


def _cloud(properties: Json) -> float | None:
    value = properties.get("eo:cloud_cover")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 100 else None


def _baseline(properties: Json, names: list[str]) -> str:
    for key in ("s2:processing_baseline", "processing:version"):
        match = re.fullmatch(r"(\d{1,2})\.(\d{2})", str(properties.get(key)))
        if match:
            return f"{int(match[1]):02d}.{match[2]}"
    match = next(
        (one for one in map(BASELINE_PATTERN.search, (name.removesuffix(".SAFE") for name in names)) if one), None
    )
    return f"{match[1]}.{match[2]}" if match else ""


def _source(item: Json, collection_url: str) -> str:
    links = item.get("links")
    for link in links if isinstance(links, list) else []:
        href = str(_mapping(link).get("href", ""))
        if _mapping(link).get("rel") == "self" and re.fullmatch(r"https?://\S+", href):
            return href
    return f"{collection_url}/items/{item['id']}"


def _footprint(item: Json) -> BaseGeometry:
    for describe in (lambda: shape(item["geometry"]), lambda: box(*flat_bbox(item["bbox"]))):
        try:
            ground = cut_at_antimeridian(shapely.force_2d(describe()))
        except Exception:  # a geometry from outside may be wrong in any way
            continue
        if ground.area > 0 and shapely.is_valid(ground):
            return ground
    raise UnusableItem("it has no footprint that covers any ground")


def flat_bbox(bbox: list[float]) -> tuple[float, float, float, float]:
    """Return a bounding box without heights; one over the antimeridian has its west beyond its east."""
    west, south, east, north = bbox if len(bbox) == 4 else (*bbox[:2], *bbox[3:5])
    return west, south, east + 360 if east < west else east, north


def _overpass(properties: Json, names: list[str]) -> str:
    """Return satellite (S2A) and start of the pass, by the product's names, else by the moment the item gives."""
    started = next((match[1] for match in map(TIME_PATTERN.search, names) if match), None)
    satellite = names[0].removeprefix("G")[:3]
    return f"{satellite} {started or str(properties.get('datetime'))[:19]}"


def _checksums(assets: Json) -> dict[str, str]:
    digests = {
        BAND_OF_ASSET[name]: _mapping(asset).get("file:checksum")
        for name, asset in assets.items()
        if name in BAND_OF_ASSET
    }
    return {band: one for band, one in digests.items() if isinstance(one, str) and re.fullmatch(r"[0-9a-fA-F]+", one)}
