"""Places on the ground: their seeded order, and the blocks they lie in. Neither changes when other places are added."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

EARTH_KM = 6371.0


def seeded_hash(seed: int, name: str) -> int:
    """Return a pseudo-random number of 64 bits that depends on ``seed`` and ``name`` alone."""
    return int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big")


def blocks_of(bounds: np.ndarray, block_km: float) -> np.ndarray:
    """Return the name of the block at the centre of each box, (n,): squares of ``block_km``, rows counted from the equator.

    ``bounds``: (n, 4), west, south, east and north in degrees. Rows are equally high, and the blocks of a row are as wide as
    high at its middle latitude.
    """
    west, south, east, north = np.radians(bounds).T
    lon, lat = (west + east) / 2, (south + north) / 2
    rows = np.floor(lat * EARTH_KM / block_km)
    middle = (rows + 0.5) * block_km / EARTH_KM
    cols = np.floor(lon * np.cos(middle) * EARTH_KM / block_km)
    return np.array([f"{row:.0f}/{col:.0f}" for row, col in zip(rows, cols, strict=True)])
