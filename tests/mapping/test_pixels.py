import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.mapping.ground import Ground
from lobate.mapping.pixels import census

X, Y = 500_000.0, 4_000_000.0
NONE = np.array([], dtype=object)


def lonlat(workshop, *boxes):
    plain = [shapely.box(X + left, Y - bottom, X + right, Y - top) for left, top, right, bottom in boxes]
    return np.asarray(workshop.lonlat(plain).geometry.values, dtype=object)


def test_pixels_are_counted_by_what_covers_them(workshop):
    ground = Ground.of(workshop.probability("T", workshop.grid(X, Y, 100, 100)))
    found, there = lonlat(workshop, (100, 100, 300, 200)), lonlat(workshop, (200, 100, 400, 200))
    trained = lonlat(workshop, (0, 0, 250, 1000))
    result = census([ground], found, there, trained)
    assert result.confusion() == {
        "true_positive": 100,
        "false_positive": 100,
        "false_negative": 100,
        "true_negative": 9700,
    }
    assert result.confusion(unseen=True) == {
        "true_positive": 50,
        "false_positive": 0,
        "false_negative": 100,
        "true_negative": 7350,
    }
    assert abs(result.mapped_km2 - 1) < 2e-3


def test_nodata_is_not_mapped(workshop):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, :50] = 255
    ground = Ground.of(workshop.probability("T", workshop.grid(X, Y, 100, 100), values))
    result = census([ground], lonlat(workshop, (0, 0, 1000, 1000)), NONE, NONE)
    assert result.confusion()["false_positive"] == result.counts.sum() == 5000


def test_shared_ground_counts_once_in_the_first_tile_that_sees_it(workshop):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, 90:] = 255
    first = Ground.of(workshop.probability("A", workshop.grid(X, Y, 100, 100), values))
    second = Ground.of(workshop.probability("B", workshop.grid(X + 800, Y, 100, 100)))
    result = census([first, second], lonlat(workshop, (0, 0, 1800, 1000)), NONE, NONE)
    assert result.counts.sum() == 9_000 + 9_000
    assert census([second, first], NONE, NONE, NONE).counts.sum() == 10_000 + 8_000


def test_tiles_of_two_zones_share_ground_too(workshop):
    """The same ground twice, in zones 44 and 43: what the second adds is at most its rim."""
    grid = workshop.grid(X - 200_000, Y, 100, 100)
    first = Ground.of(workshop.probability("A", grid))
    x0, y0, x1, y1 = workshop.lonlat([grid.footprint]).to_crs(32643).total_bounds
    other = workshop.grid(x0, y1, int((y1 - y0) / 10), int((x1 - x0) / 10), epsg=32643)
    second = Ground.of(workshop.probability("B", other))
    added = census([first, second], NONE, NONE, NONE).counts.sum() - 10_000
    outside = second.footprint.difference(first.footprint).area / second.footprint.area * other.height * other.width
    assert abs(added - outside) < 60


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 39)] * 2, *[st.integers(1, 20)] * 2), min_size=1, max_size=5))
def test_outlines_against_themselves_are_all_true(workshop_in, tmp_path_factory, boxes):
    workshop = workshop_in(tmp_path_factory.mktemp("pixels"))
    ground = Ground.of(workshop.probability("T", workshop.grid(X, Y, 60, 60)))
    outlines = lonlat(workshop, *[(10 * x, 10 * y, 10 * (x + w), 10 * (y + h)) for x, y, w, h in boxes])
    table = census([ground], outlines, outlines, NONE).confusion()
    expected = np.zeros((60, 60), dtype=bool)
    for x, y, w, h in boxes:
        expected[y : y + h, x : x + w] = True
    assert (table["true_positive"], table["true_negative"]) == (expected.sum(), (~expected).sum())
