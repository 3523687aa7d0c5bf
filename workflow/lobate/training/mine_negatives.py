"""The verb `mine_negatives`: wrong detections of a round become hard negatives for the next round.

A detection is wrong when it touches no landform outline, kept or removed, and no place vetoed by the user or accepted in
the review. Neither a mined detection nor its patch touches validation ground.
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
from lobate.io.decisions import confirmed_view
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, write_layers
from lobate.network.header import read_header
from lobate.settings.patches import Crop
from lobate.settings.training import Mining
from lobate.training.hard_negatives import ExclusionZones, classify_false_positives, read_patch, select_top
from lobate.training.rounds import round_met_target

log = logging.getLogger(__name__)

COLUMNS = ["id", "tile", "round", "model", "confidence", "area_m2", "window_row", "window_col"]


def skip_mining(
    negatives: Annotated[Path, Output()],
    mined: Annotated[Path, Output()],
) -> None:
    """Write empty layers and no patch: the target is reached, and no further round trains."""
    empty = gpd.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[], crs=LONLAT)
    footprints = gpd.GeoDataFrame({"id": []}, geometry=[], crs=LONLAT)
    write_layers(negatives, {"kept": empty, "removed": empty.assign(reason=[]), "patches": footprints})
    np.save(mined, np.zeros((0, 0, 0, 0), dtype=np.uint8))


@run_instead_if(round_met_target, instead=skip_mining)
def mine_negatives(
    model: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    labels: Annotated[list[Path], Input()],
    polygons: Annotated[Path, Input()],
    split: Annotated[Path, Input()],
    negatives: Annotated[Path, Output()],
    mined: Annotated[Path, Output()],
    vetoes: Annotated[Path | None, Input()] = None,
    decisions: Annotated[list[Path] | None, Input(view=confirmed_view)] = None,
    *,
    tiles: list[str],
    round: int,
    mining: Annotated[Mining, Setting("training.mining")],
    crop: Annotated[Crop, Setting("patches.crop")],
) -> None:
    """Map all ``images`` of ``tiles`` with the ``model`` of this round and cut patches round the wrong detections.

    ``negatives`` has three layers in EPSG:4326. `kept` has one row for each patch of ``mined``, in the same order, most
    confident first; `removed` has the other detections with the reason; `patches` has the patches' footprints. Each
    detection has its round, the model's digest and its confidence. ``mined`` holds the patches, (n, P, P, C + 1) uint8,
    with labels from the label rasters. Raises UserError when an image and the model differ in channels.
    """
    if mining.at_most == 0:
        return skip_mining(negatives, mined)
    zones, side = ExclusionZones.read(polygons, split, vetoes, decisions or []), crop.core + 2 * crop.margin
    classified = [
        _classify(image, tile, detections, zones, mining, side)
        for image, tile, detections in zip(images, tiles, _detections(model, images, mining, crop), strict=True)
    ]
    ranked = select_top(pd.concat(classified, ignore_index=True), mining.at_most).assign(
        round=round, model=read_header(model)["digest"]
    )
    rows = _patch_rows(ranked[ranked["reason"].isna()], round)
    rasters = dict(zip(tiles, zip(images, labels, strict=True), strict=True))
    patches = [_read_patch(*rasters[row.tile], row, zones, side) for row in rows.itertuples()]
    np.save(mined, np.stack(patches) if patches else np.zeros((0, *_patch_shape(images[0], side)), dtype=np.uint8))
    left_out = ranked[ranked["reason"].notna()].assign(id="", window_row=-1, window_col=-1)
    layers = {"kept": rows[[*COLUMNS, "geometry"]], "removed": left_out[[*COLUMNS, "reason", "geometry"]]}
    write_layers(negatives, {**layers, "patches": _footprints(rows, dict(zip(tiles, images, strict=True)), side)})
    log.info("round %d: %d patches mined from %d wrong detections", round, len(rows), rows["geometry"].nunique())
    for reason, count in left_out["reason"].value_counts().items():
        log.info("  left out: %d detections, %s", count, reason)


def _detections(model: Path, images: list[Path], mining: Mining, crop: Crop) -> Iterator[gpd.GeoDataFrame]:
    """Yield the model's detections on each image, in the image's CRS; probability maps are temporary."""
    import torch

    from lobate.network.deeplab import landform_probability
    from lobate.network.inference_graph import fuse_batch_norms
    from lobate.network.modelfile import load
    from lobate.network.polygonize import polygonize
    from lobate.network.sliding_window import write_probability_map

    net, _ = load(model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
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


def _classify(
    image: Path, tile: str, detections: gpd.GeoDataFrame, zones: ExclusionZones, mining: Mining, side: int
) -> gpd.GeoDataFrame:
    """Return the detections of one tile with area, windows and reason, in EPSG:4326."""
    with open_raster(image) as dataset:
        grid = Grid.from_raster(dataset)
    log.info("tile %s: %d detections", tile, len(detections))
    classified = classify_false_positives(detections.assign(tile=tile), grid, zones.near(grid), mining, side)
    return classified.to_crs(LONLAT)


def _patch_rows(detections: gpd.GeoDataFrame, round: int) -> gpd.GeoDataFrame:
    """Return one row for each window of the detections, with a new id."""
    rows = detections.explode("windows", ignore_index=True)
    rows["id"] = [f"mined_r{round}_{number:04d}" for number in range(1, len(rows) + 1)]
    rows["window_row"] = [corner[0] for corner in rows["windows"]]
    rows["window_col"] = [corner[1] for corner in rows["windows"]]
    return rows


def _footprints(rows: gpd.GeoDataFrame, images: dict[str, Path], side: int) -> gpd.GeoDataFrame:
    """Return the footprint of each mined patch, in EPSG:4326."""
    grids = {tile: Grid.from_raster(image) for tile, image in images.items()}
    places = [(grids[row.tile], row.window_row, row.window_col) for row in rows.itertuples()]
    footprints = [
        gpd.GeoSeries([grid.crop(row, column, side, side).footprint], crs=grid.crs).to_crs(LONLAT)[0]
        for grid, row, column in places
    ]
    return gpd.GeoDataFrame({"id": rows["id"].astype(object)}, geometry=footprints, crs=LONLAT)


def _read_patch(image: Path, label: Path, row: Any, zones: ExclusionZones, side: int) -> np.ndarray:
    with open_raster(image) as dataset:
        part = Grid.from_raster(dataset).crop(row.window_row, row.window_col, side, side)
    return read_patch(image, label, (row.window_row, row.window_col), side, list(zones.near(part).vetoed))


def _patch_shape(image: Path, side: int) -> tuple[int, int, int]:
    with open_raster(image) as dataset:
        return side, side, dataset.count + 1
