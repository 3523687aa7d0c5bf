"""The files that a person brings to a new region: which are images, which outlines, which elevations, and their area."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.cli.found_images import Box, FoundImages, box_of, find_images
from lobate.cli.found_outlines import FoundOutlines, find_outlines
from lobate.errors import UserError
from lobate.imagery.reading import bandfolder, safe, stacitem
from lobate.io.dem import check_dem
from lobate.io.filekind import check_kind
from lobate.io.grid import LONLAT, Grid
from lobate.io.raster import open_raster

OUTLINES = (
    ".shp",
    ".gpkg",
    ".geojson",
    ".json",
    ".kml",
    ".kmz",
    ".fgb",
    ".parquet",
    ".tab",
    ".mif",
    ".gdb",
    ".csv",
    ".zip",
)
PARTS = (
    ".shx",
    ".dbf",
    ".prj",
    ".cpg",
    ".sbn",
    ".sbx",
    ".qpj",
    ".qmd",
    ".qix",
    ".xml",
    ".ovr",
    ".msk",
    ".tfw",
    ".gpkg-wal",
    ".gpkg-shm",
)
"""Ends of files that belong to the file beside them, such as a Shapefile's."""
AREA = re.compile(r"area|aoi|extent|region_?of|study|roi\b", re.I)
NEGATIVES = re.compile(r"negativ|look.?alike|without|no[nt]_|background|false", re.I)
MARGIN_KM = 5.0
KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Brought:
    """All files of a new region, looked at."""

    images: FoundImages
    positives: list[FoundOutlines]
    negatives: list[FoundOutlines]
    area: Path | None
    dem: Path | None

    @property
    def paths(self) -> list[Path]:
        """All these files."""
        images = [path for paths in self.images.tiles.values() for path in paths]
        return [
            *images,
            *(file.path for file in (*self.positives, *self.negatives)),
            *filter(None, [self.area, self.dem]),
        ]

    @property
    def needs_area(self) -> bool:
        """Whether scenes must be searched round the outlines, since neither an area nor images are named."""
        return self.area is None and not self.images.tiles and bool(self._boxes)

    @property
    def is_southern(self) -> bool:
        """Whether the outlines, or the area's images, lie in the southern hemisphere."""
        boxes = [*self._boxes, *self.images.boxes]
        return bool(boxes) and float(np.mean([south + north for _, south, _, north in boxes])) < 0

    @property
    def _boxes(self) -> list[Box]:
        return [tuple(box) for found in self.positives if found.boxes is not None for box in found.boxes.tolist()]

    def ground(self) -> gpd.GeoDataFrame:
        """Return the ground round the outlines, EPSG:4326. Raises UserError for outlines on both sides of 180 degrees."""
        west, south, east, north = np.array(self._boxes).T
        if east.max() - west.min() > 180:
            raise UserError(
                "The outlines lie on both sides of 180 degrees of longitude, or over half the globe, so no area can be drawn round them. "
                "Name an area with --area, one for each region."
            )
        margin = MARGIN_KM / KM_PER_DEGREE
        wide = margin / np.cos(np.radians(np.maximum(np.abs(south), np.abs(north)).clip(0, 89)))
        area = shapely.union_all(shapely.box(west - wide, south - margin, east + wide, north + margin))
        return gpd.GeoDataFrame(geometry=[area], crs=LONLAT)

    def on_images(self, outlines: FoundOutlines) -> list[str]:
        """Return a note on how many outlines the images show, where there are images."""
        if not self.images.boxes or outlines.boxes is None or not len(outlines.boxes):
            return []
        shown = shapely.union_all(shapely.box(*np.array(self.images.boxes).T))
        on = int(shapely.intersects(shapely.box(*outlines.boxes.T), shown).sum())
        return [f"{on} of the {len(outlines.boxes)} outlines lie on the images"]


def look_at(
    files: Sequence[Path],
    *,
    area: Path | None,
    positives: Sequence[Path],
    negatives: Sequence[Path],
    images: Sequence[Path],
    dem: Path | None,
) -> Brought:
    """Return what is known of the files: ``files`` by their content, the others by what they were called.

    Paths in the working folder are relative to it.
    Files with a role may come later. Raises UserError for one of ``files`` that does not exist or is none of these.
    """
    roles: dict[str, list[Path]] = {"images": [*images], "positives": [*positives], "negatives": [*negatives]}
    roles |= {"area": [area] if area else [], "dem": [dem] if dem else []}
    roles = {role: [_relative(path) for path in paths] for role, paths in roles.items()}
    given = {role: bool(paths) for role, paths in roles.items()}
    whole = [path for path in files if not _is_part(path, files)]
    for path in whole:
        roles[_role(path, several=len(whole) > 1)].append(_relative(path))
    for role in ("area", "dem"):
        if len(roles[role]) > 1:
            raise UserError(
                f"Several files could be the {role} ({', '.join(map(str, roles[role]))}). Name the right one with --{role}."
            )
    if not roles["positives"] and roles["area"] and not given["area"]:  # a single file is what is to be mapped
        roles["positives"], roles["area"] = roles["area"], []
    return Brought(
        find_images([path for path in roles["images"] if path.exists()]),
        [_outlines(path) for path in roles["positives"]],
        [_outlines(path) for path in roles["negatives"]],
        next(iter(roles["area"]), None),
        next(iter(roles["dem"]), None),
    )


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


def _outlines(path: Path) -> FoundOutlines:
    return find_outlines(path) if path.exists() else FoundOutlines(path)


def _is_part(path: Path, files: Sequence[Path]) -> bool:
    """Return whether a file belongs to another of ``files``, as where a person named all files of a folder."""
    return path.suffix.lower() in PARTS and any(
        path != other
        and path.parent == other.parent
        and path.name.startswith(other.stem)
        and other.suffix.lower() not in PARTS
        for other in files
    )


def _role(path: Path, *, several: bool) -> str:
    if not path.exists():
        raise UserError(f"The file {path} does not exist. Check the path.")
    check_kind(path)
    if any(reader.recognises(path) for reader in (safe, stacitem, bandfolder)):
        return "images"
    if path.suffix.lower() in OUTLINES:
        if several and AREA.search(path.stem):
            return "area"
        return "negatives" if NEGATIVES.search(path.stem) else "positives"
    try:
        with open_raster(path) as raster:
            if raster.count > 1 or raster.dtypes[0] == "uint8":
                return "images"
            check_dem(raster)
            box_of(Grid.from_raster(raster))
            return "dem"
    except UserError as mistake:
        raise UserError(f"{path} is neither an image, nor outlines, nor elevation: {mistake}") from None
