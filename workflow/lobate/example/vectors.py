"""The synthetic vector files: outlines by hand, the list of removed ids, the InSAR-like inventory, and the truth."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
from shapely import affinity
from shapely.geometry import Polygon, box

from lobate.example.landforms import Body
from lobate.example.product import WorldLayout
from lobate.io.vector import LONLAT, geodesic_area_m2, write_layers

DIGITIZING_TOLERANCE = 1.0
"""Pixels by which outlines by hand leave the true edge at most."""
UPSLOPE = ["talus", "debris-mantled_slope", "glacier_forefield", "glacier"]
KINEMATICS = [(10, "cm_to_dm"), (50, "dm"), (100, "dm_to_m"), (np.inf, "m")]
"""Upper limit of the velocity in cm/yr -> kinematic class (RGIK)."""


def truth_table(bodies: list[Body], layout: WorldLayout, hidden: set[int], in_insar: set[int]) -> gpd.GeoDataFrame:
    """Return all landforms in the world's CRS, with ids from ``wkl001`` on.

    ``hidden``: numbers of the landforms without an outline by hand; ``in_insar``: of those in the InSAR-like inventory.
    """
    numbers = range(len(bodies))
    table = gpd.GeoDataFrame(
        {
            "id": [f"wkl{number + 1:03d}" for number in numbers],
            "hidden": [int(number in hidden) for number in numbers],
            "insar": [int(number in in_insar) for number in numbers],
            "synthetic": "yes",
        },
        geometry=_to_world([body.outline for body in bodies], layout),
        crs=layout.world.crs,
    )
    return table.assign(area_m2=np.round(geodesic_area_m2(table), 1))


def digitized_outlines(bodies: list[Body], ids: list[str], layout: WorldLayout) -> gpd.GeoDataFrame:
    """Return simplified outlines, as drawn by hand, in EPSG:4326, with the fields id, kind and synthetic."""
    geometry = _to_world([body.outline.simplify(DIGITIZING_TOLERANCE) for body in bodies], layout)
    fields = {"id": ids, "kind": [body.kind for body in bodies], "synthetic": "yes"}
    return gpd.GeoDataFrame(fields, geometry=geometry, crs=layout.world.crs).to_crs(LONLAT)


def ground_until(layout: WorldLayout, column: int) -> gpd.GeoDataFrame:
    """Return the ground of the tiles west of a column of the world, in EPSG:4326."""
    bounds = np.array([grid.bounds for grid in layout.tiles.values()])
    (west, south), (_, north) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    east, _ = layout.world.transform @ (column, 0)
    fields = {"id": ["complete"], "synthetic": "yes"}
    return gpd.GeoDataFrame(fields, geometry=[box(west, south, east, north)], crs=layout.world.crs).to_crs(LONLAT)


def insar_inventory(truth: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Return the landforms of the InSAR-like inventory in EPSG:4326: outlines shifted and rounded, with a velocity.

    Fields: ``velocity`` and ``velocity_error`` in cm/yr, ``kinematics`` and ``upslope`` in the words of the RGIK.
    """
    mapped = truth[truth["insar"] == 1]
    velocity = np.round(np.exp(rng.normal(np.log(35), 0.7, len(mapped))), 1)
    blurred = [_blur(geometry, rng) for geometry in mapped.geometry]
    table = {
        "id": [f"ins{number + 1:03d}" for number in range(len(mapped))],
        "velocity": velocity,
        "velocity_error": np.round(velocity * rng.uniform(0.06, 0.2, len(mapped)), 1),
        "kinematics": [next(name for limit, name in KINEMATICS if speed < limit) for speed in velocity],
        "upslope": rng.choice(UPSLOPE, len(mapped)),
        "synthetic": "yes",
    }
    return gpd.GeoDataFrame(table, geometry=blurred, crs=truth.crs).to_crs(LONLAT)


def write_shapefile(path: Path, table: gpd.GeoDataFrame) -> None:
    """Write a Shapefile with a fixed date of last update, so that the bytes stay the same."""
    pyogrio.write_dataframe(
        table, path, driver="ESRI Shapefile", encoding="UTF-8", layer_options={"DBF_DATE_LAST_UPDATE": "2018-09-01"}
    )


def write_truth(path: Path, truth: gpd.GeoDataFrame) -> None:
    """Write all landforms as a GeoPackage in EPSG:4326, layer ``truth``."""
    write_layers(path, {"truth": truth.to_crs(LONLAT)})


def write_complete(path: Path, ground: gpd.GeoDataFrame) -> None:
    """Write the completely mapped ground as a GeoPackage, layer ``complete``."""
    write_layers(path, {"complete": ground})


def write_insar(path: Path, table: gpd.GeoDataFrame) -> None:
    """Write the InSAR-like inventory as a GeoPackage, layer ``insar``."""
    write_layers(path, {"insar": table})


def write_removed(path: Path, reasons: dict[str, str]) -> None:
    """Write the CSV of ids that are not for training, with reasons."""
    lines = ["id,reason", *(f"{identifier},{reason}" for identifier, reason in sorted(reasons.items()))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _to_world(outlines: list[Polygon], layout: WorldLayout) -> list[Polygon]:
    t = layout.world.transform
    return [affinity.affine_transform(outline, (t.a, t.b, t.d, t.e, t.c, t.f)) for outline in outlines]


def _blur(outline: Polygon, rng: np.random.Generator) -> Polygon:
    """Return the outline shifted by some 10 m, rounded off, and grown or shrunk by as much."""
    moved = affinity.translate(outline, *rng.normal(0, 12, 2))
    shrunk = moved.buffer(-15).buffer(15 + rng.uniform(-5, 15))
    return (moved if shrunk.is_empty else shrunk).simplify(5)
