"""Checksums in the forms that catalogues use."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.imagery.fetching.checksum import Checksum, parse_checksum

PREFIXES = {"sha1": "1114", "sha256": "1220", "sha512": "1340", "md5": "d50110"}


@pytest.mark.parametrize("algorithm", PREFIXES)
@given(content=st.binary(max_size=50))
def test_multihashes_and_plain_digests_are_the_same_checksum(algorithm, content):
    digest = hashlib.new(algorithm, content).hexdigest()
    expected = Checksum(algorithm, digest)
    for text in (PREFIXES[algorithm] + digest, digest, (PREFIXES[algorithm] + digest).upper(), f" {digest}\n"):
        assert parse_checksum(text) == expected


def test_a_known_multihash_means_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello world")
    # multihash of sha2-256, from the digest that sha256sum prints
    checksum = parse_checksum("1220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
    assert checksum.matches(path)
    path.write_bytes(b"hello worle")
    assert not checksum.matches(path)


@given(st.text(max_size=80))
def test_any_text_is_a_checksum_or_none(text):
    found = parse_checksum(text)
    assert found is None or len(found.digest) in (32, 40, 64, 128)


@pytest.mark.parametrize("text", ["", "1220", "1220" + "0" * 63, "1620" + "0" * 64, "xyz", "sha256:" + "0" * 64])
def test_other_kinds_are_none(text):
    assert parse_checksum(text) is None
