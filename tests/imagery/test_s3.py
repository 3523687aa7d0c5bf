"""Files from an S3 server that checks signatures: with keys from every place, and with every refusal told."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests
from tests.imagery.access import fetch, write_netrc
from tests.servers.s3 import READER, STRANGER

from lobate.errors import UserError
from lobate.imagery.fetching.authorization import Authorization
from lobate.imagery.fetching.aws_files import S3Key
from lobate.imagery.fetching.s3 import S3Archive
from lobate.imagery.fetching.session import ArchiveSession
from lobate.imagery.fetching.signature import signature_headers
from lobate.settings.imagery import Archive, Catalogue

CONTENT = random.Random(0).randbytes(700_000)
NAMES = [
    "Sentinel-2/a/B04.jp2",
    "a b/(c)+d$e&f=g;h,i/B04.jp2",
    "Nodes(S2A)/$value",
    "grüße/山.jp2",
    "per%20cent/~x.jp2",
]


@pytest.fixture
def catalogue(s3_server):
    return Catalogue(
        url="http://127.0.0.1:1/v1",
        collection="c",
        allow_private=True,
        archive=Archive(s3_endpoint=s3_server.url),
    )


@pytest.fixture
def served(s3_server, request):
    return s3_server.put(f"{request.node.name.partition('[')[0]}/B04.jp2", CONTENT)


def use(monkeypatch, key, **more):
    for name, value in {**key.environment(), **more}.items():
        monkeypatch.setenv(name, value)


def test_the_published_example_has_its_published_signature():
    """The example "GET Object" of Amazon's documentation of Signature Version 4."""
    key = S3Key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    url, moment = "https://examplebucket.s3.amazonaws.com/test.txt", datetime(2013, 5, 24, tzinfo=UTC)
    headers = signature_headers("GET", url, key, "us-east-1", moment, {"Range": "bytes=0-9"})
    signature = headers["Authorization"].rpartition("Signature=")[2]
    assert signature == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_arrives(s3_server, catalogue, keyless, monkeypatch, tmp_path, name):
    use(monkeypatch, READER)
    assert fetch(catalogue, s3_server.put(name, CONTENT), tmp_path / "B04.jp2") == CONTENT


def test_a_broken_transfer_is_continued(s3_server, served, catalogue, keyless, monkeypatch, tmp_path):
    use(monkeypatch, READER)
    address = S3Archive(s3_server.url).address(served)
    head = signature_headers("HEAD", address, S3Key(READER.key, READER.secret), "us-east-1", datetime.now(UTC))
    validator = requests.head(address, headers=head, timeout=10).headers["ETag"]
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "B04.jp2.part").write_bytes(CONTENT[:300_000])
    (tmp_path / "work" / "B04.jp2.part.json").write_text(json.dumps({"url": served, "validator": validator}))
    sent = []
    send = ArchiveSession.send
    monkeypatch.setattr(
        ArchiveSession,
        "send",
        lambda self, request, **options: sent.append(request.headers) or send(self, request, **options),
    )
    assert fetch(catalogue, served, tmp_path / "B04.jp2") == CONTENT
    assert [headers["Range"] for headers in sent] == ["bytes=300000-"]


def in_environment(home, monkeypatch, host):
    use(monkeypatch, READER)


def in_netrc(home, monkeypatch, host):
    write_netrc(
        home, "default login other password thing", f"machine {host} login {READER.key} password {READER.secret}"
    )


def in_default_profile(home, monkeypatch, host):
    write_profile(home / ".aws" / "credentials", "default")


def in_named_profile(home, monkeypatch, host):
    write_profile(home / ".aws" / "credentials", "space")
    monkeypatch.setenv("AWS_PROFILE", "space")


def in_config_file(home, monkeypatch, host):
    write_profile(home / "elsewhere" / "config", "profile space")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "elsewhere" / "config"))
    monkeypatch.setenv("AWS_PROFILE", "space")


def in_a_file_that_the_environment_names(home, monkeypatch, host):
    write_profile(home / "elsewhere" / "keys", "default")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "elsewhere" / "keys"))


def write_profile(path, name, key=READER):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{name}]\naws_access_key_id = {key.key}\naws_secret_access_key = {key.secret}\n")


PLACES = [
    in_environment,
    in_netrc,
    in_default_profile,
    in_named_profile,
    in_config_file,
    in_a_file_that_the_environment_names,
]


@pytest.mark.parametrize("place", PLACES)
def test_the_key_is_found_in_every_usual_place(served, s3_server, catalogue, keyless, monkeypatch, tmp_path, place):
    place(keyless, monkeypatch, urlsplit(s3_server.url).hostname)
    assert fetch(catalogue, served, tmp_path / "B04.jp2") == CONTENT


def test_endpoint_and_region_may_come_from_the_environment_or_the_profile(
    served, s3_server, keyless, monkeypatch, tmp_path
):
    plain = Catalogue(url="http://127.0.0.1:1/v1", collection="c", allow_private=True)
    use(monkeypatch, READER, AWS_ENDPOINT_URL_S3=s3_server.url)
    assert fetch(plain, served, tmp_path / "1.jp2") == CONTENT
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    path = keyless / ".aws" / "config"
    path.parent.mkdir()
    path.write_text(f"[default]\nendpoint_url = {s3_server.url}\nregion = somewhere\n")
    assert fetch(plain, served, tmp_path / "2.jp2") == CONTENT


def refused(catalogue, url, tmp_path):
    with pytest.raises(UserError) as raised:
        fetch(catalogue, url, tmp_path / "B04.jp2")
    message = str(raised.value)
    assert "\n" not in message
    assert not any(secret in message for secret in (READER.secret, STRANGER.secret, "not-the-secret"))
    return message


def test_without_a_key_it_says_where_one_may_stand(served, catalogue, keyless, tmp_path):
    message = refused(catalogue, served, tmp_path)
    assert "wants a key" in message
    for place in ("AWS_ACCESS_KEY_ID", str(keyless / ".aws" / "credentials"), str(keyless / ".netrc")):
        assert place in message


@pytest.mark.parametrize("change", [{"AWS_ACCESS_KEY_ID": "NOSUCHKEY"}, {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}])
def test_a_wrong_key_is_told(served, catalogue, keyless, monkeypatch, tmp_path, change):
    use(monkeypatch, READER, **change)
    assert "does not know the S3 key, or its secret is wrong" in refused(catalogue, served, tmp_path)


def test_a_key_without_the_right_is_told(served, catalogue, keyless, monkeypatch, tmp_path):
    use(monkeypatch, STRANGER)
    assert "has no right to read this file" in refused(catalogue, served, tmp_path)


def test_a_clock_that_is_wrong_is_told(served, catalogue, keyless, monkeypatch, tmp_path):
    from lobate.imagery.fetching import s3

    class Late(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2020, 1, 1, tzinfo=UTC)

    use(monkeypatch, READER)
    monkeypatch.setattr(s3, "datetime", Late)
    assert "the clock of this machine" in refused(catalogue, served, tmp_path)


def test_a_file_that_is_missing_is_no_matter_of_keys(s3_server, catalogue, keyless, monkeypatch, tmp_path):
    use(monkeypatch, READER)
    assert "find the scene again" in refused(catalogue, "s3://eodata/nowhere/B04.jp2", tmp_path)


@pytest.mark.parametrize(
    ("files", "variables", "said"),
    [
        ({}, {"AWS_PROFILE": "absent"}, "no AWS profile absent"),
        ({}, {"AWS_ACCESS_KEY_ID": "half"}, "half a key"),
        ({"credentials": "[default]\naws_access_key_id = half\n"}, {}, "half a key"),
        ({"credentials": "aws_access_key_id = X\n"}, {}, "cannot be read as a file of AWS profiles"),
        ({"config": "[default]\ncredential_process = /bin/keys\n"}, {}, "export-credentials"),
        ({"config": "[default]\nsso_session = institute\n"}, {}, "export-credentials"),
    ],
)
def test_aws_files_that_hold_no_key_are_told(served, catalogue, keyless, monkeypatch, tmp_path, files, variables, said):
    (keyless / ".aws").mkdir()
    for name, text in files.items():
        (keyless / ".aws" / name).write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert said in refused(catalogue, served, tmp_path)


@pytest.mark.parametrize(
    "url", ["s3://", "s3://eodata", "s3://eodata/", "s3://e/x", "s3://user:word@eodata/x", "s3://../x"]
)
def test_what_is_no_file_in_a_bucket_is_refused(url):
    with pytest.raises(UserError, match="no file in an S3 bucket"):
        S3Archive("https://eodata.example").address(url)


def test_without_an_endpoint_the_address_is_amazons(keyless, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert S3Archive().address("s3://bucket/a b") == "https://bucket.s3.eu-central-1.amazonaws.com/a%20b"
    assert S3Archive().address("s3://dots.in.it/a") == "https://s3.eu-central-1.amazonaws.com/dots.in.it/a"


def test_an_open_archive_at_amazon_gets_no_signature(keyless, monkeypatch):
    use(monkeypatch, READER)
    authorization = Authorization(plain_http=False, s3=S3Archive())
    open_file = requests.Request("GET", "https://open.s3.us-east-1.amazonaws.com/B04.tif").prepare()
    assert "Authorization" not in authorization(open_file).headers
    address = authorization.address("s3://mine/B04.tif")
    assert "Authorization" in authorization(requests.Request("GET", address).prepare()).headers
    plain = requests.Request("GET", address.replace("https://", "http://")).prepare()
    assert "Authorization" not in authorization(plain).headers
