"""Check the files that a configuration names before the first job starts; all mistakes come in one message.

Files that the embedded example or a fetch will make may be absent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from pyproj import CRS, Transformer
from shapely import STRtree, box

from lobate.cli.archive_account import account_mistakes
from lobate.cli.check_tables import (
    accuracy_mistakes,
    area_mistakes,
    decision_mistakes,
    previous_mistakes,
    removed_mistakes,
)
from lobate.cli.named_files import begun_later, named_files, named_outlines
from lobate.cli.result_names import clash
from lobate.cli.same_mistakes import once_for_each_cause
from lobate.errors import UserError, UserErrors
from lobate.imagery.scene_table import SCENES_DIR, fetched_dem_path, scenes_by_tile
from lobate.io.antimeridian import to_lonlat
from lobate.io.dem import check_dem
from lobate.io.drawn import decisions_path, is_drawn_later
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.features import VectorSource, opened_source, read_features
from lobate.io.filekind import check_kind
from lobate.io.grid import Grid
from lobate.io.origin import MENDED, UNMENDED, outline_origins
from lobate.io.raster import open_raster
from lobate.io.values import selected
from lobate.io.vector import LONLAT
from lobate.settings import Region
from lobate.settings.base import PolygonFile
from lobate.settings.load import NOWHERE, parse_rest

PATHS_ARE_RELATIVE = (
    "Paths in a configuration are relative to the folder in which lobate runs ({}), not to the configuration."
)


def check_config(
    config: Mapping[str, Any], files: Sequence[str | Path] = (), *, undrawn: bool = False, account: bool = False
) -> tuple[Region, list[str]]:
    """Check a configuration and the files it names; return its settings and the files that may still be missing.

    ``files``: where the configuration comes from. ``account``: that of the archive, too. Mistakes in settings and in files
    come together. Raises UserErrors with all of them.
    """
    region, mistakes = parse_rest(config)
    if region is None:
        raise UserErrors(mistakes)
    missing: list[str] = []
    try:
        missing = check_region(region, undrawn=undrawn)
    except UserErrors as more:
        mistakes = sorted({*mistakes, *more.messages})
    mistakes += account_mistakes(region) if account else ()
    if mistakes:
        raise UserErrors([*mistakes, *_place_of_paths(region, files)])
    return region, missing


def _place_of_paths(region: Region, files: Sequence[str | Path]) -> Iterator[str]:
    """Yield what paths are relative to, where the place of the configuration makes one think otherwise."""
    here = Path.cwd()
    gone = [path for _, path in named_files(region) if path != NOWHERE and not Path(path).exists()]
    for folder in dict.fromkeys(parent for file in files for parent in [*Path(file).resolve().parents][:2]):
        there = next((path for path in gone if folder != here and (folder / path).exists()), None)
        if there and folder.is_relative_to(here):
            yield f"{PATHS_ARE_RELATIVE.format(here)} {there} lies in {folder}: write {folder.relative_to(here) / there}."
            return
        if there:
            yield f"{PATHS_ARE_RELATIVE.format(here)} {there} lies in {folder}: run lobate there."
            return
    if gone and any(not Path(file).resolve().is_relative_to(here) for file in files):
        yield PATHS_ARE_RELATIVE.format(here)


def check_region(region: Region, *, undrawn: bool = False) -> list[str]:
    """Check the files that a configuration names; for a region without scenes, only those that finding scenes needs.

    Returns the files that may still be missing, with their settings. ``undrawn``: hand-drawn outlines may be among them,
    since they are drawn on the images. Raises UserErrors with all mistakes.
    """
    later = begun_later(region)
    has_scenes = bool(region.imagery.tiles) or Path(region.imagery.scenes or "").is_file() or not region.imagery.find
    named = [(name, path) for name, path in named_files(region) if path != NOWHERE and not _will_be_made(region, path)]
    _check_kinds(named)
    missing = [(name, path) for name, path in named if not Path(path).exists()]
    missing = [
        (name, path) for name, path in missing if path != decisions_path(region.region)
    ]  # nothing is decided yet
    required = {_missing(*file, later) for file in missing if has_scenes or file[0] == "imagery.find.area"}
    drawn_later = {_missing(*file, later) for file in missing if undrawn and file[0].startswith("labels.")}
    mistakes = sorted(required - drawn_later)
    tiles, scene_mistakes = _tile_footprints(region)
    mistakes += scene_mistakes
    for name, outlines in named_outlines(region):
        if Path(outlines.path).exists():
            fold = region.labels.fold_field if name.startswith("labels.") else None
            mistakes += [f"Setting {name}: {mistake}" for mistake in _outline_mistakes(outlines, fold, tiles)]
    mistakes += _name_mistakes(region)
    split = region.patches.split
    for setting, sides in (("patches.split", split), ("patches.split.test", split.test)):
        if sides and sides.method == "field" and not region.labels.fold_field:
            mistakes.append(
                f"Setting {setting}.method is field, but labels.fold_field does not name a field of the outlines. Name it."
            )
    mistakes += [f"Setting labels.removed: {mistake}" for mistake in removed_mistakes(region.labels.removed)]
    mistakes += [f"Setting labels.complete: {mistake}" for mistake in area_mistakes(region.labels.complete)]
    mistakes += [f"Setting inventory.decisions: {mistake}" for mistake in decision_mistakes(region.inventory.decisions)]
    mistakes += [f"Setting mapping.accuracy: {mistake}" for mistake in accuracy_mistakes(region.mapping.accuracy)]
    mistakes += [f"Setting inventory.previous: {mistake}" for mistake in previous_mistakes(region)]
    mistakes += [f"Setting inventory.dem: {mistake}" for mistake in _dem_mistakes(region.inventory.dem, tiles)]
    if mistakes:
        raise UserErrors(once_for_each_cause(sorted({*mistakes, *required})))
    return [f"{path} ({name})" for name, path in missing]


def _name_mistakes(region: Region) -> Iterator[str]:
    """Yield the names under which two results would be one file."""
    try:
        tiles = scenes_by_tile(region.imagery) if not _is_gone(region.imagery.scenes) else {}
    except UserError:
        tiles = {}  # the mistake in the table is told once
    setting = "imagery.tiles" if region.imagery.tiles else "imagery.scenes"
    for wildcard, place, names in (("tile", setting, tiles), ("source", "inventory.others", region.inventory.others)):
        for name in names:
            if other := clash(wildcard, name):
                yield f"Setting {place}: {name} cannot be a name, since a result is called {other}. Choose another name."


def _is_gone(path: str | None) -> bool:
    return path is not None and not Path(path).exists()


def _check_kinds(named: list[tuple[str, str]]) -> None:
    """Raise UserErrors for the files that must not be opened at all, before anything opens one."""
    mistakes = []
    for name, path in named:
        try:
            check_kind(path)
        except UserError as mistake:
            mistakes.append(f"Setting {name}: {mistake}")
    if mistakes:
        raise UserErrors(sorted(mistakes))


def _missing(name: str, path: str, later: Collection[str]) -> str:
    if path in later:
        return f"Setting {name} names {path}, in which nothing is drawn yet. Draw the outlines with lobate review and this configuration."
    return f"Setting {name} names {path}, which does not exist. Put it there, or correct the path."


def outlines_without_patches(region: Region) -> list[str]:
    """Return, for each file of outlines, how many lie on no image: they give no patch. Only what bounds can tell.

    The files must be in order (`check_region`). Other reasons are known once the images are made.
    """
    tiles, _ = _tile_footprints(region)
    files = {f"labels.{kind}": getattr(region.labels, kind) for kind in ("positives", "negatives")}
    given = [(name, file) for name, some in files.items() for file in some if Path(file.path).exists()]
    return [note for name, file in given for note in _off_image(name, file, tiles)] if tiles is not None else []


def outlines_of_models(region: Region) -> list[str]:
    """Return, for each file of positives, how many outlines came from a model. The files must be in order."""
    return [note for file in region.labels.positives if Path(file.path).exists() for note in _of_models(file)]


def _of_models(file: PolygonFile) -> Iterator[str]:
    from lobate.labels.outlines import matches_where

    frame = read_features(file.path, file.layer, encoding=file.encoding)
    origins = outline_origins(frame[matches_where(frame, file)]).tolist()
    if unmended := origins.count(UNMENDED):
        yield (
            f"{unmended} of the {len(origins)} outlines in {file.path} (labels.positives) are a model's that nobody mended. They are "
            "taught, and never validate or test. Mend them in the review to let them validate."
        )
    if mended := origins.count(MENDED):
        yield (
            f"{mended} of the {len(origins)} outlines in {file.path} (labels.positives) came from a model and were mended by a "
            "person. They validate, and are never on the test side."
        )


def _off_image(name: str, file: PolygonFile, tiles: STRtree) -> Iterator[str]:
    total = off = 0
    with opened_source(file.path, file.encoding) as source:
        for layer in source.chosen(file.layer):
            bounds = source.bounds(layer)
            used = np.isfinite(bounds).all(axis=0) & (selected(source.table(layer), file.where) if file.where else True)
            boxes = _boxes_lonlat(bounds[:, used], str(source.facts(layer).crs))
            total += len(boxes)
            off += len(boxes) - len(np.unique(tiles.query(boxes, predicate="intersects")[0]))
    if off:
        yield (
            f"{off} of the {total} outlines in {file.path} ({name}) lie on no image and will give no patch. Add the "
            "images that show them to imagery.tiles or imagery.scenes, or leave these outlines out."
        )


def _dem_mistakes(files: str | list[str] | None, tiles: STRtree | None) -> Iterator[str]:
    """Yield the mistakes in the elevation files; several files must fit together into one raster."""
    paths = [files] if isinstance(files, str) else files or []
    extents: dict[str, tuple[float, float, float, float]] = {}
    grids: list[Grid] = []
    systems: dict[str, str] = {}
    for path in filter(lambda path: Path(path).exists(), paths):
        try:
            with open_raster(path) as dem:
                check_dem(dem)
                grids.append(Grid.from_raster(dem))
                extents[path] = _bounds_lonlat(grids[-1].bounds, dem.crs.to_wkt())
                systems.setdefault(dem.crs.to_wkt(), path)
        except UserError as mistake:
            yield str(mistake)
    if len(systems) > 1:
        yield f"{' and '.join(systems.values())} are in different coordinate reference systems. Warp them to one (gdalwarp -t_srs)."
    elif isinstance(files, list) and grids:
        yield from _mosaic_mistakes(grids)
    if extents and tiles is not None and not any(tiles.query(box(*extent)).size for extent in extents.values()):
        shown = ", ".join(f"{w:.2f} to {e:.2f} E, {s:.2f} to {n:.2f} N" for w, s, e, n in extents.values())
        yield (
            f"{', '.join(extents)} shows {shown}, where this region has no image. Name a DEM of this region, or check its "
            "coordinate reference system."
        )


def _mosaic_mistakes(grids: list[Grid]) -> Iterator[str]:
    from lobate.imagery.mosaic import mosaic_grid

    try:
        mosaic_grid(grids)
    except UserError as mistake:
        yield str(mistake)


def _will_be_made(region: Region, path: str) -> bool:
    if region.imagery.scenes and SCENES_DIR in Path(path).parents:
        return not Path(path).exists()
    if region.imagery.find and path == fetched_dem_path(region.region):
        return True
    return region.example is not None and Path("results", region.region, "example") in Path(path).parents


def _outline_mistakes(outlines: PolygonFile, fold_field: str | None, tiles: STRtree | None) -> Iterator[str]:
    try:
        with opened_source(outlines.path, outlines.encoding) as source:
            for layer in source.chosen(outlines.layer):
                yield from _layer_mistakes(source, layer, outlines, tiles)
            yield from _field_mistakes(source, outlines, fold_field)
    except UserError as mistake:
        yield str(mistake)


def _layer_mistakes(
    source: VectorSource, layer: str | None, outlines: PolygonFile, tiles: STRtree | None
) -> Iterator[str]:
    path, facts = outlines.path, source.facts(layer)
    kind = facts.geometry_type
    if kind is None or "Point" in kind or "Line" in kind:
        yield f"{path} must hold polygons, but it holds {kind or 'no geometry'}. Draw outlines as polygons, or name another layer."
        return
    if not facts.features and is_drawn_later(path, layer):
        return
    if not facts.features:
        yield f"{path} holds no feature. Draw outlines in it, or take it out of the configuration."
    elif facts.crs is None:
        yield f"{path} has no coordinate reference system (a Shapefile needs its .prj). Assign the right one in QGIS and save it again."
    else:
        yield from _place_mistakes(source.bounds(layer), outlines, facts.crs, tiles)


def _field_mistakes(source: VectorSource, outlines: PolygonFile, fold_field: str | None) -> Iterator[str]:
    """Yield the mistakes in the names of fields and in the filter; of several layers, one has the field."""
    layers = source.chosen(outlines.layer)
    facts = [source.facts(layer) for layer in layers]
    if any(one.geometry_type is None for one in facts):
        return  # a table is a mistake of its own
    fields = list(dict.fromkeys(field for one in facts for field in one.fields))
    wanted = [*filter(None, [outlines.id_field, fold_field]), *outlines.where]
    unknown = [field for field in wanted if field not in (*fields, *(one.key for one in facts))]
    for field in unknown:
        yield f"{outlines.path} has no field {field}; it has {', '.join(fields) or 'none'}. Name one of these."
    if outlines.where and not unknown:
        yield from _filter_mistakes([source.table(layer) for layer in layers], outlines)


def _filter_mistakes(tables: list[pd.DataFrame], outlines: PolygonFile) -> Iterator[str]:
    from lobate.labels.outlines import matches_where

    try:
        matches_where(pd.concat(tables) if len(tables) > 1 else tables[0], outlines)
    except UserError as mistake:
        yield str(mistake)


def _place_mistakes(bounds: np.ndarray, outlines: PolygonFile, crs: str, tiles: STRtree | None) -> Iterator[str]:
    finite = bounds[:, np.isfinite(bounds).all(axis=0)]
    if tiles is None or not finite.size:
        return  # reading reports outlines without a geometry
    if not tiles.query(_boxes_lonlat(finite, crs), predicate="intersects").size:
        yield (
            f"none of the {finite.shape[1]} outlines in {outlines.path} lies on an image of this region. Check its coordinate "
            "reference system, and imagery.tiles."
        )


def _boxes_lonlat(bounds: np.ndarray, crs: str) -> np.ndarray:
    """Return the boxes round features in degrees, (n,), those across the antimeridian cut there; ``bounds``: (4, n) in ``crs``."""
    left, bottom, right, top = bounds
    lon, lat = _to_lonlat(crs).transform(np.array([left, right, right, left]), np.array([bottom, bottom, top, top]))
    corners = np.moveaxis(np.array([lon, lat]), 0, -1)  # four corners of n boxes, (4, n, 2)
    boxes = gpd.GeoSeries(shapely.polygons(np.swapaxes(corners, 0, 1)), crs=LONLAT)
    return np.array(shapely.make_valid(to_lonlat(boxes).to_numpy()), dtype=object)


def _tile_footprints(region: Region) -> tuple[STRtree | None, list[str]]:
    """Return the footprints of the tiles in longitude and latitude, or None, and the mistakes in their scenes."""
    footprints, mistakes = [], []
    if _is_gone(region.imagery.scenes):
        return None, []  # a missing table is a mistake of its own, or comes later
    try:
        tiles = scenes_by_tile(region.imagery)
    except UserError as mistake:
        return None, [f"Setting imagery.scenes: {mistake}"]
    with ThreadPoolExecutor(initializer=_configure_gdal) as pool:  # files on a network drive are opened side by side
        grids = [*pool.map(lambda scenes: _first_grid(scenes, region), tiles.values())]
    for tile, grid in zip(tiles, grids, strict=True):
        if isinstance(grid, UserError):
            setting = f"imagery.tiles.{tile}" if region.imagery.tiles else f"imagery.scenes, tile {tile}"
            mistakes.append(f"Setting {setting}: {grid}")
        elif grid is not None:
            footprints.append(box(*_bounds_lonlat(grid.bounds, grid.crs.to_wkt())))
    return (STRtree(footprints) if footprints and len(footprints) == len(tiles) else None), mistakes


def _configure_gdal() -> None:
    """Open a GDAL environment for the thread's lifetime, which does not list the folder of each raster it opens."""
    rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE").__enter__()


def _first_grid(scenes: list[str], region: Region) -> Grid | UserError | None:
    """Return the grid of a tile's first scene, None while all are still to come, or the first mistake in a scene."""
    try:
        there = [scene for scene in scenes if not _will_be_made(region, scene) and Path(scene).exists()]
        return next(iter([_grid(Path(scene), region) for scene in there]), None)
    except UserError as mistake:
        return mistake


def _grid(scene: Path, region: Region) -> Grid:
    from lobate.imagery.reading.scene import SceneRequest
    from lobate.imagery.reading.scenes import check_size, read_scene

    imagery = region.imagery
    wanted = SceneRequest(
        tuple(imagery.bands), imagery.offset, False, imagery.quantification, tuple(imagery.band_order or ())
    )
    contents = read_scene(scene, wanted)
    if contents.grid:
        grid = contents.grid
    else:
        with open_raster(contents.bands[0].address, drivers=SINGLE_FILE_DRIVERS) as band:
            grid = Grid.from_raster(band)
    check_size(grid, scene)
    return grid


def _bounds_lonlat(bounds: tuple[float, float, float, float], crs: str) -> tuple[float, float, float, float]:
    return _to_lonlat(crs).transform_bounds(*bounds)


@cache
def _to_lonlat(crs: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(crs), LONLAT, always_xy=True)
