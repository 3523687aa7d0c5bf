"""The verb `review-project`: a QGIS project with the images, the outlines to review, and all that helps to judge them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.qgis.project import Bounds, Layer, project_text
from lobate.inventory.qgis.styles import style
from lobate.io.grid import LONLAT, Grid
from lobate.io.raster import open_raster
from lobate.io.vector import read_layer

log = logging.getLogger(__name__)

TO_ROOT = PurePosixPath("../../..")
"""From results/<region>/inventory, where the project lies, to where the paths of the settings start."""

SHEET = "review.gpkg"
GEOPACKAGES = (".gpkg", ".sqlite")


def review_project(
    review: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    project: Annotated[Path, Output()],
    *,
    decisions: Annotated[str | list[str] | None, Setting("inventory.decisions")] = None,
    region: Annotated[str, Setting("region")] = "",
) -> None:
    """Write the project file that lies beside the review sheet, in the CRS of the first image.

    It finds everything by relative paths: the sheet beside it, images as ``../imagery/<name>``, and the person's own file
    (``decisions``) from the project's root. The outlines to review are those of that file, to be edited (of each file,
    where several people review); until the settings name one they are the sheet's, to look at: results are not for
    editing. Raises UserError for a sheet that lacks a layer and for images that cannot be read.
    """
    if not images:
        raise UserError("There are no images to review on. Give the images that compose-rgb made.")
    outlines = [
        *_to_review(review, [decisions] if isinstance(decisions, str) else decisions or []),
        _outlines(review, "others", "other inventories", f"./{SHEET}|layername=others"),
        _outlines(review, "removed", "removed by the filters", f"./{SHEET}|layername=removed"),
    ]
    pictures, bounds = _pictures(images)
    project.write_text(project_text(f"{region} review".strip(), outlines, pictures, bounds), encoding="utf-8")
    log.info("a QGIS project of %d images", len(images))


def _to_review(review: Path, decisions: list[str]) -> list[Layer]:
    """A layer for each person's file, to be edited, or the sheet itself, to look at."""
    if not decisions:
        log.info("no decisions are named in the settings: the outlines are those of %s and cannot be edited", SHEET)
        return [_outlines(review, "review", "detections to review", f"./{SHEET}|layername=review")]
    log.info("the outlines to review are those of %s", ", ".join(decisions))
    return [
        replace(
            _outlines(review, "review", "detections to review", _source(path)),
            key=f"outlines_review{'' if number == 0 else f'_{number}'}",
            name="detections to review" + (f" ({PurePosixPath(path).stem})" if len(decisions) > 1 else ""),
            read_only=False,
        )
        for number, path in enumerate(decisions)
    ]


def _outlines(review: Path, layer: str, name: str, source: str) -> Layer:
    """A layer like that of the sheet; its columns are as QGIS sees them, the feature's number first."""
    columns = [str(column) for column in read_layer(review, layer).columns if column != "geometry"]
    wkt = CRS.from_user_input(LONLAT).to_wkt()
    return Layer(f"outlines_{layer}", name, source, wkt, style(layer, ["fid", *columns]))


def _source(decisions: str) -> str:
    path = PurePosixPath(decisions)
    place = path if path.is_absolute() else TO_ROOT / path
    return f"{place}|layername=review" if path.suffix.lower() in GEOPACKAGES else str(place)


def _pictures(images: list[Path]) -> tuple[list[tuple[Layer, int]], Bounds]:
    """The images as layers with their band counts, and the bounds of them all in the first one's CRS."""
    layers, bounds, first = [], [], None
    for number, path in enumerate(images):
        with open_raster(path) as image:
            grid, bands = Grid.from_raster(image), image.count
        first = first or grid.crs
        layers.append(
            (Layer(f"image_of_tile_{number}", path.stem, f"../imagery/{path.name}", grid.crs.to_wkt()), bands)
        )
        bounds.append(transform_bounds(grid.crs, first, *grid.bounds))
    low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)
    return layers, (low[0], low[1], high[2], high[3])
