"""Signatures: shared by a container, renewed before they expire and after a refusal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from lobate.errors import UserError
from lobate.imagery.fetching.signing import Unsigned, token_signer, url_signer

START = datetime(2026, 1, 1, tzinfo=UTC)
STORE = "https://sentinel2l2a01.blob.core.windows.net"


class Service:
    """Answers like a signing service with a clock of its own."""

    def __init__(self, **answer):
        self.asked, self.now, self.more = [], START, answer

    def __call__(self, address):
        self.asked.append(address)
        expiry = (self.now + timedelta(minutes=45)).strftime("%Y-%m-%dT%H:%M:%SZ")
        number = len(self.asked)
        signed = {"token": f"sig={number}", "href": f"https://signed.example/{number}", "msft:expiry": expiry}
        return json.dumps({**signed, **self.more}).encode()

    def clock(self):
        return self.now


def test_open_archives_need_no_signature():
    assert Unsigned().sign("https://x.example/B04.tif") == "https://x.example/B04.tif"


def test_a_token_is_asked_for_once_for_all_files_of_a_container():
    service = Service()
    signer = token_signer("https://sign.example/v1", service, now=service.clock)
    assert signer.sign(f"{STORE}/sentinel2-l2/a/B04.tif") == f"{STORE}/sentinel2-l2/a/B04.tif?sig=1"
    assert signer.sign(f"{STORE}/sentinel2-l2/b/B03.tif?x=1") == f"{STORE}/sentinel2-l2/b/B03.tif?x=1&sig=1"
    assert signer.sign(f"{STORE}/other/b/B03.tif").endswith("sig=2")
    assert service.asked == [
        f"https://sign.example/v1/token/sentinel2l2a01/{name}" for name in ("sentinel2-l2", "other")
    ]


@pytest.mark.parametrize("url", ["https://open.example/a/B04.tif", f"{STORE}/c/B04.tif?sig=mine", f"{STORE}/"])
def test_other_files_are_not_signed(url):
    service = Service()
    signer = token_signer("https://sign.example", service)
    assert signer.sign(url) == url
    signer.renew(url, url)
    assert not service.asked


def test_each_address_is_signed_for_itself_where_the_service_wants_it():
    service = Service()
    signer = url_signer("https://sign.example/sign", service, now=service.clock)
    assert signer.sign("https://a.example/B 1.tif?x=1&y=2") == "https://signed.example/1"
    assert signer.sign("https://a.example/B2.tif") == "https://signed.example/2"
    assert service.asked[0] == "https://sign.example/sign?href=https%3A%2F%2Fa.example%2FB%201.tif%3Fx%3D1%26y%3D2"


def test_a_signature_is_renewed_shortly_before_it_ends():
    service = Service()
    signer = token_signer("https://sign.example", service, now=service.clock)
    url = f"{STORE}/c/B04.tif"
    signer.sign(url)
    service.now += timedelta(minutes=42)
    assert signer.sign(url).endswith("sig=1")
    service.now += timedelta(minutes=2)
    assert signer.sign(url).endswith("sig=2")


def test_a_refused_signature_is_renewed_once_however_many_were_refused():
    service = Service()
    signer = token_signer("https://sign.example", service, now=service.clock)
    url = f"{STORE}/c/B04.tif"
    refused = signer.sign(url)
    signer.renew(url, refused)
    assert signer.sign(url).endswith("sig=2")
    signer.renew(url, refused)  # another thread comes late with the old one
    assert signer.sign(url).endswith("sig=2")


def test_a_signature_without_an_end_stays():
    service = Service(**{"msft:expiry": None})
    signer = token_signer("https://sign.example", service, now=service.clock)
    signer.sign(f"{STORE}/c/x")
    service.now += timedelta(days=400)
    assert signer.sign(f"{STORE}/c/x").endswith("sig=1")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"token": 5}', b'{"token": "", "href": ""}', b'{"token": "a", "href": "a", "msft:expiry": "soon"}', b'{"token": "a", "href": "a", "msft:expiry": 5}'])  # fmt: skip
@pytest.mark.parametrize("kind", [token_signer, url_signer])
def test_no_signature_is_a_mistake(answer, kind):
    with pytest.raises(UserError, match=r"imagery\.catalogue\.signing"):
        kind("https://sign.example", lambda _: answer).sign(f"{STORE}/c/x")
