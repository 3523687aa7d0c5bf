"""The room `imagery`: scenes are found, fetched and composed into one cloud-free 8-bit image a tile."""
