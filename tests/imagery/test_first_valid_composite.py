"""The composite against a plain loop over pixels, for any scenes, order and mask."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobate.imagery.compose_rgb import first_valid_composite
from lobate.settings.imagery import Clouds

INVALID = (0, 1, 3, 8, 9, 10)


def plainly(scenes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Look at every pixel of scenes (values, seen) in turn."""
    values, givers = np.zeros_like(scenes[0][0]), np.zeros(scenes[0][1].shape, np.uint8)
    for row, col in np.ndindex(*givers.shape):
        for number, (pixels, seen) in enumerate(scenes, 1):
            if seen[row, col] and not givers[row, col]:
                values[:, row, col], givers[row, col] = pixels[:, row, col], number
    return values, givers


@st.composite
def rows_of_scenes(draw):
    count, height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    scenes = []
    for _ in range(count):
        seen = draw(arrays(bool, (height, width)))
        pixels = draw(arrays(np.uint8, (3, height, width), elements=st.integers(1, 255)))
        scenes.append((pixels * seen, seen))
    return scenes


@settings(deadline=None, max_examples=100)
@given(scenes=rows_of_scenes())
def test_each_pixel_is_from_the_first_scene_that_saw_it(scenes):
    sources = [
        SimpleNamespace(rows=lambda start, stop, scene=scene: (scene[0].copy(), scene[1].copy())) for scene in scenes
    ]
    found, expected = first_valid_composite(sources, 0, len(scenes[0][1])), plainly(scenes)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_whole_products_compose_as_worked_out_by_hand(products, tmp_path, seed):
    """Clouds, wedges and single zeros; cloud covers and dates that tie; products with and without an offset."""
    rng = np.random.default_rng(seed)
    listed = []
    for number in range(3):
        ground = products.ground(20, 30, seed=int(rng.integers(99)))
        ground[:, : rng.integers(1, 18), : rng.integers(1, 28)] = 0
        ground[rng.integers(3), rng.integers(20), rng.integers(30)] = 0
        classes = rng.choice([*INVALID, 4, 5, 11], (10, 15), p=[0.03] * 6 + [0.5, 0.22, 0.1]).astype(np.uint8)
        early, cloud, date = rng.random() < 0.5, float(rng.choice([1, 2])), f"201807{rng.integers(10, 13)}"
        properties = {"baseline": "02.14", "offset": None} if early else {"baseline": "05.09", "offset": -1000}
        numbers = ground if early else np.where(ground, ground + 1000, 0).astype(np.uint16)
        scene = products.write_safe(
            tmp_path / str(number), numbers, cloud=cloud, date=date, classes=classes, suffix=".tif", **properties
        )
        seen = (ground > 0).all(axis=0) & ~np.isin(classes, INVALID).repeat(2, axis=0).repeat(2, axis=1)
        listed.append(((cloud, date, scene.stem), scene, (products.by_hand(ground) * seen, seen)))
    image = products.compose([scene for _, scene, _ in listed], tmp_path / "image.tif", clouds=Clouds())
    expected, _ = plainly([pixels for *_, pixels in sorted(listed, key=lambda one: one[0])])
    assert np.array_equal(image, expected)
