"""ESA's metadata: complete, partial, and arbitrary bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.product import Product, read_product


def test_a_granule_names_the_baseline_in_its_identifier():
    xml = b"<T><L1C_TILE_ID>S2B_T33TWM_N09.99</L1C_TILE_ID><TILE_ID>S2B_OPER_MSI_L2A_TL_T33TWM_N02.14</TILE_ID></T>"
    product = read_product(xml, "granule.xml")
    assert product.baseline == "02.14"
    assert product.calibration("B04") == Calibration()


def test_real_granule_metadata_are_read(real_data):
    [file] = (real_data / "s2_l2a_baseline_0509" / "S2B_33TWM_20230810_0_L2A").glob("granule_metadata.xml")
    product = read_product(file.read_bytes(), str(file))
    assert product.baseline == "05.09"
    assert product.cloud == pytest.approx(70.627, abs=1e-3)
    assert product.date.startswith("2023-08-10")
    assert product.calibration("B04") is None


def test_what_one_file_lacks_another_gives():
    one = Product("05.09", None, {}, None, "2023-08-10")
    other = Product("04.00", 10000.0, {"B04": -1000.0}, 3.0, "")
    assert one.filled_from(other) == Product("05.09", 10000.0, {"B04": -1000.0}, 3.0, "2023-08-10")


def test_entities_that_explode_are_a_mistake():
    names = "abcdefghij"
    entities = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 100}">' for old, new in itertools.pairwise(names)
    )
    with pytest.raises(UserError, match="not readable XML"):
        read_product(f"<!DOCTYPE x [{entities}]><x>&j;</x>".encode(), "MTD_MSIL2A.xml")


@pytest.mark.parametrize("number", ["nan", "inf", "-1e999", "", "ten thousand"])
def test_numbers_that_are_none_are_a_mistake(number):
    with pytest.raises(UserError, match="BOA_QUANTIFICATION_VALUE"):
        read_product(f"<P><BOA_QUANTIFICATION_VALUE>{number}</BOA_QUANTIFICATION_VALUE></P>".encode(), "MTD.xml")


NAMES = ["BOA_ADD_OFFSET", "BOA_QUANTIFICATION_VALUE", "PROCESSING_BASELINE", "Cloud_Coverage_Assessment", "TILE_ID"]
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='<>&"'), max_size=8)
ELEMENTS = st.builds('<{0} band_id="{1}">{2}</{0}>'.format, st.sampled_from(NAMES), TEXTS, TEXTS | st.floats().map(str))
XML = st.lists(ELEMENTS).map(lambda parts: f"<P>{''.join(parts)}</P>".encode())
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "latin-1", "cp932", "utf-7", "nonsense", "idna"])
DECLARED = st.builds(lambda name, xml: f'<?xml version="1.0" encoding="{name}"?>'.encode() + xml, ENCODINGS, XML)


@settings(deadline=None, max_examples=200)
@given(content=XML | DECLARED | st.binary(max_size=60))
def test_any_bytes_are_metadata_or_a_mistake(content):
    try:
        assert isinstance(read_product(content, "MTD_MSIL2A.xml"), Product)
    except UserError as mistake:
        assert "MTD_MSIL2A.xml" in str(mistake)
