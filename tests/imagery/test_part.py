"""Half-fetched files: bytes are only added to those of the same version."""

from __future__ import annotations

import pytest
import requests

from lobate.imagery.fetching.part import Part
from lobate.imagery.fetching.patience import Trouble

URL = "https://archive.example/a/B04.tif?sig=1"


def answer(status=200, **headers):
    made = requests.Response()
    made.status_code = status
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


@pytest.fixture
def part(tmp_path):
    return Part(tmp_path / "B04.tif.part", URL)


def with_bytes(part, content=b"0123456789", **headers):
    part.begin(answer(**{"ETag": '"v1"', "Content_Length": "100", **headers}))
    part.path.write_bytes(content)
    return part


def test_nothing_here_asks_for_all(part):
    assert part.asking() == {}
    assert part.begin(answer(Content_Length="100", ETag='"v1"')) == 100
    assert part.asking() == {}


def test_some_bytes_ask_for_the_rest_of_the_same_version_in_any_process(part, tmp_path):
    with_bytes(part)
    again = Part(tmp_path / "B04.tif.part", URL.replace("sig=1", "sig=2"))
    assert again.asking() == {"Range": "bytes=10-", "If-Range": '"v1"'}
    assert again.begin(answer(206, Content_Range="bytes 10-99/100", ETag='"v1"')) == 100
    assert again.size == 10


def test_bytes_of_another_file_are_not_gone_on_from(part, tmp_path):
    with_bytes(part)
    assert Part(tmp_path / "B04.tif.part", "https://archive.example/b/B04.tif").asking() == {}


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"v1"'}, None),
        ({"ETag": 'W/"v1"', "Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, "Mon, 01 Jan 2024 00:00:00 GMT"),
        ({"ETag": "", "Last_Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, "Mon, 01 Jan 2024 00:00:00 GMT"),
        ({"ETag": ""}, None),
        ({"Content_Encoding": "gzip"}, None),
    ],
)
def test_what_vouches_for_the_version(part, headers, validator):
    assert with_bytes(part, **headers).asking().get("If-Range") == validator


def test_a_changed_file_begins_anew(part):
    with_bytes(part)
    assert part.begin(answer(200, Content_Length="50", ETag='"v2"')) == 50
    assert part.size == 0


@pytest.mark.parametrize("given", ["bytes 11-99/100", "bytes 0-99/100", "", "nonsense", "bytes */100"])
def test_bytes_that_do_not_follow_are_not_added(part, given):
    with_bytes(part)
    with pytest.raises(Trouble):
        part.begin(answer(206, Content_Range=given))
    assert part.size == 0


def test_a_compressed_answer_has_no_known_length(part):
    assert part.begin(answer(Content_Length="5", Content_Encoding="gzip")) is None


def test_a_refusal_tells_that_all_is_here(part):
    with_bytes(part)
    assert part.is_whole(answer(416, Content_Range="bytes */10"))
    assert not part.is_whole(answer(416, Content_Range="bytes */11"))
    assert not part.is_whole(answer(416))


def test_growing_means_more_bytes_than_ever(part):
    with_bytes(part)
    assert part.has_grown(10)
    part.path.write_bytes(b"0" * 5)
    assert not part.has_grown(1)
    part.path.write_bytes(b"0" * 15)
    assert not part.has_grown(6)
    part.path.write_bytes(b"0" * 16)
    assert part.has_grown(1)


def test_a_damaged_note_begins_anew(part):
    with_bytes(part)
    part.path.with_name(part.path.name + ".json").write_text("[]")
    assert part.asking() == {}


def test_the_finished_file_leaves_nothing_behind(part, tmp_path):
    with_bytes(part).become(tmp_path / "scene" / "B04.tif")
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["B04.tif"]
