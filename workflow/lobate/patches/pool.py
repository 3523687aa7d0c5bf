"""All patches of a region with what every way of splitting them asks for: who overlaps whom, and a seeded order.

The order comes from a hash of the seed and of each patch's place (its tile and window), never from its number: so a patch
keeps its turn when others are added or taken away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256

import geopandas as gpd
import numpy as np
from scipy.sparse import csr_array

from lobate.patches.overlap import connected_groups, overlap_matrix, overlapping


def seeded_hash(seed: int, name: str) -> int:
    """Return a number of 64 bits that looks random and depends on ``seed`` and ``name`` alone."""
    return int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big")


def n_validation(patches: int, share: float) -> int:
    """Return how many of ``patches`` are to validate: ``share`` of them, rounded; at least one on either side."""
    return min(max(round(Fraction(str(share)) * patches), 1), patches - 1)


@dataclass(frozen=True)
class Pool:
    """``footprints``: n patches in EPSG:4326 (``footprints.read_all``); arrays are (n,), ``overlap`` is (n, n).

    ``given``: what the outlines' own field says of each polygon's side or fold, where it says anything.
    """

    footprints: gpd.GeoDataFrame
    seed: int
    field_values: dict[str, str] = field(default_factory=dict)
    overlap: csr_array = field(init=False, repr=False)
    groups: np.ndarray = field(init=False, repr=False)
    """Number of the connected group of overlapping footprints."""
    places: np.ndarray = field(init=False, repr=False)
    """Where each patch lies, in words: tile/row/column/height x width."""
    rank: np.ndarray = field(init=False, repr=False)
    """Place of each patch in the seeded order, 0 to n - 1."""

    def __post_init__(self) -> None:
        overlap = overlap_matrix(self.footprints)
        columns = self.footprints[["tile", "window_row", "window_col", "height", "width"]].itertuples(index=False)
        places = np.array([f"{tile}/{row}/{col}/{height}x{width}" for tile, row, col, height, width in columns])
        derived = {
            "overlap": overlap,
            "groups": connected_groups(overlap),
            "places": places,
            "rank": self._ranks(places),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def _ranks(self, places: np.ndarray) -> np.ndarray:
        hashes = np.array([seeded_hash(self.seed, place) for place in places], dtype=np.uint64)
        return np.argsort(np.lexsort((self.polygons, hashes)))  # two outlines may share a window

    def __len__(self) -> int:
        return len(self.footprints)

    @property
    def polygons(self) -> np.ndarray:
        """Whose sub-image each patch is of, (n,) of str."""
        return self.footprints["polygon"].to_numpy(dtype=str)

    @property
    def positive(self) -> np.ndarray:
        """Patches that show a pixel of the landform."""
        return (self.footprints["positive"] > 0).to_numpy()

    @property
    def negative(self) -> np.ndarray:
        """Patches of negative outlines."""
        return (self.footprints["class"] == "negative").to_numpy()

    def sides(self, validation: np.ndarray, *, drop: bool) -> np.ndarray:
        """Return the side of each patch: training, validation, or with ``drop`` dropped, where it overlaps validation."""
        sides = np.where(validation, "validation", "training").astype(object)
        if drop:
            sides[overlapping(self.overlap, validation)] = "dropped"
        return sides
