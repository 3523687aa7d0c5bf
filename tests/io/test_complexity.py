"""Outlines of noise are refused by their id before the work begins; large smooth ones are not."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.io import complexity
from lobate.io.complexity import too_complex
from lobate.io.features import read_features


def ring(vertices: int, noise: float = 0.0) -> shapely.Polygon:
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 1 + noise * np.random.default_rng(0).uniform(-1, 1, vertices)
    return shapely.Polygon(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))


def scribble(vertices: int) -> shapely.Polygon:
    return shapely.Polygon(np.random.default_rng(0).uniform(0, 1, (vertices, 2)))


@pytest.fixture
def pairs(monkeypatch):
    """Return the numbers of pairs of edges that were looked at, as a list that grows."""
    counts: list[int] = []
    real = complexity._box_pairs

    def counted(edges):
        for left, right in real(edges):
            counts.append(len(left))
            yield left, right

    monkeypatch.setattr(complexity, "_box_pairs", counted)
    return counts


def test_work_on_a_smooth_outline_grows_with_its_vertices(pairs):
    work = []
    for vertices in (10_000, 20_000, 40_000):
        pairs.clear()
        assert too_complex(np.array([ring(vertices)])) is None
        work.append(sum(pairs))
    assert work[1] <= 2.1 * work[0] and work[2] <= 2.1 * work[1]


def test_counting_ends_soon_after_the_bound(pairs):
    flaw = too_complex(np.array([ring(60_000, noise=0.5)]))
    assert flaw == (0, "has 60,000 edges that run close beside one another, like noise")
    assert sum(pairs) <= complexity.MAX_EDGE_PAIRS + complexity.PAIRS_AT_ONCE


def test_a_ring_of_random_vertices_crosses_itself_too_often():
    outlines = np.array([ring(50), None, shapely.Polygon(), scribble(4_000)], dtype=object)
    assert too_complex(outlines) == (3, "crosses itself more than 100,000 times")


def test_crossings_are_counted_right():
    shape = scribble(60)
    edges = complexity._edges(shape)
    lines = shapely.linestrings(edges)
    expected = sum(shapely.crosses(lines[n], lines[n + 1 :]).sum() for n in range(len(lines)))
    counted = sum(complexity._count_crossings(edges, *both) for both in complexity._box_pairs(edges))
    assert counted == expected > 100


def test_too_many_vertices_are_refused(monkeypatch):
    monkeypatch.setattr(complexity, "MAX_VERTICES", 20_000)
    assert too_complex(np.array([ring(19_000)])) is None
    assert too_complex(np.array([ring(30_000)])) == (0, "has 30,001 vertices, more than 20,000")


def test_small_outlines_and_repairable_ones_are_never_refused():
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    twisted = shapely.Polygon([*ring(5_000).exterior.coords, (0, 0), (2, 0.1)])
    assert too_complex(np.array([bow_tie, scribble(300), twisted])) is None


def test_the_paragraph_names_file_and_feature(tmp_path):
    path = tmp_path / "noise.gpkg"
    gpd.GeoDataFrame({"name": ["good", "bad"]}, geometry=[ring(20), scribble(2_000)], crs=32644).to_file(path)
    with pytest.raises(UserError, match=r"noise\.gpkg: feature 2 crosses itself more than 100,000 times.*Simplify it"):
        read_features(path)
