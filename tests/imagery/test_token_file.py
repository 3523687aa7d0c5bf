"""One token for all processes of a user, from a real token server: when it is asked for, kept, renewed and refused."""

from __future__ import annotations

import json
import logging
import random
import stat
import threading
import time

import pytest
from tests.imagery.access import fetch, start_python, write_netrc
from tests.servers.files import Fault
from tests.servers.tokens import NAME, PASSWORD, serving_for_tokens

from lobate.errors import UserError
from lobate.imagery.catalogues import archive_of
from lobate.settings.imagery import Archive, Catalogue

CONTENT = random.Random(0).randbytes(2_000_000)


@pytest.fixture
def catalogue(token_server, token_archive, keyless):
    """An archive with an account that ~/.netrc knows."""
    token_archive.content = CONTENT
    write_netrc(keyless, f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"')
    return settings_of(token_server, token_archive)


def settings_of(token_server, token_archive, **more):
    hosts = [token_archive.url.removeprefix("http://")]
    archive = Archive(token_url=token_server.url, token_hosts=hosts, **more)
    return Catalogue(url="http://127.0.0.1:1/v1", collection="c", allow_private=True, archive=archive)


def token_files(home):
    return sorted((home / "cache" / "lobate" / "tokens").glob("*.json"))


def test_one_token_serves_all_files_and_only_its_owner_can_read_it(
    catalogue, token_server, token_archive, keyless, tmp_path
):
    for number in range(3):
        assert fetch(catalogue, f"{token_archive.url}/{number}", tmp_path / f"{number}") == CONTENT
    assert token_server.asked() == ["password"]
    (path,) = token_files(keyless)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert PASSWORD not in path.read_text()


FETCH = """
import sys
from pathlib import Path
from tests.imagery.access import fetch
from lobate.settings.imagery import Catalogue

fetch(Catalogue.model_validate_json(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""


def test_processes_and_threads_ask_once_together(
    catalogue, token_server, token_archive, tmp_path, project, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", f"{project}:{project / 'workflow'}")
    processes = [
        start_python(FETCH, catalogue.model_dump_json(), f"{token_archive.url}/{n}", tmp_path / f"p{n}")
        for n in range(3)
    ]
    threads = [
        threading.Thread(target=fetch, args=(catalogue, f"{token_archive.url}/{n}", tmp_path / f"t{n}"))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    assert all((tmp_path / f"{kind}{n}").read_bytes() == CONTENT for kind in "pt" for n in range(3))
    assert token_server.asked() == ["password"]


def test_a_token_that_ends_in_mid_transfer_is_renewed_and_the_transfer_goes_on(
    catalogue, token_server, token_archive, tmp_path
):
    token_server.set(lifetime_s=1.5)
    token_archive.pause_s = 0.1  # 31 pieces: longer than the token holds
    assert fetch(catalogue, f"{token_archive.url}/B04", tmp_path / "B04") == CONTENT
    starts = [
        int(one[0].removeprefix("bytes=").rstrip("-") or 0) for one in token_archive.record if one[2] in (200, 206)
    ]
    assert len(starts) > 1
    assert starts == sorted(set(starts))  # nothing was sent twice from the beginning
    assert set(token_server.asked()[1:]) == {"refresh_token"}
    assert len({one[1] for one in token_archive.record}) == len(token_server.asked())


def test_a_token_that_the_archive_refuses_early_is_renewed_once_for_all(
    catalogue, token_server, token_archive, keyless, tmp_path
):
    fetch(catalogue, f"{token_archive.url}/0", tmp_path / "0")
    (path,) = token_files(keyless)
    path.write_text(json.dumps({**json.loads(path.read_text()), "access_token": "revoked"}))
    threads = [
        threading.Thread(target=fetch, args=(catalogue, f"{token_archive.url}/{n}", tmp_path / f"{n}"))
        for n in range(1, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((tmp_path / f"{n}").read_bytes() == CONTENT for n in range(5))
    assert token_server.asked() == ["password", "refresh_token"]


def test_a_token_is_renewed_before_its_end(catalogue, token_server, token_archive, tmp_path):
    token_server.set(lifetime_s=2.0)
    fetch(catalogue, f"{token_archive.url}/0", tmp_path / "0")
    time.sleep(1.7)
    fetch(catalogue, f"{token_archive.url}/1", tmp_path / "1")
    assert token_server.asked() == ["password", "refresh_token"]
    assert {one[2] for one in token_archive.record} == {200}


def test_an_expired_refresh_token_leads_back_to_the_password(catalogue, token_server, token_archive, tmp_path):
    token_server.set(lifetime_s=0.5, refresh_lifetime_s=0.5)
    fetch(catalogue, f"{token_archive.url}/0", tmp_path / "0")
    time.sleep(0.6)
    token_server.set(lifetime_s=60.0)
    fetch(catalogue, f"{token_archive.url}/1", tmp_path / "1")
    assert token_server.asked() == ["password", "refresh_token", "password"]


def test_a_damaged_token_file_is_as_good_as_none(catalogue, token_server, token_archive, keyless, tmp_path):
    fetch(catalogue, f"{token_archive.url}/0", tmp_path / "0")
    (path,) = token_files(keyless)
    for damage in ("", "{", "[]", '{"renew_at": "soon"}', '{"renew_at": 1e99}'):
        path.write_text(damage)
        assert fetch(catalogue, f"{token_archive.url}/1", tmp_path / "1") == CONTENT


def refused(settings, archive, tmp_path, name="B04"):
    with pytest.raises(UserError) as raised:
        fetch(settings, f"{archive.url}/{name}", tmp_path / "B04")
    message = str(raised.value)
    assert "\n" not in message
    assert PASSWORD not in message
    return message


def test_without_an_account_it_says_where_one_may_stand(token_server, token_archive, keyless, tmp_path):
    message = refused(settings_of(token_server, token_archive), token_archive, tmp_path)
    assert "needs an account, and there is none for 127.0.0.1" in message
    assert str(keyless / ".netrc") in message
    assert "LOBATE_ARCHIVE_HOST=127.0.0.1" in message
    assert token_archive.record == []


def test_a_wrong_password_is_told_and_not_sent_again(catalogue, token_server, token_archive, keyless, tmp_path):
    write_netrc(keyless, f"machine 127.0.0.1 login {NAME} password wrong-one")
    messages = {refused(catalogue, token_archive, tmp_path) for _ in range(3)}
    (message,) = messages
    assert "refuses the name or the password" in message
    assert "Invalid user credentials" in message
    assert str(keyless / ".netrc") in message
    assert token_server.asked() == ["password"]
    write_netrc(keyless, f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"')
    assert (
        fetch(catalogue, f"{token_archive.url}/B04", tmp_path / "B04") == CONTENT
    )  # another password is tried at once


@pytest.mark.parametrize("reason", ["Account disabled", "Account is not fully set up", "Account temporarily locked"])
def test_a_locked_account_is_told(catalogue, token_server, token_archive, tmp_path, reason):
    token_server.set(reason=reason)
    message = refused(catalogue, token_archive, tmp_path)
    assert f"locked the account {NAME}" in message
    assert reason in message


def test_an_account_without_the_right_is_told(catalogue, token_server, token_archive, tmp_path):
    token_archive.forbidden = True
    assert "has no right to this file" in refused(catalogue, token_archive, tmp_path)
    assert token_server.asked() == ["password", "refresh_token"]


def test_a_used_up_quota_is_told_after_waits(catalogue, token_archive, tmp_path):
    token_archive.next_answers = [(429, {"Retry-After": "1"})] * 3
    began = time.monotonic()
    assert "quota" in refused(catalogue, token_archive, tmp_path)
    assert time.monotonic() - began >= 2
    token_archive.next_answers = [(429, {})]
    assert fetch(catalogue, f"{token_archive.url}/B04", tmp_path / "B04") == CONTENT


def test_a_token_server_that_is_busy_is_asked_again(catalogue, token_server, token_archive, tmp_path):
    token_server.set(next=[[503, {}], [429, {"Retry-After": "1"}]])
    assert fetch(catalogue, f"{token_archive.url}/B04", tmp_path / "B04") == CONTENT
    token_server.set(next=[[503, {}]] * 9)
    with pytest.raises(UserError, match=r"token server 127\.0\.0\.1 answers 503"):
        fetch(with_other_client(catalogue), f"{token_archive.url}/B04", tmp_path / "again")


def with_other_client(settings, client_id="other"):
    archive = settings.archive.model_copy(update={"client_id": client_id})
    return settings.model_copy(update={"archive": archive})


def test_a_client_that_the_token_server_does_not_know_is_told(catalogue, token_archive, tmp_path):
    assert "imagery.catalogue.archive.client_id" in refused(with_other_client(catalogue), token_archive, tmp_path)


def test_a_refresh_token_of_a_person_needs_no_password(token_server, token_archive, keyless, monkeypatch, tmp_path):
    monkeypatch.setenv("LOBATE_ARCHIVE_HOST", "127.0.0.1")
    monkeypatch.setenv("LOBATE_ARCHIVE_REFRESH_TOKEN", "long-gone")
    message = refused(settings_of(token_server, token_archive), token_archive, tmp_path)
    assert "The refresh token for 127.0.0.1 has expired" in message
    assert "long-gone" not in message


def test_a_login_in_the_environment_goes_to_its_host_only(token_server, token_archive, keyless, monkeypatch, tmp_path):
    token_archive.content = CONTENT
    monkeypatch.setenv("LOBATE_ARCHIVE_USERNAME", NAME)
    monkeypatch.setenv("LOBATE_ARCHIVE_PASSWORD", PASSWORD)
    monkeypatch.setenv("LOBATE_ARCHIVE_HOST", "archive.example")
    monkeypatch.setenv("CDSE_USERNAME", NAME)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    settings = settings_of(token_server, token_archive)
    assert "there is none for 127.0.0.1" in refused(settings, token_archive, tmp_path)
    monkeypatch.setenv("LOBATE_ARCHIVE_HOST", "127.0.0.1")
    assert fetch(settings, f"{token_archive.url}/B04", tmp_path / "B04") == CONTENT


def test_neither_the_default_of_netrc_nor_a_file_that_others_read_counts(catalogue, token_archive, keyless, tmp_path):
    path = write_netrc(keyless, f'default login {NAME} password "{PASSWORD}"')
    assert "there is none for 127.0.0.1" in refused(catalogue, token_archive, tmp_path)
    path = write_netrc(keyless, f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"')
    path.chmod(0o644)
    assert "chmod 600" in refused(catalogue, token_archive, tmp_path)
    path.write_text("machine\n")
    assert "is no .netrc file" in refused(catalogue, token_archive, tmp_path)


def test_a_netrc_that_cannot_be_read_stops_no_open_archive(file_server, keyless, tmp_path):
    (file_server.folder / tmp_path.name).write_bytes(CONTENT)
    write_netrc(keyless, "machine")
    settings = Catalogue(url="http://127.0.0.1:1/v1", collection="c", allow_private=True)
    assert fetch(settings, file_server.address(tmp_path.name), tmp_path / "B04") == CONTENT
    file_server.fail(tmp_path.name, Fault(401))
    assert "is no .netrc file" in refused(settings, file_server, tmp_path, tmp_path.name)


def test_a_redirect_to_another_host_carries_no_token(catalogue, token_server, token_archive, tmp_path):
    with serving_for_tokens(token_server) as other:
        token_archive.redirect = f"{other.url}/B04"
        assert "wants a login (401)" in refused(catalogue, token_archive, tmp_path)
        assert token_archive.record[0][1].startswith("Bearer ")
        assert {sent.startswith("Bearer ") for _, sent, _ in other.record} == {False}


def test_a_password_never_goes_over_plain_http(catalogue, token_server, token_archive, tmp_path, monkeypatch):
    from lobate.imagery.fetching import ssrf_guard

    monkeypatch.setattr(ssrf_guard, "is_public", lambda _: True)
    public = catalogue.model_copy(update={"allow_private": False})
    assert "https" in refused(public, token_archive, tmp_path)
    assert token_server.asked() == []
    assert {sent for _, sent, _ in token_archive.record} <= {""}


def test_the_log_holds_no_key(catalogue, token_archive, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        fetch(catalogue, f"{token_archive.url}/B04", tmp_path / "B04")
    sent = token_archive.record[0][1].removeprefix("Bearer ")
    assert sent not in caplog.text
    assert PASSWORD not in caplog.text


def test_the_data_space_is_known_by_name():
    archive = archive_of(Catalogue(name="copernicus-data-space"))
    assert archive.connections == 4
    assert archive.token_url.startswith("https://identity.dataspace.copernicus.eu/")
    assert archive_of(Catalogue(name="copernicus-data-space", archive=Archive(access="s3"))).connections == 4
    assert archive_of(Catalogue()).token_url is None
