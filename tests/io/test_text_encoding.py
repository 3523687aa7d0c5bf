"""Text of any alphabet comes out as it went in, or its owner is asked in one paragraph."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import geopandas as gpd
import pyogrio
import pytest
from shapely.geometry import Point, box
from tests.labels.conftest import UTM, square, write_image

from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY, to_schema
from lobate.inventory.compare import read_inventory
from lobate.inventory.decisions import read_decisions
from lobate.inventory.formats import write_csv, write_geojson, write_parquet, write_shapefile
from lobate.inventory.published_ids import read_published
from lobate.inventory.sources import read_source
from lobate.io.digest import content_digest
from lobate.io.features import read_drawn, read_features
from lobate.io.text_encoding import codec_of
from lobate.io.vector import read_polygons, write_layers
from lobate.labels.clean_labels import clean_labels
from lobate.labels.outlines import read_outlines
from lobate.labels.table import read_removed
from lobate.mapping.accuracy.response import read_answers
from lobate.settings.base import PolygonFile
from lobate.settings.inventory import OtherInventory

TEXTS = {
    "GBK": ("冰川一", "石冰川二"),
    "UTF-8": ("冰川一", "Ледник"),
    "CP1251": ("Ледник", "Каменный"),
    "ISO-8859-1": ("Gläcier", "Zemmé"),
}
SHAPES = [square(5, 5), square(30, 5)]
CANNOT_KNOW = ("GBK", "CP1251", "ISO-8859-1")
"""Encodings whose bytes are no UTF-8, so that a file without a name for them cannot be understood."""


def shapefile(path, encoding, *, cpg, driver=0, field="name", crs=UTM):
    """Write a Shapefile of two outlines with names in an encoding, with and without the name of the encoding."""
    fields = {field: TEXTS[encoding], "status": ["rejected", "accepted"], "remark": TEXTS[encoding][::-1]}
    frame = gpd.GeoDataFrame(fields, geometry=SHAPES, crs=UTM).to_crs(crs)
    pyogrio.write_dataframe(frame, path, encoding=encoding)
    if cpg is None:
        path.with_suffix(".cpg").unlink(missing_ok=True)
    else:
        path.with_suffix(".cpg").write_text(cpg)
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = driver
    path.with_suffix(".dbf").write_bytes(table)
    return path


def labels(path, encoding=None):
    rows = read_outlines(path, PolygonFile(path=path.name, id_field="name", encoding=encoding), "positive")
    return tuple(rows["outline"])


def other(path, encoding=None):
    settings = OtherInventory(path=path.name, id_field="name", fields={"remark": "remark"}, encoding=encoding)
    rows = read_source(path, "glims", {"glims": settings})
    assert tuple(rows["remark"]) == tuple(rows["source_id"])[::-1]
    return tuple(rows["source_id"])


def compared(path, encoding=None):
    found = read_inventory(path, None, "name", encoding)["source_id"]
    return tuple(sorted(found, key=labels(path, encoding).index))


def decisions(path, encoding=None):
    return tuple(read_decisions(path)["remark"])[::-1]


READERS = {"labels": labels, "another inventory": other, "compare": compared, "decisions": decisions}
SAYS = {
    "GBK": ("GBK", "936", "CP936", "ANSI 936", "GB2312", "gb18030"),
    "UTF-8": ("UTF-8", "utf8", "65001"),
    "CP1251": ("1251", "CP1251", "windows-1251", "ANSI 1251"),
    "ISO-8859-1": ("ISO-8859-1", "88591", "latin1", "1252"),
}
DRIVERS = {"GBK": 77, "CP1251": 201, "ISO-8859-1": 3}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("encoding", TEXTS)
def test_a_cpg_names_the_encoding(tmp_path, reader, encoding):
    for cpg in SAYS[encoding]:
        path = shapefile(tmp_path / "a.shp", encoding, cpg=cpg)
        assert READERS[reader](path) == TEXTS[encoding], cpg


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("encoding", DRIVERS)
def test_a_language_driver_names_the_encoding(tmp_path, reader, encoding):
    path = shapefile(tmp_path / "a.shp", encoding, cpg=None, driver=DRIVERS[encoding])
    assert READERS[reader](path) == TEXTS[encoding]


@pytest.mark.parametrize("driver", [0, 87, 3], ids=["no driver", "the system's", "a driver that is wrong"])
@pytest.mark.parametrize("reader", READERS)
def test_utf8_is_seen_without_a_name(tmp_path, reader, driver):
    assert READERS[reader](shapefile(tmp_path / "a.shp", "UTF-8", cpg=None, driver=driver)) == TEXTS["UTF-8"]


@pytest.mark.parametrize("driver", [0, 87], ids=["no driver", "the system's"])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("encoding", CANNOT_KNOW)
def test_other_bytes_are_asked_for_and_the_answer_holds(tmp_path, reader, encoding, driver):
    path = shapefile(tmp_path / "a.shp", encoding, cpg=None, driver=driver)
    with pytest.raises(UserError, match=r"a\.shp has text that is no UTF-8.*[Ee]ncoding.*a\.cpg") as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)
    if reader != "decisions":
        assert READERS[reader](path, encoding) == TEXTS[encoding]
    (tmp_path / "a.cpg").write_text(encoding)
    assert READERS[reader](path) == TEXTS[encoding]


def test_the_question_names_the_setting_and_shows_how_the_text_reads(tmp_path):
    path = shapefile(tmp_path / "a.shp", "GBK", cpg=None)
    with pytest.raises(UserError, match=r"with the key encoding beside its path in the configuration.*冰川一 in GBK"):
        labels(path)
    with pytest.raises(UserError, match="--before-encoding"):
        read_inventory(path)


@pytest.mark.parametrize(
    ("cpg", "why"), [("UTF-8", "does not fit"), ("klingon", "is no encoding"), ("", "nothing beside it")]
)
def test_a_name_that_is_wrong_or_unknown_is_told(tmp_path, cpg, why):
    path = shapefile(tmp_path / "a.shp", "GBK", cpg=cpg)
    with pytest.raises(UserError, match=why):
        labels(path)
    assert labels(path, "GBK") == TEXTS["GBK"]
    with pytest.raises(UserError, match="the setting says UTF-8, which does not fit it"):
        labels(path, "UTF-8")


@pytest.mark.parametrize("layer", [None, "a"])
def test_a_folder_of_shapefiles_is_read_in_their_encodings(tmp_path, layer):
    (tmp_path / "survey").mkdir()
    path = shapefile(tmp_path / "survey" / "a.shp", "GBK", cpg=None)
    with pytest.raises(UserError, match="no UTF-8"):
        read_features(path.parent, layer)
    assert tuple(read_features(path.parent, layer, encoding="GBK")["name"]) == TEXTS["GBK"]
    path.with_suffix(".cpg").write_text("ANSI 936")
    assert tuple(read_features(path.parent, layer)["name"]) == TEXTS["GBK"]


@pytest.mark.parametrize("encoding", CANNOT_KNOW)
def test_outlines_alone_are_read_whatever_the_names_of_fields(tmp_path, encoding):
    """Areas and places need no field, so nobody is asked about the text."""
    frame = gpd.GeoDataFrame({TEXTS[encoding][0][:3]: ["a", "b"]}, geometry=SHAPES, crs=UTM)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding=encoding)
    (tmp_path / "a.cpg").unlink()
    assert len(read_drawn(tmp_path / "a.shp", attributes=False)) == 2
    with pytest.raises(UserError, match="has text that is no UTF-8"):
        read_drawn(tmp_path / "a.shp")


def test_names_of_fields_have_the_encoding_too(tmp_path):
    path = shapefile(tmp_path / "a.shp", "GBK", cpg="ANSI 936", field="名称")
    rows = read_outlines(path, PolygonFile(path="a.shp", id_field="名称", where={"名称": "冰川一"}), "positive")
    assert list(rows["outline"]) == ["冰川一"]


def test_a_letter_that_the_width_of_a_field_cut_is_left_out_and_a_whole_one_is_not(tmp_path):
    frame = gpd.GeoDataFrame({"name": ["冰川冰川冰川"]}, geometry=[square(5, 5)], crs=UTM)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding="UTF-8")
    table = bytearray((tmp_path / "a.dbf").read_bytes())
    begin = int.from_bytes(table[8:10], "little") + 1
    width = table[32 + 16]
    table[begin : begin + width] = ("a" + "冰" * width).encode()[:width]
    (tmp_path / "a.dbf").write_bytes(table)
    (tmp_path / "a.cpg").unlink()
    assert list(read_features(tmp_path / "a.shp")["name"]) == ["a" + "冰" * ((width - 1) // 3)]
    table[begin : begin + width] = "Zemmé".encode("latin-1").ljust(width)  # é is the first byte of a letter in UTF-8
    (tmp_path / "a.dbf").write_bytes(table)
    with pytest.raises(UserError, match="no UTF-8"):
        read_features(tmp_path / "a.shp")


def text_file(path, encoding):
    names = TEXTS[encoding]
    frame = gpd.GeoDataFrame({"name": names}, geometry=[box(80, 36, 80.01, 36.01), box(81, 36, 81.01, 36.01)], crs=4326)
    if path.suffix == ".kml":
        polygon = "<Polygon><outerBoundaryIs><LinearRing><coordinates>80,36 80.01,36 80.01,36.01 80,36</coordinates></LinearRing></outerBoundaryIs></Polygon>"
        marks = "".join(f"<Placemark><name>{name}</name>{polygon}</Placemark>" for name in names)
        text = f'<?xml version="1.0" encoding="{encoding}"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>'
    else:
        text = json.dumps(json.loads(frame.to_json()), ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", TEXTS)
def test_geojson_is_read_in_utf8_and_else_asked_for(tmp_path, encoding):
    path = text_file(tmp_path / "a.geojson", encoding)
    if encoding in CANNOT_KNOW:
        with pytest.raises(UserError, match=r"has text that is no UTF-8.*save it as UTF-8"):
            labels(path)
        with pytest.raises(UserError, match="which does not fit it"):
            labels(path, "UTF-8")
        assert len(read_drawn(path, attributes=False)) == 2  # whose text nobody reads
    assert labels(path, encoding) == TEXTS[encoding]


@pytest.mark.parametrize("encoding", TEXTS)
def test_kml_is_read_in_the_encoding_that_it_declares(tmp_path, encoding):
    assert tuple(read_features(text_file(tmp_path / "a.kml", encoding))["Name"]) == TEXTS[encoding]


@pytest.mark.parametrize("encoding", TEXTS)
def test_mapinfo_files_that_say_nothing(tmp_path, encoding):
    frame = gpd.GeoDataFrame({"name": TEXTS[encoding]}, geometry=SHAPES, crs=UTM)
    pyogrio.write_dataframe(frame, tmp_path / "a.tab", driver="MapInfo File", encoding=encoding)
    if encoding in CANNOT_KNOW:
        with pytest.raises(UserError, match="has text that is no UTF-8"):
            labels(tmp_path / "a.tab")
    assert labels(tmp_path / "a.tab", encoding) == TEXTS[encoding]


def test_ids_match_the_list_of_removed_outlines(tmp_path):
    """As people have them: a Shapefile of a Chinese desktop, and a list in UTF-8."""
    path = shapefile(tmp_path / "a.shp", "GBK", cpg="GBK")
    (tmp_path / "removed.csv").write_text("id,reason\n冰川一,cannot be seen\n", encoding="utf-8")
    settings = {"positives": [PolygonFile(path="a.shp", id_field="name")]}
    from lobate.settings.labels import Labels

    image, target = write_image(tmp_path / "T1.tif"), tmp_path / "polygons.gpkg"
    clean_labels([path], [image], target, removed=tmp_path / "removed.csv", tiles=["T1"], labels=Labels(**settings))
    assert list(read_polygons(target, "kept")["polygon"]) == ["石冰川二"]
    assert list(read_polygons(target, "removed")["polygon"]) == ["冰川一"]


@pytest.mark.parametrize("encoding", TEXTS)
def test_all_formats_that_are_written_keep_the_text(tmp_path, encoding):
    names = list(TEXTS[encoding])
    fields = {one.name: names if one.kind is str else [1.0, 2.0] for one in INVENTORY} | {
        "mapping_date": ["2018", "2019"]
    }
    frame = to_schema(gpd.GeoDataFrame(fields, geometry=SHAPES, crs=UTM).to_crs(4326), INVENTORY, "EPSG:4326")
    write_layers(tmp_path / "a.gpkg", {"inventory": frame})
    write_geojson(frame, tmp_path / "a.geojson")
    write_shapefile(frame, tmp_path / "a.zip")
    write_parquet(frame, tmp_path / "a.parquet")
    write_csv(frame, tmp_path / "a.csv")
    for name in ("a.gpkg", "a.geojson", "a.zip"):
        assert list(read_features(tmp_path / name)["id"]) == names
    assert list(gpd.read_parquet(tmp_path / "a.parquet")["id"]) == names
    assert [row["id"] for row in csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8"))] == names
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.read("inventory.cpg") == b"UTF-8"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("GBK", "gb18030"), ("ANSI 936", "gb18030"), ("windows-1251", "cp1251"), ("88591", "iso8859-1")),
        *(
            ("8859-5", "iso8859-5"),
            ("28605", "iso8859-15"),
            ("65001", "utf-8"),
            ("LDID/77", "gb18030"),
            ("OEM 866", "cp866"),
        ),
        *(("System", None), ("", None), ("rot13", None), ("utf-16", None), ("LDID/87", None), ("klingon", None)),
    ],
)
def test_names_of_encodings(name, codec):
    assert codec_of(name) == codec


def test_a_setting_that_is_no_encoding_is_a_mistake():
    with pytest.raises(ValueError, match="is no encoding"):
        PolygonFile(path="a.shp", encoding="klingon")


def test_settings_are_read_without_the_libraries_of_arrays_and_outlines():
    """A known call is linked from the store without them, in a fraction of their time."""
    heavy = "numpy", "pandas", "geopandas", "shapely", "pyogrio", "fiona"
    code = f"import sys, lobate.settings.load; sys.exit(' '.join(sorted({{*{heavy}}} & {{*sys.modules}})) or 0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


PLACES = [SimpleNamespace(unit="p1", lon=80.0, lat=36.0), SimpleNamespace(unit="p2", lon=80.1, lat=36.0)]


def answers(path):
    """The imagery that answers name, in the order of ``TEXTS``."""
    sample = SimpleNamespace(name="sample", places=PLACES, squares=[])
    return tuple(
        sorted(read_answers(path, sample).imagery, key=lambda text: text in [names[1] for names in TEXTS.values()])
    )


def write_answers(folder, encoding, *, cpg):
    """Answers exported from QGIS as Shapefiles, a folder of three."""
    folder.mkdir()
    words = {"unit": ["p1", "p2"], "answer": ["yes", "no"], "sample": ["sample"] * 2, "imagery": list(TEXTS[encoding])}
    points = [Point(place.lon, place.lat) for place in PLACES]
    pyogrio.write_dataframe(
        gpd.GeoDataFrame(words, geometry=points, crs=4326), folder / "places.shp", encoding=encoding
    )
    for layer in ("squares", "landforms"):
        nothing = gpd.GeoDataFrame({name: [""] for name in words}, geometry=[SHAPES[0]], crs=UTM).to_crs(4326)[:0]
        pyogrio.write_dataframe(nothing, folder / f"{layer}.shp", geometry_type="Polygon")
    for file in folder.glob("*.cpg"):
        file.unlink()
    if cpg:
        (folder / "places.cpg").write_text(cpg)
    return folder


def published(path, encoding, suffix):
    """A published inventory as a colleague gives it back: its countries in an encoding of theirs."""
    fields = {"id": ["a", "b"], "longitude": [80.0, 80.1], "latitude": [36.0, 36.0], "country": TEXTS[encoding]}
    frame = gpd.GeoDataFrame(fields, geometry=SHAPES, crs=UTM).to_crs(4326)
    file = path.with_suffix(suffix)
    if suffix == ".geojson":
        file.write_bytes(frame.to_json(ensure_ascii=False).encode(encoding))
        return file
    pyogrio.write_dataframe(frame, path.with_suffix(".shp"), encoding=encoding)
    path.with_suffix(".cpg").unlink()
    if suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            for part in sorted(path.parent.glob(f"{path.stem}.*")):
                if part != file:
                    archive.write(part, part.name)
                    part.unlink()
    return file


def countries(path):
    return tuple(read_published(path)["country"])


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".zip"])
@pytest.mark.parametrize("encoding", CANNOT_KNOW)
def test_a_published_inventory_is_asked_about_and_a_cpg_answers(tmp_path, encoding, suffix):
    path = published(tmp_path / "was", encoding, suffix)
    before = content_digest(path)
    with pytest.raises(
        UserError, match=r"was\.\w+ has text that is no UTF-8.*Save it as GeoPackage.*into was\.cpg beside it"
    ) as caught:
        countries(path)
    assert "\n" not in str(caught.value)
    (tmp_path / "was.cpg").write_text(encoding)
    assert countries(path) == TEXTS[encoding]
    assert content_digest(path) != before


@pytest.mark.parametrize("encoding", CANNOT_KNOW)
def test_answers_to_a_sample_are_asked_about_and_a_cpg_answers(tmp_path, encoding):
    folder = write_answers(tmp_path / "answers", encoding, cpg=None)
    with pytest.raises(
        UserError, match=r"has text that is no UTF-8.*Save it as GeoPackage.*into the \.cpg beside each Shapefile in it"
    ):
        answers(folder)
    (folder / "places.cpg").write_text(encoding)
    assert {*answers(folder)} == {*TEXTS[encoding]}


@pytest.mark.parametrize("suffix", [".geojson", ".kml", ".tab", ".csv"])
@pytest.mark.parametrize("encoding", CANNOT_KNOW)
def test_a_cpg_names_the_encoding_of_any_format(tmp_path, encoding, suffix):
    """In decisions too, which have no setting for it."""
    path = tmp_path / f"decided{suffix}"
    frame = gpd.GeoDataFrame(
        {"status": ["rejected", "accepted"], "remark": TEXTS[encoding]}, geometry=SHAPES, crs=UTM
    ).to_crs(4326)
    if suffix == ".tab":
        pyogrio.write_dataframe(frame, path, driver="MapInfo File", encoding=encoding)
    elif suffix == ".csv":
        rows = zip(frame.geometry.to_wkt(), frame["status"], frame["remark"], strict=True)
        lines = [f'"{outline}",{status},{remark}' for outline, status, remark in rows]
        path.write_bytes("\n".join(["WKT,status,remark", *lines, ""]).encode(encoding))
        path.with_suffix(".prj").write_text(frame.crs.to_wkt("WKT1_ESRI"))
    elif suffix == ".kml":
        pyogrio.write_dataframe(frame, path, driver="LIBKML")
        text = path.read_text("utf-8").replace(' encoding="UTF-8"', "")
        path.write_bytes(text.encode(encoding))
    else:
        path.write_bytes(frame.to_json(ensure_ascii=False).encode(encoding))
    with pytest.raises(
        UserError, match=r"has text that is no UTF-8.*Save it as GeoPackage.*into decided\.cpg beside it"
    ):
        read_decisions(path)
    before = content_digest(path)
    path.with_suffix(".cpg").write_text(encoding)
    assert {*read_decisions(path)["remark"]} == {*TEXTS[encoding]}
    assert content_digest(path) != before


def test_the_cpg_of_a_shapefile_does_not_spoil_a_geojson_of_the_same_name(tmp_path):
    """QGIS exports both beside each other, and the text of the second is UTF-8."""
    shapefile(tmp_path / "a.shp", "ISO-8859-1", cpg="ISO-8859-1")
    path = text_file(tmp_path / "a.geojson", "UTF-8")
    assert labels(path) == TEXTS["UTF-8"]


@pytest.mark.parametrize(
    ("cpg", "why"), [("klingon", "a.cpg says klingon, which is no encoding"), ("ascii", "does not fit it")]
)
def test_a_cpg_beside_another_format_that_is_wrong_is_told(tmp_path, cpg, why):
    path = text_file(tmp_path / "a.geojson", "GBK")
    (tmp_path / "a.cpg").write_text(cpg)
    with pytest.raises(UserError, match=why):
        labels(path)
    assert labels(path, "GBK") == TEXTS["GBK"]  # the setting goes before it


@pytest.mark.parametrize("encoding", [*TEXTS, "utf-8-sig", "utf-16"])
def test_a_list_of_removed_outlines_may_have_any_encoding(tmp_path, encoding):
    first, second = TEXTS.get(encoding, TEXTS["UTF-8"])
    path = tmp_path / "removed.csv"
    path.write_bytes(f"id,reason\r\n{first},{second}\r\n".encode(encoding))
    if encoding in CANNOT_KNOW:
        with pytest.raises(UserError, match=r"removed\.csv has text that is no UTF-8.*removed\.cpg") as caught:
            read_removed(path)
        assert f"{first},{second} in" in str(caught.value) or first in str(caught.value)
        path.with_suffix(".cpg").write_text(encoding)
    assert read_removed(path) == {first: second}
