"""Addresses taken apart and put together."""

from __future__ import annotations

from lobate.imagery.fetching.address import beside, plain


def test_a_signature_is_no_part_of_an_address():
    assert plain("https://u.example:8/a/b.tif?sig=1#x") == "https://u.example:8/a/b.tif"


def test_what_stands_beside_a_file_keeps_its_query():
    assert beside("https://u.example/a/b.tif?sig=1", ".aux.xml") == "https://u.example/a/b.tif.aux.xml?sig=1"


def test_what_is_no_address_is_given_back_without_its_query():
    assert plain("http://[x?sig=1") == "http://[x"
