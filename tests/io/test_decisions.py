"""Which decided outlines the rooms before the review may see, and that they see no more than that."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.io.decisions import (
    confirmed_outlines,
    mining_view,
    read_decisions_layer,
    rejected_outlines,
    rejected_view,
)
from lobate.labels.outlines import read_outlines
from lobate.settings.base import PolygonFile

SIDE = 0.003


def square(column, row=0.0, side=SIDE):
    west, south = 80 + 0.01 * column, 36 + 0.01 * row
    return shapely.box(west, south, west + side, south + side)


def said(path, outlines, statuses, crs=4326, **columns):
    frame = gpd.GeoDataFrame({"status": statuses, **columns}, geometry=outlines, crs=4326).to_crs(crs)
    frame.to_file(path)
    return path


@pytest.mark.parametrize("name", ["said.geojson", "said.gpkg", "said.shp"])
def test_a_view_gives_what_the_file_gives(tmp_path, name):
    path = said(tmp_path / name, [square(n) for n in range(4)], ["Rejected", "accepted", "edited", "pending"])
    part = tmp_path / "part" / name
    part.parent.mkdir()
    for view, read, columns in (
        (lambda: rejected_view(path, part, [path]), lambda one: rejected_outlines(one, [one]), (0,)),
        (lambda: mining_view(path, part, 1), lambda one: confirmed_outlines([one]), (1, 2)),
    ):
        view()
        wanted = [square(column).normalize() for column in columns]
        for source in (path, part):
            found = sorted(shapely.normalize(read(source)), key=lambda one: one.bounds)
            assert all(one.equals_exact(other, 1e-9) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize(("name", "layer"), [("said.geojson", None), ("said.gpkg", "review")])
def test_what_stands_can_be_named_as_outlines_to_learn(tmp_path, name, layer):
    """As the questions in the docs tell: the file of decisions, once for each status."""
    frame = gpd.GeoDataFrame(
        {"status": ["rejected", "accepted", "edited", "pending"]}, geometry=[square(n) for n in range(4)]
    )
    frame.set_crs(4326).to_file(tmp_path / name, layer=layer)
    for column, status in ((1, "accepted"), (2, "edited")):
        file = PolygonFile(path=name, layer=layer, where={"status": status})
        learnt = read_outlines(tmp_path / name, file, "positive")
        assert len(learnt) == 1
        assert learnt.geometry.iloc[0].symmetric_difference(square(column)).area < 1e-12


def test_views_see_nothing_of_what_does_not_concern_them(tmp_path):
    def seen(outlines, statuses, **columns):
        path = said(tmp_path / "said.gpkg", outlines, statuses, **columns)
        for name, view in (
            ("r", lambda to: rejected_view(path, to, [path])),
            ("s", lambda to: mining_view(path, to, 1)),
        ):
            view(tmp_path / name)
        return [(tmp_path / name).read_bytes() for name in "rs"]

    refused, stands = seen([square(0), square(1)], ["rejected", "accepted"], remark=["a", "b"])
    assert seen([square(1), square(0)], ["accepted", "rejected"], remark=["other", "words"]) == [refused, stands]
    more_refused, same = seen([square(0), square(1), square(2)], ["rejected", "accepted", "rejected"])
    assert (more_refused != refused, same == stands) == (True, True)
    same, more = seen([square(0), square(1), square(2)], ["rejected", "accepted", "accepted"])
    assert (same == refused, more != stands) == (True, True)


def test_what_another_reviewer_lets_stand_is_no_negative(tmp_path):
    one = said(tmp_path / "one.gpkg", [square(0), square(1), square(2)], ["rejected"] * 3)
    other = said(tmp_path / "other.gpkg", [square(0), square(1, side=SIDE / 2)], ["accepted", "edited"])
    left = rejected_outlines(one, [one, other])
    assert len(left) == 2
    assert np.allclose(sorted(shapely.area(left)), [0.75 * SIDE**2, SIDE**2])
    assert (
        not shapely.intersection(left, square(1, side=SIDE / 2)).any()
        or shapely.area(shapely.intersection(left, square(1, side=SIDE / 2))).max() < 1e-15
    )


def test_in_another_crs(tmp_path):
    path = said(tmp_path / "said.gpkg", [square(0)], ["rejected"], crs=32644)
    assert rejected_outlines(path, [path])[0].normalize().equals_exact(square(0).normalize(), 1e-9)


def test_nothing_decided(tmp_path):
    path = said(tmp_path / "said.gpkg", [square(0)], ["pending"])
    rejected_view(path, tmp_path / "part.gpkg", [path])
    assert len(rejected_outlines(tmp_path / "part.gpkg", [])) == 0
    assert len(confirmed_outlines([])) == 0


def test_mistakes(tmp_path):
    bow_tie = shapely.Polygon([(80, 36), (80.002, 36.002), (80.002, 36), (80, 36.002)])
    path = said(tmp_path / "said.gpkg", [bow_tie], ["rejected"])
    with pytest.raises(UserError, match="feature 1 is not a valid polygon"):
        rejected_outlines(path, [path])
    gpd.GeoDataFrame({"a": [1]}, geometry=[square(0)], crs=4326).to_file(tmp_path / "bare.gpkg")
    with pytest.raises(UserError, match="no field status"):
        read_decisions_layer(tmp_path / "bare.gpkg")
    with pytest.raises(UserError, match="does not exist"):
        confirmed_outlines([tmp_path / "nowhere.gpkg"])


def test_changes_that_are_not_in_the_file_yet_are_told(tmp_path):
    """As QGIS keeps them while a layer of the file is in use: the file's own bytes do not show them."""
    path = said(tmp_path / "said.gpkg", [square(0)], ["pending"], remark=["none"])
    with closing(sqlite3.connect(path)) as package:
        package.execute("PRAGMA journal_mode=WAL")
        read_decisions_layer(path)
        package.execute("CREATE TABLE more (a INTEGER)")
        package.commit()
        with pytest.raises(UserError, match=r"said\.gpkg-wal beside it\. Save the edits and close"):
            read_decisions_layer(path)
    assert len(read_decisions_layer(path)[0]) == 1
