"""Neighbours in blocks are those of one question."""

from __future__ import annotations

import numpy as np
import shapely

from lobate.labels import neighbours as module
from lobate.labels.neighbours import grouped, neighbours


def test_blocks_give_all_pairs_in_order(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 7)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 10, (2, 40))
    boxes = shapely.box(x, y, x + 2, y + 2)
    found = [
        pair for block in neighbours(shapely.STRtree(boxes), boxes[:, np.newaxis]) for pair in zip(*block, strict=True)
    ]
    expected = [(a, b) for a in range(40) for b in range(40) if boxes[a].intersects(boxes[b])]
    assert found == expected


def test_groups_are_split_where_the_place_changes():
    groups = grouped(np.array([0, 0, 3, 7, 7]), np.array([5, 6, 1, 2, 9]))
    assert [(place, some.tolist()) for place, some in groups] == [(0, [5, 6]), (3, [1]), (7, [2, 9])]
    assert list(grouped(np.zeros(0, int), np.zeros(0, int))) == []


def test_several_boxes_of_a_place_count_together_and_what_is_gone_is_not_asked(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    boxes = shapely.box([0, 5, 10], 0, [1, 6, 11], 1)
    asked = np.column_stack([boxes, np.roll(boxes, 1)])
    gone = np.zeros(3, bool)
    found = []
    for places, others in neighbours(shapely.STRtree(boxes), asked, gone):
        found += zip(places.tolist(), others.tolist(), strict=True)
        gone[2] = True
    assert found == [(0, 0), (0, 2), (1, 0), (1, 1)]
