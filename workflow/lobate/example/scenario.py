"""What happens in the synthetic world: which landforms there are, and who knows of which.

People drew outlines in the west and never reached the east, so the easternmost landforms are hidden. InSAR, which needs no
visit, found a part of the ones and of the others. One landform lay under a cloud on the first date and beyond the orbit's
edge on the second; one is too small for 10 m pixels: both stand in the list of removed ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import geopandas as gpd
import numpy as np

from lobate.example.landforms import Body, add_relief
from lobate.example.placement import PlacementMap, place_landforms
from lobate.example.product import WorldLayout
from lobate.example.surface import Cover, Sky, cloud_over, cover, render_scene, swath_east_of
from lobate.example.terrain import heights
from lobate.example.vectors import drawn, insar_inventory, truth_table
from lobate.settings.example import Example

SEAM, SMALL = 0, 1
"""Places of two special landforms in the list: the one across the seam, and the one that is too small."""
INSAR_KNOWN, INSAR_HIDDEN = 0.75, 0.5
"""Shares of the landforms drawn by hand, and of the hidden ones, that InSAR found."""
EDGE = 12
"""Pixels along the world's edge on which no body lies."""


def rng_for(seed: int, topic: str) -> np.random.Generator:
    """Return a generator of its own for a topic, so that a change in one leaves all others as they were."""
    return np.random.default_rng([seed, crc32(topic.encode())])


@dataclass(frozen=True)
class Scenario:
    """The invented world, and all that is told of it. Lists of landforms and of look-alikes, places in them by number."""

    layout: WorldLayout
    seed: int
    surface: np.ndarray
    ground: Cover
    landforms: list[Body]
    lookalikes: list[Body]
    hidden: set[int]
    mapped: set[int]
    covered: int

    @cached_property
    def truth(self) -> gpd.GeoDataFrame:
        """All landforms."""
        return truth_table(self.landforms, self.layout, self.hidden, self.mapped)

    @cached_property
    def positives(self) -> gpd.GeoDataFrame:
        """The landforms drawn by hand."""
        known = [number for number in range(len(self.landforms)) if number not in self.hidden]
        return drawn([self.landforms[number] for number in known], [_id(number) for number in known], self.layout)

    @cached_property
    def negatives(self) -> gpd.GeoDataFrame:
        """The look-alikes drawn by hand: those west of the first hidden landform."""
        limit = min((_east(self.landforms[number]) for number in self.hidden), default=np.inf)
        known = [body for body in self.lookalikes if _east(body) < limit]
        return drawn(known, [f"neg{number + 1:03d}" for number in range(len(known))], self.layout)

    @cached_property
    def insar(self) -> gpd.GeoDataFrame:
        """What InSAR found."""
        return insar_inventory(self.truth, rng_for(self.seed, "insar"))

    @property
    def removed(self) -> dict[str, str]:
        """Ids that are not for training."""
        return {
            _id(SMALL): "too small to be recognised in pixels of 10 m",
            _id(self.covered): "under a cloud on one date and beyond the edge of the orbit on the other",
        }

    def seen_on(self, sensed: str, *, earliest: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return reflectance and classes of the whole world on one date; the ``earliest`` has the cloud, others the wedge."""
        body, shape = self.landforms[self.covered], self.surface.shape
        if earliest:
            cloud = cloud_over(
                body, shape, 0.09 * self.layout.tiles[_first(self.layout)].width, rng_for(self.seed, "cloud")
            )
            sky = Sky(128.0, 66.0, (0.006, 0.004, 0.002, 0.001), cloud=cloud)
        else:
            sky = Sky(136.0, 62.0, (0.010, 0.006, 0.003, 0.001), seen=swath_east_of(body, shape))
        return render_scene(self.ground, self.surface, sky, rng_for(self.seed, f"noise {sensed}"))


def generate(layout: WorldLayout, example: Example, seed: int) -> Scenario:
    """Return the story of a world; UserError when it has no room for all its bodies."""
    bare = heights(layout.world.shape, rng_for(seed, "terrain"))
    ground = PlacementMap(bare, layout.margin + EDGE, rng_for(seed, "places"))
    landforms, lookalikes = place_landforms(ground, example.landforms, example.lookalikes, layout.seam)
    surface = add_relief(bare, landforms + lookalikes)
    hidden = _hidden(landforms, example.hidden)
    known = [number for number in range(len(landforms)) if number not in hidden]
    return Scenario(
        layout=layout,
        seed=seed,
        surface=surface,
        ground=cover(surface, landforms + lookalikes, rng_for(seed, "cover")),
        landforms=landforms,
        lookalikes=lookalikes,
        hidden=hidden,
        mapped=_some(known, INSAR_KNOWN, seed) | _some(sorted(hidden), INSAR_HIDDEN, seed),
        covered=min((number for number in known if number not in (SEAM, SMALL)), key=lambda n: _east(landforms[n])),
    )


def _hidden(landforms: list[Body], share: float) -> set[int]:
    """Return the easternmost landforms but the special ones; at least two others stay known."""
    others = sorted((n for n in range(len(landforms)) if n not in (SEAM, SMALL)), key=lambda n: _east(landforms[n]))
    count = min(round(share * len(landforms)), max(len(others) - 2, 0))
    return set(others[len(others) - count :])


def _some(numbers: list[int], share: float, seed: int) -> set[int]:
    order = rng_for(seed, "mapped").permutation(len(numbers))
    return {numbers[place] for place in order[: round(share * len(numbers))]}


def _east(body: Body) -> float:
    return body.col + body.inside.shape[1] / 2


def _first(layout: WorldLayout) -> str:
    return next(iter(layout.tiles))


def _id(number: int) -> str:
    return f"wkl{number + 1:03d}"
