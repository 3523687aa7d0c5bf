"""Pictures and thumbnails as PNG, painted in threads of their own and kept while there is room."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import shapely

from lobate.review.picture_layers import Look, PictureLayer
from lobate.review.planes import LOWEST_ZOOM, PICTURE, Plane
from lobate.review.png import encode_png
from lobate.review.recent import Recent
from lobate.review.windows import Frame

THREADS = 3
KEPT_BYTES = 24 << 20
MAX_SIDE = 1 << 20
"""Columns and rows of pictures at most: more are on no ground."""
THUMBNAIL_MARGIN = 0.25
MIN_THUMBNAIL_PIXELS = 48
OUTLINE_COLOUR, SHADOW_COLOUR = (255, 242, 0), (0, 0, 0)

Key = tuple[object, ...]


class Painter:
    """Paints for one server; the pictures that were asked for last are kept, up to ``KEPT_BYTES``."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="painter")
        self._recent = Recent(KEPT_BYTES)
        self._empty = encode_png(np.zeros((PICTURE, PICTURE, 4), dtype=np.uint8))

    def picture(self, layer: PictureLayer, plane: Plane, zoom: int, column: int, row: int, look: Look) -> bytes:
        """Return one picture of the pyramid. Raises UserError for a file that cannot be read."""
        if not (LOWEST_ZOOM <= zoom <= plane.highest_zoom + 1 and max(abs(column), abs(row)) < MAX_SIDE):
            return self._empty
        if plane.id not in layer.planes:
            return self._empty
        key = (layer.id, layer.stamp(), plane.id, zoom, column, row, look)
        frame = Frame(plane.picture_bounds(zoom, column, row), plane.crs, (PICTURE, PICTURE))
        return self._recent.get(key, partial(self._paint, layer, plane, frame, look))

    def thumbnail(self, layer: PictureLayer, plane: Plane, outline: shapely.Geometry, size: int, key: Key) -> bytes:
        """Return a square picture of the ground round an outline in the plane's CRS, with the outline on it."""
        west, south, east, north = outline.bounds
        side = max(east - west, north - south, MIN_THUMBNAIL_PIXELS * plane.base) * (1 + 2 * THUMBNAIL_MARGIN)
        x, y = (west + east) / 2, (south + north) / 2
        frame = Frame((x - side / 2, y - side / 2, x + side / 2, y + side / 2), plane.crs, (size, size))

        def paint() -> bytes:
            pixels = layer.paint(plane.id, frame, Look())
            pixels = np.zeros((size, size, 4), dtype=np.uint8) if pixels is None else pixels
            draw_outline(pixels, outline, frame)
            return encode_png(pixels)

        return self._recent.get((*key, layer.id, layer.stamp(), size), paint)

    def _paint(self, layer: PictureLayer, plane: Plane, frame: Frame, look: Look) -> bytes:
        pixels = layer.paint(plane.id, frame, look)
        return self._empty if pixels is None else encode_png(pixels)

    def close(self) -> None:
        """Stop; pictures that wait are not painted."""
        self.threads.shutdown(wait=False, cancel_futures=True)


def draw_outline(pixels: np.ndarray, outline: shapely.Geometry, frame: Frame) -> None:
    """Draw an outline into RGBA pixels (h, w, 4): a light line with a dark one beside it, so it shows on any ground."""
    height, width = frame.shape
    side = min(frame.pixel)
    lines = shapely.get_coordinates(shapely.segmentize(shapely.boundary(outline), side / 2))
    west, _, _, north = frame.bounds
    columns = np.floor((lines[:, 0] - west) / frame.pixel[0]).astype(int)
    rows = np.floor((north - lines[:, 1]) / frame.pixel[1]).astype(int)
    for shift, colour in ((1, SHADOW_COLOUR), (0, OUTLINE_COLOUR)):
        inside = (rows + shift >= 0) & (rows + shift < height) & (columns >= 0) & (columns < width)
        pixels[rows[inside] + shift, columns[inside]] = (*colour, 255)
