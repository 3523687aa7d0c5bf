"""contact-sheet: a picture of a sample of patches with their outlines, for a check by eye before training."""

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
from lobate.patches.without_patches import in_words, read_removed, without_patches
from lobate.settings.patches import Sheet

log = logging.getLogger(__name__)


def bare_outlines(source: Path, target: Path) -> None:
    """Write to ``target`` the kept outlines of ``source``, sorted, with their id and class alone."""
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
    """Draw a sample of the patches of all tiles into ``sheet``, a PNG, suspicious ones first.

    ``patches`` and ``footprints`` are those of the same tiles, in the same order. Raises UserError where they do not fit.
    A patch is suspicious by the signs of ``contact_sheet_figure.flag``. The header counts the outlines without a patch.
    """
    from lobate.io.patches import open_patches
    from lobate.patches.contact_sheet_figure import draw_contact_sheet, sample

    if len(patches) != len(footprints):
        raise UserError(
            f"There are {len(patches)} patch files and {len(footprints)} footprints. Give both files of each tile."
        )
    tiles = [read_footprints(path) for path in footprints]
    arrays = [open_patches(path, len(tile)) for path, tile in zip(patches, tiles, strict=True)]
    pool = pd.concat([_without_crs(tile).assign(file=number) for number, tile in enumerate(tiles)], ignore_index=True)
    sampled = sample(pool, sheet_settings.patches, seed)
    suspicious = int((sampled["suspicion"] > 0).sum())
    log.info("The contact sheet shows %d of %d patches, %d of them suspicious.", len(sampled), len(pool), suspicious)
    outlines = read_polygons(polygons, "kept")
    by_tile = {number: outlines.to_crs(tile.crs) for number, tile in enumerate(tiles)}
    lost = without_patches(pool, read_removed(footprints))
    draw_contact_sheet(sheet, sampled, arrays, by_tile, len(pool), in_words(lost))


def _without_crs(tile: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the footprints as a plain table, which can be concatenated with those of tiles in another CRS."""
    return pd.DataFrame(tile).astype({"geometry": object})
