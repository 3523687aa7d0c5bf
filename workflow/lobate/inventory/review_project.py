"""The verb `review-project`: a QGIS project with the images, the outlines to review, and outlines to compare them with."""

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
"""From the project's folder, results/<region>/inventory, to the root of the paths in the settings."""

SHEET = "review.gpkg"
GEOPACKAGES = (".gpkg", ".sqlite")


PATH_HEADER = "path of a file\n"


def path_alone(source: Path, target: Path) -> None:
    """Write the path of a file alone: a view of one that QGIS opens, whatever is in it."""
    target.write_text(f"{PATH_HEADER}{source}", encoding="utf-8")


def _path_of(path: Path | str) -> str:
    """Return the path that ``path_alone`` wrote, or of a file itself."""
    if not Path(path).is_file() or not Path(path).read_bytes().startswith(PATH_HEADER.encode()):
        return str(path)
    return Path(path).read_text(encoding="utf-8").removeprefix(PATH_HEADER)


def review_project(
    review: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    project: Annotated[Path, Output()],
    contours: Annotated[Path | None, Input()] = None,
    decisions: Annotated[list[Path] | None, Input(view=path_alone)] = None,
    *,
    region: Annotated[str, Setting("region")] = "",
) -> None:
    """Write the project file that lies beside the review sheet, in the CRS of the first image.

    All paths are relative: the sheet beside the project, images as ``../imagery/<name>``, and the person's own files
    (``decisions``) from the root. The outlines to review are those of the person's files, one editable layer each. Until
    there is a file they are the sheet's, read-only: results are not for editing. ``contours`` of the detections at
    two calibrated shares are shown, and called no confidence interval. Raises UserError for a sheet
    without one of the layers and for images that cannot be read.
    """
    if not images:
        raise UserError("There are no images to review on. Give the images that compose-rgb made.")
    outlines = [
        *_review_layers(review, [_path_of(path) for path in decisions or []]),
        *([_contour_layer(contours)] if contours else []),
        _outline_layer(review, "others", "other inventories", f"./{SHEET}|layername=others"),
        _outline_layer(review, "removed", "removed by the filters", f"./{SHEET}|layername=removed"),
    ]
    layers, bounds = _image_layers(images)
    project.write_text(project_text(f"{region} review".strip(), outlines, layers, bounds), encoding="utf-8")
    log.info("a QGIS project of %d images", len(images))


def _review_layers(review: Path, decisions: list[str]) -> list[Layer]:
    """Return an editable layer for each person's file, or the sheet itself, read-only."""
    if not decisions:
        log.info("nothing is decided yet: the outlines are those of %s and cannot be edited", SHEET)
        return [_outline_layer(review, "review", "detections to review", f"./{SHEET}|layername=review")]
    log.info("the outlines to review are those of %s", ", ".join(decisions))
    return [
        replace(
            _outline_layer(review, "review", "detections to review", _decisions_source(path)),
            key=f"outlines_review{'' if number == 0 else f'_{number}'}",
            name="detections to review" + (f" ({PurePosixPath(path).stem})" if len(decisions) > 1 else ""),
            read_only=False,
        )
        for number, path in enumerate(decisions)
    ]


def _outline_layer(review: Path, layer: str, name: str, source: str) -> Layer:
    """Return a layer styled like that of the sheet; QGIS puts the feature id, ``fid``, first among the columns."""
    columns = [str(column) for column in read_layer(review, layer).columns if column != "geometry"]
    wkt = CRS.from_user_input(LONLAT).to_wkt()
    return Layer(f"outlines_{layer}", name, source, wkt, style(layer, ["fid", *columns]))


def _contour_layer(contours: Path) -> Layer:
    columns = [str(column) for column in read_layer(contours, "contours").columns if column != "geometry"]
    source = f"../mapping/{contours.name}|layername=contours"
    name = "contours at the calibrated 0.25 and 0.75 (no confidence interval)"
    return Layer(
        "outlines_contours", name, source, CRS.from_user_input(LONLAT).to_wkt(), style("contours", ["fid", *columns])
    )


def _decisions_source(decisions: str) -> str:
    path = PurePosixPath(decisions)
    source = path if path.is_absolute() else TO_ROOT / path
    return f"{source}|layername=review" if path.suffix.lower() in GEOPACKAGES else str(source)


def _image_layers(images: list[Path]) -> tuple[list[tuple[Layer, int]], Bounds]:
    """Return the images as layers with their band counts, and the bounds of all images in the CRS of the first."""
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
