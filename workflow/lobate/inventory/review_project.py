"""The verb `review-project`: a QGIS project with the images, the outlines to review, and outlines to compare them with."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.qgis.project import Bounds, Layer, project_text
from lobate.inventory.qgis.styles import style
from lobate.io.dem import check_dem, heights_of
from lobate.io.grid import LONLAT, Grid
from lobate.io.qgis.rasters import hillshade_style, image_style, probability_style
from lobate.io.raster import open_raster, read_grid
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


def dem_facts(source: Path, target: Path) -> None:
    """Write what the project says of a DEM: its path, its CRS (WKT) and the metres of its unit. No elevation counts."""
    target.write_text(json.dumps(_dem_facts(source)), encoding="utf-8")


def _dem_facts(dem: Path) -> dict[str, Any]:
    with open_raster(dem) as raster:
        check_dem(raster)
        return {"path": str(dem), "wkt": raster.crs.to_wkt(), "metres_a_unit": heights_of(raster).scale}


def _is_view(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"{"


def review_project(
    review: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    project: Annotated[Path, Output()],
    contours: Annotated[Path | None, Input()] = None,
    decisions: Annotated[list[Path] | None, Input(view=path_alone)] = None,
    probabilities: Annotated[list[Path] | None, Input()] = None,
    labels: Annotated[Path | None, Input()] = None,
    dem: Annotated[Path | None, Input(view=dem_facts)] = None,
    *,
    region: Annotated[str, Setting("region")] = "",
) -> None:
    """Write the project file that lies beside the review sheet, in the CRS of the first image.

    All paths are relative: the sheet beside the project, images as ``../imagery/<name>``, and the person's own files
    (``decisions``) from the root. The outlines to review are those of the person's files, one editable layer each. Until
    there is a file they are the sheet's, read-only: results are not for editing. ``contours`` of the detections at
    two calibrated shares are shown, and called no confidence interval. ``labels`` are the cleaned outlines drawn by hand,
    ``probabilities`` the maps of the tiles, and ``dem`` is shown by QGIS's own hillshade. Maps and hillshade are off at first.
    Raises UserError for a sheet without one of the layers and for rasters that cannot be read.
    """
    if not images:
        raise UserError("There are no images to review on. Give the images that compose-rgb made.")
    outlines = [
        *_review_layers(review, [_path_of(path) for path in decisions or []]),
        *([_contour_layer(contours)] if contours else []),
        _outline_layer(review, "others", "other inventories", f"./{SHEET}|layername=others"),
        *([_label_layer(labels)] if labels else []),
        _outline_layer(review, "removed", "removed by the filters", f"./{SHEET}|layername=removed"),
    ]
    layers, bounds = _image_layers(images)
    rasters = {
        "probability": [_probability_layer(path, number) for number, path in enumerate(probabilities or [])],
        "images": layers,
        "terrain": [_hillshade_layer(dem)] if dem else [],
    }
    text = project_text(f"{region} review".strip(), outlines, rasters, layers[0].wkt, bounds)
    project.write_text(text, encoding="utf-8")
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
    source = _from_root(decisions)
    return f"{source}|layername=review" if PurePosixPath(decisions).suffix.lower() in GEOPACKAGES else source


def _from_root(path: str) -> str:
    """Return a path of the settings as the project names it."""
    return str(path if PurePosixPath(path).is_absolute() else TO_ROOT / path)


def _label_layer(labels: Path) -> Layer:
    columns = [str(column) for column in read_layer(labels, "kept").columns if column != "geometry"]
    source = f"../labels/{labels.name}|layername=kept"
    wkt = CRS.from_user_input(LONLAT).to_wkt()
    return Layer("outlines_labels", "drawn by hand", source, wkt, style("labels", ["fid", *columns]))


def _probability_layer(probability: Path, number: int) -> Layer:
    wkt, source = read_grid(probability).crs.to_wkt(), f"../mapping/{probability.name}"
    return Layer(f"probability_of_tile_{number}", probability.stem, source, wkt, probability_style(), shown=False)


def _hillshade_layer(dem: Path) -> Layer:
    facts = json.loads(dem.read_text(encoding="utf-8")) if _is_view(dem) else _dem_facts(dem)
    look = hillshade_style(facts["metres_a_unit"], is_geographic=CRS.from_wkt(facts["wkt"]).is_geographic)
    return Layer("hillshade_of_dem", "hillshade", _from_root(facts["path"]), facts["wkt"], look, shown=False)


def _image_layers(images: list[Path]) -> tuple[list[Layer], Bounds]:
    """Return the images as layers, and the bounds of all images in the CRS of the first."""
    layers, bounds, first = [], [], None
    for number, path in enumerate(images):
        with open_raster(path) as image:
            grid, bands = Grid.from_raster(image), image.count
        first = first or grid.crs
        wkt, source = grid.crs.to_wkt(), f"../imagery/{path.name}"
        layers.append(Layer(f"image_of_tile_{number}", path.stem, source, wkt, image_style(bands)))
        bounds.append(transform_bounds(grid.crs, first, *grid.bounds))
    low, high = np.min(bounds, axis=0), np.max(bounds, axis=0)
    return layers, (low[0], low[1], high[2], high[3])
