"""The threshold of the map: chosen on ground that no training patch covers, weighted by what that ground stands for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.io.mask_values import IGNORE, UNMENDED_LANDFORM
from lobate.io.raster import CogWriter
from lobate.mapping.choose_threshold import choose_threshold
from lobate.mapping.judging_ground import LookedAt, Pieces
from lobate.mapping.map_calibration import calibration
from lobate.mapping.threshold_choice import THRESHOLDS, Estimate, choose

X, Y = 500_000.0, 4_000_000.0
SIDE = 150
"""Pixels of 100 m on a side of the tile: nine blocks of 5 km."""
TRAINING, VALIDATION = [(5, 5), (5, 30)], [(5, 60), (5, 90), (5, 120), (40, 5), (40, 30)]
"""Corners of patches of 20 x 20 pixels, each with a landform of 6 x 6 in its middle; a validation patch is a group."""
PATCH, LANDFORM = 20, 6
FAR = (slice(70, 150), slice(0, 150))
"""Rows and columns of completely mapped ground, far from all patches: six blocks."""
SURE, LIKELY, DOUBTFUL, NOTHING = 230, 150, 90, 5
"""Levels of probability: 0.91, 0.59, 0.35 and 0.02."""


def text(values):
    return np.array(values, dtype=object)


def box(rows, columns):
    """The ground of a slice of rows and of columns."""
    return shapely.box(X + 100 * columns.start, Y - 100 * rows.stop, X + 100 * columns.stop, Y - 100 * rows.start)


def patch(corner):
    return slice(corner[0], corner[0] + PATCH), slice(corner[1], corner[1] + PATCH)


def landform(corner):
    return tuple(slice(start + 7, start + 7 + LANDFORM) for start in corner)


def square_km(*areas):
    """These areas, as a metre of the projection is one on the ground but for a thousandth."""
    return pytest.approx(areas if len(areas) > 1 else areas[0], rel=1e-3)


@dataclass
class World:
    """A tile with landforms in patches, completely mapped ground far from them, and what a model says about it."""

    workshop: object
    complete: list = field(default_factory=lambda: [box(*FAR)])
    mined: list = field(default_factory=list)
    test: list = field(default_factory=list)
    sides: dict = field(default_factory=lambda: {"training": TRAINING, "validation": VALIDATION})
    own: float | None = None

    def __post_init__(self):
        self.levels = np.full((SIDE, SIDE), NOTHING, dtype="uint8")
        self.labels = np.zeros((SIDE, SIDE), dtype="uint8")
        for corner in TRAINING + VALIDATION:
            self.labels[landform(corner)] = 1
            self.levels[landform(corner)] = SURE

    def chosen(self):
        """Return the content of threshold.json."""
        grid = self.workshop.grid(X, Y, SIDE, SIDE, pixel=100)
        label = self.workshop.folder / "label.tif"
        with CogWriter(label, grid, smooth=False) as writer:
            writer.write(self.labels, 0)
        corners = [(side, corner) for side, places in self.sides.items() for corner in places]
        split = self.workshop.lonlat(
            [box(*patch(corner)) for _, corner in corners],
            side=text([side for side, _ in corners]),
            group=text([f"T/{row}/{column}" for _, (row, column) in corners]),
        )
        ground = {"test": self.test, "gap": [], "outlines": []}
        layers = {name: self.workshop.lonlat(shapes) for name, shapes in ground.items()}
        target = self.workshop.folder / "threshold.json"
        choose_threshold(
            [self.workshop.probability("T", grid, self.levels)],
            [label],
            self.workshop.layers("split.gpkg", split=split),
            target,
            self.workshop.layers("mined.gpkg", patches=self.workshop.lonlat(self.mined)),
            self.workshop.layers("complete.gpkg", areas=self.workshop.lonlat(self.complete)) if self.complete else None,
            self.workshop.layers("test_side.gpkg", **layers) if self.test else None,
            own=self.own,
        )
        return json.loads(target.read_text())


@pytest.fixture
def world(workshop):
    return World(workshop)


def with_false_detections(world):
    """A model that is right on patches, and likely wrong far from them: a body in each block of completely mapped ground."""
    for row in (80, 120):
        for column in (10, 60, 110):
            world.levels[row : row + 20, column : column + 20] = LIKELY
    return world


def test_false_detections_far_from_outlines_raise_the_threshold(world):
    record = with_false_detections(world).chosen()
    assert record["threshold"] == record["best"] == 0.6
    assert record["gain"] > record["gain_error"]
    assert record["reason"].startswith("the IoU at 0.6 is 0.")
    assert record["iou"]["0.6"]["iou"] == 1
    assert record["learnt_nothing"] is None


def test_each_kind_of_ground_has_the_weight_of_what_it_stands_for(world):
    """Near: 7 patches of 4 km2 mapped, 5 looked at. Far: all but these 28 km2, of which 120 km2 are looked at."""
    record = with_false_detections(world).chosen()
    near, rest = record["strata"]["near"], record["strata"]["rest"]
    assert (near["mapped_km2"], near["validation_km2"], near["complete_km2"]) == square_km(28, 20, 0)
    assert (rest["mapped_km2"], rest["validation_km2"], rest["complete_km2"]) == square_km(225 - 28, 0, 120)
    assert near["weight"] == pytest.approx(28 / 20, rel=1e-3)
    assert rest["weight"] == pytest.approx(197 / 120, rel=1e-3)
    hits, wrong = 5 * 0.36 * 28 / 20, 6 * 4 * 197 / 120
    assert record["iou"]["0.5"]["iou"] == pytest.approx(hits / (hits + wrong), rel=1e-3)


def test_missed_landforms_lower_the_threshold(world):
    for corner in VALIDATION:
        world.levels[landform(corner)] = DOUBTFUL
    record = world.chosen()
    assert (record["threshold"], record["best"]) == (0.35, 0.35)
    assert record["iou"]["0.5"]["iou"] == 0
    assert record["iou"]["0.35"]["iou"] == 1


def test_without_completely_mapped_ground_one_half_stands(world):
    for corner in VALIDATION:
        world.levels[landform(corner)] = DOUBTFUL
    world.complete = []
    record = world.chosen()
    assert record["threshold"] == 0.5
    assert "labels.complete" in record["reason"]
    assert record["best"] is record["gain"] is None
    assert record["calibration"]["landform_share"] == pytest.approx(5 * 0.36 / 20)


def test_without_landform_on_validation_ground_one_half_stands(world):
    for corner in VALIDATION:
        world.labels[landform(corner)] = 0
    record = with_false_detections(world).chosen()
    assert record["threshold"] == 0.5
    assert "shows no landform" in record["reason"]
    assert record["iou_all_landform"] is None


def test_a_gain_within_its_error_changes_nothing(world):
    """One group of five gains from a lower threshold and the others lose a little."""
    for corner in VALIDATION:
        world.levels[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3] = DOUBTFUL
    for corner in VALIDATION[:2]:
        world.levels[landform(corner)] = DOUBTFUL
    record = world.chosen()
    assert (record["threshold"], record["best"]) == (0.5, 0.35)
    assert 0 < record["gain"] <= record["gain_error"]
    assert "no more than its error" in record["reason"]


def test_equals_go_to_one_half(world):
    record = world.chosen()
    assert (record["threshold"], record["best"], record["gain"]) == (0.5, 0.5, 0)


@pytest.mark.parametrize("places", [VALIDATION[:1], VALIDATION[:2]])
def test_too_few_pieces_tell_no_error(world, places):
    world.sides["validation"] = places
    record = with_false_detections(world).chosen()
    assert record["threshold"] == 0.5
    assert "too few pieces" in record["reason"]
    assert "low" not in record["iou"]["0.5"]["interval"]


WHERE = {
    "training patches": patch(TRAINING[0]),
    "mined patches": (slice(100, 120), slice(60, 80)),
    "the test side": (slice(130, 150), slice(100, 150)),
    "other ground": (slice(62, 68), slice(0, 150)),
}


@pytest.mark.parametrize("name", WHERE)
def test_other_ground_decides_nothing(world, name):
    """What the labels say, and what the map says there, changes neither threshold nor calibration."""
    world.mined, world.test = [box(*WHERE["mined patches"])], [box(*WHERE["the test side"])]
    before = with_false_detections(world).chosen()
    world.labels[WHERE[name]] = 1
    world.levels[WHERE[name]] = LIKELY
    after = world.chosen()
    counts_in_the_map = {"detected_share"} if name != "the test side" else set()
    assert {key for key in before if before[key] != after[key]} <= counts_in_the_map


@pytest.mark.parametrize("label", [IGNORE, UNMENDED_LANDFORM])
def test_ground_with_ignored_labels_decides_nothing(world, label):
    world.labels[FAR[0], :50] = label
    before = with_false_detections(world).chosen()
    world.levels[FAR[0], :50] = SURE
    after = world.chosen()
    assert {key for key in before if before[key] != after[key]} == {"detected_share"}


def test_validation_ground_that_a_training_patch_covers_is_not_looked_at(world):
    world.sides["training"] = [*TRAINING, VALIDATION[0]]
    assert world.chosen()["strata"]["near"]["validation_km2"] == square_km(16)


def test_completely_mapped_ground_of_dropped_patches_counts_near_outlines(world):
    world.sides["dropped"] = [(100, 60)]
    near = world.chosen()["strata"]["near"]
    assert (near["mapped_km2"], near["complete_km2"]) == square_km(32, 4)
    assert near["pieces"] == 6


def test_the_users_threshold_goes_before_and_the_calibration_is_told(world):
    free = with_false_detections(world).chosen()
    world.own = 0.37
    record = world.chosen()
    assert (record["threshold"], record["best"]) == (0.37, 0.6)
    assert record["reason"] == "set by mapping.vectorize.threshold"
    assert sorted(record["iou"]) == ["0.37", "0.5"]
    assert record["calibration"] == free["calibration"]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (SURE, "calls 100.0 % of the mapped ground landform"),
        (NOTHING, "no pixel of its map reaches a probability of 0.5"),
    ],
)
def test_a_map_of_all_or_nothing_learnt_nothing(world, level, told):
    world.levels[:] = level
    assert told in world.chosen()["learnt_nothing"]


def test_a_threshold_at_its_limit_learnt_nothing(world):
    world.levels[:] = 254
    world.levels[world.labels == 0] = np.where(np.arange((world.labels == 0).sum()) % 10, 2, 250)
    record = world.chosen()
    assert (record["threshold"], record["best"]) == (0.5, 0.99)
    assert "limit" in record["learnt_nothing"]
    assert "limit" in record["reason"]


def test_a_map_that_is_no_better_than_all_landform_learnt_nothing(world):
    world.levels[:] = np.random.default_rng(0).integers(60, 200, (SIDE, SIDE))
    assert "at no threshold is the map's IoU more than 0.05 above" in world.chosen()["learnt_nothing"]


def test_the_calibration_is_that_of_the_mapped_ground(world):
    record = with_false_detections(world).chosen()["calibration"]
    assert sum(km2 for *_, km2 in record["bins"]) == pytest.approx(225, rel=1e-3)
    shares = {round(predicted, 2): observed for predicted, observed, _ in record["bins"]}
    assert shares == {0.02: 0, 0.59: 0, 0.91: 1}
    assert record["landform_share"] == pytest.approx(5 * 0.36 * 28 / 20 / 225, rel=1e-3)


def test_ground_that_tiles_share_counts_once(world):
    once = with_false_detections(world).chosen()
    folder = world.workshop.folder
    split, complete, mined = (folder / name for name in ("split.gpkg", "complete.gpkg", "mined.gpkg"))
    target, maps, labels = folder / "twice.json", [folder / "T_probability.tif"] * 2, [folder / "label.tif"] * 2
    choose_threshold(maps, labels, split, target, mined, complete)
    assert json.loads(target.read_text()) == once


def test_a_label_raster_on_another_grid_is_a_mistake(world):
    world.chosen()
    other = world.workshop.probability("other", world.workshop.grid(X + 100, Y, SIDE, SIDE, pixel=100))
    folder = world.workshop.folder
    with pytest.raises(UserError, match="is not on the grid of"):
        choose_threshold([folder / "T_probability.tif"], [other], folder / "split.gpkg", folder / "x.json")


def pieces_of(seed, near, rest):
    """Random pieces of both strata, and the mapped ground they stand for."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, 4, (near + rest, 2, 255)).astype(float)
    levels[near:, 1] = 0
    stratum = np.repeat([0, 1], [near, rest])
    mapped = np.zeros((2, 255))
    mapped[:, 0] = random.uniform(2, 9, 2) * [levels[:near].sum(), levels[near:].sum()]
    return LookedAt(Pieces(levels, stratum, stratum == 0), mapped)


def iou_by_hand(looked_at, keep, threshold):
    """The weighted IoU of the pieces to keep, pixel by pixel of the formula."""
    part = wrong = landform = 0.0
    for stratum in (0, 1):
        own = [n for n in keep if looked_at.pieces.stratum[n] == stratum]
        levels = looked_at.pieces.levels[own].sum(axis=0)
        weight = looked_at.mapped[stratum].sum() / levels.sum()
        detected = np.arange(255) / 254 >= threshold - 1e-9
        part += weight * levels[1, detected].sum()
        wrong += weight * levels[0, detected].sum()
        landform += weight * levels[1].sum()
    return part / (landform + wrong)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), near=st.integers(3, 6), rest=st.integers(3, 6))
def test_gain_and_error_are_those_of_the_stratified_jackknife(seed, near, rest):
    looked_at, every = pieces_of(seed, near, rest), range(near + rest)
    gains, errors = Estimate(looked_at).gains()
    for place in (0, 7, len(THRESHOLDS) - 1):

        def difference(keep, threshold=THRESHOLDS[place]):
            return iou_by_hand(looked_at, keep, threshold) - iou_by_hand(looked_at, keep, 0.5)

        left_out = np.array([difference([n for n in every if n != out]) for out in every])
        parts = [left_out[:near], left_out[near:]]
        variance = sum((len(part) - 1) / len(part) * ((part - part.mean()) ** 2).sum() for part in parts)
        assert gains[place] == pytest.approx(difference(list(every)))
        assert errors[place] == pytest.approx(variance**0.5)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), near=st.integers(0, 6), rest=st.integers(0, 6))
def test_a_threshold_other_than_one_half_always_gains_more_than_its_error(seed, near, rest):
    choice = choose(Estimate(pieces_of(seed, near, rest)))
    if choice.threshold != 0.5:
        assert choice.gain > choice.error > 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_calibrated_share_never_falls(seed):
    random = np.random.default_rng(seed)
    record = calibration(random.uniform(0, 9, (2, 255)) * (random.uniform(size=(2, 255)) < 0.3))
    shares = [share for _, share in record["curve"]]
    assert shares == sorted(shares)
    assert len(shares) == len(record["bins"]) > 0


def test_no_ground_has_no_calibration():
    assert calibration(np.zeros((2, 255))) == {"bins": [], "error": None, "curve": [], "landform_share": None}
