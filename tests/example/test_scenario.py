import numpy as np
import pytest

from lobate.example.scenario import SEAM, SMALL, rng_for


def test_streams_do_not_disturb_each_other():
    assert rng_for(1, "a").random() == rng_for(1, "a").random()
    assert len({rng_for(seed, topic).random() for seed in (0, 1) for topic in ("a", "b")}) == 4


def test_the_hidden_ones_are_the_easternmost(story):
    east = [body.outline.centroid.x for body in story.landforms]
    ordinary = [number for number in range(len(east)) if number not in (SEAM, SMALL)]
    known = [east[number] for number in ordinary if number not in story.hidden]
    assert len(story.hidden) == round(0.25 * len(east))
    assert max(known) < min(east[number] for number in story.hidden) + 40
    assert not {SEAM, SMALL} & story.hidden


def test_no_outline_of_a_look_alike_lies_among_the_hidden(story):
    limit = min(story.truth.to_crs(4326).geometry[number].centroid.x for number in story.hidden)
    assert (story.negatives.geometry.bounds["minx"] < limit).all()
    assert len(story.negatives) <= len(story.lookalikes)


def test_the_covered_landform_is_seen_on_no_date(story):
    body = story.landforms[story.covered]
    _, cloudy = story.seen_on("20180711T051651", earliest=True)
    reflectance, _ = story.seen_on("20180802T050659", earliest=False)
    assert np.isin(cloudy[body.window][body.mask], (8, 9)).all()
    assert np.isnan(reflectance[0][body.window][body.mask]).all()


def test_removed_ids_name_the_small_and_the_covered_one(story):
    assert set(story.removed) == {f"wkl{SMALL + 1:03d}", f"wkl{story.covered + 1:03d}"}
    areas = story.truth.set_index("id")["area_m2"]
    assert areas[f"wkl{SMALL + 1:03d}"] == areas.min() == pytest.approx(17_000, rel=0.5)
