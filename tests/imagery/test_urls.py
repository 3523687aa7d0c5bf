"""Queries and suffixes of URLs."""

from __future__ import annotations

from lobate.imagery.fetching.urls import sibling_url, strip_query


def test_a_signature_is_no_part_of_an_address():
    assert strip_query("https://u.example:8/a/b.tif?sig=1#x") == "https://u.example:8/a/b.tif"


def test_what_stands_beside_a_file_keeps_its_query():
    assert sibling_url("https://u.example/a/b.tif?sig=1", ".aux.xml") == "https://u.example/a/b.tif.aux.xml?sig=1"


def test_what_is_no_address_is_given_back_without_its_query():
    assert strip_query("http://[x?sig=1") == "http://[x"
