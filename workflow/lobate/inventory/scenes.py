"""Which scenes an outline was mapped from, and when: read off the records that composing an image left.

A record (`imagery/<tile>_scene.tif`) holds for each pixel the number of the scene it is from, 0 for none; the facts beside it
(`imagery/<tile>.json`) name the scenes. Shares are of the outline's mapped part, by exactextract.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import shapely

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.rasters import open_raster

CELLS = 2_000_000
"""Pixels of a record held at once."""

SHOWN = 0.0005
"""Scenes that give less of an outline than this are not named."""


@dataclass(frozen=True)
class Scene:
    """A scene by its name, and its ISO date, None where unknown."""

    name: str
    date: str | None


def mapped_from(outlines: gpd.GeoSeries, records: Sequence[Path], facts: Sequence[Path]) -> list[dict[str, str | None]]:
    """Return ``mapping_date``, ``scenes`` and ``scenes_note`` of each outline (EPSG:4326), in their order.

    ``scenes`` names them with their shares, the greatest first; ``mapping_date`` is the first one's date. Raises Mistake
    where records and facts are not pairs, or do not fit each other.
    """
    if len(records) != len(facts):
        raise Mistake(
            f"{len(records)} records of scenes came with {len(facts)} files of facts; give one for each image."
        )
    if not records:
        return [_told(Counter(), "no record of scenes")] * len(outlines)
    pixels: list[Counter[Scene]] = [Counter() for _ in outlines]
    for record, fact in zip(records, facts, strict=True):
        scenes = _scenes(fact)
        for position, number, count in _counted(record, outlines):
            if number not in scenes:
                raise Mistake(
                    f"{record} holds the scene number {number}, which {fact} does not name. Compose the image again."
                )
            pixels[position][scenes[number]] += count
    return [_told(one, "no image covers it") for one in pixels]


def _scenes(facts: Path) -> dict[int, Scene]:
    try:
        listed = json.loads(facts.read_text(encoding="utf-8"))["scenes"]
        return {int(one["number"]): Scene(str(one["name"]), (one["date"] or "")[:10] or None) for one in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(
            f"{facts} does not tell the scenes of an image. Give what compose-rgb wrote beside it."
        ) from error


def _counted(record: Path, outlines: gpd.GeoSeries) -> Iterator[tuple[int, int, float]]:
    """Yield (position of the outline, number of the scene, covered pixels) of outlines that touch the record."""
    from exactextract import exact_extract
    from exactextract.raster import RasterioRasterSource

    with open_raster(record) as raster:
        there = outlines.to_crs(raster.crs)
        near = [n for n, one in enumerate(there) if one.intersects(Grid.of(raster).footprint)]
        features = [
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(there.iloc[n])} for n in near
        ]
        if not features:
            return
        found = exact_extract(
            RasterioRasterSource(raster), features, ["unique", "frac", "count"], max_cells_in_memory=CELLS
        )
        for position, one in zip(near, found, strict=True):
            of = one["properties"]
            for number, share in zip(of["unique"], of["frac"], strict=True):
                yield position, int(number), float(share) * float(of["count"])


def _told(pixels: Counter[Scene], why_none: str) -> dict[str, str | None]:
    total = sum(pixels.values())
    if not total:
        return {"mapping_date": None, "scenes": None, "scenes_note": why_none}
    ranked = sorted(pixels, key=lambda scene: (-round(pixels[scene] / total, 3), _later_first(scene), scene.name))
    named = [f"{scene.name}:{pixels[scene] / total:.3f}" for scene in ranked if pixels[scene] / total >= SHOWN]
    date = ranked[0].date
    return {
        "mapping_date": date,
        "scenes": ";".join(named),
        "scenes_note": None if date else "the scene's date is not known",
    }


def _later_first(scene: Scene) -> int:
    return -int("".join(filter(str.isdigit, scene.date or "")) or 0)
