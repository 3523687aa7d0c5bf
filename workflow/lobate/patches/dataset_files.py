"""A region's patches as a data set for other tools: georeferenced images and masks for TorchGeo, and COCO annotations.

    <side>/images/<patch>.tif    bands of uint8, 0 in all bands is no data
    <side>/masks/<patch>.tif     1 landform, 0 background, 255 ignored (also the file's nodata)
    annotations/<side>.json      COCO: an outline for each connected body of the mask, and a crowd for the ignored pixels

A side is a folder, so a dataset of TorchGeo is made of the two folders of a side. Masks and outlines are the same pixels.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.features import rasterize, shapes

from lobate.errors import UserError
from lobate.io.atomic import temporary_folder
from lobate.io.grid import Grid
from lobate.io.patches import open_patches, sides_of_fold
from lobate.io.raster import read_grid
from lobate.io.vector import read_layer

log = logging.getLogger(__name__)

SIDES = ("training", "validation", "test")
LANDFORM, IGNORED = 1, 255
USE = """\

## Loading

Each side is a folder with `images` and `masks`: GeoTIFFs of the same names and grids. Masks hold 1 for the landform, 0 for background and
255 for ignored pixels. With TorchGeo:

```python
from torchgeo.datasets import RasterDataset


class Images(RasterDataset):
    filename_glob = "*.tif"


class Masks(RasterDataset):
    filename_glob = "*.tif"
    is_image = False


training = Images("training/images") & Masks("training/masks")
```

`annotations/<side>.json` holds the same masks as COCO annotations, with `file_name` relative to this folder. Ignored pixels are a crowd.
"""


@dataclass(frozen=True)
class DatasetNames:
    """What the data set says of itself: region, landform, licence ("" where not stated), and whether the world is synthetic."""

    region: str
    landform: str
    licence: str
    is_synthetic: bool


def export_dataset(results: Path, out: Path, names: DatasetNames, fold: int | None = None) -> dict[str, int]:
    """Write the patches of a region's folder ``results`` as a data set into a new folder; return their number by side.

    ``fold``: the sides are those of a fold. Dropped patches, which overlap ground of another side, are left out. Raises UserError
    where the patches are not made yet, the fold does not exist, or ``out`` is there already; nothing is written then.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and stays as it is. Give --out another name, or delete it first.")
    sides = _sides(results, fold)
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out) as folder:
        for side, rows in sides.items():
            _write_side(folder, side, rows, results, names)
        card = results / "patches/README.md"
        text = card.read_text(encoding="utf-8") if card.exists() else f"# Patches of region {names.region}\n"
        (folder / "README.md").write_text(text.rstrip() + "\n" + USE, encoding="utf-8")
        if out.exists():
            out.rmdir()
        folder.rename(out)
    return {side: len(rows) for side, rows in sides.items()}


def _sides(results: Path, fold: int | None) -> dict[str, pd.DataFrame]:
    """Return the patches of each side, sorted by name, with the columns of the split."""
    path = results / "patches/split.gpkg"
    if not path.exists():
        raise UserError(f"There is no {path} yet. Run snakemake for this region first.")
    split = pd.DataFrame(read_layer(path, "split").drop(columns="geometry"))
    if fold is not None and not 0 <= fold <= split["fold"].max():
        raise UserError(
            f"The split has no fold {fold}; it has {split['fold'].max() + 1}. Set patches.split.folds and split again."
        )
    side = split["side"].to_numpy() if fold is None else sides_of_fold(split, fold)
    found = {name: split[side == name].sort_values("patch", kind="stable") for name in SIDES[:2]}
    tables = [read_layer(file, "patches") for file in sorted((results / "patches/test").glob("*.gpkg"))]
    if tables and fold is None:
        found["test"] = pd.concat([pd.DataFrame(table.drop(columns="geometry")) for table in tables], ignore_index=True)
    if dropped := int((side == "dropped").sum()):
        log.warning("%d patches are left out, since they overlap ground of another side", dropped)
    return found


def _write_side(folder: Path, side: str, rows: pd.DataFrame, results: Path, names: DatasetNames) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    (folder / side / "images").mkdir(parents=True)
    (folder / side / "masks").mkdir()
    for tile, patches in rows.groupby("tile", sort=True):
        grid = _grid(results, str(tile))
        pixels = open_patches(results / "patches" / ("test" if side == "test" else "") / f"{tile}.npy")
        for patch in patches.itertuples():
            height, width = int(patch.height), int(patch.width)
            content = pixels[patch.row][:height, :width]
            own = grid.crop(int(patch.window_row), int(patch.window_col), height, width)
            name = f"{patch.patch}.tif"
            _write(folder / side / "images" / name, np.moveaxis(content[..., :-1], -1, 0), own, nodata=0)
            _write(folder / side / "masks" / name, content[None, ..., -1], own, nodata=IGNORED)
            image = {"id": len(images) + 1, "file_name": f"{side}/images/{name}", "height": height, "width": width}
            images.append(image | ({"license": 1} if names.licence else {}))
            for one in coco_annotations(content[..., -1]):
                annotations.append({"id": len(annotations) + 1, "image_id": images[-1]["id"], "category_id": 1, **one})
    (folder / "annotations").mkdir(exist_ok=True)
    document = json.dumps(_document(images, annotations, side, names), ensure_ascii=False, allow_nan=False)
    (folder / "annotations" / f"{side}.json").write_text(
        document + "\n", encoding="utf-8"
    )  # in one line: a number a line is ten times as long


def _grid(results: Path, tile: str) -> Grid:
    image = results / "imagery" / f"{tile}.tif"
    if not image.exists():
        raise UserError(
            f"There is no {image}, which places the patches of tile {tile}. Run snakemake for this region again."
        )
    return read_grid(image)


def _write(path: Path, bands: np.ndarray, grid: Grid, nodata: int) -> None:
    profile = {"driver": "GTiff", "dtype": "uint8", "compress": "deflate", "nodata": nodata, "crs": grid.crs}
    count, height, width = bands.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, transform=grid.transform, **profile) as file:
        file.write(bands)


def _document(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], side: str, names: DatasetNames
) -> dict[str, Any]:
    synthetic = "SYNTHETIC world, nothing in it was ever observed: " if names.is_synthetic else ""
    return {
        "info": {"description": f"{synthetic}{names.landform}s of region {names.region}, side {side}, by lobate"},
        "licenses": [{"id": 1, "name": names.licence, "url": ""}] if names.licence else [],
        "categories": [{"id": 1, "name": names.landform, "supercategory": "landform"}],
        "images": images,
        "annotations": annotations,
    }


def coco_annotations(mask: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a mask (height, width) without ids: one for each connected body, and one for ignored pixels.

    A body without holes is a polygon along the edges of its pixels, from the image's upper left corner. Others are run-length encoded.
    """
    for geometry, _ in shapes(mask, mask=mask == LANDFORM):
        body = shapely.geometry.shape(geometry)
        if body.interiors:
            pixels = rasterize([body], out_shape=mask.shape, dtype=np.uint8) == 1
            yield _of_pixels(pixels, crowd=0)
        else:
            ring = np.asarray(body.exterior.coords)[:-1]
            yield {"segmentation": [ring.ravel().tolist()], "area": body.area, "bbox": _box(body), "iscrowd": 0}
    if (mask == IGNORED).any():
        yield _of_pixels(mask == IGNORED, crowd=1)


def _of_pixels(pixels: np.ndarray, crowd: int) -> dict[str, Any]:
    rows, columns = np.nonzero(pixels)
    bounds = shapely.box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    encoded = {"counts": run_lengths(pixels), "size": [*map(int, pixels.shape)]}
    return {"segmentation": encoded, "area": float(pixels.sum()), "bbox": _box(bounds), "iscrowd": crowd}


def run_lengths(pixels: np.ndarray) -> list[int]:
    """Return the lengths of the runs of a mask down its columns; the first run is outside the mask, and may be 0."""
    flat = np.concatenate([[False], pixels.ravel(order="F"), [not pixels[-1, -1]]])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    return np.diff(np.concatenate([[0], edges])).tolist()


def _box(shape: shapely.Geometry) -> list[float]:
    """Return left, top, width and height, in pixels."""
    left, top, right, bottom = shape.bounds
    return [left, top, right - left, bottom - top]
