"""Whatever bytes a reader is given: a result or one paragraph, never a traceback, never a hang.

Each example is a sound file with some of its bytes changed, taken out, doubled or put in, or bytes from nowhere.
LOBATE_FUZZ says how many examples each reader gets (`make torture` asks for thousands).
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from shapely.geometry import box

from lobate.errors import UserError
from lobate.imagery.reading.product import read_product
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.imagery.scene_table import COLUMNS, read_table
from lobate.imagery.stretch import read_ranges
from lobate.inventory.decisions import read_decisions
from lobate.io.patches import open_patches
from lobate.io.vector import read_polygons
from lobate.labels.table import read_removed
from lobate.network.header import read_header
from lobate.network.modelfile import load as load_model
from lobate.settings import load as configuration
from lobate.store.store import Store

EXAMPLES = int(os.environ.get("LOBATE_FUZZ", "12"))
PATIENCE_S = 60
PRODUCT = (
    '<?xml version="1.0"?><n1:P xmlns:n1="urn:p"><PROCESSING_BASELINE>05.09</PROCESSING_BASELINE><PRODUCT_START_TIME>'
    '2018-07-11T05:16:51.024Z</PRODUCT_START_TIME><BOA_ADD_OFFSET band_id="3">-1000</BOA_ADD_OFFSET>'
    "<BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE></n1:P>"
)
ITEM = {
    "type": "Feature",
    "stac_version": "1.0.0",
    "id": "S2A",
    "properties": {"datetime": "2018-07-11T05:16:51Z", "eo:cloud_cover": 3.5, "s2:processing_baseline": "05.09"},
    "assets": {
        band: {"href": f"{band}.tif", "raster:bands": [{"scale": 1e-4, "offset": -0.1}]} for band in ("red", "scl")
    },
}
ROW = ("S2A_1", "T44SPC", "2018-07-11", "3.5", "05.09", "https://archive.example/items/S2A_1", "B04=1220ab")


def sound_vectors(driver: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        frame = gpd.GeoDataFrame(
            {"id": ["a", "b"], "detection": ["d1", "d2"], "status": ["accepted", "rejected"]},
            geometry=[box(80, 35, 80.1, 35.1), box(80.2, 35, 80.3, 35.1)],
            crs=4326,
        )
        frame.to_file(path, driver=driver)

    return write


def sound(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content) and None


def sound_patches(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 8, 8, 4), np.uint8))


TINY = (Path(__file__).parents[1] / "conf/tiny.yaml").read_text()
HEADER = {
    "architecture": {"backbone": "resnet18", "output_stride": 16, "weights": "none"},
    "bands": ["B04"],
    "channels": 1,
    "classes": 2,
    "digest": "0" * 64,
    "preprocessing": {"mean": [0.5], "std": [0.5]},
}
MODEL = save({"a": np.zeros((2, 3), np.float32)}, {"lobate": json.dumps(HEADER)})
RECORD = json.dumps({"key": "0" * 64, "outputs": {"made": [{"": "0" * 64}]}, "sources": {}})


def known(path: Path) -> object:
    store, key = Store(path.parent / "store"), "0" * 64
    store.recipe_path(key).parent.mkdir(parents=True, exist_ok=True)
    path.replace(store.recipe_path(key))
    return store.has(key)


READERS: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], object]]] = {
    "settings": ("c.yaml", sound(TINY), lambda path: configuration.load([path])),
    "scene table": ("s.tsv", sound("\t".join(COLUMNS) + "\n" + "\t".join(ROW) + "\n"), read_table),
    "product metadata": ("p.xml", sound(PRODUCT), lambda path: read_product(path.read_bytes(), str(path))),
    "STAC item": (
        "i.json",
        sound(json.dumps(ITEM)),
        lambda path: read_scene(path, SceneRequest(("B04",), "metadata", False)),
    ),
    "range": ("stretch.json", sound('{"ranges": {"B04": {"lowest": 0.0, "highest": 0.3}}}'), read_ranges),
    "removed ids": ("r.csv", sound("id,reason\na,too small\nb,\n"), read_removed),
    "GeoPackage": ("v.gpkg", sound_vectors("GPKG"), read_polygons),
    "GeoJSON": ("v.geojson", sound_vectors("GeoJSON"), read_polygons),
    "Shapefile": ("v.shp", sound_vectors("ESRI Shapefile"), read_polygons),
    "decisions": ("d.gpkg", sound_vectors("GPKG"), read_decisions),
    "decisions as GeoJSON": ("d.geojson", sound_vectors("GeoJSON"), read_decisions),
    "model header": ("m.safetensors", sound(MODEL), read_header),
    "model": ("m.safetensors", sound(MODEL), load_model),
    "patches": ("p.npy", sound_patches, open_patches),
    "record of the store": ("x", sound(RECORD), known),
}


@contextmanager
def patience() -> Iterator[None]:
    """Fail when a reader does not come back."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"no answer within {PATIENCE_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["flip", "cut", "double", "put"]), st.binary(max_size=12)
    ),
    min_size=1,
    max_size=6,
)


def changed(content: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    for where, how, new in changes:
        place = int(where * len(content))
        piece = content[place : place + 1 + len(new)]
        content = (
            content[:place]
            + {
                "flip": bytes(255 - byte for byte in piece[:1]) + piece[1:],
                "cut": b"",
                "double": piece + piece,
                "put": new + piece,
            }[how]
            + content[place + len(piece) :]
        )
    return content


@pytest.mark.parametrize("reader", READERS)
def test_any_bytes_give_a_result_or_one_paragraph(reader, tmp_path_factory):
    name, write, read = READERS[reader]
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / name
    write(path)
    whole = path.read_bytes()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=EXAMPLES < 100,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.one_of(CHANGES, CHANGES, st.binary(max_size=200)))
    def attempt(how: list[tuple[float, str, bytes]] | bytes) -> None:
        path.write_bytes(how if isinstance(how, bytes) else changed(whole, how))
        with patience():
            try:
                read(path)
            except UserError as mistake:
                assert str(mistake).strip()

    attempt()


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
NESTED = {
    "aliases of aliases": TINY.replace("landform: rock glacier", f"landform: rock glacier\n{LAUGHS}extra: *i"),
    "a ring": TINY + "\nfigures: &f {dpi: 80, more: *f}\n",
    "a ring of a list": "region: &r [*r]\n",
    "brackets without end": "region: " + "[" * 20_000,
    "braces without end": "region: " + "{a: " * 20_000,
    "deep": "region: " + "[" * 200 + "]" * 200,
    "no such day": "region: 2018-99-99\n",
    "no number": "region: !!int ''\n",
    "numbers for keys": "1: 2\nregion: {3: 4}\n",
    "code": "region: !!python/object/apply:os.system ['touch owned']\n",
}


@pytest.mark.parametrize("kind", NESTED)
def test_configurations_that_explode_or_never_end_are_told(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c.yaml"
    path.write_text(NESTED[kind])
    for words in ([path], [path, path]):
        with patience(), pytest.raises(UserError):
            configuration.load(words)
    assert not (tmp_path / "owned").exists()


def test_what_snakemake_read_is_looked_at_as_well():
    """Snakemake reads the configuration itself and hands on what aliases made of it."""
    with patience(), pytest.raises(UserError, match="aliases"):
        configuration.parse(yaml.safe_load(LAUGHS + "region: x"))


def test_an_exploding_product_is_told():
    entities = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    bomb = f'<!DOCTYPE P [<!ENTITY a "xxxxxxxxxx">{entities}]><P><PROCESSING_BASELINE>&i;</PROCESSING_BASELINE></P>'
    outside = (
        '<!DOCTYPE P [<!ENTITY a SYSTEM "file:///etc/passwd">]><P><PROCESSING_BASELINE>&a;</PROCESSING_BASELINE></P>'
    )
    for xml in (bomb, outside):
        with patience(), pytest.raises(UserError):
            read_product(xml.encode(), "MTD_MSIL2A.xml")
