from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.imagery.finding.seasons import seasons, within
from lobate.settings.imagery import Find


@pytest.mark.parametrize(
    ("years", "months", "expected"),
    [
        ([2018], [7, 8], [("2018-07-01", "2018-08-31")]),
        ([2019, 2018], [8], [("2018-08-01", "2018-08-31"), ("2019-08-01", "2019-08-31")]),
        ([2019], [12, 1, 2], [("2019-12-01", "2020-02-29")]),  # 2020 is a leap year
        ([2018], [11, 12, 1], [("2018-11-01", "2019-01-31")]),
        ([2018], [1, 2, 12], [("2018-01-01", "2018-02-28"), ("2018-12-01", "2018-12-31")]),
        ([2018], [6, 9], [("2018-06-01", "2018-06-30"), ("2018-09-01", "2018-09-30")]),
        ([2018], list(range(1, 13)), [("2018-01-01", "2018-12-31")]),
        ([2018], [12], [("2018-12-01", "2018-12-31")]),
    ],
)
def test_months_of_years_become_ranges(years, months, expected):
    assert [(str(first), str(last)) for first, last in seasons(years, months)] == expected


@given(
    st.lists(st.integers(2015, 2030), min_size=1, max_size=4, unique=True),
    st.sets(st.integers(1, 12), min_size=1),
)
def test_a_day_is_within_exactly_when_its_year_and_month_are_named(years, months):
    ranges = seasons(years, sorted(months))
    for day in (date(2014, 12, 30) + timedelta(days=step) for step in range(0, 365 * 17, 9)):
        assert within(day, ranges) == (day.year in years and day.month in months)


@pytest.mark.parametrize("months", [[8, 7], [11, 2], [12, 1, 12], [7, 7], [0], [13], [], [12, 2], [1, 12, 11]])
def test_months_that_are_no_season_are_refused(months):
    with pytest.raises(ValueError, match="months"):
        Find(area="a", years=[2018], months=months)
