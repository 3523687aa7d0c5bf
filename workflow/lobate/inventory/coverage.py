"""How much of each cell an outline covers, by exactextract."""

from __future__ import annotations

import numpy as np
import shapely

from lobate.grid import Grid


def cell_coverage(grid: Grid, outline: shapely.Geometry) -> np.ndarray:
    """Return the covered part of each cell of a north-up grid, 0 to 1, float64 (height, width); one CRS for both."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    west, south, east, north = grid.bounds
    cells = NumPyRasterSource(np.zeros(grid.shape), west, south, east, north)
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(outline)}
    found = exact_extract(cells, [feature], ["cell_id", "coverage"])[0]["properties"]
    cover = np.zeros(grid.height * grid.width)
    cover[np.asarray(found["cell_id"], dtype=np.int64)] = found["coverage"]
    return cover.reshape(grid.shape)
