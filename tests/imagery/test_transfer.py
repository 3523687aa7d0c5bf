"""Transfers from a real file server, with everything going wrong that does go wrong."""

from __future__ import annotations

import errno
import hashlib
import logging
import random
import threading
import time

import pytest
from tests.servers.files import Fault

from lobate.errors import Mistake
from lobate.imagery.fetching import part as parts
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.guard import open_session
from lobate.imagery.fetching.patience import Patience
from lobate.imagery.fetching.signing import by_address
from lobate.imagery.fetching.transfer import Courier, Missing, Stopped, Wish

CONTENT = random.Random(0).randbytes(3_000_000)
HASTY = Patience(tries=3, timeout_s=5, first_wait_s=0.01, longest_wait_s=1.0)


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

    def run(patience=HASTY, signer=None, courier=None, **wish):
        courier = courier or Courier(open_session(private=True), patience=patience, signer=signer)
        target = tmp_path / "scene" / "B04.tif"
        known = {"checksum": Checksum("sha256", hashlib.sha256(CONTENT).hexdigest()), **wish}
        courier.fetch(Wish(file_server.address(served), target, tmp_path / "workshop", **known))
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
        assert fetch(Patience(tries=3, first_wait_s=0.01, longest_wait_s=1.2)).read_bytes() == CONTENT
    assert 2.2 <= time.monotonic() - began < 10
    assert [line.partition("again in ")[2] for line in caplog.messages] == ["1 s", "1.2 s"]


def test_a_refusal_that_stays_is_told(fetch, file_server, served, tmp_path):
    file_server.fail(served, *[Fault(503)] * 3)
    with pytest.raises(Mistake, match=r"B04\.tif cannot be fetched: the server says 503 .*3 times in a row"):
        fetch()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("status", "kind"), [(404, Missing), (410, Missing), (401, Mistake), (400, Mistake)])
def test_a_plain_no_is_not_asked_again(fetch, file_server, served, status, kind):
    file_server.fail(served, Fault(status))
    with pytest.raises(kind, match=f"the server says {status}"):
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
    assert fetch(Patience(tries=3, first_wait_s=0.01)).read_bytes() == CONTENT
    file_server.forget()
    file_server.fail(served, *[Fault(share=0.01)] * 3)
    with pytest.raises(Mistake, match=r"the connection broke .*3 times in a row"):
        fetch(Patience(tries=3, first_wait_s=0.01))


def test_a_server_that_cannot_go_on_is_not_asked_for_ever(fetch, file_server, served):
    file_server.fail(served, *[Fault(share=0.5, headers={"ETag": "", "Last-Modified": ""})] * 10)
    with pytest.raises(Mistake, match="the connection broke"):
        fetch(Patience(tries=3, first_wait_s=0.01))
    assert [one.range for one in file_server.asked(served)] == [""] * 3


def test_a_refusal_that_a_signature_may_lift_says_so(fetch, file_server, served):
    file_server.fail(served, *[Fault(403)] * 3)
    with pytest.raises(
        Mistake, match=r"403 Forbidden \(some archives want signed addresses: imagery\.catalogue\.signing\)"
    ):
        fetch()


def test_the_next_process_goes_on_where_the_last_one_ended(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.5))
    with pytest.raises(Mistake, match="what has come so far is kept"):
        fetch(Patience(tries=1))
    assert fetch().read_bytes() == CONTENT
    assert file_server.asked(served)[-1].range == "bytes=1500000-"


def test_a_file_that_changed_meanwhile_begins_anew(fetch, file_server, served):
    file_server.fail(served, Fault(share=0.5))
    with pytest.raises(Mistake):
        fetch(Patience(tries=1))
    changed = CONTENT[::-1]
    (file_server.folder / served).write_bytes(changed + b"longer")
    assert fetch(checksum=None).read_bytes() == changed + b"longer"
    assert file_server.asked(served)[-1].status == 200


def test_all_here_but_not_yet_named_is_not_fetched_again(fetch, file_server, served, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(parts.Part, "become", killed)
        fetch()
    assert fetch().read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 416]


def test_wrong_bytes_are_thrown_away_and_fetched_once_more(fetch, file_server, served, caplog):
    file_server.fail(served, Fault(flipped=True))
    assert fetch().read_bytes() == CONTENT
    assert "is wrong and is thrown away: its sha256 is not the catalogue's" in caplog.text
    assert [(one.status, one.range) for one in file_server.asked(served)] == [(200, ""), (200, "")]


def test_bytes_that_stay_wrong_are_told_and_not_kept(fetch, file_server, served, tmp_path):
    file_server.fail(served, Fault(flipped=True), Fault(flipped=True))
    with pytest.raises(Mistake, match="arrived whole and wrong, twice"):
        fetch()
    assert leftovers(tmp_path) == []


def test_without_a_checksum_the_catalogues_length_counts(fetch, tmp_path):
    assert fetch(checksum=None, size=len(CONTENT)).read_bytes() == CONTENT
    (tmp_path / "scene" / "B04.tif").unlink()
    with pytest.raises(Mistake, match="it has 3000000 bytes, not 5"):
        fetch(checksum=None, size=5)
    assert leftovers(tmp_path) == []


def test_a_silent_connection_is_given_up_and_taken_up_again(fetch, file_server, served):
    file_server.fail(served, Fault(pause_s=2.0))
    assert fetch(Patience(tries=3, timeout_s=0.5, first_wait_s=0.01)).read_bytes() == CONTENT
    assert file_server.asked(served)[-1].range == "bytes=64-"


def test_a_drip_is_given_up_and_taken_up_again(fetch, file_server, served, caplog):
    file_server.fail(served, Fault(pause_s=0.2))
    with caplog.at_level(logging.INFO):
        assert fetch(Patience(tries=3, timeout_s=0.7, first_wait_s=0.01)).read_bytes() == CONTENT
    assert "bytes came in 1 s" in caplog.text
    assert file_server.asked(served)[-1].status == 206


def test_an_expired_signature_is_renewed(fetch, file_server, served):
    courier = Courier(open_session(private=True), patience=HASTY)
    signer = by_address(file_server.address("sign"), courier.read)
    assert fetch(signer=signer).read_bytes() == CONTENT
    file_server.signatures.append("only this one is good now")
    assert fetch(signer=signer).read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 403, 200]
    assert len(file_server.asked("sign")) == 2


def test_a_signature_near_its_end_is_renewed_before_it_is_refused(fetch, file_server, served):
    file_server.lifetime_s = 60
    courier = Courier(open_session(private=True), patience=HASTY)
    signer = by_address(file_server.address("sign"), courier.read)
    for _ in range(2):
        assert fetch(signer=signer).read_bytes() == CONTENT
    assert [one.status for one in file_server.asked(served)] == [200, 200]
    assert len(file_server.asked("sign")) == 2


def test_a_signature_stands_in_no_message(fetch, file_server, served, caplog):
    signer = by_address(file_server.address("sign"), Courier(open_session(private=True)).read)
    file_server.fail(served, Fault(share=0.1), *[Fault(500)] * 3)
    with caplog.at_level(logging.INFO), pytest.raises(Mistake) as told:
        fetch(signer=signer)
    assert "sig=" not in caplog.text + str(told.value)


def test_a_redirect_is_followed_and_guarded(fetch, file_server, served, tmp_path):
    (file_server.folder / "moved.tif").write_bytes(CONTENT)
    file_server.fail(served, Fault(302, headers={"Location": "/moved.tif"}))
    assert fetch().read_bytes() == CONTENT
    file_server.fail(served, Fault(302, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises(Mistake, match="no web address"):
        fetch()
    file_server.fail(served, *[Fault(302, headers={"Location": f"/{served}"})] * 40)
    with pytest.raises(Mistake, match="30 redirects"):
        fetch()


def test_nobody_listening_is_told(tmp_path):
    courier = Courier(open_session(private=True), patience=HASTY)
    with pytest.raises(Mistake, match=r"no answer \(\[Errno 111\] Connection refused\)"):
        courier.fetch(Wish("http://127.0.0.1:9/B04.tif?sig=secret", tmp_path / "B04.tif", tmp_path))


def test_a_private_address_is_refused_before_anything_is_sent(file_server, served, tmp_path):
    courier = Courier(open_session(private=False), patience=HASTY)
    with pytest.raises(Mistake, match="allow_private"):
        courier.fetch(Wish(file_server.address(served), tmp_path / "B04.tif", tmp_path))
    assert not file_server.requests


def test_a_document_is_read_with_the_same_patience(file_server, served):
    courier = Courier(open_session(private=True), patience=HASTY)
    file_server.fail(served, Fault(500))
    assert courier.read(file_server.address(served)) == CONTENT
    with pytest.raises(Missing):
        courier.read(file_server.address("nothing-here.json"))


def test_a_transfer_stops_when_told_and_keeps_what_came(fetch, file_server, served, tmp_path):
    courier = Courier(open_session(private=True), patience=HASTY)
    file_server.fail(served, Fault(pause_s=0.01))
    threading.Timer(0.3, courier.stop.set).start()
    with pytest.raises(Stopped):
        fetch(courier=courier)
    assert (tmp_path / "workshop" / "B04.tif.part").stat().st_size > 0


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, "Free some room"), (errno.EACCES, "the right to write")])
def test_a_disk_that_takes_no_more_is_told(fetch, monkeypatch, number, hint):
    def refused(*_, **__):
        raise OSError(number, "no")

    monkeypatch.setattr(parts.Path, "write_text", refused)
    with pytest.raises(Mistake, match=hint):
        fetch()
