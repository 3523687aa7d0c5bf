import numpy as np
import pytest
from shapely import union_all

from lobate.example.scenario import SEAM, SMALL, complete_until, rng_for


def test_streams_do_not_disturb_each_other():
    assert rng_for(1, "a").random() == rng_for(1, "a").random()
    assert len({rng_for(seed, topic).random() for seed in (0, 1) for topic in ("a", "b")}) == 4


def test_half_of_the_hidden_ones_are_the_easternmost(scenario):
    east = [body.col + body.edge_distance.shape[1] / 2 for body in scenario.landforms]
    assert len(scenario.hidden) == round(0.25 * len(east))
    assert not {SEAM, SMALL} & scenario.hidden
    eastern = {number for number in scenario.hidden if east[number] >= scenario.mapped_until}
    assert len(eastern) == (len(scenario.hidden) + 1) // 2
    ordinary = set(range(len(east))) - {SEAM, SMALL} - eastern
    assert max(east[number] for number in ordinary) < min(east[number] for number in eastern) == scenario.mapped_until


def test_the_others_lie_among_known_ones_and_off_the_completely_mapped_ground(scenario):
    among = [n for n in scenario.hidden if scenario.landforms[n].outline.centroid.x < scenario.mapped_until - 40]
    assert len(among) == len(scenario.hidden) // 2
    known = [scenario.landforms[n].outline for n in range(len(scenario.landforms)) if n not in scenario.hidden]
    for number in among:
        outline = scenario.landforms[number].outline
        assert min(outline.distance(other) for other in known) < 60
        assert outline.bounds[0] > complete_until(scenario.layout)


def test_the_completely_mapped_ground_holds_no_hidden_landform(scenario):
    truth, ground = scenario.truth, scenario.complete.to_crs(scenario.truth.crs).geometry[0]
    there = truth.geometry.intersects(ground)
    assert there.any()
    assert not truth.loc[there, "hidden"].any()
    tiles = union_all([grid.footprint for grid in scenario.layout.tiles.values()])
    assert ground.difference(tiles.buffer(1)).is_empty
    assert 0.3 < ground.area / tiles.area < 0.5


def test_look_alikes_in_the_east_have_no_outline(scenario):
    drawn = scenario.negatives.to_crs(scenario.truth.crs).geometry.centroid
    limit = (scenario.layout.world.transform @ (scenario.mapped_until, 0))[0]
    assert (drawn.x < limit + 200).all()
    west = [body for body in scenario.lookalikes if body.outline.centroid.x < scenario.mapped_until - 20]
    assert len(west) <= len(drawn) <= len(scenario.lookalikes)


def test_the_unseen_landform_is_seen_on_no_date(scenario):
    body = scenario.landforms[scenario.unseen]
    _, cloudy = scenario.render("20180711T051651", earliest=True)
    reflectance, _ = scenario.render("20180802T050659", earliest=False)
    assert np.isin(cloudy[body.window][body.mask], (8, 9)).all()
    assert np.isnan(reflectance[0][body.window][body.mask]).all()


def test_removed_ids_name_the_small_and_the_unseen_landform(scenario):
    assert set(scenario.removed) == {f"wkl{SMALL + 1:03d}", f"wkl{scenario.unseen + 1:03d}"}
    areas = scenario.truth.set_index("id")["area_m2"]
    assert areas[f"wkl{SMALL + 1:03d}"] == areas.min() == pytest.approx(17_000, rel=0.5)
