"""Files and formats: grids, rasters, vectors, elevation, patch files, JSON, digests and QGIS styles."""
