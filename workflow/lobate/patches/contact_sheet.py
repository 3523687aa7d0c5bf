"""contact-sheet: a picture of a sample of patches with their outlines, for a person to look at before anything is trained."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.vector import read_polygons, write_layers
from lobate.patches.footprints import read_footprints
from lobate.settings.patches import Sheet

log = logging.getLogger(__name__)


def bare_outlines(source: Path, target: Path) -> None:
    """Write the kept outlines, sorted, with no more than their id and class."""
    outlines = read_polygons(source, "kept").sort_values("polygon", kind="stable", ignore_index=True)
    write_layers(target, {"kept": outlines[["polygon", "class", "geometry"]]})


def contact_sheet(
    patches: Annotated[list[Path], Input()],
    footprints: Annotated[list[Path], Input()],
    polygons: Annotated[Path, Input(view=bare_outlines)],
    sheet: Annotated[Path, Output()],
    *,
    sheet_settings: Annotated[Sheet, Setting("patches.sheet")],
    seed: Annotated[int, Setting("seed")],
) -> None:
    """Draw a sample of the patches of all tiles into ``sheet``, a PNG, suspicious ones first (``suspects``).

    ``patches`` and ``footprints`` are those of the same tiles, in the same order. Raises UserError where they do not fit.
    """
    from lobate.io.patches import open_patches
    from lobate.patches.contact_sheet_figure import draw_contact_sheet, sample

    if len(patches) != len(footprints):
        raise UserError(
            f"There are {len(patches)} patch files and {len(footprints)} footprints. Give both of each tile."
        )
    tiles = [read_footprints(path) for path in footprints]
    arrays = [open_patches(path, len(tile)) for path, tile in zip(patches, tiles, strict=True)]
    every = pd.concat([_without_crs(tile).assign(file=number) for number, tile in enumerate(tiles)], ignore_index=True)
    picked = sample(every, sheet_settings.patches, seed)
    suspicious = int((picked["suspicion"] > 0).sum())
    log.info("The contact sheet shows %d of %d patches, %d of them suspicious.", len(picked), len(every), suspicious)
    outlines = read_polygons(polygons, "kept")
    draw_contact_sheet(
        sheet, picked, arrays, {number: outlines.to_crs(tile.crs) for number, tile in enumerate(tiles)}, len(every)
    )


def _without_crs(tile: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the footprints as a table that knows no CRS, so that it can stand with those of other tiles."""
    return pd.DataFrame(tile).astype({"geometry": object})
