import numpy as np
import pytest
import shapely

from lobate.errors import Mistake
from lobate.mapping.occurrences import occurrences
from lobate.settings.base import PolygonFile

X, Y = 500_000.0, 4_000_000.0


def square(x, side=200.0):
    return shapely.box(X + x, Y, X + x + side, Y + side)


def test_it_is_counted_on_how_many_dates_each_occurs(workshop):
    here = np.asarray(workshop.lonlat([square(0), square(1000), square(2000)]).geometry.values, dtype=object)
    grade = np.array(["sure", "sure", "odd"], dtype=object)
    dates = [
        workshop.layers("a.gpkg", kept=workshop.lonlat([square(50), square(1190)])),  # a twentieth in common is nothing
        workshop.layers("b.gpkg", kept=workshop.lonlat([square(0), square(1020, 20), square(2000)], grade=grade)),
        workshop.layers("c.gpkg", kept=workshop.lonlat([])),
    ]
    files = [
        PolygonFile(path="a.gpkg"),
        PolygonFile(path="b.gpkg", where={"grade": "sure"}),
        PolygonFile(path="c.gpkg"),
    ]
    assert occurrences(here, dates, files).tolist() == [2, 1, 0]


def test_other_files_than_the_setting_names_are_a_mistake(workshop):
    with pytest.raises(Mistake, match="names 1 files, but 0 were given"):
        occurrences(np.array([], dtype=object), [], [PolygonFile(path="a.gpkg")])


def test_a_field_that_is_not_there_is_told_with_its_setting(workshop):
    date = workshop.layers("a.gpkg", kept=workshop.lonlat([square(50)], grade=["x"]))
    with pytest.raises(
        Mistake, match=r"no field grad, which mapping\.filter\.occurrence_files names; did you mean grade"
    ):
        occurrences(np.array([square(0)]), [date], [PolygonFile(path="a.gpkg", where={"grad": 1})])
