"""A map of another server as a layer of pictures: its tiles, fetched by this server, in the grid of the region's images.

Tiles are asked for only while somebody looks at them, and are kept in memory only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import ceil, log2, pi
from urllib.parse import urlsplit

import numpy as np
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile

from lobate.errors import UserError
from lobate.imagery.fetching.http import Downloader, NotFoundError
from lobate.imagery.fetching.retry import RetryPolicy
from lobate.imagery.fetching.session import open_session
from lobate.io.raster import open_with_drivers
from lobate.review.picture_layers import Look, PictureLayer
from lobate.review.recent import Recent
from lobate.review.windows import Frame
from lobate.settings.review import Basemap

SIDE = 256
WORLD_M = 2 * pi * 6_378_137
"""Side of the world in Web Mercator."""
MERCATOR = "EPSG:3857"
DRIVERS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WEBP"}
"""Beginning of a tile -> the driver that reads it; no other one may."""
MAX_SIDE, MAX_BYTES = 1024, 4 << 20
"""Pixels and bytes of a tile at most."""
NO_PICTURE = "what comes is no PNG, JPEG or WebP"
MOST_TILES = 16
"""Tiles of one picture at most."""
KEPT_BYTES = 32 << 20
RETRY = {"tries": 2, "first_wait_s": 0.2, "max_wait_s": 1.0}


class BasemapTiles:
    """The tiles of one server; those that were used last are kept, encoded, up to ``KEPT_BYTES``. Threads may share it."""

    def __init__(self, settings: Basemap) -> None:
        self.settings = settings
        session = open_session(private=settings.allow_private)
        self._downloader = Downloader(session, retry_policy=RetryPolicy(timeout_s=settings.timeout_s, **RETRY))  # type: ignore[arg-type]
        self._recent = Recent(KEPT_BYTES)

    def tile(self, zoom: int, column: int, row: int) -> np.ndarray:
        """Return a tile as RGBA (h, w, 4), clear where the server has none. Raises UserError where it does not come."""
        key = (zoom, column % (1 << zoom), row)
        content = self._recent.get(key, lambda: self._fetch(*key))
        return self._decoded(content) if content else np.zeros((SIDE, SIDE, 4), dtype=np.uint8)

    def _fetch(self, zoom: int, column: int, row: int) -> bytes:
        url = self.settings.url.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row))
        try:
            content = self._downloader.read(url)
        except NotFoundError:
            return b""
        except UserError as error:
            raise self._refusal(f"{str(error).split('. ')[0].rstrip('.')}") from None
        if len(content) > MAX_BYTES:
            raise self._refusal(f"a tile has {len(content):,} bytes")
        return content

    def _decoded(self, content: bytes) -> np.ndarray:
        driver = next((name for head, name in DRIVERS.items() if content.startswith(head)), None)
        if driver is None:
            raise self._refusal(NO_PICTURE)
        try:
            with MemoryFile(content) as file, open_with_drivers(file.name, [driver]) as tile:
                if max(tile.shape) > MAX_SIDE:
                    raise self._refusal(f"a tile has {tile.width} x {tile.height} pixels")
                bands = tile.read(out_dtype="uint8")
                table = _palette(tile) if tile.count == 1 else None
        except RasterioError:
            raise self._refusal(NO_PICTURE) from None
        if table is not None:
            colours = np.array([table.get(number, (0, 0, 0, 0)) for number in range(256)], dtype=np.uint8)
            return colours[bands[0]]
        grey, alpha = bands[:1].repeat(3, axis=0), np.full_like(bands[:1], 255)
        parts = {1: (grey, alpha), 2: (grey, bands[1:2]), 3: (bands[:3], alpha)}.get(len(bands), (bands[:4],))
        return np.moveaxis(np.concatenate(parts), 0, -1)

    def _refusal(self, reason: str) -> UserError:
        host = urlsplit(self.settings.url).hostname
        return UserError(
            f"The basemap does not come from {host}: {reason}. Choose another picture, or correct review.basemap in the configuration; "
            "the region's own pictures do not need it."
        )


@dataclass(frozen=True, kw_only=True)
class BasemapLayer(PictureLayer):
    """The tiles in the grid of a plane, each pixel the nearest of the tile's."""

    tiles: BasemapTiles

    def paint(self, plane: str, frame: Frame, look: Look) -> np.ndarray | None:
        """Return the picture. Raises UserError where the tiles do not come."""
        x, y = _mercator(frame)
        inside = np.isfinite(x) & np.isfinite(y) & (np.abs(y) < WORLD_M / 2)
        if not inside.any():
            return None
        zoom = self._zoom(x, y, inside)
        columns, rows = _pixels(x, zoom), _pixels(-y, zoom)
        keys = np.stack([columns // SIDE, rows // SIDE], axis=-1)
        pixels = np.zeros((*frame.shape, 4), dtype=np.uint8)
        for column, row in np.unique(keys[inside], axis=0).tolist():
            here = inside & (keys == (column, row)).all(axis=-1)
            tile = self.tiles.tile(zoom, column, row)
            height, width = tile.shape[:2]
            down, across = (rows[here] % SIDE) * height // SIDE, (columns[here] % SIDE) * width // SIDE
            pixels[here] = tile[down, across]
        return pixels

    def _zoom(self, x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> int:
        """Return the zoom whose pixels are as fine as the picture's, of few tiles."""
        steps = np.hypot(np.diff(x, axis=1), np.diff(y, axis=1))
        step = float(np.nanmedian(np.where(np.isfinite(steps), steps, np.nan)))
        zoom = ceil(log2(WORLD_M / SIDE / max(step, 1e-6)) - 0.25)
        zoom = min(max(zoom, 0), self.tiles.settings.highest_zoom)
        while zoom and _count(x[inside], y[inside], zoom) > MOST_TILES:
            zoom -= 1
        return zoom

    def files(self) -> list[str]:
        """Return no file: the tiles come from elsewhere."""
        return []

    def stamp(self) -> str:
        """Return a text that changes with the address, for the browser's cache."""
        return hashlib.sha256(repr(self.tiles.settings).encode()).hexdigest()[:12]


def basemap_layers(settings: Basemap | None, planes: tuple[str, ...]) -> list[PictureLayer]:
    """Return the layer of the basemap, none without the setting."""
    if settings is None:
        return []
    title, note = "basemap", settings.attribution
    return [
        BasemapLayer(
            id="basemap", title=title, group="basemap", planes=planes, attribution=note, tiles=BasemapTiles(settings)
        )
    ]


def _mercator(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a frame's pixels in Web Mercator, each (h, w)."""
    west, _, _, north = frame.bounds
    width, height = frame.pixel
    across = west + width * (np.arange(frame.shape[1]) + 0.5)
    down = north - height * (np.arange(frame.shape[0]) + 0.5)
    transformer = Transformer.from_crs(frame.crs.to_wkt(), MERCATOR, always_xy=True)
    x, y = transformer.transform(*np.meshgrid(across, down))
    return np.asarray(x), np.asarray(y)


def _pixels(metres: np.ndarray, zoom: int) -> np.ndarray:
    """Return the number of each pixel of the world at a zoom, from the west or the north on."""
    scaled = (metres / WORLD_M + 0.5) * SIDE * 2.0**zoom
    return np.floor(np.where(np.isfinite(scaled), scaled, 0.0)).astype(np.int64)


def _count(x: np.ndarray, y: np.ndarray, zoom: int) -> int:
    spans = [np.ptp(_pixels(values, zoom) // SIDE) + 1 for values in (x, -y)]
    return int(spans[0] * spans[1])


def _palette(tile: DatasetReader) -> dict[int, tuple[int, int, int, int]] | None:
    """Return the colours of a tile's values; None where its values are colours."""
    try:
        return tile.colormap(1)
    except ValueError:  # it has no table
        return None
