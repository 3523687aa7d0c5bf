"""describe-dataset: a card of the data set: its content, its sources, its leakage, and how to load it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import parse_json
from lobate.io.vector import read_layer, write_layers
from lobate.patches.card_text import (
    CardFacts,
    class_balance,
    count_by_source,
    count_by_tile,
    write_card,
)
from lobate.patches.footprints import PATCH_COLUMNS
from lobate.patches.without_patches import read_removed, without_patches
from lobate.settings.patches import Crop

log = logging.getLogger(__name__)

LEAKAGE_KEYS = ("patches", "training", "validation", "dropped", "leaked_share", "polygons_on_both_sides", "nearest_m")
TEST_KEYS = ("patches", "outlines", "gap_km", "left_out", "pairs")


def outline_sources(source: Path, target: Path) -> None:
    """Write to ``target`` the id, class and file of each kept outline, sorted, without geometry."""
    outlines = read_layer(source, "kept").sort_values("polygon", kind="stable", ignore_index=True)
    missing = gpd.GeoSeries([None] * len(outlines), crs=outlines.crs)
    write_layers(target, {"kept": gpd.GeoDataFrame(outlines[["polygon", "class", "source"]], geometry=missing)})


def describe_dataset(
    split: Annotated[Path, Input()],
    leakage: Annotated[Path, Input()],
    footprints: Annotated[list[Path], Input()],
    polygons: Annotated[Path, Input(view=outline_sources)],
    facts: Annotated[list[Path], Input()],
    card: Annotated[Path, Output()],
    *,
    crop: Annotated[Crop, Setting("patches.crop")],
    licence: Annotated[str, Setting("patches.licence")],
    region: Annotated[str, Setting("region")],
    landform: Annotated[str, Setting("landform")],
) -> None:
    """Write the data set's card, Markdown, from the split, its leakage, and the footprints' layers of removed sub-images.

    ``facts``: compose-rgb's facts of each tile's image, <tile>.json. Every number is counted from these files. Raises
    UserError when one of them lacks something.
    """
    rows, measured = _read_split(split), _read_leakage(leakage)
    outlines = pd.DataFrame(read_layer(polygons, "kept"))
    images = {path.stem: _read_facts(path) for path in sorted(facts, key=lambda path: path.stem)}
    card_facts = CardFacts(
        region=region,
        landform=landform,
        licence=licence,
        crop=crop,
        bands=next(iter(images.values()))["bands"],
        patches=rows,
        tiles=count_by_tile(rows),
        balance=class_balance(rows),
        left_out=without_patches(rows, read_removed(footprints)),
        sources=count_by_source(outlines, rows),
        images=images,
        leakage=measured,
    )
    card.write_text(write_card(card_facts), encoding="utf-8")
    log.info("The card describes %d patches of %d outlines.", len(rows), rows["polygon"].nunique())


def _read_split(path: Path) -> pd.DataFrame:
    rows = read_layer(path, "split")
    missing = [name for name in (*PATCH_COLUMNS, "side", "fold") if name not in rows]
    if missing or rows.empty:
        raise UserError(
            f"The layer split of {path} {f'has no column {missing[0]}' if missing else 'is empty'}, so it is no split of "
            "patches. Make it again with split-patches."
        )
    return pd.DataFrame(rows)


def _read_leakage(path: Path) -> dict[str, Any]:
    def checked(leakage: dict[str, Any]) -> dict[str, Any]:
        methods = [leakage[name] for name in leakage.keys() - {"used", "folds", "test"}] + leakage.get("folds", [])
        whole = all("impossible" in method or method.keys() >= {*LEAKAGE_KEYS} for method in methods)
        if not (leakage["used"] in leakage and whole):
            raise ValueError("it lacks measures of the leakage")
        if "test" in leakage and not leakage["test"].keys() >= {*TEST_KEYS}:
            raise ValueError("it lacks measures of the test side")
        return leakage

    return parse_json(path, checked, "a leakage.json written by `split-patches`", "Make it again with split-patches.")


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the bands and scenes of one image."""

    def checked(facts: dict[str, Any]) -> dict[str, Any]:
        names = ("name", "date", "baseline", "pixels")
        scenes = [{name: scene[name] for name in names} for scene in facts["scenes"]]
        return {"bands": [str(band) for band in facts["bands"]], "scenes": scenes}

    return parse_json(path, checked, "an image's facts written by `compose-rgb`", "Make it with compose-rgb.")
