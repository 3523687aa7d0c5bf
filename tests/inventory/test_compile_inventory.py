"""The compiled inventory: with itself, a shifted copy and nothing, in every format; and its summary."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely.geometry import box

from lobate.errors import UserError
from lobate.inventory.attributes import DESCRIBED, INVENTORY, to_schema
from lobate.inventory.compile_inventory import compile_inventory, summarize
from lobate.io.vector import read_polygons, write_layers

from .conftest import probability_map, square

COLUMNS = [attribute.name for attribute in INVENTORY]


def described(path, shapes, source, rejected=0, **columns):
    centres = [shape.centroid for shape in shapes]
    table = {
        "source": source,
        "source_id": [f"{number:03d}" for number in range(len(shapes))],
        "method": "deep learning" if source == "reviewed" else "InSAR",
        "status": "pending" if source == "reviewed" else "mapped",
        "area_km2": 0.1,
        "longitude": [centre.x for centre in centres],
        "latitude": [centre.y for centre in centres],
        **columns,
    }
    frame = to_schema(gpd.GeoDataFrame(table, geometry=list(shapes), crs=4326), DESCRIBED, "EPSG:4326")
    refused = gpd.GeoDataFrame(geometry=[square(90)] * rejected, crs=4326)
    write_layers(path, {"described": frame, "rejected": refused})
    return path


def compiled(folder, reviewed, *others, maps=None, **settings):
    """Compile; all ground is mapped unless ``maps`` gives the maps."""
    compile_inventory(
        reviewed,
        list(others),
        maps or [probability_map(folder / "map.tif")],
        folder / "inventory.gpkg",
        folder / "inventory.parquet",
        folder / "inventory.csv",
        folder / "inventory.geojson",
        folder / "inventory.shp.zip",
        folder / "summary.json",
        names=[f"other{number}" for number in range(len(others))],
        **settings,
    )
    return read_polygons(folder / "inventory.gpkg", "inventory")


SHAPES = [square(0), square(1), square(0, 1), square(3, 2, side=0.5)]
PIXEL = 10 / 111_000


def test_with_an_empty_other_all_are_deep_learning(tmp_path):
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed")
    result = compiled(tmp_path, reviewed, described(tmp_path / "o.gpkg", [], "insar"))
    assert list(result["method"]) == ["deep learning"] * 4
    assert list(result.columns) == [*COLUMNS, "geometry"]


def test_with_no_other_and_with_no_detection(tmp_path):
    nothing = described(tmp_path / "r.gpkg", [], "reviewed")
    assert compiled(tmp_path, nothing).empty
    assert list(compiled(tmp_path, nothing, described(tmp_path / "o.gpkg", SHAPES, "insar"))["method"]) == ["InSAR"] * 4


def test_with_a_copy_shifted_by_a_pixel_all_are_both(tmp_path):
    shifted = [shapely.affinity.translate(shape, PIXEL, PIXEL) for shape in SHAPES]
    reviewed = described(tmp_path / "r.gpkg", shifted, "reviewed")
    result = compiled(tmp_path, reviewed, described(tmp_path / "o.gpkg", SHAPES, "insar"))
    assert list(result["method"]) == ["both"] * 4
    assert {shape.wkt for shape in result.geometry.normalize()} == {shape.normalize().wkt for shape in SHAPES}


def test_with_itself_nothing_changes(tmp_path):
    """The inventory of two sources, once more with one of them twice: same landforms, ids and outlines."""
    other = described(tmp_path / "o.gpkg", SHAPES[:3], "insar")
    reviewed = described(tmp_path / "r.gpkg", SHAPES[2:], "reviewed")
    before = compiled(tmp_path, reviewed, other)
    again = compiled(tmp_path, reviewed, other, other)
    assert len(before) == 4
    pd.testing.assert_frame_equal(
        pd.DataFrame(before[["id", "method", "outline_from"]]), pd.DataFrame(again[["id", "method", "outline_from"]])
    )
    assert before.geometry.geom_equals(again.geometry).all()


def test_pending_may_be_left_out_aloud(tmp_path):
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed", status=["pending", "accepted", "edited", "pending"])
    assert sorted(compiled(tmp_path, reviewed, pending="drop")["status"]) == ["accepted", "edited"]
    assert read_polygons(tmp_path / "inventory.gpkg", "removed")["reason"].str.startswith("pending").sum() == 2
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["detections"]["pending_left_out"] == 2


def test_what_only_a_person_sees_is_counted_by_itself(tmp_path):
    """An outline that the model of now does not detect is no merit of its."""
    names = ["d00001", "drawn_00001", "drawn_00002", "d00002"]
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed", source_id=names, status="edited")
    compiled(tmp_path, reviewed, described(tmp_path / "o.gpkg", SHAPES[:2], "insar"))
    summary = json.loads((tmp_path / "summary.json").read_text())["detections"]
    assert (summary["total"], summary["in_other_inventories"], summary["only_detected"], summary["drawn"]) == (
        4,
        2,
        2,
        2,
    )


def test_all_formats_are_alike(tmp_path):
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed", remark='old, "grey"', rejected=2)
    result = compiled(tmp_path, reviewed, described(tmp_path / "o.gpkg", SHAPES[:1], "insar", velocity=[3.5]))
    parquet = gpd.read_parquet(tmp_path / "inventory.parquet")
    table = pd.read_csv(tmp_path / "inventory.csv")
    assert parquet.crs.to_epsg() == 4326
    assert list(parquet.columns) == [*COLUMNS, "geometry"]
    assert list(table.columns) == [*COLUMNS, "outline_wkt"]
    for attribute in INVENTORY:
        left, middle, right = (part[attribute.name].isna().tolist() for part in (result, parquet, table))
        assert left == middle == right, attribute.name
    assert list(result["id"]) == list(parquet["id"]) == list(table["id"])
    assert list(table["velocity"].dropna()) == [3.5]
    outlines = gpd.GeoSeries.from_wkt(table["outline_wkt"], crs=4326)
    assert outlines.geom_equals_exact(result.geometry, 1e-6).all()
    summary = json.loads((tmp_path / "summary.json").read_text())
    counts = summary["detections"]
    assert (counts["in_other_inventories"], counts["only_detected"], counts["rejected"]) == (1, 3, 2)


def test_ids_are_unique_where_markers_fall_together(tmp_path):
    nested = [box(80, 36, 80.001, 36.001), box(80.0008, 36.0008, 80.002, 36.002)]
    reviewed = described(tmp_path / "r.gpkg", nested, "reviewed", longitude=80.0001, latitude=36.0001)
    assert list(compiled(tmp_path, reviewed, id_prefix="LF")["id"]) == ["LF360001N0800001E", "LF360001N0800001Eb"]


def test_same_bytes_twice(tmp_path):
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed")
    other = described(tmp_path / "o.gpkg", SHAPES[:2], "insar")
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        compiled(tmp_path / name, reviewed, other)
        runs.append([file.read_bytes() for file in sorted((tmp_path / name).iterdir())])
    assert runs[0] == runs[1]


def test_names_must_go_with_the_others(tmp_path):
    reviewed = described(tmp_path / "r.gpkg", SHAPES, "reviewed")
    with pytest.raises(UserError, match="0 other inventories came with 1 names"):
        compile_inventory(reviewed, [], [], *(tmp_path / name for name in "abcdef"), names=["insar"])


def test_real_outlines_with_themselves(tmp_path, real_data):
    """Real outlines touch and overlap each other; every one must still find itself, and only itself matters."""
    outlines = read_polygons(real_data / "andes_rock_glaciers" / "rock_glaciers_andes.gpkg", "rock_glaciers").geometry
    other = described(tmp_path / "o.gpkg", outlines, "insar")
    for name, shift in (("itself", 0.0), ("a pixel off", PIXEL)):
        reviewed = described(tmp_path / "r.gpkg", outlines.translate(shift, shift), "reviewed")
        result = compiled(tmp_path, reviewed, other)
        assert list(result["method"]) == ["both"] * 81, name
        assert sorted(result.geometry.to_wkt()) == sorted(outlines.to_wkt()), name


NOTHING = pd.DataFrame(
    columns=[
        "method",
        "sources",
        "elevation_min_m",
        "elevation_max_m",
        "elevation_mean_m",
        "area_km2",
        "slope_deg",
        "velocity",
    ]
)


def test_known_new_wrong_and_total():
    inventory = pd.DataFrame(
        {
            "method": ["both", "both", "InSAR", "deep learning"],
            "sources": ["insar:1;reviewed:a", "insar:2;reviewed:a", "insar:3", "reviewed:b"],
            "elevation_min_m": [4000.0, None, 4100, 3900],
            "elevation_mean_m": [4200.0, None, 4300, 4100],
            "elevation_max_m": [4500.0, None, 4700, 4300],
            "area_km2": [0.1, 0.2, 0.3, 0.4],
            "slope_deg": [10.0, None, 20, 30],
            "velocity": [None] * 4,
        }
    ).astype({"velocity": float})
    summary = summarize(
        inventory,
        pd.DataFrame({"status": ["edited", "pending"], "source_id": ["drawn_00001", "d00002"]}),
        rejected=3,
        dropped=1,
        repeated=0,
    )
    assert summary["detections"] == {
        "total": 6, "in_other_inventories": 1, "only_detected": 1, "rejected": 3, "pending_left_out": 1, "repeated": 0,
        "edited": 1, "accepted": 0, "pending": 1, "drawn": 1,
    }  # fmt: skip
    assert summary["inventory"]["by_method"] == {"InSAR": 1, "both": 2, "deep learning": 1}
    assert summary["inventory"]["altitude_m"] == {"lowest": 3900, "highest": 4700, "mean": 4200}
    assert summary["inventory"]["area_km2"] == {"total": 1.0, "mean": 0.25, "median": 0.25}
    assert (summary["inventory"]["mean_slope_deg"], summary["inventory"]["without_elevation"]) == (20, 1)


def test_nothing_has_no_altitude_rather_than_zero():
    summary = summarize(NOTHING, pd.DataFrame({"status": []}), 0, 0, 0)
    assert summary["inventory"]["altitude_m"] == {"lowest": None, "highest": None, "mean": None}
    assert summary["inventory"]["area_km2"]["mean"] is None
    assert summary["inventory"]["total"] == summary["detections"]["total"] == 0
