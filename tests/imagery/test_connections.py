"""One limit of connections for all processes and threads: an archive never sees more, and a killed process keeps none."""

from __future__ import annotations

import os
import random
import threading

import pytest
from tests.imagery.access import start_python, write_netrc
from tests.servers.tokens import NAME, PASSWORD

from lobate.errors import UserError
from lobate.imagery.fetching.connections import ConnectionLimit
from lobate.settings.imagery import Archive, Catalogue

CONTENT = random.Random(0).randbytes(400_000)
PROCESSES, FILES = 3, 6


FETCH = f"""
import sys
from pathlib import Path
from lobate.imagery.fetching.assets import AssetDownload
from lobate.imagery.fetching.download import download_all, open_downloader
from lobate.imagery.fetching.journal import open_journal
from lobate.settings.imagery import Catalogue

settings, url, folder = Catalogue.model_validate_json(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
downloads = [AssetDownload(f"file {{n}}", f"{{n}}.bin", f"{{url}}/{{folder.name}}/{{n}}.bin") for n in range({FILES})]
with open_journal(folder) as journal, open_downloader(settings, folder.name) as downloader:
    download_all(downloader, journal, downloads)
"""
HOLD = """
import sys, threading, time
from lobate.imagery.fetching.connections import ConnectionLimit

with ConnectionLimit(sys.argv[1], 1).connection(threading.Event()):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("connections", [2, None])
def test_an_archive_never_sees_more_connections_than_it_allows(
    token_server, token_archive, keyless, tmp_path, connections
):
    write_netrc(keyless, f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"')
    token_archive.content, token_archive.pause_s = CONTENT, 0.02
    hosts = [token_archive.url.removeprefix("http://")]
    archive = Archive(token_url=token_server.url, token_hosts=hosts, connections=connections)
    settings = Catalogue(url="http://127.0.0.1:1/v1", collection="c", allow_private=True, archive=archive)
    jobs = [
        start_python(FETCH, settings.model_dump_json(), token_archive.url, tmp_path / f"scene_{n}")
        for n in range(PROCESSES)
    ]
    assert [job.wait(timeout=300) for job in jobs] == [0] * PROCESSES
    assert len(list(tmp_path.glob("scene_*/*.bin"))) == PROCESSES * FILES
    assert token_archive.most_at_once <= connections if connections else token_archive.most_at_once > 2


def test_a_killed_process_keeps_no_connection(keyless):
    job = start_python(HOLD, "archive")
    assert job.stdout.readline() == "held\n"
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with ConnectionLimit("archive", 1).connection(stop) as held:
        assert not held  # the other holds it, and the wait was stopped
    job.kill()
    job.wait()
    with ConnectionLimit("archive", 1).connection(threading.Event()) as held:
        assert held


def test_archives_have_limits_of_their_own(keyless):
    event = threading.Event()
    with ConnectionLimit("one", 1).connection(event) as first, ConnectionLimit("two", 1).connection(event) as second:
        assert first and second


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told_as_a_user(keyless, monkeypatch):
    (keyless / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(keyless / "closed"))
    with pytest.raises(UserError, match="XDG_CACHE_HOME"), ConnectionLimit("one", 1).connection(threading.Event()):
        pass


def test_a_folder_that_cannot_be_made_is_told(keyless, monkeypatch):
    (keyless / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(keyless / "file"))
    with pytest.raises(UserError, match="XDG_CACHE_HOME"), ConnectionLimit("one", 1).connection(threading.Event()):
        pass
