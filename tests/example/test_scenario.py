import numpy as np
import pytest

from lobate.example.scenario import SEAM, SMALL, rng_for


def test_streams_do_not_disturb_each_other():
    assert rng_for(1, "a").random() == rng_for(1, "a").random()
    assert len({rng_for(seed, topic).random() for seed in (0, 1) for topic in ("a", "b")}) == 4


def test_the_hidden_ones_are_the_easternmost(scenario):
    east = [body.outline.centroid.x for body in scenario.landforms]
    ordinary = [number for number in range(len(east)) if number not in (SEAM, SMALL)]
    known = [east[number] for number in ordinary if number not in scenario.hidden]
    assert len(scenario.hidden) == round(0.25 * len(east))
    assert max(known) < min(east[number] for number in scenario.hidden) + 40
    assert not {SEAM, SMALL} & scenario.hidden


def test_no_outline_of_a_look_alike_lies_among_the_hidden(scenario):
    limit = min(scenario.truth.to_crs(4326).geometry[number].centroid.x for number in scenario.hidden)
    assert (scenario.negatives.geometry.bounds["minx"] < limit).all()
    assert len(scenario.negatives) <= len(scenario.lookalikes)


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
