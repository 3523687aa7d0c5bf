"""The room `labels`: hand-drawn outlines become clean polygons and label rasters."""
