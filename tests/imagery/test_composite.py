"""The composite against a plain loop over pixels, for any scenes, order and mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobate.imagery.composite import compose_rows
from lobate.imagery.pixels import AVOIDED, CLEAR, MASKED, dilate
from lobate.settings.imagery import Clouds

INVALID, AVOID = (0, 1, 3, 8, 9, 10), (2, 7, 11)


def plainly(scenes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Look at every pixel of scenes (values, ranks): the first clear one, else the first avoided one."""
    values = np.zeros_like(scenes[0][0])
    givers, ranks = np.zeros(scenes[0][1].shape, np.uint8), np.full(scenes[0][1].shape, MASKED, np.uint8)
    for row, col in np.ndindex(*givers.shape):
        for wanted in (CLEAR, AVOIDED):
            for number, (pixels, rank) in enumerate(scenes, 1):
                if rank[row, col] == wanted and not givers[row, col]:
                    values[:, row, col] = pixels[:, row, col]
                    givers[row, col], ranks[row, col] = number, wanted
    return values, givers, ranks


class Source:
    """A scene in memory; where it has no number, its classification may say otherwise."""

    def __init__(self, values, ranks, by_class):
        self.values, self.ranks, self.by_class, self.reads = values, ranks, by_class, 0

    def class_rank(self, start, stop):
        return self.by_class

    def rows(self, start, stop):
        self.reads += 1
        return self.values.copy(), self.ranks.copy()


@st.composite
def rows_of_scenes(draw):
    count, height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    scenes = []
    for _ in range(count):
        by_class = draw(arrays(np.uint8, (height, width), elements=st.integers(CLEAR, MASKED)))
        ranks = np.where(draw(arrays(bool, (height, width))), by_class, np.uint8(MASKED))
        pixels = draw(arrays(np.uint8, (3, height, width), elements=st.integers(1, 255)))
        scenes.append(Source(pixels * (ranks < MASKED), ranks, by_class))
    return scenes


@settings(deadline=None, max_examples=150)
@given(scenes=rows_of_scenes())
def test_each_pixel_is_from_the_first_scene_that_shows_it_best(scenes):
    found = compose_rows(scenes, 0, len(scenes[0].ranks), Source.rows)
    expected = plainly([(scene.values, scene.ranks) for scene in scenes])
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


def test_a_scene_is_not_read_where_its_classification_promises_nothing():
    values, snow, clear = np.ones((3, 2, 2), np.uint8), np.full((2, 2), AVOIDED, np.uint8), np.zeros((2, 2), np.uint8)
    scenes = [Source(values, snow, snow), Source(values * 2, snow, snow), Source(values * 3, clear, clear)]
    found, numbers, _ = compose_rows([*scenes, Source(values, clear, clear)], 0, 2, Source.rows)
    assert (found == 3).all()
    assert (numbers == 3).all()
    assert [scene.reads for scene in scenes] == [1, 0, 1]


def ranks_of(ground: np.ndarray, classes: np.ndarray, clouds: Clouds) -> np.ndarray:
    """Return the ranks of a scene's pixels of 10 m, from its numbers and its classes of 20 m."""
    ranks = np.select([np.isin(classes, INVALID), np.isin(classes, AVOID)], [MASKED, AVOIDED], CLEAR)
    rim = dilate(np.isin(classes, INVALID[1:]), clouds.avoided_rim_m / 20)
    ranks = np.where((ranks == CLEAR) & rim, AVOIDED, ranks).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    return np.where((ground > 0).all(axis=0), ranks, np.uint8(MASKED))


@pytest.mark.parametrize("rim", [0.0, 20.0])
@pytest.mark.parametrize("seed", range(4))
def test_whole_products_compose_as_worked_out_by_hand(products, tmp_path, seed, rim):
    """Clouds, snow, wedges and single zeros; cloud covers and dates that tie; products with and without an offset."""
    rng, clouds = np.random.default_rng(seed), Clouds(avoided_rim_m=rim)
    listed = []
    for number in range(3):
        ground = products.ground(20, 30, seed=int(rng.integers(99)))
        ground[:, : rng.integers(1, 18), : rng.integers(1, 28)] = 0
        ground[rng.integers(3), rng.integers(20), rng.integers(30)] = 0
        classes = rng.choice([*INVALID, 4, 5, *AVOID], (10, 15), p=[0.03] * 6 + [0.4, 0.12, 0.1, 0.1, 0.1])
        early, cloud, date = rng.random() < 0.5, float(rng.choice([1, 2])), f"201807{rng.integers(10, 13)}"
        properties = {"baseline": "02.14", "offset": None} if early else {"baseline": "05.09", "offset": -1000}
        numbers = ground if early else np.where(ground, ground + 1000, 0).astype(np.uint16)
        scene = products.write_safe(
            tmp_path / str(number),
            numbers,
            cloud=cloud,
            date=date,
            classes=classes.astype(np.uint8),
            suffix=".tif",
            **properties,
        )
        ranks = ranks_of(ground, classes, clouds)
        listed.append(((cloud, date, scene.stem), scene, (products.by_hand(ground) * (ranks < MASKED), ranks)))
    image = products.compose([scene for _, scene, _ in listed], tmp_path / "image.tif", clouds=clouds)
    expected, _, _ = plainly([pixels for *_, pixels in sorted(listed, key=lambda one: one[0])])
    assert np.array_equal(image, expected)
