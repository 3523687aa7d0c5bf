"""Landform pixels in the strata of a finished map of a synthetic region, by its truth.

The counts in test_coverage.py are those of the embedded example: ``make demo``, then ``python -m tests.mapping.accuracy.truth
results/demo``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.io.grid import LONLAT
from lobate.mapping.accuracy.strata import STRATA, MappedGround
from lobate.mapping.tile_blocks import LocalOutlines


def landform_by_stratum(ground: MappedGround, truth: gpd.GeoSeries) -> dict[str, tuple[int, int]]:
    """Return all pixels and the landform pixels of each stratum."""
    outlines = np.asarray(truth.to_crs(LONLAT).values, dtype=object)
    table = np.zeros((4, 2), dtype=int)
    local = {area.grid.crs.to_wkt(): LocalOutlines.reproject(outlines, area) for area in ground.valid_areas}
    for grid, strata, _ in ground.blocks():
        landform = local[grid.crs.to_wkt()].rasterize(grid).astype(bool)
        for flag in (False, True):
            table[:, int(flag)] += np.bincount(strata[landform == flag].ravel(), minlength=4)
    return {name: (int(table[number].sum()), int(table[number, 1])) for number, name in enumerate(STRATA)}


def of_results(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the counts of a synthetic region's results."""
    mapping = folder / "mapping"
    ground = MappedGround.read(mapping / "detections.gpkg", sorted(mapping.glob("*_probability.tif")))
    return landform_by_stratum(ground, gpd.read_file(folder / "example/truth.gpkg").geometry)


if __name__ == "__main__":
    print(of_results(Path(sys.argv[1])))
