"""Scenes of a table, downloaded from a real file server."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.servers.files import Fault

from lobate.errors import UserError
from lobate.imagery.fetch_scene import fetch_scene
from lobate.imagery.fetching import download
from lobate.imagery.fetching.retry import RetryPolicy
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.imagery.scene_table import COLUMNS
from lobate.io.digest import content_digest
from lobate.settings.imagery import Catalogue

SCENE = "S2A_44SPC_20180711_0_L2A"
BANDS = ["B04", "B03", "B02"]
RASTERS = ["B02.tif", "B03.tif", "B04.tif", "SCL.tif"]


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(download, "RetryPolicy", functools.partial(RetryPolicy, first_wait_s=0.01))


@pytest.fixture
def scene(products, file_server, tmp_path):
    """A scene that is served; what it holds, and what fetches it."""
    return Served(products, file_server, f"fetch_{tmp_path.name}", tmp_path)


class Served:
    def __init__(self, products, server, name, tmp_path):
        self.products, self.server, self.tmp_path, self.place = products, server, tmp_path, f"{name}/{SCENE}"
        self.numbers = products.ground(seed=3)
        properties = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
        self.folder = products.write_stac(server.folder / self.place, self.numbers, raster=(0.0001, -0.1), **properties)
        (self.folder / "granule.xml").write_text(products.product_xml("05.09", 1.0, -1000))
        for key, asset in self.item["assets"].items():
            file = asset["href"].rpartition("/")[2]
            self.change(key, href=file, **{"file:checksum": "1220" + self.digest(file)})
        self.change("granule_metadata", href="granule.xml")
        self.change("thumbnail", href="./thumbnail.jpg")

    @property
    def item(self):
        return json.loads((self.folder / f"{SCENE}.json").read_text())

    def change(self, key, **asset):
        item = self.item
        item["assets"][key] = {**item["assets"].get(key, {}), **asset}
        (self.folder / f"{SCENE}.json").write_text(json.dumps(item))

    def digest(self, file):
        return hashlib.sha256((self.folder / file).read_bytes()).hexdigest()

    def path(self, file):
        return f"{self.place}/{file}"

    def asked(self, file):
        return self.server.asked(self.path(file))

    def table(self, **changed):
        row = dict.fromkeys(COLUMNS, "") | {"scene": SCENE, "tile": "T44SPC", "date": "2018-07-11"}
        row |= {"source": self.server.address(self.path(f"{SCENE}.json"))} | changed
        path = self.tmp_path / "scenes.tsv"
        path.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
        return path

    @property
    def manifest(self):
        return self.tmp_path / "scenes" / SCENE / "checksums.json"

    def fetch(self, bands=BANDS, table=None, **catalogue):
        settings = Catalogue(**{"allow_private": True, "tries": 2, "timeout_s": 5, **catalogue})
        fetch_scene(table or self.table(), self.manifest, scene=SCENE, bands=bands, catalogue=settings)
        return self.manifest


def here(scene):
    return sorted(one.name for one in scene.manifest.parent.iterdir())


def test_the_bands_needed_come_and_no_others(scene):
    scene.products.write_raster(scene.folder / "B08.tif", scene.numbers[0])
    scene.change("nir", href="B08.tif")
    manifest = json.loads(scene.fetch().read_text())
    assert here(scene) == sorted([*RASTERS, f"{SCENE}.json", "checksums.json", "granule_metadata.xml"])
    assert not scene.asked("B08.tif")
    assert manifest["scene"] == SCENE
    assert manifest["source"].endswith(f"{SCENE}.json")
    entry = manifest["files"]["B04.tif"]
    size = (scene.folder / "B04.tif").stat().st_size
    assert entry == {
        "sha256": scene.digest("B04.tif"),
        "bytes": size,
        "href": scene.server.address(scene.path("B04.tif")),
    }
    assert set(manifest["files"]) == {*RASTERS, f"{SCENE}.json", "granule_metadata.xml"}


def test_the_item_keeps_what_it_knows_and_names_the_files_that_are_here(scene):
    scene.fetch()
    item, before = json.loads((scene.manifest.parent / f"{SCENE}.json").read_text()), scene.item
    assert item["properties"] == before["properties"]
    assert item["assets"]["red"] == {**before["assets"]["red"], "href": "./B04.tif"}
    assert item["assets"]["granule_metadata"]["href"] == "./granule_metadata.xml"
    assert item["assets"]["thumbnail"]["href"] == scene.server.address(scene.path("thumbnail.jpg"))


def test_a_fetched_scene_composes_like_the_folder_it_came_from(scene, tmp_path):
    manifest = scene.fetch()
    image = scene.products.compose(manifest, tmp_path / "fetched.tif")
    assert np.array_equal(image, scene.products.by_hand(scene.numbers))
    scene.products.compose(scene.folder, tmp_path / "direct.tif")
    assert (tmp_path / "fetched.tif").read_bytes() == (tmp_path / "direct.tif").read_bytes()


def test_what_is_here_is_not_asked_for_again(scene, caplog):
    manifest = scene.fetch()
    before, asked = content_digest(manifest), len(scene.server.requests)
    manifest.unlink()  # as Snakemake does before it runs a job again
    with caplog.at_level(logging.INFO):
        scene.fetch()
    assert len(scene.server.requests) == asked
    assert "is here already" in caplog.text
    assert content_digest(manifest) == before


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_only_what_is_not_right_is_fetched_again(scene, harm):
    manifest = scene.fetch()
    before = content_digest(manifest)
    band = manifest.parent / "B03.tif"
    if harm == "gone":
        band.unlink()
    else:
        band.write_bytes(band.read_bytes()[:-1] + b"x")
    scene.fetch()
    assert content_digest(manifest) == before
    assert [len(scene.asked(file)) for file in RASTERS] == [1, 2, 1, 1]


def test_another_band_comes_to_those_that_are_here(scene):
    scene.products.write_raster(scene.folder / "B08.tif", scene.numbers[0])
    scene.change("nir", href="B08.tif")
    scene.fetch()
    manifest = scene.fetch(bands=["B08"])
    assert {"B04.tif", "B08.tif"} < set(json.loads(manifest.read_text())["files"])
    assert [len(scene.asked(file)) for file in [*RASTERS, "B08.tif"]] == [1, 1, 1, 1, 1]
    whole = read_scene(manifest, SceneRequest(("B08", "B04"), "metadata", needs_classes=True))
    assert [Path(band.address).name for band in whole.bands] == ["B08.tif", "B04.tif"]


def test_files_that_a_person_put_there_are_taken_where_the_checksum_knows_them(scene):
    scene.manifest.parent.mkdir(parents=True)
    (scene.manifest.parent / "B04.tif").write_bytes((scene.folder / "B04.tif").read_bytes())
    (scene.manifest.parent / "B03.tif").write_bytes(b"another")
    scene.fetch()
    assert [len(scene.asked(file)) for file in RASTERS] == [1, 1, 0, 1]


def test_one_failed_band_is_named_and_the_others_stay(scene):
    scene.server.fail(scene.path("B03.tif"), Fault(404))
    with pytest.raises(UserError) as raised:
        scene.fetch()
    message = str(raised.value)
    assert message.startswith(f"B03 of scene {SCENE}: {scene.server.address(scene.path('B03.tif'))} cannot be fetched")
    assert "404" in message
    assert "another catalogue" in message
    assert "\n" not in message
    assert here(scene) == ["B02.tif", "B04.tif", "SCL.tif", "granule_metadata.xml"]
    scene.fetch()
    assert [len(scene.asked(file)) for file in RASTERS] == [1, 2, 1, 1]


def test_all_failed_bands_are_named_together(scene):
    for file in ("B03.tif", "SCL.tif"):
        scene.server.fail(scene.path(file), Fault(404))
    with pytest.raises(UserError, match=rf"(?s)B03 of scene {SCENE}.*SCL of scene {SCENE}"):
        scene.fetch()
    assert not scene.manifest.exists()


def test_broken_refused_and_wrong_at_once(scene, caplog):
    scene.server.fail(scene.path("B02.tif"), Fault(share=0.5))
    scene.server.fail(scene.path("B03.tif"), Fault(403))
    scene.server.fail(scene.path("B04.tif"), Fault(flipped=True))
    scene.server.fail(scene.path("SCL.tif"), Fault(429, headers={"Retry-After": "0"}))
    scene.server.fail(scene.path(f"{SCENE}.json"), Fault(500))
    scene.fetch()
    assert [scene.digest(file) for file in RASTERS] == [
        hashlib.sha256((scene.manifest.parent / file).read_bytes()).hexdigest() for file in RASTERS
    ]
    assert scene.asked("B02.tif")[1].range.startswith("bytes=")
    assert not list((scene.tmp_path / "scenes/.fetching").rglob("*.part*"))


def test_signatures_are_asked_for_renewed_and_written_nowhere(scene):
    scene.fetch(bands=["B04"])
    scene.manifest.with_name("B04.tif").unlink()
    scene.server.fail(scene.path("B04.tif"), Fault(403))
    scene.fetch(signing=scene.server.address("sign"), bands=["B04"])
    assert [one.query for one in scene.asked("B04.tif")] == ["", "sig=s1", "sig=s2"]
    assert not any("sig=" in one.read_text() for one in scene.tmp_path.rglob("*.json"))


def test_a_page_instead_of_a_band_is_told(scene):
    (scene.folder / "B04.tif").write_text("<html>Please log in</html>")
    scene.change("red", **{"file:checksum": ""})
    with pytest.raises(UserError, match=r"B04 of scene .* is no readable image.*<html>Please log in"):
        scene.fetch()
    assert "B04.tif" not in here(scene)


def test_metadata_that_the_archive_lacks_are_done_without_and_not_asked_for_each_time(scene):
    (scene.folder / "granule.xml").unlink()
    scene.fetch()
    scene.fetch()
    assert "granule_metadata.xml" not in here(scene)
    assert len(scene.asked("granule.xml")) == 1


def test_a_place_on_earth_may_stand_beside_the_band(scene):
    path = scene.folder / "B04.tif"
    with rasterio.open(path) as dataset:
        pixels, transform = dataset.read(1), dataset.transform
    scene.products.write_raster(path, pixels, crs=None, jpeg2000=True)
    path.with_name("B04.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32644</SRS><GeoTransform>"
        f"{', '.join(map(str, transform.to_gdal()))}</GeoTransform></PAMDataset>"
    )
    scene.change("red", **{"file:checksum": "1220" + scene.digest("B04.tif")})
    manifest = scene.fetch()
    with rasterio.open(manifest.parent / "B04.tif") as dataset:
        assert (dataset.crs.to_epsg(), dataset.transform) == (32644, transform)
    assert not scene.asked("B03.tif.aux.xml")
    assert "B04.tif.aux.xml" in json.loads(manifest.read_text())["files"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"checksums": "B04=1220" + "0" * 64}, "is no longer that of the scene table"),
        ({"scene": "S2A_other"}, f"has no scene '{SCENE}'"),
        ({"source": "ftp://example.org/x"}, "the source is"),
        ({"source": "http://[x"}, "cannot be requested"),
    ],
)
def test_what_the_table_says_wrongly_is_told(scene, changed, message):
    with pytest.raises(UserError, match=message):
        scene.fetch(table=scene.table(**changed))
    assert not scene.manifest.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "is no STAC item"),
        (b"[1]", "is no STAC item"),
        (b'{"type": "Feature", "assets": {}, "id": "S2B_else"}', "is the scene 'S2B_else'"),
        (json.dumps({"type": "Feature", "assets": {"visual": {}}, "id": SCENE}).encode(), "has no B04 and no B03 and no B02"),
        (json.dumps({"type": "Feature", "assets": {"B04": {}}, "id": SCENE}).encode(), "has no B04"),
    ],
)  # fmt: skip
def test_what_the_catalogue_answers_wrongly_is_told(scene, content, message):
    (scene.folder / f"{SCENE}.json").write_bytes(content)
    with pytest.raises(UserError, match=message):
        scene.fetch()


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "s3://bucket/B04.jp2", "http://169.254.169.254/latest/meta-data"]
)
def test_an_item_leads_to_no_file_and_no_secret_of_this_machine(scene, href):
    scene.change("red", href=href)
    with pytest.raises(UserError, match=r"B04 of scene .* (is no web address|is refused|cannot be fetched)"):
        scene.fetch(tries=1, timeout_s=0.5)
    with pytest.raises(UserError, match="allow_private"):
        scene.fetch(allow_private=False)


def test_the_web_address_among_alternatives_is_taken(scene):
    scene.change("red", href="s3://bucket/B04.tif", alternate={"https": {"href": "B04.tif"}})
    scene.fetch()
    item = json.loads((scene.manifest.parent / f"{SCENE}.json").read_text())
    assert item["assets"]["red"]["href"] == "./B04.tif"


def test_two_who_fetch_one_scene_fetch_it_once(scene):
    scene.server.fail(scene.path("B04.tif"), Fault(pause_s=0.002))
    with ThreadPoolExecutor() as both:
        manifests = [job.result(timeout=60) for job in [both.submit(scene.fetch) for _ in range(2)]]
    assert manifests[0].exists()
    assert [len(scene.asked(file)) for file in RASTERS] == [1, 1, 1, 1]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_fetch_goes_on_where_it_was(scene, by):
    settings = {"region": "r", "imagery": {"scenes": "scenes.tsv", "catalogue": {"allow_private": True}}}
    settings["labels"] = {"positives": [{"path": "p.gpkg"}]}
    (scene.tmp_path / "settings.json").write_text(json.dumps(settings))
    words = ["fetch-scene", "--table", scene.table(), "--scene", SCENE, "--manifest", scene.manifest]
    command = [sys.executable, "-m", "lobate", *map(str, words), "--settings", "settings.json"]
    scene.server.fail(scene.path("B03.tif"), Fault(pause_s=0.1))
    part = scene.tmp_path / "scenes" / ".fetching" / SCENE / "B03.tif.part"
    with subprocess.Popen(command, cwd=scene.tmp_path, stderr=subprocess.PIPE) as killed:
        until = time.monotonic() + 60
        while time.monotonic() < until and not (part.exists() and part.stat().st_size):
            time.sleep(0.02)
        killed.send_signal(by)
        assert killed.wait(timeout=20) != 0
    assert not scene.manifest.exists()
    again = subprocess.run(command, cwd=scene.tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 0, again.stderr
    assert scene.asked("B03.tif")[-1].range.startswith("bytes=")
    assert scene.digest("B03.tif") == json.loads(scene.manifest.read_text())["files"]["B03.tif"]["sha256"]
