from __future__ import annotations

import socket
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from lobate.cli.check import check_config, check_region, outlines_of_models, outlines_without_patches
from lobate.errors import UserErrors
from lobate.imagery.scene_table import COLUMNS
from lobate.settings.load import NOWHERE, parse


@pytest.fixture
def world(outline_on_image):
    there = gpd.read_file("p.gpkg")
    there.translate(xoff=5).to_file("far.gpkg")
    there.set_crs(None, allow_override=True).to_file("bare.shp")


def region(**changed):
    base = {
        "region": "r",
        "imagery": {"tiles": {"T": ["a.tif"]}},
        "labels": {"positives": [{"path": "p.gpkg", "id_field": "id"}]},
    }
    return parse({**base, **changed})


def test_good_region_passes(world):
    check_region(region())


def test_all_that_is_wrong_comes_at_once(world):
    with pytest.raises(UserErrors) as told:
        check_region(
            region(
                labels={
                    "positives": [{"path": "p.gpkg", "id_field": "nme", "where": {"kind": "x"}}, {"path": "far.gpkg"}],
                    "negatives": [{"path": "bare.shp"}],
                },
                inventory={"others": {"insar": {"path": "p.gpkg", "layer": "zzz"}}},
            )
        )
    text = str(told.value)
    for part in (
        "labels.positives[0]: p.gpkg has no field nme; it has id",
        "has no field kind",
        "labels.positives[1]: none of the 1 outlines in far.gpkg lies on an image",
        "labels.negatives[0]: bare.shp has no coordinate reference system",
        "inventory.others.insar: The vector file p.gpkg has no layer zzz",
    ):
        assert part in text
    assert len(told.value.messages) == 5


def test_every_missing_file_is_named_with_its_setting(world):
    wrong = region(
        imagery={"tiles": {"T": ["a.tif", "gone.SAFE"]}},
        labels={"positives": [{"path": "p.gpkg"}], "removed": "gone.csv"},
        inventory={"dem": "gone.tif", "others": {"insar": {"path": "gone.gpkg"}}},
        mapping={"reference": {"path": "gone.shp"}},
    )
    with pytest.raises(UserErrors) as told:
        check_region(wrong)
    named = [one.split()[1] for one in told.value.messages]
    assert named == [
        "imagery.tiles.T[1]",
        "inventory.dem",
        "inventory.others.insar.path",
        "labels.removed",
        "mapping.reference.path",
    ]


def test_elevation_may_be_several_files_but_none_that_only_points_to_others(world):
    """A VRT's own bytes stay when the files behind it change, so old heights would be served as new ones."""
    dem("here.tif", 80.95)
    check_region(region(inventory={"dem": ["here.tif", "here.tif"]}))
    with pytest.raises(UserErrors, match=r"inventory\.dem\[1\] names gone\.tif"):
        check_region(region(inventory={"dem": ["here.tif", "gone.tif"]}))
    Path("all.vrt").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')
    for files in ("all.vrt", ["here.tif", "all.vrt"]):
        with pytest.raises(UserErrors, match=r"inventory\.dem: all\.vrt is a VRT"):
            check_region(region(inventory={"dem": files}))


def test_a_picture_is_no_dem(world):
    with pytest.raises(UserErrors, match=r"Setting inventory\.dem: The DEM a\.tif has 3 bands, so it may be a picture"):
        check_region(region(inventory={"dem": "a.tif"}))


@pytest.mark.parametrize("name", ["p.geojson", "p.gpkg", "p.kml", "p.shp"])
def test_files_that_lead_to_an_address_are_refused_and_nobody_is_asked(world, name):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        Path(name).write_text(f"<OGRWFSDataSource><URL>{address}/wfs</URL></OGRWFSDataSource>")
        Path("dem.tif").write_text(
            f"<GDAL_WMS><Service name='TMS'><ServerUrl>{address}/a</ServerUrl></Service></GDAL_WMS>"
        )
        with pytest.raises(UserErrors) as told:
            check_region(
                region(labels={"positives": [{"path": name}]}, inventory={"dem": "dem.tif", "decisions": name})
            )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [message.split(":")[0] for message in told.value.messages] == [
        "Setting inventory.decisions",
        "Setting inventory.dem",
        "Setting labels.positives[0]",
    ]
    assert all("only points to" in message and "\n" not in message for message in told.value.messages)


def test_images_come_before_the_outlines_that_are_drawn_on_them(world):
    labels = {"positives": [{"path": "later.gpkg"}], "negatives": [{"path": "too.shp"}]}
    assert check_region(region(labels=labels), undrawn=True) == [
        "later.gpkg (labels.positives[0].path)",
        "too.shp (labels.negatives[0].path)",
    ]
    with pytest.raises(UserErrors, match=r"labels\.positives\[0\]\.path names later\.gpkg, which does not exist"):
        check_region(region(labels=labels))
    with pytest.raises(UserErrors) as told:
        check_region(region(labels=labels, inventory={"dem": "gone.tif"}), undrawn=True)
    assert len(told.value.messages) == 3, "who has to mend something is told everything"


def test_scene_that_cannot_be_read_is_told(world, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\x00 not a raster")
    with pytest.raises(UserErrors, match=r"imagery\.tiles\.T"):
        check_region(region())


def test_what_the_example_will_make_is_not_missing(world):
    there = {"positives": [{"path": "results/r/example/p.shp"}], "removed": "results/r/example/removed.csv"}
    check_region(
        region(
            labels=there,
            example={"truth": "results/r/example/truth.gpkg"},
            imagery={"tiles": {"T": ["results/r/example/S.SAFE"]}},
        )
    )


def table_of(*scenes):
    header = "scene\ttile\tdate\tcloud_cover\tbaseline\tsource\tchecksums\n"
    rows = [f"{scene}\tT\t2018-07-11\t1\t05.09\thttps://a.example/{scene}\t\n" for scene in scenes]
    Path("scenes.tsv").write_text(header + "".join(rows))


def test_what_will_be_fetched_is_not_missing(world):
    table_of("S2A", "S2B")
    outside = {"find": {"area": "p.gpkg", "years": [2018], "months": [7]}, "scenes": "scenes.tsv"}
    check_region(region(imagery=outside, inventory={"dem": "resources/dem/r.tif"}))
    with pytest.raises(UserErrors, match=r"inventory\.dem names resources/dem/r\.tif, which does not exist"):
        check_region(region(imagery={"scenes": "scenes.tsv"}, inventory={"dem": "resources/dem/r.tif"}))
    with pytest.raises(UserErrors, match=r"inventory\.dem names resources/dem/other\.tif"):
        check_region(region(imagery=outside, inventory={"dem": "resources/dem/other.tif"}))


def test_a_fetched_scene_is_looked_at(world):
    table_of("S2A")
    folder = Path("resources/scenes/S2A")
    folder.mkdir(parents=True)
    (folder / "checksums.json").write_text("{}")
    with pytest.raises(UserErrors, match=r"imagery\.scenes, tile T: .*S2A lacks B04"):
        check_region(region(imagery={"scenes": "scenes.tsv"}))


def test_a_region_that_only_says_what_to_find_needs_only_its_area(world):
    find = {"area": "gone.gpkg", "years": [2018], "months": [7]}
    with pytest.raises(UserErrors, match=r"imagery\.find\.area names gone\.gpkg") as told:
        check_region(region(imagery={"find": find}, labels={"positives": [{"path": "drawn later.gpkg"}]}))
    assert len(told.value.messages) == 1
    begun = region(imagery={"find": {**find, "area": "p.gpkg"}}, labels={"positives": [{"path": "drawn later.gpkg"}]})
    assert check_region(begun) == ["drawn later.gpkg (labels.positives[0].path)"]


def test_scenes_of_a_table_may_be_fetched_later_but_the_table_is_read(world, tmp_path):
    columns = ["scene", "tile", "date", "cloud_cover", "baseline", "source", "checksums"]
    table = tmp_path / "scenes.tsv"
    table.write_text("\t".join(columns) + "\nA\tT\t2018-07-11\t1\t\thttps://a.example/A\t\n")
    check_region(region(imagery={"scenes": "scenes.tsv"}))
    table.write_text("nothing")
    with pytest.raises(UserErrors, match=r"Setting imagery\.scenes: The scene table scenes\.tsv has no column"):
        check_region(region(imagery={"scenes": "scenes.tsv"}))


def test_split_by_field_needs_the_field(world):
    by_field = {"split": {"method": "field"}}
    with pytest.raises(UserErrors, match=r"labels\.fold_field does not name"):
        check_region(region(patches=by_field))
    labels = {"positives": [{"path": "p.gpkg"}], "fold_field": "side"}
    with pytest.raises(UserErrors, match=r"p\.gpkg has no field side; it has id"):
        check_region(region(patches=by_field, labels=labels))
    check_region(region(patches=by_field, labels={**labels, "fold_field": "id"}))


def test_decisions_are_read_before_the_first_job(world):
    outlines = gpd.read_file("p.gpkg").assign(status=["acepted"])
    outlines.to_file("said.geojson")
    with pytest.raises(UserErrors) as told:
        check_region(region(inventory={"decisions": ["said.geojson", "lost.geojson"]}))
    text = str(told.value)
    assert "inventory.decisions[1] names lost.geojson, which does not exist" in text
    assert "Setting inventory.decisions: The decisions file said.geojson" in text
    assert "'acepted', which is not one of pending, accepted, edited, rejected" in text


def dem(path, west, transform=None, **options):
    profile = {
        "driver": "GTiff",
        "height": 20,
        "width": 20,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        **options,
    }
    with rasterio.open(path, "w", transform=transform or Affine(0.01, 0, west, 0, -0.01, 36.2), **profile) as raster:
        raster.write(np.full((1, 20, 20), 3000, "float32"))
    return region(inventory={"dem": str(path)})


def test_a_dem_of_this_region_passes(world):
    assert check_region(dem("here.tif", 80.95)) == []


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"west": 75}, "dem.tif shows 75.00 to 75.20 E, 36.00 to 36.20 N, where this region has no image"),
        ({"west": 80.95, "crs": None}, "dem.tif has no coordinate reference system"),
        ({"west": 80.95, "transform": Affine(0.01, 0.002, 80.95, 0, -0.01, 36.2)}, "rotated or upside down"),
    ],
)
def test_a_dem_that_is_none_of_this_region_is_told_before_the_first_job(world, made, words):
    with pytest.raises(UserErrors, match=words):
        check_region(dem("dem.tif", **made))


def test_a_dem_that_cannot_be_read_is_told(world):
    Path("dem.tif").write_text("no raster")
    with pytest.raises(UserErrors, match=r"Setting inventory\.dem: The raster dem\.tif cannot be read"):
        check_region(region(inventory={"dem": "dem.tif"}))


def test_a_mosaic_of_dems_without_end_is_told_before_the_first_job(world):
    """A sparse file of 300,000 x 300,000 pixels: named alone it is read where outlines are, in a list all of it is written."""
    side = {"height": 300_000, "width": 300_000, "tiled": True, "blockxsize": 4096, "blockysize": 4096}
    dem("here.tif", 80.95)
    step = 1 / 300_000
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "sparse_ok": True,
        "bigtiff": "YES",
    }
    with rasterio.open("sparse.tif", "w", transform=Affine(step, 0, 80.5, 0, -step, 36.5), **profile, **side):
        pass
    assert check_region(region(inventory={"dem": "sparse.tif"})) == []
    with pytest.raises(UserErrors, match=r"Setting inventory\.dem: The elevation files joined have .* pixels"):
        check_region(region(inventory={"dem": ["here.tif", "sparse.tif"]}))


def test_dems_in_different_systems_are_told(world):
    dem("a.tif", 80.95)
    dem("b.tif", 81.15, crs="EPSG:4258")
    with pytest.raises(UserErrors, match=r"a\.tif and b\.tif are in different coordinate reference systems"):
        check_region(region(inventory={"dem": ["a.tif", "b.tif"]}))


def test_a_published_inventory_without_ids_or_among_the_results_is_a_mistake_at_once(world):
    for previous, told in (
        ("p.gpkg", "Setting inventory.previous: The vector file p.gpkg"),
        ("results/r/inventory/inventory.gpkg", "is a result of this region, which each run replaces"),
        ("gone.gpkg", "Setting inventory.previous names gone.gpkg, which does not exist"),
    ):
        with pytest.raises(UserErrors, match=told):
            check_region(region(inventory={"previous": previous}))


def test_completely_mapped_ground_without_an_area_is_a_mistake_at_once(world):
    gpd.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1).centroid], crs=4326).to_file("points.gpkg")
    labels = {"positives": [{"path": "p.gpkg"}]}
    with pytest.raises(UserErrors, match=r"Setting labels\.complete: .*points\.gpkg"):
        check_region(region(labels=labels | {"complete": "points.gpkg"}))
    with pytest.raises(UserErrors, match=r"labels\.complete names gone\.gpkg, which does not exist"):
        check_region(region(labels=labels | {"complete": "gone.gpkg"}))
    check_region(region(labels=labels | {"complete": "p.gpkg"}))


def test_outlines_that_no_image_shows_are_counted_before_the_run(world):
    shapes = [box(500100 + x, 3999800, 500150 + x, 3999900) for x in (0, 100, 9_000, 90_000)]
    kinds = ["a", "a", "a", "b"]
    gpd.GeoDataFrame({"kind": kinds}, geometry=shapes, crs="EPSG:32644").to_crs(4326).to_file("many.gpkg")
    given = region(
        labels={"positives": [{"path": "many.gpkg"}], "negatives": [{"path": "many.gpkg", "where": {"kind": "a"}}]}
    )
    notes = outlines_without_patches(given)
    assert notes[0].startswith("2 of the 4 outlines in many.gpkg (labels.positives) lie on no image")
    assert notes[1].startswith("1 of the 3 outlines in many.gpkg (labels.negatives) lie on no image")
    assert outlines_without_patches(region()) == []


@pytest.mark.parametrize("test", [{"method": "region"}, {"method": "groups", "region": {"path": "p.gpkg"}}])
def test_a_region_for_the_test_side_goes_with_its_method(test):
    with pytest.raises(UserErrors, match="the method region needs the setting region"):
        region(patches={"split": {"test": test}})


def test_a_test_side_by_a_field_needs_the_field(world):
    with pytest.raises(UserErrors, match=r"patches\.split\.test\.method is field, but labels\.fold_field"):
        check_region(region(patches={"split": {"test": {"method": "field"}}}))


def test_outlines_of_models_are_counted_before_the_run(world):
    shapes = [box(500100 + x, 3999800, 500150 + x, 3999900) for x in (0, 100, 200, 300)]
    fields = {
        "outline_from": ["reviewed", "reviewed", "reviewed", "insar"],
        "status": ["accepted", "pending", "edited", "mapped"],
    }
    gpd.GeoDataFrame(fields, geometry=shapes, crs="EPSG:32644").to_file("old.gpkg")
    unmended, mended = outlines_of_models(region(labels={"positives": [{"path": "old.gpkg"}]}))
    assert unmended.startswith("2 of the 4 outlines in old.gpkg (labels.positives) are a model's that nobody mended")
    assert mended.startswith("1 of the 4 outlines in old.gpkg (labels.positives) came from a model and were mended")
    other = {"path": "old.gpkg", "where": {"outline_from": "insar"}}
    assert outlines_of_models(region(labels={"positives": [other]})) == []


BASE = {"region": "r", "imagery": {"tiles": {"T": "a.tif"}}, "labels": {"positives": "p.gpkg"}}


def mistakes_in(config, files=()):
    with pytest.raises(UserErrors) as told:
        check_config(config, files)
    return told.value.messages


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        ({"trainig": {}}, ["trainig is not known"]),
        ({"patches": {"crop": {"min_valid": 3}}}, ["patches.crop.min_valid is 3"]),
        ({"mapping": {"predict": {"overlap": 400}}}, ["overlap must not exceed"]),
        (
            {"labels": {"positives": ["p.gpkg", {"pth": "x"}]}},
            ["positives.1.pth is not known", "positives.1.path is missing"],
        ),
        ({"inventory": {"others": {"BAD": "p.gpkg"}}}, ["Setting inventory.others.BAD is"]),
        ({"imagery": {"tiles": {"T": []}}}, ["imagery.tiles.T is []"]),
        ({"imagery": None}, ["imagery is {}: it names no scenes"]),
        ({"labels": {}}, ["labels.positives is missing"]),
        ({"patches": "none"}, ["patches is"]),
    ],
)
def test_mistakes_in_settings_and_in_files_come_together(world, wrong, parts):
    """Each wrong setting stands beside a missing DEM, and neither hides the other."""
    config = {**BASE, **wrong, "inventory": {"dem": "gone.tif", **wrong.get("inventory", {})}}
    told = mistakes_in(config)
    assert any("inventory.dem names gone.tif" in one for one in told)
    for part in parts:
        assert any(part in one for one in told), told
    assert len(told) == 1 + len(parts)
    assert not any(NOWHERE in one for one in told)


def test_a_missing_file_hides_no_mistake_in_a_scene_or_outline(world):
    Path("bad.tif").write_text("no image")
    told = mistakes_in(
        {
            **BASE,
            "imagery": {"tiles": {"T": ["a.tif", "gone.tif"], "U": "bad.tif"}},
            "labels": {"positives": ["p.gpkg", {"path": "far.gpkg", "id_field": "no"}], "removed": "gone.csv"},
        }
    )
    named = [one.split(":")[0].split(" names ")[0] for one in told]
    assert named == [
        "Setting imagery.tiles.T[1]",
        "Setting imagery.tiles.U",
        "Setting labels.positives[1]",
        "Setting labels.removed",
    ]


@pytest.mark.parametrize("name", ["split", "stretch", "dem", "T_scene"])
def test_a_tile_called_like_a_result_is_refused_wherever_it_is_named(world, name):
    (told,) = mistakes_in({**BASE, "imagery": {"tiles": {name: "a.tif"}}})
    assert f"Setting imagery.tiles: {name} cannot be a name" in told
    row = ("s", name, "2023-08-13", "1.0", "05.09", "https://stac.example/s", "")
    Path("scenes.tsv").write_text("\n".join("\t".join(line) for line in (COLUMNS, row)))
    (told,) = mistakes_in({**BASE, "imagery": {"scenes": "scenes.tsv"}})
    assert f"Setting imagery.scenes: {name} cannot be a name" in told


def test_an_inventory_called_like_a_result_is_refused(world):
    (told,) = mistakes_in({**BASE, "inventory": {"others": {"reviewed": "p.gpkg"}}})
    assert "Setting inventory.others: reviewed cannot be a name" in told


def test_a_configuration_from_another_folder_is_told_what_paths_are_relative_to(world, tmp_path, monkeypatch):
    config = tmp_path / "config/r.yaml"
    config.parent.mkdir()
    config.write_text("")
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    *_, last = mistakes_in(BASE, [config])
    assert "relative to the folder in which lobate runs" in last
    assert f"a.tif lies in {tmp_path}: run lobate there." in last
    monkeypatch.chdir(tmp_path)
    config.with_name("dem.tif").write_bytes(Path("a.tif").read_bytes())
    *_, last = mistakes_in({**BASE, "inventory": {"dem": "dem.tif"}}, [config])
    assert f"dem.tif lies in {config.parent}: write config/dem.tif." in last
    (told,) = mistakes_in({**BASE, "inventory": {"dem": "gone.tif"}}, [config])
    assert "relative" not in told


def test_a_cause_in_many_files_is_told_once_with_its_count(world):
    profile = {"driver": "GTiff", "height": 50, "width": 60, "count": 3, "dtype": "uint16", "crs": "EPSG:32644"}
    for number in range(9):
        with rasterio.open(f"raw{number}.tif", "w", transform=Affine(10, 0, 5e5, 0, -10, 4e6), **profile) as image:
            image.write(np.ones((3, 50, 60), np.uint16))
    tiles = {f"T{number}": f"raw{number}.tif" for number in range(9)}
    told = mistakes_in(
        {**BASE, "imagery": {"tiles": {**tiles, "U": "gone.tif", "V": "lost.tif"}}, "labels": {"positives": "no.gpkg"}}
    )
    about_offsets = [one for one in told if "imagery.offset" in one]
    assert len(about_offsets) == 1
    assert about_offsets[0].endswith(
        "The same holds for 8 others: imagery.tiles.T1, imagery.tiles.T2, imagery.tiles.T3, imagery.tiles.T4, imagery.tiles.T5, ...."
    )
    assert sum("which does not exist" in one for one in told) == 3
