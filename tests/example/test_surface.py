from __future__ import annotations

import numpy as np
import pytest

from lobate.example.landforms import LAKE, ROCK_GLACIER, blob_shape
from lobate.example.surface import (
    BANDS,
    BARE,
    CLOUD_HIGH,
    NODATA,
    SHADOW,
    SNOW,
    WATER,
    LandCover,
    Sky,
    cloud_over,
    land_cover,
    render_scene,
    swath_east_of,
)


def test_cover_is_reflectance_and_classes_of_the_whole_world(scenario):
    assert scenario.cover.albedo.shape == (len(BANDS), *scenario.layout.world.shape)
    assert scenario.cover.albedo.min() > 0
    assert scenario.cover.albedo.max() < 1.3
    assert {BARE, SNOW} <= set(np.unique(scenario.cover.classes)) <= {4, 5, 6, 11}


def test_snow_lies_high(scenario):
    high = scenario.surface[scenario.cover.classes == SNOW].mean()
    assert high > np.percentile(scenario.surface, 90)


def test_lakes_are_dark_water(scenario):
    for lake in (body for body in scenario.lookalikes if body.kind == LAKE):
        deep = lake.edge_distance > 1
        assert (scenario.cover.classes[lake.window][lake.mask] == WATER).all()
        assert scenario.cover.albedo[2][lake.window][deep].mean() < 0.08


def test_tone_alone_does_not_give_a_rock_glacier_away(scenario):
    """The red reflectance of landforms lies within what bare ground has anyway."""
    landform = np.zeros(scenario.surface.shape, dtype=bool)
    for body in scenario.landforms:
        landform[body.window] |= body.mask
    red, bare = scenario.cover.albedo[2], scenario.cover.classes == BARE
    low, high = np.percentile(red[bare & ~landform], [2, 98])
    assert ((red[landform] > low) & (red[landform] < high)).mean() > 0.8


def test_blend_lays_a_colour_by_its_share():
    cover = LandCover(np.zeros((4, 3, 3), np.float32), np.zeros((3, 3), np.uint8))
    share = np.eye(3)
    cover.blend((slice(None), slice(None)), (0.1, 0.2, 0.3, 0.4), share)
    assert cover.albedo[:, 0, 0] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert cover.albedo[:, 0, 1] == pytest.approx(0)


def test_cover_is_repeatable(scenario):
    again = land_cover(scenario.surface, scenario.landforms, np.random.default_rng(1))
    assert np.array_equal(
        again.albedo, land_cover(scenario.surface, scenario.landforms, np.random.default_rng(1)).albedo
    )


SHAPE = (160, 160)


@pytest.fixture
def level_ground():
    return LandCover(np.full((4, *SHAPE), 0.2, np.float32), np.full(SHAPE, BARE, np.uint8))


@pytest.fixture
def body():
    return blob_shape(ROCK_GLACIER, (80, 60), 12, np.array([1.0, 0.0]), np.random.default_rng(2))


def render(cover, sky):
    return render_scene(cover, np.zeros(SHAPE), sky, np.random.default_rng(0))


def test_level_ground_gives_back_its_albedo_plus_haze(level_ground):
    reflectance, classes = render(level_ground, Sky(130, 60, (0.02, 0.0, 0.0, 0.0)))
    assert reflectance[0].mean() == pytest.approx(0.22, abs=1e-3)
    assert reflectance[1].mean() == pytest.approx(0.2, abs=1e-3)
    assert (classes == BARE).all()


def test_a_cloud_is_bright_and_its_shadow_dark(level_ground, body):
    cloud = cloud_over(body, SHAPE, 25, np.random.default_rng(1))
    assert (cloud[body.window][body.mask] > 0.6).all(), "it covers the body"
    reflectance, classes = render(level_ground, Sky(180, 50, (0, 0, 0, 0), cloud=cloud))
    assert (classes[body.window][body.mask] == CLOUD_HIGH).all()
    assert reflectance[2][classes == CLOUD_HIGH].mean() > 0.5
    assert reflectance[2][classes == SHADOW].mean() < 0.17
    rows = np.nonzero(classes == SHADOW)[0]
    assert rows.mean() < 80, "with the sun in the south, shadows fall to the north"


def test_nothing_is_seen_beyond_the_orbits_edge(level_ground, body):
    wedge = swath_east_of(body, SHAPE)
    reflectance, classes = render(level_ground, Sky(130, 60, (0, 0, 0, 0), swath=wedge))
    assert np.isnan(reflectance[:, body.row : body.window[0].stop, : body.col]).all()
    assert not wedge[body.window][body.mask].any()
    assert np.array_equal(np.isnan(reflectance[0]), classes == NODATA)
    assert wedge.mean() > 0.3
