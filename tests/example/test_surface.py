import numpy as np
import pytest

from lobate.example.bodies import LAKE
from lobate.example.surface import BANDS, BARE, SNOW, WATER, Cover, cover


def test_cover_is_reflectance_and_classes_of_the_whole_world(story):
    assert story.ground.albedo.shape == (len(BANDS), *story.layout.world.shape)
    assert story.ground.albedo.min() > 0
    assert story.ground.albedo.max() < 1.3
    assert {BARE, SNOW} <= set(np.unique(story.ground.classes)) <= {4, 5, 6, 11}


def test_snow_lies_high(story):
    high = story.surface[story.ground.classes == SNOW].mean()
    assert high > np.percentile(story.surface, 90)


def test_lakes_are_dark_water(story):
    for lake in (body for body in story.lookalikes if body.kind == LAKE):
        deep = lake.inside > 1
        assert (story.ground.classes[lake.window][lake.mask] == WATER).all()
        assert story.ground.albedo[2][lake.window][deep].mean() < 0.08


def test_tone_alone_does_not_give_a_rock_glacier_away(story):
    """The red reflectance of landforms lies within what bare ground has anyway."""
    landform = np.zeros(story.surface.shape, dtype=bool)
    for body in story.landforms:
        landform[body.window] |= body.mask
    red, bare = story.ground.albedo[2], story.ground.classes == BARE
    low, high = np.percentile(red[bare & ~landform], [2, 98])
    assert ((red[landform] > low) & (red[landform] < high)).mean() > 0.8


def test_blend_lays_a_colour_by_its_share():
    ground = Cover(np.zeros((4, 3, 3), np.float32), np.zeros((3, 3), np.uint8))
    share = np.eye(3)
    ground.blend((slice(None), slice(None)), (0.1, 0.2, 0.3, 0.4), share)
    assert ground.albedo[:, 0, 0] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert ground.albedo[:, 0, 1] == pytest.approx(0)


def test_cover_is_repeatable(story):
    again = cover(story.surface, story.landforms, np.random.default_rng(1))
    assert np.array_equal(again.albedo, cover(story.surface, story.landforms, np.random.default_rng(1)).albedo)
