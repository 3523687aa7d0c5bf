"""mosaic-dem: mosaic the user's elevation files into one raster with their voids."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output
from lobate.errors import UserError

log = logging.getLogger(__name__)


def mosaic_dem(tiles: Annotated[list[Path], Input()], dem: Annotated[Path, Output()]) -> None:
    """Write the mosaic of elevation ``tiles`` of one CRS, metres as float32; pixels without elevation are void (-9999).

    Where tiles overlap, the first in inventory.dem counts. Tiles on another grid than the finest are resampled by bilinear
    interpolation. Raises UserError for tiles that cannot be read, are rotated, or are in different CRS.
    """
    from lobate.imagery.mosaic import write_mosaic

    if not tiles:
        raise UserError("There are no elevation files to join. Name them as a list in inventory.dem.")
    share = write_mosaic(tiles, dem)
    log.info("elevation of %d files; %.1f %% of the mosaic is void", len(tiles), 100 * share)
