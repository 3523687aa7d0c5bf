"""Several files at a time, from the catalogue of the settings, into one folder."""

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
from lobate.imagery.fetching.signing import Signer, Unsigned, token_signer, url_signer
from lobate.imagery.fetching.ssrf_guard import open_session
from lobate.progress import MB, Progress, Task
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)

MAX_THREADS = 4
"""Files fetched at a time: archives slow down those who ask for many more."""

LOG_EVERY_S = 15.0
"""Seconds between two lines about one file."""


@contextmanager
def open_downloader(catalogue: Catalogue, title: str) -> Iterator[Downloader]:
    """Give a downloader that asks, signs, waits and reports as the settings say."""
    patience = RetryPolicy(tries=catalogue.tries, timeout_s=catalogue.timeout_s)
    with open_session(private=catalogue.allow_private) as session, transfer_progress(title) as progress:
        signer = _signer(catalogue, Downloader(session, retry_policy=patience))
        yield Downloader(session, retry_policy=patience, signer=signer, progress=progress)


def transfer_progress(title: str) -> Progress:
    """Return the progress of several files, with a bar or lines each."""
    return Progress(lambda task: _transfer_line(title, task), title=title, every_s=LOG_EVERY_S, unit="bytes")


def _transfer_line(title: str, task: Task) -> str:
    share = f" of {task.total / MB:.1f} MB ({100 * task.done / task.total:.0f} %)" if task.total else " MB"
    return f"{title}: {task.name}: {task.done / MB:.1f}{share}"


def _signer(catalogue: Catalogue, downloader: Downloader) -> Signer:
    if catalogue.signing:
        return url_signer(catalogue.signing, downloader.read)
    service = None if catalogue.url else PUBLIC_CATALOGUES[catalogue.name].signing
    return token_signer(service, downloader.read) if service else Unsigned()


def download_all(downloader: Downloader, journal: Journal, orders: list[AssetDownload]) -> None:
    """Fetch files, a few at a time. What arrives stays, whatever happens to the others.

    Raises UserErrors, one for each file that could not be had.
    """
    with ThreadPoolExecutor(max_workers=MAX_THREADS) as threads:
        jobs = [threads.submit(_download, downloader, journal, one) for one in orders]
        try:
            failures = [job.exception() for job in jobs]
        except BaseException:  # an interrupt: those at work stop at their next piece
            downloader.stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    told = []
    for order, failure in zip(orders, failures, strict=True):
        if isinstance(failure, UserError):
            told.append(f"{order.label}: {failure}")
        elif failure is not None:
            raise failure
    if told:
        raise UserErrors(told)


def _download(downloader: Downloader, journal: Journal, order: AssetDownload) -> None:
    target = journal.folder / order.file
    try:
        downloader.fetch(DownloadRequest(order.url, target, journal.work_dir, order.checksum, order.size))
    except NotFoundError:
        if not order.optional:
            raise
        journal.record_absent(order.file)
        log.info("%s: the archive has none", order.label)
        return
    try:
        order.check(target)
    except UserError:
        target.unlink()
        raise
    journal.record(order.file, order.url)
    log.info("%s: fetched, %.1f MB", order.label, target.stat().st_size / 1e6)
