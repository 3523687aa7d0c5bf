"""The georeferenced image of an annotation: the annotated file itself, or the raster of the same name that it was made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.raster import open_raster

SUFFIXES = (".tif", ".tiff", ".jp2", ".img", ".bil", ".asc", ".vrt", ".png", ".jpg", ".jpeg")
UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


class ImageFinder:
    """Finds images by their names in some folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = list(folders)
        self._by_stem: dict[str, list[Path]] = {}
        for folder in dict.fromkeys(folders):
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                if path.suffix.lower() in SUFFIXES and path not in self._by_stem.get(path.stem, []):
                    self._by_stem.setdefault(path.stem, []).append(path)

    def grid(self, name: str, size: tuple[int, int] | None) -> Grid:
        """Return the grid of the image called ``name``; ``size`` is the height and width that was annotated.

        Raises UserError where no georeferenced raster of that name is there, where several are, or where its size is another.
        """
        grids, reasons = {}, []
        for path in self._candidates(name):
            try:
                with open_raster(path) as raster:
                    if raster.transform.is_identity:
                        reasons.append(f"{path} has no place on Earth")
                    else:
                        grids[path] = Grid.from_raster(raster)
            except UserError as mistake:
                reasons.append(str(mistake))
        if len({(grid.shape, grid.transform, grid.crs.to_wkt()) for grid in grids.values()}) > 1:
            raise UserError(
                f"Several images could be {name}: {', '.join(map(str, grids))}. Name the folder of the right ones with --images."
            )
        if not grids:
            why = f" ({'; '.join(reasons)})" if reasons else ""
            raise UserError(
                f"The annotations of {name} have no place: no georeferenced image of that name is in "
                f"{' or '.join(map(str, dict.fromkeys(self._folders)))}{why}. Put the GeoTIFF that the annotated image was made from there, under the "
                "same name, or name its folder with --images."
            )
        path, grid = next(iter(grids.items()))
        if size is not None and size != grid.shape:
            raise UserError(
                f"{name} was annotated with {size[1]} x {size[0]} pixels, but {path} has {grid.width} x {grid.height}. Give the image that was "
                "annotated, in its own size."
            )
        return grid

    def _candidates(self, name: str) -> list[Path]:
        """Return the files with the image's name, whatever their format."""
        plain = base_name(name)
        for stem in (plain, UPLOADED.sub("", plain)):
            for one in (stem, PurePosixPath(stem).stem):
                if one in self._by_stem:
                    return self._by_stem[one]
        return []


def base_name(name: str) -> str:
    """Return the file's name in a path, an address or a reference of Label Studio (``/data/local-files/?d=a/b.tif``)."""
    query = parse_qs(urlsplit(name).query) if "?" in name else {}
    path = query.get("d", [urlsplit(name).path if "://" in name else name])[0]
    return PurePosixPath(unquote(path).replace("\\", "/")).name
