"""The scenario of the synthetic world: its landforms, and the files that hold each of them.

Outlines by hand cover the west only, so the easternmost landforms are hidden. The InSAR-like inventory holds a part of the
known and of the hidden landforms. One landform lies under a cloud on the first date and outside the swath on the second; one
is too small for 10 m pixels. Both stand in the list of removed ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import geopandas as gpd
import numpy as np

from lobate.example.landforms import Body, add_relief
from lobate.example.placement import PlacementMap, place_landforms
from lobate.example.product import WorldLayout
from lobate.example.surface import LandCover, Sky, cloud_over, land_cover, render_scene, swath_east_of
from lobate.example.terrain import heights
from lobate.example.vectors import digitized_outlines, insar_inventory, truth_table
from lobate.settings.example import Example

SEAM, SMALL = 0, 1
"""Numbers of two special landforms: the one across the seam, and the one that is too small to map."""
INSAR_SHARE_KNOWN, INSAR_SHARE_HIDDEN = 0.75, 0.5
"""Shares of the landforms drawn by hand, and of the hidden ones, in the InSAR-like inventory."""
EDGE_PX = 12
"""Pixels along the world's edge on which no body lies."""


def rng_for(seed: int, topic: str) -> np.random.Generator:
    """Return a random generator for one topic; more draws in one topic change no other."""
    return np.random.default_rng([seed, crc32(topic.encode())])


@dataclass(frozen=True)
class Scenario:
    """The synthetic world: heights, land cover and bodies; ``hidden``, ``in_insar`` and ``unseen`` number the landforms.

    ``unseen`` is the landform that no date shows.
    """

    layout: WorldLayout
    seed: int
    surface: np.ndarray
    cover: LandCover
    landforms: list[Body]
    lookalikes: list[Body]
    hidden: set[int]
    in_insar: set[int]
    unseen: int

    @cached_property
    def truth(self) -> gpd.GeoDataFrame:
        """All landforms."""
        return truth_table(self.landforms, self.layout, self.hidden, self.in_insar)

    @cached_property
    def positives(self) -> gpd.GeoDataFrame:
        """The landforms drawn by hand."""
        known = [number for number in range(len(self.landforms)) if number not in self.hidden]
        bodies, ids = [self.landforms[number] for number in known], [_landform_id(number) for number in known]
        return digitized_outlines(bodies, ids, self.layout)

    @cached_property
    def negatives(self) -> gpd.GeoDataFrame:
        """The look-alikes drawn by hand: those west of the first hidden landform."""
        limit = min((_centre_column(self.landforms[number]) for number in self.hidden), default=np.inf)
        known = [body for body in self.lookalikes if _centre_column(body) < limit]
        return digitized_outlines(known, [f"neg{number + 1:03d}" for number in range(len(known))], self.layout)

    @cached_property
    def insar(self) -> gpd.GeoDataFrame:
        """The InSAR-like inventory."""
        return insar_inventory(self.truth, rng_for(self.seed, "insar"))

    @property
    def removed(self) -> dict[str, str]:
        """Ids that are not for training, and why."""
        return {
            _landform_id(SMALL): "too small to be recognised in pixels of 10 m",
            _landform_id(self.unseen): "under a cloud on one date and beyond the edge of the orbit on the other",
        }

    def render(self, sensed: str, *, earliest: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return reflectance and classes of the whole world on one date.

        The ``earliest`` date has the cloud; on the others the swath ends in the world.
        """
        body, shape = self.landforms[self.unseen], self.surface.shape
        if earliest:
            tile_width = next(iter(self.layout.tiles.values())).width
            cloud = cloud_over(body, shape, 0.09 * tile_width, rng_for(self.seed, "cloud"))
            sky = Sky(128.0, 66.0, (0.006, 0.004, 0.002, 0.001), cloud=cloud)
        else:
            sky = Sky(136.0, 62.0, (0.010, 0.006, 0.003, 0.001), swath=swath_east_of(body, shape))
        return render_scene(self.cover, self.surface, sky, rng_for(self.seed, f"noise {sensed}"))


def generate(layout: WorldLayout, example: Example, seed: int) -> Scenario:
    """Return the scenario of a world; UserError when it has no room for all its bodies."""
    bare = heights(layout.world.shape, rng_for(seed, "terrain"))
    placement = PlacementMap(bare, layout.margin + EDGE_PX, rng_for(seed, "places"))
    landforms, lookalikes = place_landforms(placement, example.landforms, example.lookalikes, layout.seam)
    surface = add_relief(bare, landforms + lookalikes)
    hidden = _choose_hidden(landforms, example.hidden)
    known = [number for number in range(len(landforms)) if number not in hidden]
    return Scenario(
        layout=layout,
        seed=seed,
        surface=surface,
        cover=land_cover(surface, landforms + lookalikes, rng_for(seed, "cover")),
        landforms=landforms,
        lookalikes=lookalikes,
        hidden=hidden,
        in_insar=_random_share(known, INSAR_SHARE_KNOWN, seed)
        | _random_share(sorted(hidden), INSAR_SHARE_HIDDEN, seed),
        unseen=min(_ordinary(known), key=lambda number: _centre_column(landforms[number])),
    )


def _choose_hidden(landforms: list[Body], share: float) -> set[int]:
    """Return the easternmost landforms without the special ones; at least two stay known."""
    eastward = sorted(_ordinary(range(len(landforms))), key=lambda number: _centre_column(landforms[number]))
    count = min(round(share * len(landforms)), max(len(eastward) - 2, 0))
    return set(eastward[len(eastward) - count :])


def _ordinary(numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if number not in (SEAM, SMALL)]


def _random_share(numbers: list[int], share: float, seed: int) -> set[int]:
    order = rng_for(seed, "mapped").permutation(len(numbers))
    return {numbers[index] for index in order[: round(share * len(numbers))]}


def _centre_column(body: Body) -> float:
    return body.col + body.edge_distance.shape[1] / 2


def _landform_id(number: int) -> str:
    return f"wkl{number + 1:03d}"
