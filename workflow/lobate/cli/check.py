"""Everything that is wrong with the files a configuration names, found before the first job starts, in one message.

What the embedded example will make is not missing when it is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import pyogrio
import rasterio
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely import STRtree, box

from lobate.errors import UserError, UserErrors
from lobate.imagery.scene_table import FETCHED, fetched_dem_path, scenes_by_tile
from lobate.io.dem import check_dem
from lobate.io.grid import Grid
from lobate.io.raster import SELF_CONTAINED, open_raster
from lobate.io.vector import LONLAT, readable
from lobate.settings import Region
from lobate.settings.base import InProject, PolygonFile, Section


def check_region(region: Region, *, undrawn: bool = False) -> list[str]:
    """Check the files that a configuration names; of a region that has no scenes yet, only what finding them needs.

    Returns which settings name a file that is still to be brought, none of them wrong yet. ``undrawn``: outlines by hand
    may be among them, since they are drawn on the images. Raises UserErrors with all that is wrong.
    """
    begun = bool(region.imagery.tiles) or Path(region.imagery.scenes or "").is_file() or not region.imagery.find
    named = [(name, path) for name, path in _files(region, Region, "") if not _will_be_made(region, path)]
    missing = [(name, path) for name, path in named if not Path(path).exists()]
    told = {_missing(*one) for one in missing if begun or one[0] == "imagery.find.area"}
    drawn_later = {_missing(*one) for one in missing if undrawn and one[0].startswith("labels.")}
    found = sorted(told - drawn_later)
    tiles, wrong_scenes = (None, []) if found else _tile_footprints(region)
    found += wrong_scenes
    for name, outlines in _outlines(region, "") if begun else ():
        if Path(outlines.path).exists():
            fold = region.labels.fold_field if name.startswith("labels.") else None
            found += [f"Setting {name}: {wrong}" for wrong in _wrong_with(outlines, fold, tiles)]
    if region.patches.split.method == "field" and not region.labels.fold_field:
        found.append(
            "Setting patches.split.method is field, but labels.fold_field does not say which field of the outlines. Name it."
        )
    found += [f"Setting labels.removed: {wrong}" for wrong in _wrong_list(region.labels.removed)]
    found += [f"Setting inventory.decisions: {wrong}" for wrong in _wrong_decisions(region.inventory.decisions)]
    found += [f"Setting inventory.dem: {wrong}" for wrong in _wrong_dem(region.inventory.dem, tiles)]
    if found:
        raise UserErrors(sorted({*found, *told}))
    return [f"{path} ({name})" for name, path in missing]


def _missing(name: str, path: str) -> str:
    return f"Setting {name} names {path}, which does not exist. Put it there, or correct the path."


def _wrong_list(removed: str | None) -> Iterator[str]:
    from lobate.labels.table import read_removed

    try:
        if removed and Path(removed).exists():
            read_removed(Path(removed))
    except UserError as mistake:
        yield str(mistake)


def _wrong_decisions(files: str | list[str] | None) -> Iterator[str]:
    from lobate.inventory.decisions import read_decisions

    for path in [files] if isinstance(files, str) else files or []:
        try:
            if Path(path).exists():
                read_decisions(Path(path))
        except UserError as mistake:
            yield str(mistake)


def _wrong_dem(files: str | list[str] | None, tiles: STRtree | None) -> Iterator[str]:
    """Yield what is wrong with the elevations, of which several files are to become one raster."""
    named = [files] if isinstance(files, str) else files or []
    extents: dict[str, tuple[float, float, float, float]] = {}
    systems: dict[str, str] = {}
    for path in filter(lambda one: Path(one).exists(), named):
        try:
            if _points_elsewhere(path):
                yield (
                    f"{path} is a VRT, which only points to other files: when they change, nobody sees it. Name these files "
                    "instead, in a list, or make one GeoTIFF of it with gdal_translate."
                )
                continue
            with open_raster(path) as dem:
                check_dem(dem)
                extents[path] = _bounds_lonlat(Grid.of(dem).bounds, dem.crs.to_wkt())
                systems.setdefault(dem.crs.to_wkt(), path)
        except UserError as mistake:
            yield str(mistake)
    if len(systems) > 1:
        yield f"{' and '.join(systems.values())} are in different coordinate reference systems. Warp them to one (gdalwarp -t_srs)."
    if extents and tiles is not None and not any(tiles.query(box(*one)).size for one in extents.values()):
        shown = ", ".join(f"{w:.2f} to {e:.2f} E, {s:.2f} to {n:.2f} N" for w, s, e, n in extents.values())
        yield (
            f"{', '.join(extents)} shows {shown}, where this region has no image. Name a DEM of this region, or check its "
            "coordinate reference system."
        )


def _points_elsewhere(path: str) -> bool:
    with Path(path).open("rb") as file:
        return b"<VRTDataset" in file.read(1024)


def _will_be_made(region: Region, path: str) -> bool:
    if region.imagery.scenes and FETCHED in Path(path).parents:
        return not Path(path).exists()
    if region.imagery.find and path == fetched_dem_path(region.region):
        return True
    return region.example is not None and Path("results", region.region, "example") in Path(path).parents


def _files(value: Any, hint: Any, name: str, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, path) of every path in the settings."""
    if value is None:
        return
    if isinstance(value, Section):
        for field, info in type(value).model_fields.items():
            yield from _files(
                getattr(value, field), info.annotation, f"{name}.{field}".lstrip("."), tuple(info.metadata)
            )
    elif isinstance(value, dict):
        inner = (get_args(_container(hint, dict)) or (Any,))[-1]
        for key, one in value.items():
            yield from _files(one, inner, f"{name}.{key}")
    elif isinstance(value, list):
        inner = (get_args(_container(hint, list)) or (Any,))[-1]
        for number, one in enumerate(value):
            yield from _files(one, inner, f"{name}[{number}]")
    elif any(isinstance(mark, InProject) for mark in (*metadata, *_marks(hint))):
        yield name, value


def _container(hint: Any, kind: type) -> Any:
    """Return the list or mapping inside ``Annotated`` or ``| None``."""
    if get_origin(hint) is kind:
        return hint
    return next((found for one in get_args(hint) if (found := _container(one, kind)) is not None), None)


def _marks(hint: Any) -> tuple[Any, ...]:
    """Return what ``Annotated`` says of a type, also behind ``| None``."""
    return (
        *getattr(hint, "__metadata__", ()),
        *(mark for one in get_args(hint) for mark in getattr(one, "__metadata__", ())),
    )


def _outlines(value: Any, name: str) -> Iterator[tuple[str, PolygonFile]]:
    if isinstance(value, PolygonFile):
        yield name, value
    elif isinstance(value, Section):
        for field in type(value).model_fields:
            yield from _outlines(getattr(value, field), f"{name}.{field}".lstrip("."))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _outlines(one, f"{name}.{key}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _outlines(one, f"{name}[{number}]")


def _wrong_with(outlines: PolygonFile, fold_field: str | None, tiles: STRtree | None) -> Iterator[str]:
    try:
        with readable(Path(outlines.path)) as whole:
            yield from _wrong_inside(whole, outlines, fold_field, tiles)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        told = " ".join(str(error).split())
        yield f"{outlines.path} cannot be read as outlines: {told}. Export it again, for instance as GeoPackage."
    except (ProjError, CRSError) as error:
        yield f"{outlines.path} is in a coordinate reference system that has no place on Earth: {error} Assign the right one in QGIS."
    except UserError as mistake:
        yield str(mistake)


def _wrong_inside(whole: Path, outlines: PolygonFile, fold_field: str | None, tiles: STRtree | None) -> Iterator[str]:
    path, layer = outlines.path, outlines.layer
    layers = sorted(str(one) for one in pyogrio.list_layers(whole)[:, 0])
    if layer is not None and layer not in layers:
        yield f"{path} has no layer {layer}; it has {', '.join(layers)}. Name one of these."
        return
    if layer is None and len(layers) > 1:
        yield f"{path} has several layers ({', '.join(layers)}). Name one of them with the key layer."
        return
    info = pyogrio.read_info(whole, layer=layer, force_feature_count=True)
    kind = info["geometry_type"]
    if kind is None or "Point" in kind or "Line" in kind:
        yield f"{path} must hold polygons, but it holds {kind or 'no geometry'}. Draw outlines as polygons, or name another layer."
        return
    known = [str(one) for one in info["fields"]]
    wanted = [*filter(None, [outlines.id_field, fold_field]), *outlines.where]
    if unknown := [field for field in wanted if field not in known]:
        yield from (
            f"{path} has no field {field}; it has {', '.join(known) or 'none'}. Name one of these." for field in unknown
        )
    elif outlines.where:
        yield from _filtered_away(whole, outlines)
    if not info["features"]:
        yield f"{path} holds no feature. Draw outlines in it, or take it out of the configuration."
    elif info["crs"] is None:
        yield f"{path} has no coordinate reference system (a Shapefile needs its .prj). Assign the right one in QGIS and save it again."
    elif tiles is not None:
        yield from _off_every_image(whole, outlines, info["crs"], tiles)


def _filtered_away(whole: Path, outlines: PolygonFile) -> Iterator[str]:
    from lobate.labels.outlines import matching

    table = pyogrio.read_dataframe(whole, layer=outlines.layer, columns=[*outlines.where], read_geometry=False)
    try:
        matching(table, outlines)
    except UserError as mistake:
        yield str(mistake)


def _off_every_image(whole: Path, outlines: PolygonFile, crs: str, tiles: STRtree) -> Iterator[str]:
    _, bounds = pyogrio.read_bounds(whole, layer=outlines.layer)
    finite = bounds[:, np.isfinite(bounds).all(axis=0)]
    if not finite.size:
        return  # outlines without a geometry are told when they are read
    (left, bottom), (right, top) = finite[:2].min(axis=1), finite[2:].max(axis=1)
    extent = _bounds_lonlat((left, bottom, right, top), crs)
    if not tiles.query(box(*extent), predicate="intersects").size:
        yield (
            f"none of the {finite.shape[1]} outlines in {outlines.path} lies on an image of this region. Check its coordinate "
            "reference system, and imagery.tiles."
        )


def _tile_footprints(region: Region) -> tuple[STRtree | None, list[str]]:
    """Return the tiles' ground in longitude and latitude, and what is wrong with their scenes; no ground if anything is."""
    footprints, found = [], []
    try:
        tiles = scenes_by_tile(region.imagery)
    except UserError as mistake:
        return None, [f"Setting imagery.scenes: {mistake}"]
    with ThreadPoolExecutor(initializer=_with_gdal) as pool:  # a network's drive is waited for side by side
        grids = [*pool.map(lambda scenes: _first_grid(scenes, region), tiles.values())]
    for tile, grid in zip(tiles, grids, strict=True):
        if isinstance(grid, UserError):
            named = f"imagery.tiles.{tile}" if region.imagery.tiles else f"imagery.scenes, tile {tile}"
            found.append(f"Setting {named}: {grid}")
        elif grid is not None:
            footprints.append(box(*_bounds_lonlat(grid.bounds, grid.crs.to_wkt())))
    return (STRtree(footprints) if len(footprints) == len(tiles) else None), found


def _with_gdal() -> None:
    """Look for GDAL's own files once in a thread's life, and do not list a folder of a thousand rasters at each of them."""
    rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE").__enter__()


def _first_grid(scenes: list[str], region: Region) -> Grid | UserError | None:
    """Return the grid of a tile's first scene, None while all are to be made, or what is wrong with any of them."""
    try:
        return next(iter([_grid(Path(scene), region) for scene in scenes if not _will_be_made(region, scene)]), None)
    except UserError as mistake:
        return mistake


def _grid(scene: Path, region: Region) -> Grid:
    from lobate.imagery.reading.scene import Wanted
    from lobate.imagery.reading.scenes import read_scene

    wanted = Wanted(
        tuple(region.imagery.bands), region.imagery.offset, classes=False, order=tuple(region.imagery.band_order or ())
    )
    found = read_scene(scene, wanted)
    if found.grid:
        return found.grid
    with open_raster(found.bands[0].address, drivers=SELF_CONTAINED) as band:
        return Grid.of(band)


def _bounds_lonlat(bounds: tuple[float, float, float, float], crs: str) -> tuple[float, float, float, float]:
    return _to_lonlat(crs).transform_bounds(*bounds)


@cache
def _to_lonlat(crs: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(crs), LONLAT, always_xy=True)
