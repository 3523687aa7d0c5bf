"""The verb `translate-inventory`: the compiled inventory in the columns of a standard: the RGIK template, or the paper.

The RGIK community's GeoPackage template has the layers AOI (mapped area), PM (primary markers), GO (outlines) and MA (moving
areas); PrimaryID joins them. MA stays empty: a moving area is an area that somebody drew by its motion, in the radar's line
of sight, and neither an outline nor a downslope velocity is one. A velocity fills Kin.Att. where no person did.

PrimaryID has the position of the inventory's id, so it is kept with it. The template and the guideline could not be reached
when this was written; their wording goes before ours. The names come from these sources:

- columns of PM and GO: public programs that read and write the template (RoDynAlps' pyrogi: PrimaryID, WorkingID,
  Upsl.Con., ..., Out.Type, RelFr, ...);
- VelClass, PolyUID and Country: the published data set of 12 areas (Rouyet et al. 2025, doi:10.5281/zenodo.14501398, version
  2; its names have no dots);
- words of Upsl.Con., Acti.Cl. and Kin.Att.: the guideline's table of codes;
- orders of magnitude of a velocity: Bertone et al. (2022, doi:10.5194/tc-16-2769-2022) to 100 cm a year; the limit of 300
  between m and sup_m continues their scale and is ours.

Not verified: the columns of AOI, the width of texts, the layers of PolyUID and Country, and whether the template writes
VelClass with a dot. PolyUID and Country are kept where an inventory gives them, and never made up. Columns that need a
person's judgement (morphology, completeness, reliability of an outline) are present and empty.
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
from lobate.inventory.identify import disambiguate_ids, identifier, position_code
from lobate.inventory.qgis.result_styles import paper_styles, rgik_styles
from lobate.inventory.sources import read_compiled
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.grid import Grid
from lobate.io.origin import REVIEWED
from lobate.io.qgis.package import add_styles
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, write_layers

log = logging.getLogger(__name__)

TEXT, WHOLE = "object", "Int32"

AOI = {"Name": TEXT, "Comment": TEXT}
PM = dict.fromkeys(
    ("PrimaryID", "WorkingID", "Country", "Morpho.", "Complet.", "Upsl.Con.", "Upsl.Cur.", "Acti.Cl.", "Acti.Ass.",
     "Destabili.", "Kin.Att.", "Rel.Kin.", "Kin.Period", "Assoc.RGS", "Comment"), TEXT,
)  # fmt: skip
GO = {
    "PrimaryID": TEXT, "WorkingID": TEXT, "PolyUID": TEXT, "Country": TEXT, "Out.Type": TEXT, "RelFr": WHOLE,
    "RelLeftLM": WHOLE, "RelRightLM": WHOLE, "RelUpsCon": WHOLE, "RelIndex": WHOLE, "Comment": TEXT,
}  # fmt: skip
MA = dict.fromkeys(("PrimaryID", "WorkingID", "PolyUID", "Country", "VelClass", "Comment"), TEXT)
"""Column -> kind, for each layer."""

ID_PREFIX = "RGU"

KINEMATICS_LIMITS = ((1, "inf_cm"), (3, "cm"), (10, "cm_to_dm"), (30, "dm"), (100, "dm_to_m"), (300, "m"))
"""Upper limit in cm a year -> Kin.Att."""
FASTEST = "sup_m"
BY_VELOCITY = "Kin.Att. from the downslope velocity of the whole landform"

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
        layers, styles = {"inventory": paper_layer(records)}, paper_styles()
    elif standard == "rgik":
        footprints = [_footprint(image) for image in images or []]
        layers, styles = rgik_layers(records, footprints, region, f"{inventory}, layer inventory"), rgik_styles()
    else:
        raise UserError(f"There is no standard called {standard}. Give rgik or paper.")
    write_layers(translated, layers, points=("PM",))
    add_styles(translated, styles)
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
    return {
        "AOI": _mapped_area(footprints, region),
        "PM": _select(markers, PM),
        "GO": _select(records, GO),
        "MA": _select(records.iloc[:0], MA),
    }


def kinematics_of(velocity: float) -> str:
    """Return RGIK's order of magnitude of a velocity in cm a year, whatever its sign."""
    return next((name for limit, name in KINEMATICS_LIMITS if abs(velocity) < limit), FASTEST)


def primary_ids(inventory: gpd.GeoDataFrame) -> list[str]:
    """Return RGIK's identifiers: RGU and the position in the inventory's id, or the marker's where the id has none."""
    markers = zip(inventory["longitude"], inventory["latitude"], strict=True)
    codes = [position_code(published) for published in inventory["id"]]
    return disambiguate_ids(
        ID_PREFIX + code if code else identifier(*marker, ID_PREFIX)
        for code, marker in zip(codes, markers, strict=True)
    )


def _with_template_columns(inventory: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Return the records with those columns of the template that can be filled."""
    words = {
        column: canonical(inventory[attribute], VOCABULARIES[attribute], f"{where}, field {attribute}")
        for column, attribute in VOCABULARY_COLUMNS.items()
    }
    by_person = pd.Series(words["Kin.Att."], index=inventory.index, dtype=object)
    by_velocity = by_person.isna() & inventory["velocity"].notna()
    notes = inventory[["method", "status", "remark"]].assign(note=by_velocity.map({True: BY_VELOCITY}))
    columns = {
        **words,
        "PrimaryID": primary_ids(inventory),
        "WorkingID": inventory["id"],
        "PolyUID": inventory["polygon_id"],
        "Country": inventory["country"],
        "Kin.Att.": by_person.mask(by_velocity, inventory["velocity"].map(kinematics_of)),
        "Comment": [_comment(texts) for texts in notes.itertuples(index=False)],
    }
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
