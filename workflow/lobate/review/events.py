"""Server-sent events: what changed, to every browser that listens, from any thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

WAITING = 256
"""Events that wait for one slow browser; one that falls behind more is told to read everything anew."""
ALIVE_S = 15.0
"""Seconds of silence after which a comment keeps the connection open."""
RETRY_MS = 1000
"""Milliseconds after which a browser connects again."""


class Events:
    """The listeners of one server. ``publish`` may be called from any thread once ``start`` was called on the loop."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._queues)

    def start(self) -> None:
        """Take the running loop as the one that listens."""
        self._loop = asyncio.get_running_loop()

    def publish(self, event: dict[str, Any]) -> None:
        """Send an event to all listeners."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._send, f"data: {json.dumps(event)}\n\n")

    def close(self) -> None:
        """End all listeners' streams, so that the server can stop."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._send, None)

    def _send(self, text: str | None) -> None:
        for queue in self._queues:
            if text is not None and queue.qsize() >= WAITING:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait('data: {"reload": true}\n\n')
            queue.put_nowait(text)

    async def stream(self, first: dict[str, Any]) -> AsyncIterator[str]:
        """Yield the text of the stream: ``first``, then each event as it comes, until the server stops."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield f"retry: {RETRY_MS}\ndata: {json.dumps(first)}\n\n"
            while not self._closed:
                try:
                    text = await asyncio.wait_for(queue.get(), ALIVE_S)
                except TimeoutError:
                    text = ": alive\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._queues.discard(queue)
