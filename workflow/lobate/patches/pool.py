"""The pool of all patches of a region, with their overlaps and a seeded order, which every split method uses.

The order comes from a hash of the seed and of each patch's place (its tile and window), never from its number. So the order
of two patches does not change when others are added or removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import geopandas as gpd
import numpy as np
from scipy.sparse import csr_array

from lobate.io.origin import UNMENDED, origins_of
from lobate.io.places import seeded_hash
from lobate.patches.overlap import connected_groups, overlap_matrix, overlapping


def n_validation(patches: int, share: float) -> int:
    """Return the number of validation patches: ``share`` of all ``patches``, rounded, with at least one on either side."""
    return min(max(round(Fraction(str(share)) * patches), 1), patches - 1)


@dataclass(frozen=True)
class Pool:
    """``footprints``: n patches in EPSG:4326 (``footprints.read_all_footprints``); arrays are (n,), ``overlap`` is (n, n).

    ``field_values``: by polygon, its side or fold in the outlines' own field, where it has one.
    """

    footprints: gpd.GeoDataFrame
    seed: int
    field_values: dict[str, str] = field(default_factory=dict)
    overlap: csr_array = field(init=False, repr=False)
    groups: np.ndarray = field(init=False, repr=False)
    """Number of the connected group of overlapping footprints."""
    places: np.ndarray = field(init=False, repr=False)
    """Place of each patch as a name: tile/row/column/heightxwidth."""
    rank: np.ndarray = field(init=False, repr=False)
    """Rank of each patch in the seeded order, 0 to n - 1."""

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
        """The outline of each patch's sub-image, (n,) of str."""
        return self.footprints["polygon"].to_numpy(dtype=str)

    @property
    def positive(self) -> np.ndarray:
        """Patches that show a pixel of the landform, as a person drew or mended it."""
        return (self.footprints["positive"] > 0).to_numpy()

    @cached_property
    def unmended(self) -> np.ndarray:
        """Patches of positive outlines of a model that nobody mended: they never validate."""
        return (origins_of(self.footprints) == UNMENDED) & ~self.negative

    @property
    def negative(self) -> np.ndarray:
        """Patches of negative outlines."""
        return (self.footprints["class"] == "negative").to_numpy()

    def sides(self, validation: np.ndarray, *, drop: bool) -> np.ndarray:
        """Return the side of each patch, (n,): training, validation, or with ``drop`` dropped where it overlaps validation.

        An ``unmended`` patch does not validate, whatever ``validation`` says.
        """
        validation = validation & ~self.unmended
        sides = np.where(validation, "validation", "training").astype(object)
        if drop:
            sides[overlapping(self.overlap, validation)] = "dropped"
        return sides
