"""The room `imagery`: scenes in, one cloud-free 8-bit image a tile out."""
