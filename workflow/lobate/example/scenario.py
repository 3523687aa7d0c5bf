"""The scenario of the synthetic world: its landforms, and the files that hold each of them.

People mapped the west completely, the middle in part, and the east not at all. So half of the hidden landforms are the
easternmost, and half lie in the middle, beside known ones. The InSAR-like inventory holds a part of the known and of the
hidden landforms. One landform lies under a cloud on the first date and outside the swath on the second; one
is too small for 10 m pixels. Both stand in the list of removed ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import geopandas as gpd
import numpy as np
import shapely

from lobate.example.landforms import Body, add_relief
from lobate.example.placement import PlacementMap, place_landforms
from lobate.example.product import WorldLayout
from lobate.example.surface import LandCover, Sky, cloud_over, land_cover, render_scene, swath_east_of
from lobate.example.terrain import heights
from lobate.example.vectors import digitized_outlines, ground_until, insar_inventory, truth_table
from lobate.settings.example import Example

SEAM, SMALL = 0, 1
"""Numbers of two special landforms: the one across the seam, and the one that is too small to map."""
COMPLETE_SHARE = 0.45
"""Share of the world's columns, from the west on, that people mapped completely."""
INSAR_SHARE_KNOWN, INSAR_SHARE_HIDDEN = 0.75, 0.5
"""Shares of the landforms drawn by hand, and of the hidden ones, in the InSAR-like inventory."""
REACH = 0.04
"""Share of a tile's side that patches reach beyond a body, at least."""
EDGE_PX = 12
"""Pixels along the world's edge on which no body lies."""


def rng_for(seed: int, topic: str) -> np.random.Generator:
    """Return a random generator for one topic; more draws in one topic change no other."""
    return np.random.default_rng([seed, crc32(topic.encode())])


@dataclass(frozen=True)
class Scenario:
    """The synthetic world: heights, land cover and bodies; ``hidden``, ``in_insar`` and ``unseen`` number the landforms.

    ``unseen`` is the landform that no date shows. No outline by hand lies east of ``mapped_until``, a column.
    """

    layout: WorldLayout
    seed: int
    surface: np.ndarray
    cover: LandCover
    landforms: list[Body]
    lookalikes: list[Body]
    hidden: set[int]
    mapped_until: float
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
        """The look-alikes drawn by hand: those in the west and in the middle."""
        known = [body for body in self.lookalikes if _centre_column(body) < self.mapped_until]
        return digitized_outlines(known, [f"neg{number + 1:03d}" for number in range(len(known))], self.layout)

    @cached_property
    def complete(self) -> gpd.GeoDataFrame:
        """The ground that people mapped completely: the west."""
        return ground_until(self.layout, complete_until(self.layout))

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
    placement = PlacementMap(bare, layout.margin + EDGE_PX, rng_for(seed, "places"), round(REACH * example.side))
    landforms, lookalikes = place_landforms(placement, example.landforms, example.lookalikes, layout.seam)
    surface = add_relief(bare, landforms + lookalikes)
    eastern, among = _choose_hidden(landforms, example.hidden, complete_until(layout))
    hidden = eastern | among
    known = [number for number in range(len(landforms)) if number not in hidden]
    return Scenario(
        layout=layout,
        seed=seed,
        surface=surface,
        cover=land_cover(surface, landforms + lookalikes, rng_for(seed, "cover")),
        landforms=landforms,
        lookalikes=lookalikes,
        hidden=hidden,
        mapped_until=min((_centre_column(landforms[number]) for number in eastern), default=np.inf),
        in_insar=_random_share(known, INSAR_SHARE_KNOWN, seed)
        | _random_share(sorted(hidden), INSAR_SHARE_HIDDEN, seed),
        unseen=min(_ordinary(known), key=lambda number: _centre_column(landforms[number])),
    )


def complete_until(layout: WorldLayout) -> int:
    """Return the column where the ground ends that people mapped completely."""
    return round(COMPLETE_SHARE * layout.world.width)


def _choose_hidden(landforms: list[Body], share: float, complete: int) -> tuple[set[int], set[int]]:
    """Return the landforms without outlines by hand: the easternmost, and as many among known ones.

    The latter lie east of the column ``complete``, each as near to a known one as possible. Special landforms are known, and
    at least two others.
    """
    ordinary = _ordinary(range(len(landforms)))
    count = min(round(share * len(landforms)), max(len(ordinary) - 2, 0))
    eastward = sorted(ordinary, key=lambda number: _centre_column(landforms[number]))
    eastern = set(eastward[len(eastward) - (count + 1) // 2 :]) if count else set()
    among: set[int] = set()
    while len(among) < count // 2:
        known = [number for number in range(len(landforms)) if number not in eastern | among]
        nearest = _distances_to_nearest([landforms[number] for number in known])
        middle = [
            index for index, number in enumerate(known) if number in ordinary and landforms[number].col > complete
        ]
        if not middle:
            break
        among.add(known[min(middle, key=lambda index: nearest[index])])
    return eastern, among


def _distances_to_nearest(bodies: list[Body]) -> np.ndarray:
    """Return each body's distance in pixels to the nearest other one."""
    outlines = np.array([body.outline for body in bodies], dtype=object)
    distances = shapely.distance(outlines[:, None], outlines[None])
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


def _ordinary(numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if number not in (SEAM, SMALL)]


def _random_share(numbers: list[int], share: float, seed: int) -> set[int]:
    order = rng_for(seed, "mapped").permutation(len(numbers))
    return {numbers[index] for index in order[: round(share * len(numbers))]}


def _centre_column(body: Body) -> float:
    return body.col + body.edge_distance.shape[1] / 2


def _landform_id(number: int) -> str:
    return f"wkl{number + 1:03d}"
