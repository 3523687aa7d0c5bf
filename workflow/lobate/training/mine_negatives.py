"""The verb `mine_negatives`: detections outside all outlines become hard negatives for the next round.

A candidate touches no landform outline, kept or removed, and no place vetoed by the user or confirmed in the review. Which
candidates are mined follows from `training.mining.from`. Neither a mined detection nor its patch touches validation ground,
the test side or the gap round it. A candidate that may be an unknown landform is ignored in all training patches of later
rounds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting, run_instead_if
from lobate.io.decisions import candidate_name, mining_view
from lobate.io.grid import Grid
from lobate.io.places import near_grid
from lobate.io.raster import open_raster, read_grid
from lobate.io.reserved import IN_GAP, ON_TEST, ground_alone
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.network.header import read_header
from lobate.settings.patches import Crop
from lobate.settings.training import Mining
from lobate.training.hard_negatives import (
    Zones,
    classify_detections,
    outlines_elsewhere,
    read_patch,
    select_top,
    unknown_ground,
)
from lobate.training.ignored import NONE, runs_in_patches
from lobate.training.rounds import round_met_target
from lobate.training.split import keep_configured

log = logging.getLogger(__name__)

COLUMNS = ["id", "tile", "round", "model", "confidence", "area_m2", "window_row", "window_col"]


def skip_mining(
    negatives: Annotated[Path, Output()],
    mined: Annotated[Path, Output()],
    ignored: Annotated[Path, Output()],
    candidates: Annotated[Path, Output()],
) -> None:
    """Write empty layers, no patch and no ignored pixel: the target is reached, and no further round trains."""
    empty = gpd.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[], crs=LONLAT)
    footprints = gpd.GeoDataFrame({"id": []}, geometry=[], crs=LONLAT)
    write_layers(negatives, {"kept": empty, "removed": empty.assign(reason=[]), "patches": footprints})
    np.save(mined, np.zeros((0, 0, 0, 0), dtype=np.uint8))
    np.save(ignored, NONE)
    write_layers(candidates, {"review": review_rows(empty, 1)})


def keep_places(source: Path, target: Path) -> None:
    """Write the places of the patches of ``source`` without their outlines: a view."""
    rows = read_layer(source, "patches")
    write_layers(target, {"patches": rows[["tile", "row", "window_row", "window_col", "geometry"]]})


@run_instead_if(round_met_target, instead=skip_mining)
def mine_negatives(
    model: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    labels: Annotated[list[Path], Input()],
    polygons: Annotated[Path, Input(view=outlines_elsewhere)],
    split: Annotated[Path, Input(view=keep_configured)],
    footprints: Annotated[list[Path], Input(view=keep_places)],
    negatives: Annotated[Path, Output()],
    mined: Annotated[Path, Output()],
    ignored: Annotated[Path, Output()],
    candidates: Annotated[Path, Output()],
    vetoes: Annotated[Path | None, Input()] = None,
    decisions: Annotated[list[Path] | None, Input(view=mining_view)] = None,
    complete: Annotated[Path | None, Input()] = None,
    earlier: Annotated[list[Path] | None, Input()] = None,
    reserved: Annotated[Path | None, Input(view=ground_alone)] = None,
    *,
    tiles: list[str],
    round: int,
    mining: Annotated[Mining, Setting("training.mining")],
    crop: Annotated[Crop, Setting("patches.crop")],
) -> None:
    """Map all ``images`` of ``tiles`` with the ``model`` of this round and cut patches round wrong detections.

    ``negatives`` has three layers in EPSG:4326. `kept` has one row for each patch of ``mined``, in the same order, most
    confident first; `removed` has the other detections with the reason; `patches` has the patches' footprints. Each
    detection has its round, the model's digest and its confidence. ``mined`` holds the patches, (n, P, P, C + 1) uint8,
    with labels from the label rasters. ``ignored`` holds the pixels of all training patches that may show an unknown
    landform: of the tiles (``footprints``) and of those mined in ``earlier`` rounds (see ``ignored.py``). ``candidates``
    has these detections, less those on ``reserved`` ground, in a layer `review` that a person can decide. Raises UserError
    when an image and the model differ in channels.
    """
    if mining.at_most == 0:
        return skip_mining(negatives, mined, ignored, candidates)
    zones, side = Zones.read(polygons, split, vetoes, decisions or [], complete, reserved), crop.core + 2 * crop.margin
    grids = {tile: read_grid(image) for tile, image in zip(tiles, images, strict=True)}
    found = [
        _classify(grids[tile], tile, detections, zones, mining, side)
        for tile, detections in zip(tiles, _detections(model, images, mining, crop), strict=True)
    ]
    ground = pd.concat([unknown for _, unknown in found])
    ranked = select_top(pd.concat([rows for rows, _ in found], ignore_index=True), mining.at_most).assign(
        round=round, model=read_header(model)["digest"]
    )
    rows = _patch_rows(ranked[ranked["reason"].isna()], round)
    rasters = dict(zip(tiles, zip(images, labels, strict=True), strict=True))
    patches = [_read_patch(*rasters[row.tile], row, ground, side) for row in rows.itertuples()]
    np.save(mined, np.stack(patches) if patches else np.zeros((0, *_patch_shape(images[0], side)), dtype=np.uint8))
    np.save(ignored, _ignored_runs(ground, grids, [*footprints, *(earlier or [])], side))
    left_out = ranked[ranked["reason"].notna()].assign(id="", window_row=-1, window_col=-1)
    layers = {"kept": rows[[*COLUMNS, "geometry"]], "removed": left_out[[*COLUMNS, "reason", "geometry"]]}
    write_layers(negatives, {**layers, "patches": _footprints(rows, grids, side)})
    to_review = ranked["unknown"] & ~ranked["reason"].isin([ON_TEST, IN_GAP])
    write_layers(candidates, {"review": review_rows(ranked[to_review], round)})
    _log_counts(ranked, len(rows), mining)


def _classify(
    grid: Grid, tile: str, detections: gpd.GeoDataFrame, zones: Zones, mining: Mining, side: int
) -> tuple[gpd.GeoDataFrame, gpd.GeoSeries]:
    """Return the detections of one tile, classified, and the ground that may be unknown landforms, in EPSG:4326."""
    near = zones.near(grid)
    rows = classify_detections(detections.assign(tile=tile), grid, near, mining, side)
    return rows.to_crs(LONLAT), unknown_ground(rows, grid, near, mining).to_crs(LONLAT)


def _log_counts(ranked: gpd.GeoDataFrame, patches: int, mining: Mining) -> None:
    taken, unknown = ranked["reason"].isna().sum(), ranked["unknown"].sum()
    log.info(
        "%d of %d detections are mined, in %d patches (training.mining.from: %s)",
        taken,
        len(ranked),
        patches,
        mining.from_,
    )
    log.info("  %d detections may be unknown landforms; candidates.gpkg holds them for a review", unknown)
    for reason, count in ranked["reason"].value_counts().items():
        log.info("  left out: %d detections, %s", count, reason)


def review_rows(detections: gpd.GeoDataFrame, round: int) -> gpd.GeoDataFrame:
    """Return detections as pending rows of a decisions file, most confident first, each named after its round."""
    names = [candidate_name(round, number) for number in range(1, len(detections) + 1)]
    columns = {"detection": names, "status": "pending", "reviewer": "", "remark": ""}
    texts = {name: pd.Series(values, index=detections.index, dtype=object) for name, values in columns.items()}
    rows = detections.assign(**texts, seen=detections.geometry.to_wkt(rounding_precision=8).astype(object))
    return rows[[*columns, "confidence", "area_m2", "tile", "seen", "geometry"]].reset_index(drop=True)


def _ignored_runs(ground: gpd.GeoSeries, grids: dict[str, Grid], files: list[Path], side: int) -> np.ndarray:
    """Return the runs of ignored pixels in the patches of the tiles' footprints and of earlier mined layers."""
    near = {tile: near_grid(ground, grid) for tile, grid in grids.items()}
    runs = [NONE]
    for number, path in enumerate(files):
        rows = read_layer(path, "patches" if number < len(grids) else "kept")
        rows = rows.sort_values("row", kind="stable") if number < len(grids) else rows
        for tile in sorted(rows["tile"].unique()):
            corners = rows["window_row"].astype(int).tolist(), rows["window_col"].astype(int).tolist()
            inside = np.flatnonzero(rows["tile"] == tile)
            own = [(corners[0][index], corners[1][index]) for index in inside]
            found = runs_in_patches(near[tile], grids[tile], own, side, number)
            found[:, 1] = inside[found[:, 1]]
            runs.append(found)
    return np.concatenate(runs)


def _detections(model: Path, images: list[Path], mining: Mining, crop: Crop) -> Iterator[gpd.GeoDataFrame]:
    """Yield the model's detections on each image, in the image's CRS; probability maps are temporary."""
    from lobate.network.deeplab import landform_probability
    from lobate.network.device import choose_device
    from lobate.network.inference_graph import fuse_batch_norms
    from lobate.network.modelfile import load
    from lobate.network.polygonize import polygonize
    from lobate.network.sliding_window import write_probability_map

    net, _ = load(model)
    device = choose_device()
    network = landform_probability(fuse_batch_norms(net, model), device)
    window = -(-(crop.core + 2 * crop.margin) // 32) * 32
    for image in images:
        with TemporaryDirectory() as folder:
            target = Path(folder) / "probability.tif"
            overlap = min(crop.margin, window) // 2
            write_probability_map(
                network, image, target, window=window, overlap=overlap, channels=net.channels, device=device
            )
            yield polygonize(target, mining.min_probability)


def _patch_rows(detections: gpd.GeoDataFrame, round: int) -> gpd.GeoDataFrame:
    """Return one row for each window of the detections, with a new id."""
    rows = detections.explode("windows", ignore_index=True)
    rows["id"] = [f"mined_r{round}_{number:04d}" for number in range(1, len(rows) + 1)]
    rows["window_row"] = [corner[0] for corner in rows["windows"]]
    rows["window_col"] = [corner[1] for corner in rows["windows"]]
    return rows


def _footprints(rows: gpd.GeoDataFrame, grids: dict[str, Grid], side: int) -> gpd.GeoDataFrame:
    """Return the footprint of each mined patch, in EPSG:4326."""
    places = [(grids[row.tile], row.window_row, row.window_col) for row in rows.itertuples()]
    footprints = [
        gpd.GeoSeries([grid.crop(row, column, side, side).footprint], crs=grid.crs).to_crs(LONLAT)[0]
        for grid, row, column in places
    ]
    return gpd.GeoDataFrame({"id": rows["id"].astype(object)}, geometry=footprints, crs=LONLAT)


def _read_patch(image: Path, label: Path, row: Any, ground: gpd.GeoSeries, side: int) -> np.ndarray:
    part = read_grid(image).crop(row.window_row, row.window_col, side, side)
    return read_patch(image, label, (row.window_row, row.window_col), side, list(near_grid(ground, part)))


def _patch_shape(image: Path, side: int) -> tuple[int, int, int]:
    with open_raster(image) as dataset:
        return side, side, dataset.count + 1
