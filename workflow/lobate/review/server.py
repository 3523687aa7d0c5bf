"""Starting the server: on the loopback only, with a new token each time, until Ctrl-C."""

from __future__ import annotations

import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from lobate.errors import UserError
from lobate.io.drawn import decisions_path
from lobate.review.app import Review
from lobate.review.desk import Desk
from lobate.review.drawn_file import DRAWN
from lobate.review.events import Events
from lobate.review.gate import Gate, normal_prefix
from lobate.review.labels_desk import LabelsDesk
from lobate.review.memory import share_pools
from lobate.review.sample_desk import SampleDesk
from lobate.settings import Region

LOOPBACK = "127.0.0.1"
BACKLOG = 128
GRACE_S = 3
"""Seconds that open requests have when the server stops."""


@dataclass(frozen=True)
class Options:
    """How to serve: the port (0 for a free one), a browser or not, what a hub in front of it needs, and a run at once or not."""

    port: int = 0
    browser: bool = True
    prefix: str = ""
    allowed: tuple[str, ...] = ()
    reviewer: str = ""
    decisions: Path | None = None
    run: bool = False


def serve(
    region: Region, config: Sequence[Path], options: Options, say: Callable[[str], object] = sys.stdout.write
) -> None:
    """Serve the review of a region (``config``: the files of its configuration) until it is stopped.

    Raises UserError for a port that is taken, and where there is nothing to look at.
    """
    share_pools()
    listener = _listen(options.port)
    events = Events()

    def changed(names: list[str], by: str) -> None:
        events.publish({"version": desk.version(), "changed": names, "by": by, "waiting": desk.waiting()})

    decisions = options.decisions or Path(decisions_path(region.region))
    desk = Desk(region, decisions, changed)
    labels = LabelsDesk(Path(decisions_path(region.region)).with_name(DRAWN), changed)
    samples = SampleDesk(region, changed)
    token = secrets.token_urlsafe(24)
    review = Review(desk, labels, samples, events, config, options.reviewer)
    if options.run:
        review.runs.start()
    gate = Gate(review.app, token, allowed=options.allowed, prefix=options.prefix)
    served = uvicorn.Config(
        gate,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=64 << 10,
    )
    port = listener.getsockname()[1]
    address = f"http://{LOOPBACK}:{port}{normal_prefix(options.prefix)}/?token={token}"
    say(_told(desk, address, port))
    sys.stdout.flush()
    if options.browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    _Server(served, events).run(sockets=[listener])
    desk.lay_out()


class _Server(uvicorn.Server):
    """A server that ends the streams of events first when it is told to stop; they would keep it."""

    def __init__(self, config: uvicorn.Config, events: Events) -> None:
        super().__init__(config)
        self._events = events

    def handle_exit(self, sig: int, frame: object) -> None:
        """Stop at Ctrl-C or SIGTERM."""
        self._events.close()
        super().handle_exit(signal.Signals(sig), None)
        self._captured_signals.clear()  # it ends in order, with status 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)  # before the address is told: who opens it at once waits
    except OSError as error:
        listener.close()
        raise UserError(
            f"The port {port} of this machine cannot be used ({error.strerror}): another review may run there. End that one, or name "
            "another port: --port 0 takes a free one."
        ) from None
    return listener


def _told(desk: Desk, address: str, port: int) -> str:
    name = desk.region.region
    here = socket.gethostname()
    lines = [
        f"Review of the region {name}: {desk.waiting()} detections wait for you.",
        f"  {address}",
        f"From another machine: ssh -L {port}:{LOOPBACK}:{port} {here}, then the same address there.",
        f"Decisions are kept in {desk.kept.path} at once. End with Ctrl-C.",
    ]
    return "\n".join([*(f"Note: {note}" for note in desk.notes), *lines]) + "\n"
