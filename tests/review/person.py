"""Somebody in front of the review, in a real browser: presses keys, looks, and waits as a person does."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import Any

WIDTH, HEIGHT = 1280, 720
SLOW_MS = 60_000


class Person:
    """One browser window on a review. ``errors`` are those of the page, ``requests`` all that it asked for."""

    def __init__(self, chromium: Any, address: str, name: str = "Ada", **options: Any) -> None:
        self.context = chromium.new_context(**{"viewport": {"width": WIDTH, "height": HEIGHT}, **options})
        self.name, self.errors, self.requests = name, [], []
        self.tab = self.context.new_page()
        self.listen(self.tab)
        self.open(address)

    def listen(self, tab: Any) -> None:
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("request", lambda request: self.requests.append(request.url))

    def open(self, address: str) -> None:
        self.base = re.match(r"https?://[^/]+", address).group()
        self.tab.goto(address)
        self.wait("document.querySelector('#region').textContent !== 'Review'")
        if self.tab.input_value("#reviewer") != self.name:
            self.tab.fill("#reviewer", self.name)
            self.tab.keyboard.press("Enter")
        self.look()

    def look(self) -> None:
        """Wait until the current one stands on the screen."""
        self.tab.wait_for_selector("html[data-painted]", timeout=SLOW_MS)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.look()
            self.tab.keyboard.press(key)

    def wait(self, words: str) -> None:
        """Wait until a JavaScript expression is true; the page's policy forbids Playwright's own waiting, which is eval."""
        end = time.monotonic() + SLOW_MS / 1000
        while not self.ask(words):
            assert time.monotonic() < end, f"in vain for {words}; the page says {self.message!r} {self.alert!r}"
            self.tab.wait_for_timeout(20)

    def wait_saved(self) -> None:
        self.wait("document.querySelector('#saving').textContent === 'All saved'")

    def ask(self, words: str) -> Any:
        return self.tab.evaluate(words)

    @property
    def current(self) -> str:
        return self.tab.inner_text("#headline span:nth-of-type(1)")

    @property
    def status(self) -> str:
        return self.tab.inner_text("#headline .state")

    @property
    def message(self) -> str:
        return self.tab.inner_text("#message")

    @property
    def alert(self) -> str:
        return self.tab.inner_text("#alert")

    @property
    def decided(self) -> int:
        return int(self.tab.inner_text("#progress-text").split()[0])

    def go(self, name: str) -> None:
        """Choose one by searching its id, then show the whole list again."""
        self.tab.fill("#search", name)
        self.wait(f"document.querySelector('#headline').textContent.startsWith({name!r})")
        self.tab.fill("#search", "")
        self.tab.focus("#canvas")
        self.look()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The point of the window at a share of the map's width and height."""
        box = self.tab.locator("#canvas").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self, x: float, y: float) -> None:
        self.tab.mouse.click(*self.place(x, y))

    def picture(self) -> str:
        """The pixels of the map, as one text to compare."""
        self.look()
        self.tab.wait_for_selector("html[data-whole]", timeout=SLOW_MS)
        return self.ask("document.querySelector('#canvas').toDataURL()")

    def check(self) -> None:
        """Nothing went wrong in the page, and nothing was asked of any other machine."""
        assert self.errors == []
        elsewhere = [url for url in self.requests if not url.startswith((self.base, "blob:", "data:"))]
        assert elsewhere == []


@contextmanager
def sitting(chromium: Any, address: str, name: str = "Ada", **options: Any):
    """Somebody who looks at a review, and closes the window at the end."""
    person = Person(chromium, address, name, **options)
    try:
        yield person
        person.check()
    finally:
        person.context.close()
