"""Outlines on the ground from annotations of georeferenced images."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.atomic import atomic_write
from lobate.io.filekind import check_kind
from lobate.io.grid import LONLAT, Grid, transform_points
from lobate.io.text_encoding import read_text
from lobate.io.vector import write_layers
from lobate.labels.annotations import coco, pixel_json, yolo
from lobate.labels.annotations.annotation import Annotation, Annotations, parsed
from lobate.labels.annotations.images import ImageFinder, base_name

log = logging.getLogger(__name__)

LAYER = "outlines"
READERS: tuple[tuple[Callable[[Any], bool], Callable[[Path, Any], Annotations]], ...] = (
    (coco.recognises, coco.read),
    (pixel_json.is_labelme, pixel_json.read_labelme),
    (pixel_json.is_geojson, pixel_json.read_geojson),
    (pixel_json.is_label_studio, pixel_json.read_label_studio),
)
"""For each format in JSON, whether a document is of it, and its reader."""


def import_labels(source: Path, out: Path, images: Path | None = None, classes: Sequence[str] = ()) -> Counter[str]:
    """Write the annotations of ``source`` as outlines to a GeoPackage, EPSG:4326; return their number by class.

    The layer `outlines` has ``id`` (image and annotation), ``class`` and ``image``. ``images``: the folder of the georeferenced
    images; they are looked for beside the annotations too. ``classes``: only these. Raises UserError for a source of none of the formats, for an
    image without a place, and where no outline is left; nothing is written then.
    """
    if out.suffix.lower() != ".gpkg":
        raise UserError(
            f"The outlines are written as a GeoPackage, but --out is {out}. Give it a name that ends in .gpkg."
        )
    annotations = read_annotations(source)
    known = {annotation.label for annotation in annotations.found}
    if unknown := sorted(set(classes) - known):
        raise UserError(
            f"{source} has no class {' or '.join(unknown)}; it has {', '.join(sorted(known)) or 'none'}. Correct --classes."
        )
    wanted = [one for one in annotations.found if not classes or one.label in classes]
    for kind, count in sorted(annotations.others.items()):
        log.warning("%s: %d %s are left out", source, count, kind)
    if not wanted:
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(annotations.others.items()))
        raise UserError(
            f"{source} holds no outline{f' (but {others})' if others else ''}. Export the annotations as polygons or masks."
        )
    rows = _on_ground(wanted, ImageFinder(_folders(source, images)))
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out, out.with_name(f"{out.name}.new.gpkg")) as new:
        write_layers(new, {LAYER: rows})
    return Counter(rows["class"])


def read_annotations(source: Path) -> Annotations:
    """Return the annotations in a file or folder; the content tells the tool. Raises UserError for any other content."""
    if not source.exists():
        raise UserError(f"The annotations {source} do not exist. Check the path.")
    check_kind(source)
    if yolo.recognises(source):
        return yolo.read(source)
    files = sorted(source.glob("*.json")) if source.is_dir() else [source]
    parts = [_read_json(file) for file in files]
    if not parts:
        raise UserError(
            f"{source} holds no annotations: neither .txt files of YOLO nor .json files. Name another folder or file."
        )
    found = [one for part in parts for one in part.found]
    return Annotations(found, sum((part.others for part in parts), Counter()))


def _read_json(file: Path) -> Annotations:
    try:
        content = json.loads(read_text(file, f"Write the name of its encoding into {file.stem}.cpg beside it"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{file} cannot be read as JSON: {error}. Export the annotations again.") from None
    for recognises, read in READERS:
        if recognises(content):
            return parsed(file, "", partial(read, file, content))
    raise UserError(
        f"{file} is none of the formats that are known: COCO, YOLO segmentation (a folder of .txt), Label Studio (JSON), labelme, or GeoJSON in "
        "pixels. Export the annotations as one of these."
    )


def _folders(source: Path, images: Path | None) -> list[Path]:
    """Return the folders in which the images may be: the given one alone, else those beside the annotations."""
    if images is not None:
        if not images.is_dir():
            raise UserError(f"The folder of images {images} does not exist. Correct --images.")
        return [images]
    own = source if source.is_dir() else source.parent
    whole = next((folder.parent for folder in (own, own.parent) if folder.name in ("labels", "annotations")), own)
    return [own, *(part for part in (whole / "images", whole) if whole != own)]


def _on_ground(annotations: Sequence[Annotation], finder: ImageFinder) -> gpd.GeoDataFrame:
    """Return the outlines in EPSG:4326, in the order of images and annotations, with unique ids."""
    by_image: dict[tuple[str, str], list[Annotation]] = {}
    for one in annotations:
        by_image.setdefault((base_name(one.image), one.image), []).append(one)
    tables = [_of_image(image, ones, finder) for (image, _), ones in sorted(by_image.items(), key=lambda item: item[0])]
    rows = pd.concat(tables, ignore_index=True)
    return rows.assign(id=_unique(rows["id"]))


def _of_image(image: str, annotations: Sequence[Annotation], finder: ImageFinder) -> gpd.GeoDataFrame:
    sizes = sorted({one.size for one in annotations}, key=str)
    grid, *_ = [finder.grid(annotations[0].image, size) for size in sizes]  # each size is checked
    _check_on_image(image, annotations, grid)
    placed = [_placed_outline(one, grid) for one in annotations]
    columns = {
        "id": [f"{Path(image).stem}_{one.name}" for one in annotations],
        "class": [one.label for one in annotations],
        "image": image,
    }
    return gpd.GeoDataFrame(columns, geometry=placed, crs=grid.crs).to_crs(LONLAT)


def _check_on_image(image: str, annotations: Sequence[Annotation], grid: Grid) -> None:
    """Raise UserError for outlines that cannot have been drawn on this image: off it, or all smaller than a pixel."""
    whole = shapely.box(0, 0, 1, 1) if annotations[0].is_share else shapely.box(0, 0, grid.width, grid.height)
    off = [one.name for one in annotations if not one.outline.intersects(whole)]
    if off:
        raise UserError(
            f"{len(off)} of the {len(annotations)} annotations of {image} lie off the image of {grid.width} x {grid.height} pixels (such as {off[0]}). "
            "Give the image that was annotated, in its own size."
        )
    pixels = [one.outline.area * (grid.width * grid.height if one.is_share else 1) for one in annotations]
    if max(pixels) < 1:
        raise UserError(
            f"All annotations of {image} are smaller than a pixel, as outlines in degrees are. Name outlines that are on the ground already in "
            "labels.positives."
        )


def _placed_outline(one: Annotation, grid: Grid) -> shapely.Geometry:
    scale = (grid.width, grid.height) if one.is_share else (1, 1)
    return shapely.transform(one.outline, lambda points: _placed(points * scale, grid))


def _placed(points: np.ndarray, grid: Grid) -> np.ndarray:
    return np.column_stack(transform_points(grid.transform, points[:, 0], points[:, 1]))


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names with a number after each that occurs again."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result
