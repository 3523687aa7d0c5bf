"""The words of a page, and its elements."""

from __future__ import annotations

from html.parser import HTMLParser


class Words(HTMLParser):
    """The words of a page, and its elements, as a browser would take them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)


def words(text: str) -> str:
    return " ".join(" ".join(Words(text).words).split())
