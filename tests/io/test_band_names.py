"""The band that a description names, and what files of several bands say of their order."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from lobate.errors import UserError
from lobate.io.band_names import CENTRES_NM, COMMON_NAMES, band_named, bands_named, unread
from lobate.io.image_bands import TRUE_COLOUR, ImageBands

SAID = {
    "B02": [
        "B02: 490 nm", "B2, central wavelength 492 nm", "sur_refl_B2_median", "b02", "blue", "Blue band", "490 nm", "0.49 µm",
        "458-523 nm", "Blau", "bleu", "bande bleue", "Azul", "blu", "синий канал", "蓝", "蓝波段", "藍光", "B",
        "T44SKC_20200101_B02_10m", "B02 - Blue - 490nm", "20190711_B02",
    ],
    "B03": ["B3", "Grün", "gruen", "GREEN (560 nm)", "vert", "verde", "зелёный", "绿色", "綠", "G", "B3_2019"],
    "B04": [
        "B04", "sur_refl_B4_median", "red_mean", "Rot", "rouge", "canal rouge", "rojo", "rosso", "vermelho", "Красный", "红光",
        "R", "B04 (width 30 nm)", "Red (B4)", "S2A_MSIL2A.B04",
    ],
    "B05": ["rededge1", "Red Edge 1", "B05 (vegetation red edge)", "红边1"],
    "B08": ["B8", "NIR", "near-infrared", "Nahes Infrarot", "proche infrarouge", "近红外", "infrarrojo cercano", "842 nm"],
    "B8A": ["B8A", "b8a", "nir08", "B8A narrow NIR", "865 nm", "sur_refl_B8A"],
    "B11": ["swir16", "SWIR 1", "B11 SWIR", "1610 nm", "1.61 micrometers"],
    "B01": ["coastal aerosol", "B1"],
    "SCL": ["SCL", "scene classification"],
    "alpha": ["alpha", "Alpha band"],
}  # fmt: skip
UNCLEAR = [
    "", "foo", "reflectance", "infrared", "SWIR", "短波红外", "B02 red", "B02: 665 nm", "B8 / B4", "NDVI of B8 and B4",
    "B04_std", "cloud mask B02", "red and green", "B5 (NIR) 865 nm", "sacred", "verdict", "B042", "AB04",
]  # fmt: skip


@pytest.mark.parametrize(("band", "text"), [(band, text) for band, texts in SAID.items() for text in texts])
def test_a_name_inside_a_description_is_understood(band, text):
    assert band_named(text) == band


@pytest.mark.parametrize("text", UNCLEAR)
def test_a_description_that_names_none_or_several_names_none(text):
    assert band_named(text) is None


@given(
    st.sampled_from(sorted(COMMON_NAMES)), st.sampled_from(["{}", "x_{}_y", "{}: reflectance", "({})", "S2 {} 2019"])
)
def test_every_band_is_known_by_its_name_its_short_name_and_its_common_name(band, frame):
    for name in (band, band.lower(), band.replace("B0", "B"), COMMON_NAMES[band]):
        assert band_named(frame.format(name)) == band
    assert band_named(frame.format(f"{CENTRES_NM[band]} nm")) == band


@given(st.text(max_size=30))
def test_any_text_is_read(text):
    assert band_named(text) is None or isinstance(band_named(text), str)


def test_numbers_that_only_count_say_nothing_and_others_are_names():
    for counted in (
        ["Band 1", "Band 2", "Band 3"],
        ["1", "2", "3"],
        ["lyr.1", "lyr.2", "lyr.3"],
        ["img_1", "img_2", "img_3"],
    ):
        assert bands_named(counted) == [None] * 3
        assert unread(counted, [None] * 3) == []
    assert bands_named(["Band 4", "Band 3", "Band 2"]) == ["B04", "B03", "B02"]
    assert unread(["foo", "", "B04"], bands_named(["foo", "", "B04"])) == ["foo"]


def bands_of(path, *, dtype="uint16", descriptions=(), colours=(), count=3, pixels=None):
    profile = {"height": 40, "width": 40, "crs": "EPSG:32644", "transform": Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(path, "w", driver="GTiff", count=count, dtype=dtype, **profile) as target:
        if colours:
            target.colorinterp = [ColorInterp[name] for name in colours]
        if descriptions:
            target.descriptions = descriptions
        if pixels is not None:
            target.write(pixels)
    with rasterio.open(path) as dataset:
        return ImageBands.read(dataset, path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_in_another_order_are_obeyed(tmp_path, dtype):
    bands = bands_of(tmp_path / "a.tif", dtype=dtype, colours=["blue", "green", "red"])
    assert bands.find(TRUE_COLOUR) == [3, 2, 1]
    assert not bands.fit(TRUE_COLOUR) and bands.fit(("B02", "B03", "B04"))


def test_the_colours_that_every_8_bit_file_says_count_for_true_colour_only(tmp_path):
    bands = bands_of(tmp_path / "a.tif", dtype="uint8")
    assert bands.find(TRUE_COLOUR) == [1, 2, 3]
    assert bands.find(("B02", "B03", "B04")) == [3, 2, 1]
    assert bands.find(("B08", "B04", "B03")) is None and bands.fit(("B08", "B04", "B03"))


def test_descriptions_go_before_the_colours_of_false_colour(tmp_path):
    names = ["B08", "B04", "B03"]
    bands = bands_of(tmp_path / "a.tif", descriptions=names, colours=["red", "green", "blue"])
    assert bands.find(names) == [1, 2, 3]
    bands = bands_of(tmp_path / "b.tif", dtype="uint8", descriptions=["B02", "B03", "B04"])
    assert bands.find(TRUE_COLOUR) == [3, 2, 1]


@pytest.mark.parametrize(
    ("dtype", "descriptions", "colours"),
    [
        ("uint16", ["B04", "B03", "B02"], ["blue", "green", "red"]),
        ("uint8", ["red", "green", "blue"], ["blue", "green", "red"]),
        ("uint16", ["B02", "B03", "B04"], ["red", "green", "blue"]),
    ],
)
def test_descriptions_against_colours_are_asked_about(tmp_path, dtype, descriptions, colours):
    with pytest.raises(UserError, match=r"colour interpretation says.*imagery\.band_order"):
        bands_of(tmp_path / "a.tif", dtype=dtype, descriptions=descriptions, colours=colours)


def picture(count, seed=0):
    """Bands that follow one another, as those of a landscape do."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(20, 200, (1, 40, 40))
    return (ground + rng.integers(0, 40, (count, 40, 40))).astype("uint8")


def test_a_band_called_alpha_by_default_that_is_a_picture_is_asked_about(tmp_path):
    with pytest.raises(UserError, match=r"4 bands without descriptions.*imagery\.band_order"):
        bands_of(tmp_path / "a.tif", dtype="uint8", count=4, pixels=picture(4))
    said = bands_of(
        tmp_path / "b.tif", dtype="uint8", count=4, pixels=picture(4), descriptions=["B04", "B03", "B02", "B08"]
    )
    assert said.usable == (1, 2, 3, 4) and said.names == ("B04", "B03", "B02", "B08")


@pytest.mark.parametrize("alpha", ["hard", "ramp", "constant", "noise"])
def test_alpha_hard_or_soft_is_no_band(tmp_path, alpha):
    pixels = picture(4)
    rows = np.arange(40)[:, np.newaxis] * np.ones((1, 40))
    pixels[3] = {
        "hard": np.where(rows < 9, 0, 255), "ramp": rows * 6, "constant": np.where(rows < 9, 0, 128),
        "noise": np.random.default_rng(5).integers(0, 255, (40, 40)),
    }[alpha]  # fmt: skip
    assert bands_of(tmp_path / "a.tif", dtype="uint8", count=4, pixels=pixels).usable == (1, 2, 3)


def test_a_name_that_two_bands_have_is_no_answer(tmp_path):
    bands = bands_of(tmp_path / "a.tif", descriptions=["B04_p10", "B04_p90", "B03"])
    assert bands.repeated == ["B04"] and bands.find(["B04"]) is None and bands.find(["B04_p90", "B03"]) == [2, 3]
