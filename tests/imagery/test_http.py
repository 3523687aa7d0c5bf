"""Downloads from a real file server with every failure that occurs, and partial files of one version."""

from __future__ import annotations

import errno
import hashlib
import logging
import random
import threading
import time

import pytest
import requests
from tests.servers.files import Fault

from lobate.errors import UserError
from lobate.imagery.fetching import http as parts
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.http import Downloader, DownloadRequest, DownloadStopped, NotFoundError, PartialFile
from lobate.imagery.fetching.retry import RetryableError, RetryPolicy
from lobate.imagery.fetching.session import open_session
from lobate.imagery.fetching.signing import url_signer

CONTENT = random.Random(0).randbytes(3_000_000)
HASTY = RetryPolicy(tries=3, timeout_s=5, first_wait_s=0.01, max_wait_s=1.0)


@pytest.fixture
def served(file_server, request):
    """A file of this test's own on the server; its path there."""
    path = f"{request.node.name.partition('[')[0]}/B04.tif"
    file = file_server.folder / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(CONTENT)
    return path


@pytest.fixture
def fetch(file_server, served, tmp_path):
    """Fetch the served file into a folder; return where it came to stand."""

    def run(patience=HASTY, signer=None, downloader=None, **wish):
        downloader = downloader or Downloader(open_session(private=True), retry_policy=patience, signer=signer)
        target = tmp_path / "scene" / "B04.tif"
        known = {"checksum": Checksum("sha256", hashlib.sha256(CONTENT).hexdigest()), **wish}
        downloader.fetch(DownloadRequest(file_server.address(served), target, tmp_path / "work", **known))
        return target

    return run


def leftovers(tmp_path):
    return sorted(one.name for one in tmp_path.rglob("*") if one.is_file())


def test_a_file_arrives_whole_and_nothing_else_stays(fetch, tmp_path, file_server, served):
    assert fetch().read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["B04.tif"]
    assert [(one.status, one.range) for one in file_server.asked(served)] == [(200, "")]


@pytest.mark.parametrize("status", [403, 408, 429, 500, 502, 503])
def test_a_refusal_that_passes_is_waited_out(fetch, file_server, served, status):
    file_server.fail(served, Fault(status), Fault(status))
    assert fetch().read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [status, status, 200]


def test_the_server_says_how_long_to_wait(fetch, file_server, served, caplog):
    file_server.fail(served, Fault(429, headers={"Retry-After": "1"}), Fault(503, headers={"Retry-After": "86400"}))
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        assert fetch(RetryPolicy(tries=3, first_wait_s=0.01, max_wait_s=1.2)).read_bytes() == CONTENT
    assert 2.2 <= time.monotonic() - began < 10
    assert [line.partition("again in ")[2] for line in caplog.messages] == ["1 s", "1.2 s"]


def test_a_refusal_that_stays_is_told(fetch, file_server, served, tmp_path):
    file_server.fail(served, *[Fault(503)] * 3)
    with pytest.raises(UserError, match=r"B04\.tif cannot be fetched: the server answers 503 .*3 times in a row"):
        fetch()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (410, NotFoundError), (401, UserError), (400, UserError)]
)
def test_a_plain_no_is_not_asked_again(fetch, file_server, served, status, kind):
    file_server.fail(served, Fault(status))
    with pytest.raises(kind, match=f"the server answers {status}"):
        fetch()
    assert len(file_server.asked(served)) == 1


def test_a_cut_connection_goes_on_where_it_was_cut(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.5))
    assert fetch().read_bytes() == CONTENT
    first, second = file_server.asked(served)
    assert (first.status, first.range) == (200, "")
    assert (second.status, second.range) == (206, "bytes=1500000-")
    assert second.if_range.startswith('"')


def test_a_line_that_is_cut_again_and_again_arrives_while_it_moves_on(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.4), Fault(share=0.6), Fault(share=0.1))
    assert fetch(RetryPolicy(tries=3, first_wait_s=0.01)).read_bytes() == CONTENT
    file_server.forget()
    file_server.fail(served, *[Fault(share=0.01)] * 3)
    with pytest.raises(UserError, match=r"the connection broke .*3 times in a row"):
        fetch(RetryPolicy(tries=3, first_wait_s=0.01))


def test_a_server_that_cannot_go_on_is_not_asked_for_ever(fetch, file_server, served):
    file_server.fail(served, *[Fault(share=0.5, headers={"ETag": "", "Last-Modified": ""})] * 10)
    with pytest.raises(UserError, match="the connection broke"):
        fetch(RetryPolicy(tries=3, first_wait_s=0.01))
    assert [one.range for one in file_server.asked(served)] == [""] * 3


def test_a_refusal_that_a_signature_may_lift_says_so(fetch, file_server, served):
    file_server.fail(served, *[Fault(403)] * 3)
    with pytest.raises(
        UserError, match=r"403 Forbidden \(some archives require signed addresses: imagery\.catalogue\.signing\)"
    ):
        fetch()


def test_the_next_process_goes_on_where_the_last_one_ended(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.5))
    with pytest.raises(UserError, match="what has been downloaded so far is kept"):
        fetch(RetryPolicy(tries=1))
    assert fetch().read_bytes() == CONTENT
    assert file_server.asked(served)[-1].range == "bytes=1500000-"


def test_a_file_that_changed_meanwhile_begins_anew(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.5))
    with pytest.raises(UserError):
        fetch(RetryPolicy(tries=1))
    changed = CONTENT[::-1]
    (file_server.folder / served).write_bytes(changed + b"longer")
    assert fetch(checksum=None).read_bytes() == changed + b"longer"
    assert file_server.asked(served)[-1].status == 200


def test_all_here_but_not_yet_named_is_not_fetched_again(fetch, file_server, served, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(parts.PartialFile, "commit", killed)
        fetch()
    assert fetch().read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 416]


def test_wrong_bytes_are_thrown_away_and_fetched_once_more(fetch, file_server, served, caplog):
    file_server.fail(served, Fault(flipped=True))
    assert fetch().read_bytes() == CONTENT
    assert "is wrong and is deleted: its sha256 is not the catalogue's" in caplog.text
    assert [(one.status, one.range) for one in file_server.asked(served)] == [(200, ""), (200, "")]


def test_bytes_that_stay_wrong_are_told_and_not_kept(fetch, file_server, served, tmp_path):
    file_server.fail(served, Fault(flipped=True), Fault(flipped=True))
    with pytest.raises(UserError, match="was downloaded completely twice, and was wrong both times: its sha256"):
        fetch()
    assert leftovers(tmp_path) == []


def test_without_a_checksum_the_catalogues_length_counts(fetch, tmp_path):
    assert fetch(checksum=None, size=len(CONTENT)).read_bytes() == CONTENT
    (tmp_path / "scene" / "B04.tif").unlink()
    with pytest.raises(UserError, match="it has 3000000 bytes, not 5"):
        fetch(checksum=None, size=5)
    assert leftovers(tmp_path) == []


def test_a_silent_connection_is_given_up_and_taken_up_again(fetch, file_server, served):
    file_server.fail(served, Fault(pause_s=2.0))
    assert fetch(RetryPolicy(tries=3, timeout_s=0.5, first_wait_s=0.01)).read_bytes() == CONTENT
    assert file_server.asked(served)[-1].range == "bytes=64-"


def test_a_drip_is_given_up_and_taken_up_again(fetch, file_server, served, caplog):
    file_server.fail(served, Fault(pause_s=0.2))
    with caplog.at_level(logging.INFO):
        assert fetch(RetryPolicy(tries=3, timeout_s=0.7, first_wait_s=0.01)).read_bytes() == CONTENT
    assert "bytes came in 1 s" in caplog.text
    assert file_server.asked(served)[-1].status == 206


def test_an_expired_signature_is_renewed(fetch, file_server, served):
    downloader = Downloader(open_session(private=True), retry_policy=HASTY)
    signer = url_signer(file_server.address("sign"), downloader.read)
    assert fetch(signer=signer).read_bytes() == CONTENT
    file_server.signatures.append("only this one is good now")
    assert fetch(signer=signer).read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 403, 200]
    assert len(file_server.asked("sign")) == 2


def test_a_signature_near_its_end_is_renewed_before_it_is_refused(fetch, file_server, served):
    file_server.lifetime_s = 60
    downloader = Downloader(open_session(private=True), retry_policy=HASTY)
    signer = url_signer(file_server.address("sign"), downloader.read)
    for _ in range(2):
        assert fetch(signer=signer).read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 200]
    assert len(file_server.asked("sign")) == 2


def test_a_signature_stands_in_no_message(fetch, file_server, served, caplog):
    signer = url_signer(file_server.address("sign"), Downloader(open_session(private=True)).read)
    file_server.fail(served, Fault(share=0.1), *[Fault(500)] * 3)
    with caplog.at_level(logging.INFO), pytest.raises(UserError) as raised:
        fetch(signer=signer)
    assert "sig=" not in caplog.text + str(raised.value)


def test_a_redirect_is_followed_and_guarded(fetch, file_server, served, tmp_path):
    (file_server.folder / "moved.tif").write_bytes(CONTENT)
    file_server.fail(served, Fault(302, headers={"Location": "/moved.tif"}))
    assert fetch().read_bytes() == CONTENT
    file_server.fail(served, Fault(302, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises(UserError, match="no web address"):
        fetch()
    file_server.fail(served, *[Fault(302, headers={"Location": f"/{served}"})] * 40)
    with pytest.raises(UserError, match="30 redirects"):
        fetch()


def test_nobody_listening_is_told(tmp_path):
    downloader = Downloader(open_session(private=True), retry_policy=HASTY)
    with pytest.raises(UserError, match=r"no answer \(\[Errno 111\] Connection refused\)"):
        downloader.fetch(DownloadRequest("http://127.0.0.1:9/B04.tif?sig=secret", tmp_path / "B04.tif", tmp_path))


def test_a_private_address_is_refused_before_anything_is_sent(file_server, served, tmp_path):
    downloader = Downloader(open_session(private=False), retry_policy=HASTY)
    with pytest.raises(UserError, match="allow_private"):
        downloader.fetch(DownloadRequest(file_server.address(served), tmp_path / "B04.tif", tmp_path))
    assert not file_server.requests


def test_a_document_is_read_with_the_same_patience(file_server, served):
    downloader = Downloader(open_session(private=True), retry_policy=HASTY)
    file_server.fail(served, Fault(500))
    assert downloader.read(file_server.address(served)) == CONTENT
    with pytest.raises(NotFoundError):
        downloader.read(file_server.address("nothing-here.json"))


def test_a_transfer_stops_when_told_and_keeps_what_came(fetch, file_server, served, tmp_path):
    downloader = Downloader(open_session(private=True), retry_policy=HASTY)
    file_server.fail(served, Fault(pause_s=0.01))
    threading.Timer(0.3, downloader.stop.set).start()
    with pytest.raises(DownloadStopped):
        fetch(downloader=downloader)
    assert (tmp_path / "work" / "B04.tif.part").stat().st_size > 0


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "Free some disk space"), (errno.EACCES, "Make the folder writable")]
)
def test_a_disk_that_takes_no_more_is_told(fetch, monkeypatch, number, hint):
    def refused(*_, **__):
        raise OSError(number, "no")

    monkeypatch.setattr(parts.Path, "write_text", refused)
    with pytest.raises(UserError, match=hint):
        fetch()


URL = "https://archive.example/a/B04.tif?sig=1"


def answer(status=200, **headers):
    made = requests.Response()
    made.status_code = status
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


@pytest.fixture
def part(tmp_path):
    return PartialFile(tmp_path / "B04.tif.part", URL)


def with_bytes(part, content=b"0123456789", **headers):
    part.start(answer(**{"ETag": '"v1"', "Content_Length": "100", **headers}))
    part.path.write_bytes(content)
    return part


def test_nothing_here_asks_for_all(part):
    assert part.range_headers() == {}
    assert part.start(answer(Content_Length="100", ETag='"v1"')) == 100
    assert part.range_headers() == {}


def test_some_bytes_ask_for_the_rest_of_the_same_version_in_any_process(part, tmp_path):
    with_bytes(part)
    again = PartialFile(tmp_path / "B04.tif.part", URL.replace("sig=1", "sig=2"))
    assert again.range_headers() == {"Range": "bytes=10-", "If-Range": '"v1"'}
    assert again.start(answer(206, Content_Range="bytes 10-99/100", ETag='"v1"')) == 100
    assert again.size == 10


def test_bytes_of_another_file_are_not_gone_on_from(part, tmp_path):
    with_bytes(part)
    assert PartialFile(tmp_path / "B04.tif.part", "https://archive.example/b/B04.tif").range_headers() == {}


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
    assert with_bytes(part, **headers).range_headers().get("If-Range") == validator


def test_a_changed_file_begins_anew(part):
    with_bytes(part)
    assert part.start(answer(200, Content_Length="50", ETag='"v2"')) == 50
    assert part.size == 0


@pytest.mark.parametrize("given", ["bytes 11-99/100", "bytes 0-99/100", "", "nonsense", "bytes */100"])
def test_bytes_that_do_not_follow_are_not_added(part, given):
    with_bytes(part)
    with pytest.raises(RetryableError):
        part.start(answer(206, Content_Range=given))
    assert part.size == 0


def test_a_compressed_answer_has_no_known_length(part):
    assert part.start(answer(Content_Length="5", Content_Encoding="gzip")) is None


def test_a_refusal_tells_that_all_is_here(part):
    with_bytes(part)
    assert part.is_complete(answer(416, Content_Range="bytes */10"))
    assert not part.is_complete(answer(416, Content_Range="bytes */11"))
    assert not part.is_complete(answer(416))


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
    assert part.range_headers() == {}


def test_the_finished_file_leaves_nothing_behind(part, tmp_path):
    with_bytes(part).commit(tmp_path / "scene" / "B04.tif")
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["B04.tif"]
