"""Positives that came from a model: people's outlines of a place stand before those that nobody mended."""

from __future__ import annotations

import geopandas as gpd
import pytest
import rasterio

from lobate.labels.model_outlines import YIELDED
from lobate.labels.rasterize_labels import rasterize_labels


@pytest.fixture
def mixed(outlines, tmp_path):
    """Clean outlines (column, row, side), each with what a reviewer said of it, "" for one that a person drew; run in any order."""

    def run(*rows: tuple[int, int, int, str], ring_m: float = 0.0):
        shapes = [outlines.square(*place) for *place, _ in rows]
        status = [said or None for *_, said in rows]
        fields = {"id": [f"o{k}" for k in range(len(rows))], "detection": [(said and f"d{k}") or None for k, said in enumerate(status)]}  # fmt: skip
        path = outlines.write(tmp_path / "file.gpkg", shapes, status=status, mean=[0.9] * len(rows), **fields)
        return outlines.clean(tmp_path, [(path, {"id_field": "id"})])

    return run


def labels_of(result, folder):
    rasterize_labels(folder / "T1.tif", result.path, folder / "label.tif", ring_m=0.0)
    with rasterio.open(folder / "label.tif") as raster:
        return raster.read(1)


def test_the_column_says_the_origin_only_where_a_model_drew(mixed):
    assert mixed((5, 5, 10, "accepted"), (30, 5, 10, "edited"), (60, 5, 10, "")).kept["origin"].to_dict() == {
        "o0": "model",
        "o1": "mended",
        "o2": "drawn",
    }
    assert "origin" not in mixed((5, 5, 10, ""), (30, 5, 10, "")).kept


@pytest.mark.parametrize("said", ["edited", ""])
@pytest.mark.parametrize("first", [0, 1])
def test_a_duplicate_of_a_person_s_outline_goes_whatever_the_order(mixed, said, first):
    rows = [(5, 5, 10, "accepted"), (5, 5, 10, said)]
    result = mixed(*(rows if first == 0 else rows[::-1]), (60, 5, 10, ""))
    name = f"o{first}"
    assert list(result.removed.index) == [name]
    assert "duplicate" in result.removed["reason"].iloc[0]


@pytest.mark.parametrize(
    ("model", "person", "yields"),
    [
        ((5, 5, 20), (5, 5, 16), True),
        ((5, 5, 40), (10, 10, 10), True),
        ((10, 10, 10), (5, 5, 40), True),
        ((5, 5, 10), (14, 5, 10), False),
        ((5, 5, 10), (15, 5, 10), False),
        ((5, 5, 10), (60, 60, 10), False),
    ],
)
def test_an_unmended_outline_yields_at_the_same_place_only(mixed, model, person, yields):
    result = mixed((*model, "accepted"), (*person, "edited"))
    assert ("o0" in result.kept.index) is not yields
    assert (result.removed["reason"] == YIELDED).sum() == yields
    assert "o1" in result.kept.index


def test_mended_outlines_and_negatives_never_yield(outlines, mixed, tmp_path):
    result = mixed((5, 5, 20, "edited"), (5, 5, 16, ""), (5, 5, 12, "edited"))
    assert list(result.kept.index) == ["o0", "o1", "o2"]


def test_the_label_of_each_origin(mixed, tmp_path):
    result = mixed((5, 5, 10, "accepted"), (30, 5, 10, "edited"), (60, 5, 10, ""), (14, 5, 10, "edited"))
    labels = labels_of(result, tmp_path)
    assert [labels[8, column] for column in (8, 32, 62, 2)] == [2, 1, 1, 0]
    assert labels[8, 14] == 1  # a person's outline is burned over a model's
    assert set(labels.ravel()) == {0, 1, 2}


def test_what_a_yielding_outline_has_beyond_the_person_s_is_ignored(mixed, tmp_path):
    labels = labels_of(mixed((5, 5, 20, "accepted"), (5, 5, 16, "edited")), tmp_path)
    assert (labels[10, 10], labels[10, 23], labels[10, 60]) == (1, 255, 0)


def test_a_model_s_outlines_have_one_label_wherever_the_bands_of_rows_end(mixed, tmp_path, monkeypatch):
    result = mixed((5, 5, 40, "accepted"), (60, 5, 40, "edited"))
    whole = labels_of(result, tmp_path)
    monkeypatch.setattr("lobate.labels.rasterize_labels.ROWS", 16)
    assert (labels_of(result, tmp_path) == whole).all()


def test_read_by_geopandas_the_layers_have_it_too(mixed):
    result = mixed((5, 5, 20, "accepted"), (5, 5, 16, "edited"))
    assert gpd.read_file(result.path, layer="removed")["origin"].tolist() == ["model"]
