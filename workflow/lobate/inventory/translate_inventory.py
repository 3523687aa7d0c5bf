"""The verb `translate-inventory`: the compiled inventory in the columns of a standard: the RGIK template, or the paper.

The RGIK community's GeoPackage template has the layers AOI (mapped area), PM (primary markers), GO (outlines) and, where
velocities are known, MA (moving areas); PrimaryID joins them. The template itself could not be reached when this was
written, so the names come from these sources:

- columns of PM and GO: public programs that read and write the template (RoDynAlps' pyrogi: PrimaryID, WorkingID,
  Upsl.Con., ..., Out.Type, RelFr, ...);
- VelClass: the published data set of 12 areas (Rouyet et al. 2025, doi:10.5281/zenodo.14501398, version 2; its names have no
  dots);
- words of Upsl.Con., Acti.Cl. and Kin.Att.: the guideline's table of codes;
- classes of velocity: Bertone et al. (2022, doi:10.5194/tc-16-2769-2022).

Not verified: the columns of AOI, the width of texts, and whether the template writes VelClass with a dot. Columns that need
a person's judgement (morphology, completeness, reliability of an outline) are present and empty.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.warp import transform_geom

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.identify import disambiguate_ids, identifier
from lobate.inventory.sources import REVIEWED, read_compiled
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, write_layers

log = logging.getLogger(__name__)

TEXT, WHOLE, NUMBER = "object", "Int32", "float64"

AOI = {"Name": TEXT, "Comment": TEXT}
PM = dict.fromkeys(
    ("PrimaryID", "WorkingID", "Morpho.", "Complet.", "Upsl.Con.", "Upsl.Cur.", "Acti.Cl.", "Acti.Ass.", "Destabili.",
     "Kin.Att.", "Rel.Kin.", "Kin.Period", "Assoc.RGS", "Comment"), TEXT,
)  # fmt: skip
GO = {
    "PrimaryID": TEXT, "WorkingID": TEXT, "Out.Type": TEXT, "RelFr": WHOLE, "RelLeftLM": WHOLE, "RelRightLM": WHOLE,
    "RelUpsCon": WHOLE, "RelIndex": WHOLE, "Comment": TEXT,
}  # fmt: skip
MA = {"PrimaryID": TEXT, "WorkingID": TEXT, "VelClass": TEXT, "Velocity": NUMBER, "VelError": NUMBER, "Comment": TEXT}
"""Column -> kind, for each layer; Velocity and VelError (cm a year) are not in the template."""

VELOCITY_CLASSES = ((1, "< 1 cm/yr"), (3, "1-3 cm/yr"), (10, "3-10 cm/yr"), (30, "10-30 cm/yr"), (100, "30-100 cm/yr"))
"""Upper limit in cm a year -> class of a moving area."""
FASTEST_CLASS = "> 100 cm/yr"

VOCABULARY_COLUMNS = {
    "Upsl.Con.": "upslope_connection",
    "Acti.Cl.": "activity",
    "Kin.Att.": "kinematics",
    "Out.Type": "outline_type",
}
"""Column of the template -> attribute, for columns of controlled words."""

PAPER_COLUMNS = {
    "upslope_connection": "upslope_connection",
    "altitude_m": "elevation_mean_m",
    "lowest_m": "elevation_min_m",
    "highest_m": "elevation_max_m",
    "area_km2": "area_km2",
    "slope_deg": "slope_deg",
    "velocity_cm_yr": "velocity",
    "velocity_error_cm_yr": "velocity_error",
    "method": "method",
}
"""Column of the paper's attribute set (Hu et al. 2023) -> attribute."""


def translate_inventory(
    inventory: Annotated[Path, Input()],
    translated: Annotated[Path, Output()],
    images: Annotated[list[Path] | None, Input()] = None,
    *,
    standard: Literal["rgik", "paper"],
    region: Annotated[str, Setting("region")] = "region",
) -> None:
    """Write a compiled inventory in the layers of the RGIK template, or with the paper's attribute set.

    ``images`` give the mapped area. All layers are in EPSG:4326. Raises UserError for a file that is no compiled inventory,
    and for words that are not in their vocabulary.
    """
    records = read_compiled(inventory)
    if standard == "paper":
        layers = {"inventory": paper_layer(records)}
    elif standard == "rgik":
        footprints = [_footprint(image) for image in images or []]
        layers = rgik_layers(records, footprints, region, f"{inventory}, layer inventory")
    else:
        raise UserError(f"There is no standard called {standard}. Give rgik or paper.")
    write_layers(translated, layers, points=("PM",))
    log.info("%s: %s", standard, ", ".join(f"{len(layer)} in layer {name}" for name, layer in layers.items()))


def _footprint(image: Path) -> shapely.Geometry:
    with open_raster(image) as raster:
        corners = shapely.segmentize(
            Grid.from_raster(raster).footprint, max(raster.width, raster.height) * max(raster.res) / 16
        )
        return shapely.geometry.shape(transform_geom(raster.crs, "EPSG:4326", shapely.geometry.mapping(corners)))


def paper_layer(records: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the paper's attributes; ``name`` is the identifier in the first other inventory with the landform, if any."""
    names = [_name_elsewhere(sources) for sources in records["sources"]]
    columns = {name: records[attribute] for name, attribute in PAPER_COLUMNS.items()}
    return gpd.GeoDataFrame({"id": records["id"], "name": names, **columns}, geometry=records.geometry, crs=records.crs)


def _name_elsewhere(sources: str) -> str | None:
    names = (source.split(":", 1)[1] for source in sources.split(";") if not source.startswith(f"{REVIEWED}:"))
    return next(names, None)


def rgik_layers(
    inventory: gpd.GeoDataFrame, footprints: Sequence[shapely.Geometry], region: str, where: str
) -> dict[str, gpd.GeoDataFrame]:
    """Return the template's layers of an inventory (columns ``attributes.INVENTORY``); ``footprints`` of images in degrees.

    ``where`` names the inventory for the UserError raised when a word is not in its vocabulary.
    """
    records = _with_template_columns(inventory, where)
    markers = records.set_geometry(gpd.points_from_xy(records["longitude"], records["latitude"], crs=LONLAT))
    layers = {"AOI": _mapped_area(footprints, region), "PM": _select(markers, PM), "GO": _select(records, GO)}
    moving = records[records["velocity"].notna()]
    if len(moving):
        comment = "velocity of the whole landform, by its outline: no moving area was drawn"
        layers["MA"] = _select(moving.assign(Comment=comment), MA)
    return layers


def velocity_class(velocity: float) -> str:
    """Return the class of a moving area by its velocity in cm a year, whatever its sign."""
    return next((name for limit, name in VELOCITY_CLASSES if abs(velocity) < limit), FASTEST_CLASS)


def _with_template_columns(inventory: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Return the records with those columns of the template that can be filled."""
    markers = zip(inventory["longitude"], inventory["latitude"], strict=True)
    columns = {
        "PrimaryID": disambiguate_ids(identifier(*marker) for marker in markers),
        "WorkingID": inventory["id"],
        "VelClass": [None if pd.isna(velocity) else velocity_class(velocity) for velocity in inventory["velocity"]],
        "Velocity": inventory["velocity"],
        "VelError": inventory["velocity_error"],
        "Comment": [_comment(row) for row in inventory[["method", "status", "remark"]].itertuples(index=False)],
    }
    for column, attribute in VOCABULARY_COLUMNS.items():
        columns[column] = canonical(inventory[attribute], VOCABULARIES[attribute], f"{where}, field {attribute}")
    return inventory.assign(**columns).sort_values("PrimaryID").reset_index(drop=True)


def _comment(record: tuple[str | None, ...]) -> str:
    return "; ".join(str(text) for text in record if not pd.isna(text))


def _select(records: gpd.GeoDataFrame, columns: dict[str, str]) -> gpd.GeoDataFrame:
    """Return exactly these columns, of their kinds, and the geometry; missing ones are null."""
    empty = np.full(len(records), None, dtype=object)
    table = {name: pd.Series(list(records.get(name, empty)), dtype=kind) for name, kind in columns.items()}
    return gpd.GeoDataFrame(table, geometry=list(records.geometry), crs=LONLAT)


def _mapped_area(footprints: Sequence[shapely.Geometry], region: str) -> gpd.GeoDataFrame:
    ground = [shapely.union_all(list(footprints))] if footprints else []
    return gpd.GeoDataFrame(
        {"Name": [region] * len(ground), "Comment": ["ground that the images cover"] * len(ground)},
        geometry=ground,
        crs=LONLAT,
    )
