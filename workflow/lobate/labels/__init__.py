"""The room `labels`: messy outlines in, clean polygons and label rasters out."""
