import numpy as np
import pytest
from shapely.geometry import box

from lobate.errors import UserError
from lobate.example.landforms import ROCK_GLACIER
from lobate.example.placement import GAP_PX, PER_CIRQUE, PlacementMap, place_landforms
from lobate.example.terrain import heights
from lobate.labels.reservation import components


@pytest.fixture(scope="module")
def populated():
    surface = heights((420, 620), np.random.default_rng(3))
    placement = PlacementMap(surface, 40, np.random.default_rng(4))
    return placement, *place_landforms(placement, 8, 5, seam=320)


def test_as_many_as_wanted(populated):
    _, landforms, lookalikes = populated
    assert [body.kind for body in landforms] == [ROCK_GLACIER] * 8
    assert len(lookalikes) == 5
    assert ROCK_GLACIER not in {body.kind for body in lookalikes}


def test_sizes_are_those_of_rock_glaciers(populated):
    _, landforms, _ = populated
    areas = [body.mask.sum() * 1e-4 for body in landforms]  # km2 of 10 m pixels
    assert 0.005 < areas[1] < 0.03, "the second one is too small on purpose"
    assert all(0.05 < area < 0.6 for number, area in enumerate(areas) if number != 1)


def test_the_first_lies_across_the_seam(populated):
    _, landforms, _ = populated
    left, _, right, _ = landforms[0].outline.bounds
    assert left < 320 < right


def test_bodies_keep_their_distance_and_the_border_free(populated):
    placement, landforms, lookalikes = populated
    outlines = [body.outline for body in landforms + lookalikes]
    for number, outline in enumerate(outlines):
        assert all(outline.distance(earlier) >= GAP_PX - 2 for earlier in outlines[:number])
        left, top, right, bottom = outline.bounds
        assert min(left, top) >= 40
        assert right <= placement.surface.shape[1] - 40
        assert bottom <= placement.surface.shape[0] - 40


def test_tongues_run_down(populated):
    placement, landforms, _ = populated
    for body in landforms:
        part, rows = placement.smooth[body.window], body.along
        assert part[body.mask & (rows < 8)].mean() > part[body.mask & (rows > body.length - 8)].mean()


def test_patches_of_one_cirque_show_nothing_of_another():
    """Where there is room: all bodies find a place by the rule."""
    surface = heights((1100, 1300), np.random.default_rng(3))
    placement = PlacementMap(surface, 40, np.random.default_rng(4), reach=30)
    landforms, lookalikes = place_landforms(placement, 18, 6, seam=650)
    grounds = [box(*body.outline.bounds).buffer(30, join_style="mitre") for body in landforms + lookalikes]
    sizes = np.unique(components(np.array(grounds, dtype=object)), return_counts=True)[1]
    assert sizes.max() == PER_CIRQUE
    assert sum(len(cirque) for cirque in placement.cirques) == 24
    beside = [
        body
        for body in landforms[12:]
        if min(body.outline.distance(o.outline) for o in landforms if o is not body) < 60
    ]
    assert len(beside) >= 5, "the last third starts beside an earlier one"


def test_a_full_world_says_so():
    surface = heights((200, 200), np.random.default_rng(3))
    with pytest.raises(UserError, match=r"no room .* rock glacier.*example\.side"):
        place_landforms(PlacementMap(surface, 30, np.random.default_rng(4)), 60, 0, seam=100)
