"""Outlines drawn twice, found without looking at all pairs; the bounds never lose a pair."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, scale, translate

from lobate.labels import twins as module
from lobate.labels.twins import SAME, spectra, twins

STEP = 1e-5


def star(seed: int, x: float = 80.0, y: float = 35.0, size: float = 1e-3) -> shapely.Polygon:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    reach = size * rng.uniform(0.4, 1.0, 12)
    return shapely.Polygon(np.column_stack([x + reach * np.cos(angle), y + reach * np.sin(angle)]))


shapes = st.builds(
    lambda seed, east, north, turn, factor: scale(
        rotate(translate(star(seed), east * STEP, north * STEP), turn), factor, factor
    ),
    seed=st.integers(0, 2),
    east=st.integers(-3, 3),
    north=st.integers(-3, 3),
    turn=st.sampled_from([0, 1, 3, 90]),
    factor=st.sampled_from([1.0, 1.01, 0.98, 1.5]),
)


def iou(one, other):
    common = one.intersection(other).area
    return common / (one.area + other.area - common)


@pytest.mark.parametrize("many", [0, 1000])
@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(shapes, min_size=2, max_size=12), kinds=st.lists(st.sampled_from("ab"), min_size=12, max_size=12))
def test_twins_are_those_of_a_search_through_all_pairs(many, drawn, kinds):
    expected: dict[int, int] = {}
    for later in range(len(drawn)):
        same = [
            earlier
            for earlier in range(later)
            if earlier not in expected and kinds[earlier] == kinds[later] and iou(drawn[earlier], drawn[later]) > SAME
        ]
        if same:
            expected[later] = same[0]
    before, module.MANY = module.MANY, many
    try:
        found = list(twins(np.array(drawn, dtype=object), np.array(kinds[: len(drawn)])))
    finally:
        module.MANY = before
    assert {later: earlier for earlier, later, _ in found} == expected


def test_waves_over_a_box_are_their_known_integrals():
    west, south, east, north = 80.001, 35.002, 80.003, 35.005
    hole = shapely.box(80.0015, 35.003, 80.002, 35.004)
    whole = shapely.box(west, south, east, north)
    found = spectra(np.array([whole, whole.difference(hole), hole]))

    def along(k: float, start: float, stop: float) -> complex:
        return (np.exp(-1j * k * stop) - np.exp(-1j * k * start)) / (-1j * k) if k else stop - start

    expected = [along(kx, west, east) * along(ky, south, north) for kx, ky in module._vectors()]
    assert found[0] == pytest.approx(np.array(expected), abs=1e-13)
    assert found[1] + found[2] == pytest.approx(found[0], abs=1e-13)


def test_a_heap_of_twins_costs_one_round(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_iou", lambda *given, real=module._iou: asked.append(len(given[1])) or real(*given))
    heap = np.array([translate(star(0), step * 1e-8, 0) for step in range(300)] + [star(0)] * 300, dtype=object)
    found = list(twins(heap, np.full(600, "a")))
    assert {later for _, later, _ in found} == set(range(1, 600))
    assert sum(asked) < 400
