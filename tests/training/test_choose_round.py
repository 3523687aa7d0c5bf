import json

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.training.choose_round import choose_round
from lobate.training.rounds import read_chosen


@pytest.fixture
def rounds(tmp_path):
    """A function that makes rounds from pairs (IoU, round that trained) and two mined patches each, and runs the verb."""

    def run(*rounds, target=0.8, footprints=2):
        verdicts, mined, negatives, ignored = [], [], [], []
        for number, (iou, trained) in enumerate(rounds, 1):
            verdicts.append(tmp_path / f"v{number}.json")
            facts = {"round": trained, "validation_iou": {"landform": iou}, "augment": ["flip"] * trained}
            verdicts[-1].write_text(json.dumps(facts))
            mined.append(tmp_path / f"m{number}.npy")
            np.save(mined[-1], np.full((2, 4, 4, 4), number, np.uint8))
            negatives.append(tmp_path / f"n{number}.gpkg")
            ground = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[box(number, 0, number + 1, 1)] * 2, crs="EPSG:4326")
            write_layers(negatives[-1], {"patches": ground.iloc[:footprints]})
            ignored.append(tmp_path / f"i{number}.npy")
            runs = [[0, 5, number, 2], *([file, 1, 0, number] for file in range(1, number))]
            np.save(ignored[-1], np.array(runs, np.int32))
        out = [tmp_path / name for name in ("chosen.json", "all.npy", "all.gpkg", "ignored.npy")]
        choose_round(verdicts, mined[:-1], negatives[:-1], ignored[:-1], *out, tiles=["A"], target_iou=target)
        return read_chosen(out[0]), np.load(out[1])[:, 0, 0, 0].tolist() if np.load(out[1]).size else [], out

    return run


def test_the_chosen_round_s_settings_and_what_was_mined_before_it(rounds):
    chosen, mined, out = rounds((0.7, 1), (0.75, 2), (0.85, 3), (0.85, 3))
    assert (chosen, mined) == ({"round": 3, "augment": ["flip"] * 3}, [1, 1, 2, 2])
    assert read_layer(out[2], "patches").geometry.bounds["minx"].tolist() == [1, 1, 2, 2]
    assert np.load(out[3]).tolist() == [[0, 5, 1, 2], [0, 5, 2, 2], [1, 1, 0, 2]], "patches of round 1 come first"


def test_the_best_when_none_reached_leaves_later_negatives_out(rounds):
    chosen, mined, _ = rounds((0.6, 1), (0.75, 2), (0.7, 3))
    assert (chosen["round"], mined) == (2, [1, 1])


def test_a_moved_target_that_chooses_the_same_round_changes_no_byte(rounds):
    contents = []
    for target in (0.8, 0.82, 0.9):
        *_, out = rounds((0.7, 1), (0.85, 2), (0.8, 3), target=target)
        contents.append([path.read_bytes() for path in out])
    assert contents[0] == contents[1] == contents[2]


def test_the_first_round_was_trained_without(rounds):
    chosen, mined, out = rounds((0.9, 1), (0.9, 1))
    assert (chosen["round"], mined, len(read_layer(out[2], "patches"))) == (1, [], 0)
    assert rounds((0.9, 1))[0]["round"] == 1


def test_files_of_different_runs_are_told(rounds):
    with pytest.raises(UserError, match="not of one run"):
        rounds((0.6, 1), (0.75, 2), footprints=1)


@pytest.mark.parametrize("text", ["", "[]", '{"round": "one", "augment": []}', '{"round": 1}'])
def test_a_damaged_choice_is_told(tmp_path, text):
    (tmp_path / "chosen.json").write_text(text)
    with pytest.raises(UserError, match=r"chosen\.json is not (valid JSON|a chosen\.json written by `choose-round`)"):
        read_chosen(tmp_path / "chosen.json")
