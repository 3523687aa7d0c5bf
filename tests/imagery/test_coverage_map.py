from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from matplotlib.colors import to_rgb
from shapely.geometry import box

from lobate.imagery.finding.coverage import MAX_COUNT, measure_coverage
from lobate.imagery.finding.coverage_map import NO_SCENE_COLOUR, _colour, draw_coverage

AREA = box(10, 46, 12, 47)


def picture(path, footprints):
    draw_coverage(
        measure_coverage(AREA, footprints),
        [SimpleNamespace(tile="33TWM", footprint=footprint) for footprint in footprints],
        path,
    )
    with rasterio.open(path) as png:
        return png.read()[:3]


def pixels(image, colour):
    rgb = np.round(np.array(to_rgb(colour)) * 255).astype(np.uint8)
    return int((image == rgb[:, None, None]).all(axis=0).sum())


def test_the_picture_shows_each_number_of_scenes_by_its_share(tmp_path):
    image = picture(tmp_path / "c.png", [box(10, 46, 11, 47), box(10, 46, 10.5, 47)])
    none, once, twice = (pixels(image, one) for one in (NO_SCENE_COLOUR, _colour(1), _colour(2)))
    assert none / (none + once + twice) == pytest.approx(0.5, abs=0.02)
    assert once / (none + once + twice) == pytest.approx(0.25, abs=0.02)


def test_many_scenes_share_the_darkest_colour(tmp_path):
    image = picture(tmp_path / "c.png", [AREA] * (MAX_COUNT + 3))
    assert pixels(image, _colour(MAX_COUNT)) > 50_000
    assert pixels(image, NO_SCENE_COLOUR) == 0


def test_same_coverage_same_bytes(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / name, [box(10, 46, 11, 47)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"Software" not in (tmp_path / "a").read_bytes()


def test_a_hole_in_the_area_stays_white(tmp_path):
    covered = measure_coverage(AREA - box(10.5, 46.2, 11.5, 46.8), [AREA])
    draw_coverage(covered, [SimpleNamespace(tile="33TWM", footprint=AREA)], tmp_path / "c.png")
    with rasterio.open(tmp_path / "c.png") as png:
        image = png.read()[:3]
    row, column = np.argwhere(
        (image == np.round(np.array(to_rgb(_colour(1))) * 255).astype(np.uint8)[:, None, None]).all(axis=0)
    ).mean(axis=0)
    assert pixels(image[:, int(row) - 60 : int(row) + 60, int(column) - 60 : int(column) + 60], "white") == 120 * 120
