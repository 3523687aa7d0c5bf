"""find-scenes: list the scenes of a catalogue for an area and its seasons, with a map of coverage.

The table is a proposal. The user checks it and the map of coverage, keeps it under `resources/<region>/`, and names it in
`imagery.scenes`.
"""

from __future__ import annotations

import logging
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from shapely.geometry.base import BaseGeometry

from lobate.engine.signature import Input, Output, Setting, uncached
from lobate.errors import UserError
from lobate.imagery.finding.area import query_outline, read_area
from lobate.imagery.finding.coverage import Coverage, count_in_words, measure_coverage
from lobate.imagery.finding.items import CatalogueScene, latest_revision, read_items
from lobate.imagery.item_collection import to_collection
from lobate.imagery.scene_table import to_tsv
from lobate.io.atomic import atomic_write
from lobate.settings.imagery import Catalogue, Clouds, Find

log = logging.getLogger(__name__)

DateRange = tuple[date, date]
"""First and last day."""
MAX_NAMED_GAPS = 3
"""Gaps described by place; of the others only the number is given."""
MIN_GAP_SHARE = 0.01
"""Share of the gaps that a cloudier scene must show to be suggested."""


@uncached
def find_scenes(
    area: Annotated[Path | None, Input()],
    table: Annotated[Path, Output()],
    coverage: Annotated[Path, Output()],
    collection: Annotated[Path | None, Output()] = None,
    *,
    find: Annotated[Find | None, Setting("imagery.find")],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    catalogue: Annotated[Catalogue, Setting("imagery.catalogue")],
) -> None:
    """Search a catalogue for the scenes of an area and season; write a table of them, and a map of their coverage.

    ``collection`` is the table as a STAC item collection.
    """
    if find is None or area is None:
        raise UserError(
            "The configuration does not say what to find. Give imagery.find with area (a vector file), years and months."
        )
    ground = read_area(area, find.layer)
    results = _search_scenes(catalogue, ground, season_ranges(find.years, find.months))
    scenes = latest_revision(_showing_area(ground, results))
    cloudy = [scene for scene in scenes if (scene.cloud or 0.0) > clouds.max_scene_cloud]
    clear = [scene for scene in scenes if (scene.cloud or 0.0) <= clouds.max_scene_cloud]
    if not clear:
        raise _no_clear_scene(area, find, clouds, cloudy)
    _log_scenes(clear, cloudy, clouds)
    covered = measure_coverage(ground, [scene.footprint for scene in clear])
    _log_coverage(covered, cloudy, clouds)
    _write(covered, clear, table, coverage, collection)


def _search_scenes(settings: Catalogue, ground: BaseGeometry, ranges: list[DateRange]) -> list[CatalogueScene]:
    """Return the catalogue's scenes of these days, on and around the area."""
    from lobate.imagery.catalogues import catalogue_url, scene_collection
    from lobate.imagery.finding.stac_search import search

    url, collection = catalogue_url(settings), scene_collection(settings)
    outline = query_outline(ground)
    items = [item for days in ranges for item in search(settings, collection, outline, days)]
    log.info("the catalogue %s lists %d items of %s", url, len(items), collection)
    scenes = read_items(items, f"{url.rstrip('/')}/collections/{collection}")
    return [scene for scene in scenes if is_in_ranges(scene.date, ranges)]


def _showing_area(ground: BaseGeometry, scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return the scenes that show a part of the area itself, not only of the query's outline around it."""
    return [scene for scene in scenes if scene.footprint.intersection(ground).area > 0]


def _log_scenes(clear: list[CatalogueScene], cloudy: list[CatalogueScene], clouds: Clouds) -> None:
    for scene in clear:
        if scene.cloud is None:
            log.warning(
                "The catalogue has no cloud cover of scene %s; it is in the table, so check its image.", scene.scene
            )
    for scene in cloudy:
        log.info("scene %s is left out: cloud cover %.1f %% is over the limit", scene.scene, scene.cloud)
    for tile in sorted({scene.tile for scene in (*clear, *cloudy)}):
        n_clear, n_cloudy = (sum(scene.tile == tile for scene in group) for group in (clear, cloudy))
        log.info(
            "tile %s: %d scenes, %d over the limit of %g %% cloud", tile, n_clear, n_cloudy, clouds.max_scene_cloud
        )


def _log_coverage(covered: Coverage, cloudy: list[CatalogueScene], clouds: Clouds) -> None:
    for count, share in covered.shares().items():
        log.info("%.2f %% of the area is shown by %s", 100 * share, count_in_words(count))
    gaps = covered.gaps()
    if gaps.is_empty:
        log.info("every part of the area is shown by a scene")
        return
    fills = {scene: covered.map.project(scene.footprint).intersection(gaps).area / gaps.area for scene in cloudy}
    best = _clearest_by_tile([scene for scene in cloudy if fills[scene] >= MIN_GAP_SHARE])
    suggestions = "; ".join(f"{_describe_scene(scene)} and {100 * fills[scene]:.0f} % of that ground" for scene in best)
    log.warning(
        "%.2f %% of the area (%.2f km2) has no scene of at most %g %% cloud cover: %s. %s",
        100 * gaps.area / covered.areas_m2().sum(),
        gaps.area / 1e6,
        clouds.max_scene_cloud,
        _describe_gaps(covered),
        f"The best scenes above the limit: {suggestions}. To use them, raise imagery.clouds.max_scene_cloud; or add years or "
        "months to imagery.find."
        if suggestions
        else "No cloudier scene shows it either; add years or months to imagery.find.",
    )


def _describe_gaps(covered: Coverage) -> str:
    """Return size and place of the largest gaps in words."""
    gaps = covered.largest_gaps()
    largest = [f"{area / 1e6:.2f} km2 around {_format_lonlat(*place)}" for area, place in gaps[:MAX_NAMED_GAPS]]
    rest = f" and {len(gaps) - MAX_NAMED_GAPS} smaller parts" if len(gaps) > MAX_NAMED_GAPS else ""
    return f"{'; '.join(largest)}{rest}"


def _format_lonlat(lon: float, lat: float) -> str:
    return f"{abs(lat):.3f} {'N' if lat >= 0 else 'S'} {abs(lon):.3f} {'E' if lon >= 0 else 'W'}"


def _clearest_by_tile(scenes: Iterable[CatalogueScene]) -> list[CatalogueScene]:
    """Return the least cloudy scene of each tile."""
    clearest: dict[str, CatalogueScene] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.tile, scene.cloud or 0.0, scene.scene)):
        clearest.setdefault(scene.tile, scene)
    return list(clearest.values())


def _describe_scene(scene: CatalogueScene) -> str:
    return f"tile {scene.tile}, {scene.scene} of {scene.date}, {scene.cloud:.1f} % cloud"


def _no_clear_scene(area: Path, find: Find, clouds: Clouds, cloudy: list[CatalogueScene]) -> UserError:
    season = f"months {', '.join(map(str, find.months))} of {', '.join(map(str, find.years))}"
    if not cloudy:
        return UserError(
            f"The catalogue has no scene at all of the area of interest {area} in {season}. Check that the area lies where you "
            "think it does (open it in QGIS over a map), and the years and months in imagery.find."
        )
    return UserError(
        f"No scene of the area of interest {area} in {season} has at most {clouds.max_scene_cloud:g} % cloud cover. The best "
        f"above the limit: {'; '.join(map(_describe_scene, _clearest_by_tile(cloudy)))}. Raise "
        "imagery.clouds.max_scene_cloud, or add years or months to imagery.find."
    )


def _write(
    covered: Coverage, scenes: list[CatalogueScene], table: Path, picture: Path, collection: Path | None
) -> None:
    """Write table, map and item collection, each complete or not at all."""
    from lobate.imagery.finding.coverage_map import draw_coverage

    if collection is not None:
        with atomic_write(collection, _new(collection)) as new_collection:
            new_collection.write_text(to_collection(scenes), encoding="utf-8")
    with atomic_write(table, _new(table)) as new_table, atomic_write(picture, _new(picture)) as new_picture:
        draw_coverage(covered, scenes, new_picture)  # the picture is renamed first
        new_table.write_text(to_tsv(scene.row for scene in scenes), encoding="utf-8")
    log.info("scenes in the table: %d; tiles: %s", len(scenes), ", ".join(sorted({scene.tile for scene in scenes})))


def _new(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def season_ranges(years: list[int], months: list[int]) -> list[DateRange]:
    """Return the date ranges of these months in several years, sorted, with one range for consecutive months.

    Months are in the order of the season: in [12, 1, 2], January and February are those of the next year.
    """
    return sorted(
        (date(year + begin // 12, begin % 12 + 1, 1), _last_day(year + end // 12, end % 12 + 1))
        for year in years
        for begin, end in _month_runs(months)
    )


def is_in_ranges(day: date, ranges: list[DateRange]) -> bool:
    """Whether a day lies in one of the ranges."""
    return any(first <= day <= last for first, last in ranges)


def _month_runs(months: list[int]) -> list[tuple[int, int]]:
    """Return first and last month of each run of consecutive months; 0 is January of the season's first year."""
    numbers = [month - 1 for month in months]
    steps = enumerate(pairwise(numbers), 1)
    new_year = next((place for place, (month, following) in steps if following < month), len(numbers))
    numbers = sorted([*numbers[:new_year], *(month + 12 for month in numbers[new_year:])])
    begins = [month for month in numbers if month - 1 not in numbers]
    ends = [month for month in numbers if month + 1 not in numbers]
    return list(zip(begins, ends, strict=True))


def _last_day(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
