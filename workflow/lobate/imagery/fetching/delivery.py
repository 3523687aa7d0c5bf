"""Several files at a time, from the catalogue of the settings, into one folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lobate.errors import Mistake, Mistakes
from lobate.imagery.fetching.guard import open_session
from lobate.imagery.fetching.orders import Order
from lobate.imagery.fetching.patience import Patience
from lobate.imagery.fetching.progress import shown
from lobate.imagery.fetching.signing import Signer, Unsigned, by_address, by_container
from lobate.imagery.fetching.transfer import Courier, Missing, Wish
from lobate.imagery.fetching.workshop import Workshop
from lobate.imagery.finding.catalogue import KNOWN
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Files fetched at a time: archives slow down those who ask for many more."""


@contextmanager
def open_courier(catalogue: Catalogue, title: str) -> Iterator[Courier]:
    """Give a courier that asks, signs, waits and reports as the settings say."""
    patience = Patience(tries=catalogue.tries, timeout_s=catalogue.timeout_s)
    with open_session(private=catalogue.allow_private) as session, shown(title) as progress:
        signer = _signer(catalogue, Courier(session, patience=patience))
        yield Courier(session, patience=patience, signer=signer, progress=progress)


def _signer(catalogue: Catalogue, courier: Courier) -> Signer:
    if catalogue.signing:
        return by_address(catalogue.signing, courier.read)
    service = None if catalogue.url else KNOWN[catalogue.name].signing
    return by_container(service, courier.read) if service else Unsigned()


def deliver(courier: Courier, workshop: Workshop, orders: list[Order]) -> None:
    """Fetch files, a few at a time. What arrives stays, whatever happens to the others.

    Raises Mistakes, one for each file that could not be had.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        jobs = [threads.submit(_deliver, courier, workshop, one) for one in orders]
        try:
            failures = [job.exception() for job in jobs]
        except BaseException:  # an interrupt: those at work stop at their next piece
            courier.stop.set()
            threads.shutdown(cancel_futures=True)
            raise
    told = []
    for order, failure in zip(orders, failures, strict=True):
        if isinstance(failure, Mistake):
            told.append(f"{order.what}: {failure}")
        elif failure is not None:
            raise failure
    if told:
        raise Mistakes(told)


def _deliver(courier: Courier, workshop: Workshop, order: Order) -> None:
    target = workshop.folder / order.file
    try:
        courier.fetch(Wish(order.url, target, workshop.place, order.checksum, order.size))
    except Missing:
        if not order.optional:
            raise
        workshop.lacks(order.file)
        log.info("%s: the archive has none", order.what)
        return
    try:
        order.check(target)
    except Mistake:
        target.unlink()
        raise
    workshop.arrived(order.file, order.url)
    log.info("%s: fetched, %.1f MB", order.what, target.stat().st_size / 1e6)
