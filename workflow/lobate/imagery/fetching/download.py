"""Downloads of several files at a time into one folder, as the settings of the catalogue say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lobate.errors import UserError, UserErrors
from lobate.imagery.catalogues import PUBLIC_CATALOGUES
from lobate.imagery.fetching.assets import AssetDownload
from lobate.imagery.fetching.http import Downloader, DownloadRequest, NotFoundError
from lobate.imagery.fetching.journal import Journal
from lobate.imagery.fetching.retry import RetryPolicy
from lobate.imagery.fetching.session import open_archive_session
from lobate.imagery.fetching.signing import Signer, Unsigned, token_signer, url_signer
from lobate.progress import MB, Progress, Task
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)

MAX_THREADS = 4
"""Files downloaded at a time: archives throttle clients with many more."""
LOG_EVERY_S = 15.0
"""Seconds between two log lines on one file."""


@contextmanager
def open_downloader(catalogue: Catalogue, title: str) -> Iterator[Downloader]:
    """Open a downloader with the retries, signatures and progress display of the settings."""
    retry_policy = RetryPolicy(tries=catalogue.tries, timeout_s=catalogue.timeout_s)
    with open_archive_session(catalogue) as session, transfer_progress(title) as progress:
        signer = _signer(catalogue, Downloader(session, retry_policy=retry_policy))
        yield Downloader(session, retry_policy=retry_policy, signer=signer, progress=progress)


def transfer_progress(title: str) -> Progress:
    """Return a progress display in bytes for several files, with a bar or log lines for each."""
    return Progress(lambda task: _transfer_line(title, task), title=title, every_s=LOG_EVERY_S, unit="bytes")


def download_all(downloader: Downloader, journal: Journal, downloads: list[AssetDownload]) -> None:
    """Download files, a few at a time. A failure of one does not touch the others.

    Raises UserErrors with one message for each cause, and the files that failed for it.
    """
    with ThreadPoolExecutor(max_workers=MAX_THREADS) as threads:
        futures = [threads.submit(_download, downloader, journal, download) for download in downloads]
        try:
            errors = [future.exception() for future in futures]
        except BaseException:  # an interrupt: running transfers stop at their next chunk
            downloader.stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    labels: dict[str, list[str]] = {}  # of each cause: a missing account is one for all files
    for download, error in zip(downloads, errors, strict=True):
        if isinstance(error, UserError):
            labels.setdefault(str(error), []).append(download.label)
        elif error is not None:
            raise error
    if labels:
        raise UserErrors([f"{', '.join(files)}: {cause}" for cause, files in labels.items()])


def _download(downloader: Downloader, journal: Journal, download: AssetDownload) -> None:
    target = journal.folder / download.file
    try:
        downloader.fetch(DownloadRequest(download.url, target, journal.work_dir, download.checksum, download.size))
    except NotFoundError:
        if not download.optional:
            raise
        journal.record_absent(download.file)
        log.info("%s: the archive has none", download.label)
        return
    try:
        download.check(target)
    except UserError:
        target.unlink()
        raise
    journal.record(download.file, download.url)
    log.info("%s: fetched, %.1f MB", download.label, target.stat().st_size / MB)


def _transfer_line(title: str, task: Task) -> str:
    share = f" of {task.total / MB:.1f} MB ({100 * task.done / task.total:.0f} %)" if task.total else " MB"
    return f"{title}: {task.name}: {task.done / MB:.1f}{share}"


def _signer(catalogue: Catalogue, downloader: Downloader) -> Signer:
    if catalogue.signing:
        return url_signer(catalogue.signing, downloader.read)
    service = None if catalogue.url else PUBLIC_CATALOGUES[catalogue.name].signing
    return token_signer(service, downloader.read) if service else Unsigned()
