"""Several downloads at a time: files that arrive stay, failures are reported, an interrupt stops the rest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.servers.files import Fault

from lobate.errors import UserError
from lobate.imagery.fetching import download
from lobate.imagery.fetching.assets import AssetDownload
from lobate.imagery.fetching.download import download_all, open_downloader
from lobate.imagery.fetching.journal import open_journal
from lobate.imagery.fetching.signing import Unsigned
from lobate.settings.imagery import Catalogue

LOCAL = Catalogue(allow_private=True, tries=1, timeout_s=5)


@pytest.fixture
def downloads(file_server, tmp_path):
    """Ten files on the server, and what asks for them."""
    place = f"delivery_{tmp_path.name}"
    (file_server.folder / place).mkdir()
    for number in range(10):
        (file_server.folder / place / f"{number}.bin").write_bytes(bytes([number]) * 5000)
    return [AssetDownload(f"file {n}", f"{n}.bin", file_server.address(f"{place}/{n}.bin")) for n in range(10)]


def path_of(request):
    return request.url.partition("/")[2].partition("/")[2].partition("/")[2]


def test_all_arrive_a_few_at_a_time(downloads, tmp_path, monkeypatch):
    at_work, most, lock = [0], [0], threading.Lock()
    fetch = download.Downloader.fetch

    def counting(self, wish):
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        fetch(self, wish)
        with lock:
            at_work[0] -= 1

    monkeypatch.setattr(download.Downloader, "fetch", counting)
    with open_journal(tmp_path / "all") as journal, open_downloader(LOCAL, "all") as downloader:
        download_all(downloader, journal, downloads)
        assert len(journal.complete()) == 10
    assert 1 < most[0] <= download.MAX_THREADS


def test_what_fails_is_told_and_the_rest_arrives(downloads, tmp_path, file_server):
    for number in (2, 7):
        file_server.fail(path_of(downloads[number]), Fault(404))
    with open_journal(tmp_path / "all") as journal, open_downloader(LOCAL, "all") as downloader:
        with pytest.raises(UserError) as raised:
            download_all(downloader, journal, downloads)
        assert len(journal.complete()) == 8
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == ["- file 2", "- file 7"]


def test_what_is_refused_on_arrival_does_not_stay(downloads, tmp_path):
    def refuse(path):
        raise UserError("it smells")

    with open_journal(tmp_path / "all") as journal, open_downloader(LOCAL, "all") as downloader:
        with pytest.raises(UserError, match="nose: it smells"):
            download_all(downloader, journal, [AssetDownload("nose", "0.bin", downloads[0].url, check=refuse)])
        assert list(journal.folder.iterdir()) == []


def test_what_may_lack_is_noted(downloads, tmp_path, file_server):
    with open_journal(tmp_path / "all") as journal, open_downloader(LOCAL, "all") as downloader:
        download_all(downloader, journal, [AssetDownload("spare", "x.xml", f"{downloads[0].url}.xml", optional=True)])
        assert journal.absent == {"x.xml"}


def test_a_fault_of_ours_is_no_mistake_of_the_users(downloads, tmp_path):
    def fault(path):
        raise ZeroDivisionError

    with (
        open_journal(tmp_path / "all") as journal,
        open_downloader(LOCAL, "all") as downloader,
        pytest.raises(ZeroDivisionError),
    ):
        download_all(downloader, journal, [AssetDownload("x", "0.bin", downloads[0].url, check=fault)])


def test_an_interrupt_stops_the_rest_and_keeps_what_came(downloads, tmp_path, file_server, monkeypatch):
    for request in downloads:
        file_server.fail(path_of(request), Fault(pause_s=0.05))
    monkeypatch.setattr(download, "ThreadPoolExecutor", Interrupting)
    with open_journal(tmp_path / "all") as journal, open_downloader(LOCAL, "all") as downloader:
        with pytest.raises(KeyboardInterrupt):
            download_all(downloader, journal, downloads)
        assert journal.complete() == {}
        kept = [one.stat().st_size for one in journal.work_dir.glob("*.part")]
    assert len(kept) == download.MAX_THREADS
    assert all(0 < size < 5000 for size in kept)


class Interrupting(ThreadPoolExecutor):
    """A pool whose user presses Ctrl-C while the first files come."""

    def submit(self, *arguments):
        job = super().submit(*arguments)
        job.exception = self._interrupted
        return job

    def _interrupted(self):
        time.sleep(0.5)
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("settings", "signed"),
    [
        ({}, "https://x.blob.core.windows.net/c/B04.tif"),
        ({"name": "planetary-computer"}, "https://x.blob.core.windows.net/c/B04.tif?token-of-x/c"),
        ({"name": "planetary-computer", "url": "https://a.example", "collection": "c"}, "https://x.blob.core.windows.net/c/B04.tif"),
        ({"signing": "https://s.example/sign"}, "signed"),
    ],
)  # fmt: skip
def test_the_settings_say_who_signs(monkeypatch, settings, signed):
    def read(self, url):
        where = url.rpartition("/token/")[2]
        return f'{{"token": "token-of-{where}", "href": "signed"}}'.encode()

    monkeypatch.setattr(download.Downloader, "read", read)
    with open_downloader(Catalogue(**settings), "x") as downloader:
        assert downloader._signer.sign("https://x.blob.core.windows.net/c/B04.tif") == signed
        assert isinstance(downloader._signer, Unsigned) == ("blob" in signed and "?" not in signed)
