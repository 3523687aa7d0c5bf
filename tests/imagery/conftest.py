"""Tiny products of every kind, written for these tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from tests.imagery.access import keyless  # noqa: F401 - a fixture
from tests.servers.files import FileServer, serving
from tests.servers.s3 import s3_server  # noqa: F401 - a fixture
from tests.servers.stac import stac_server  # noqa: F401 - a fixture
from tests.servers.tls import authority, proxy  # noqa: F401 - fixtures
from tests.servers.tokens import running_token_server, token_archive, token_server  # noqa: F401 - fixtures

from lobate.imagery.compose_rgb import compose_rgb
from lobate.settings.imagery import Clouds, Stretch

CRS = "EPSG:32644"
BANDS = ["B04", "B03", "B02"]
VEGETATION, CLOUD, SNOW = 4, 9, 11


def write_raster(path: Path, array: np.ndarray, *, metres=10.0, origin=(500_000.0, 4_000_000.0), crs=CRS, **options):
    """Write (h, w) or (bands, h, w); a ``.jp2`` becomes lossless JPEG 2000."""
    array = array[np.newaxis] if array.ndim == 2 else array
    descriptions, scales, offsets = (options.pop(name, None) for name in ("descriptions", "scales", "offsets"))
    if options.pop("jpeg2000", path.suffix == ".jp2"):
        options |= {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
    profile = {"driver": "GTiff", "count": len(array), "height": array.shape[1], "width": array.shape[2], **options}
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = from_origin(*origin, metres, metres)
    with rasterio.open(path, "w", dtype=array.dtype, crs=crs, transform=transform, **profile) as dataset:
        dataset.write(array)
        if descriptions:
            dataset.descriptions = descriptions
        if scales:
            dataset.scales, dataset.offsets = scales, offsets
    return path


def ground(height=40, width=60, *, seed=0, lowest=1, highest=4000) -> np.ndarray:
    """Reflectance times 10,000 of three bands, (3, height, width) uint16, none of it 0."""
    return np.random.default_rng(seed).integers(lowest, highest, (3, height, width)).astype(np.uint16)


def product_xml(baseline: str | None, cloud: float, offset: float | None, level: str = "2A") -> str:
    lines = f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>" if baseline else ""
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{offset or 0:g}</BOA_ADD_OFFSET>' for i in range(13))
    return (
        f'<?xml version="1.0"?><n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/x.xsd">'
        f"<General_Info><Product_Info><PRODUCT_START_TIME>2018-07-11T05:16:51Z</PRODUCT_START_TIME>{lines}</Product_Info>"
        "<Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE>10000"
        "</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>"
        f"{f'<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST>' if offset is not None else ''}"
        "</Product_Image_Characteristics></General_Info><Quality_Indicators_Info>"
        f"<Cloud_Coverage_Assessment>{cloud}</Cloud_Coverage_Assessment></Quality_Indicators_Info>"
        f"</n1:Level-{level}_User_Product>"
    )


def write_safe(folder: Path, numbers: np.ndarray, *, baseline="05.09", offset: float | None = -1000, **details) -> Path:
    """Write a product whose DN are ``numbers`` (3, h, w), in the order red, green, blue; return its folder."""
    date, cloud, suffix = details.get("date", "20180711"), details.get("cloud", 1.0), details.get("suffix", ".jp2")
    classes, crs = details.get("classes"), details.get("crs", CRS)
    number = (baseline or "0000").replace(".", "")
    path = folder / f"S2A_MSIL2A_{date}T051651_N{number}_R062_T44SPC_{date}T081241.SAFE"
    images = path / "GRANULE" / f"L2A_T44SPC_A0_{date}T051651" / "IMG_DATA"
    for band, array in zip(BANDS, numbers, strict=True):
        write_raster(
            images / "R10m" / f"T44SPC_{date}T051651_{band}_10m{suffix}", array, crs=crs, **details.get("grid", {})
        )
        coarse = np.ascontiguousarray(array[::2, ::2])
        write_raster(images / "R20m" / f"T44SPC_{date}T051651_{band}_20m.tif", coarse, crs=crs, metres=20.0)
    if classes is None:
        classes = np.full((-(-numbers.shape[1] // 2), -(-numbers.shape[2] // 2)), VEGETATION, dtype=np.uint8)
    if details.get("with_classes", True):
        write_raster(images / "R20m" / f"T44SPC_{date}T051651_SCL_20m{suffix}", classes, crs=crs, metres=20.0)
    (path / "MTD_MSIL2A.xml").write_text(product_xml(baseline, cloud, offset))
    return path


def zip_safe(safe: Path, *, without: str = "\0", extra: str | None = None) -> Path:
    """Pack a product as the archives do, folder name included; the folder stays."""
    target = safe.with_name(safe.name + ".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(safe.rglob("*")):
            if file.is_file() and without not in file.name:
                archive.write(file, file.relative_to(safe.parent).as_posix())
        if extra:
            archive.writestr(extra, "x")
    return target


def write_stac(folder: Path, numbers: np.ndarray, *, suffix=".tif", jpeg2000=False, **properties) -> Path:
    """Write a STAC item beside its bands, as Earth Search lays them out; keyword arguments become properties."""
    scale_and_offset = properties.pop("raster", None)
    folder.mkdir(parents=True, exist_ok=True)
    assets = {}
    for name, band, array in zip(["red", "green", "blue"], BANDS, numbers, strict=True):
        write_raster(folder / f"{band}{suffix}", array, jpeg2000=jpeg2000)
        assets[name] = {"href": f"https://archive.example/{band}{suffix}", "proj:shape": [10980, 10980]}
        if scale_and_offset:
            assets[name]["raster:bands"] = [{"scale": scale_and_offset[0], "offset": scale_and_offset[1]}]
    classes = np.full((-(-numbers.shape[1] // 2), -(-numbers.shape[2] // 2)), VEGETATION, dtype=np.uint8)
    write_raster(folder / f"SCL{suffix}", classes, metres=20.0, jpeg2000=jpeg2000)
    assets["scl"] = {"href": f"./SCL{suffix}"}
    known = {"datetime": "2018-07-11T05:16:51Z", "eo:cloud_cover": 1.0}
    item = {"type": "Feature", "id": folder.name, "properties": {**known, **properties}, "assets": assets}
    (folder / f"{folder.name}.json").write_text(json.dumps(item))
    return folder


def compose(scenes, image: Path, **settings) -> np.ndarray:
    """Run the verb with the defaults of the settings; return the image (bands, h, w)."""
    scenes = scenes if isinstance(scenes, list) else [scenes]
    defaults = {"bands": BANDS, "stretch": Stretch(), "clouds": Clouds(), "offset": "metadata"}
    image.parent.mkdir(parents=True, exist_ok=True)
    record, facts = image.with_name(f"{image.stem}_scene.tif"), image.with_suffix(".json")
    compose_rgb(scenes, image, record, facts, **{**defaults, **settings})
    with rasterio.open(image) as dataset:
        return dataset.read()


def by_hand(reflectance_times_10000: np.ndarray) -> np.ndarray:
    """The image's values of the default stretch, worked out in whole numbers and apart from the code."""
    numbers = reflectance_times_10000.astype(np.int64)
    return np.clip(1 + (numbers * 254 * 2 + 3000) // 6000, 1, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def products() -> SimpleNamespace:
    """What writes and composes tiny products."""
    tools = (write_raster, ground, product_xml, write_safe, zip_safe, write_stac, compose, by_hand)
    return SimpleNamespace(**{tool.__name__: tool for tool in tools})


@pytest.fixture(scope="session")
def nginx_server(tmp_path_factory) -> Iterator[FileServer]:
    """nginx over an empty folder, behind the gate; skips where there is no nginx."""
    with serving(tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def file_server(nginx_server) -> FileServer:
    """The file server with nothing asked yet and nothing to go wrong."""
    nginx_server.forget()
    return nginx_server
