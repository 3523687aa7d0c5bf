"""The commands that a page names: in blocks, and in backticks within the text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("lobate", "snakemake", "make")
STAND_INS = {"<region>": "west_kunlun", "VERB": "predict", "CONFIG": "config/config.yaml", "...": ""}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.M | re.S)
SHELL = ("", "sh", "bash", "console")


@dataclass(frozen=True)
class Command:
    """A command as it stands on a page; in ``passing`` it may be named without what it must be given."""

    page: str
    words: tuple[str, ...]
    passing: bool

    @property
    def program(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def commands(page: Path) -> list[Command]:
    """Return every command of ``lobate``, ``snakemake`` and ``make`` that a page names, each once, in order."""
    text = page.read_text(encoding="utf-8")
    found = [Command(page.name, words, passing=False) for words in _in_blocks(text)]
    found += [Command(page.name, words, passing=True) for words in _in_text(BLOCK.sub("", text))]
    return list(dict.fromkeys(found))


def _in_blocks(text: str) -> Iterator[tuple[str, ...]]:
    for block in BLOCK.finditer(text):
        if block[2] in SHELL:
            lines = block[3].replace("\\\n", " ").splitlines()
            yield from filter(None, map(_words, lines))


def _in_text(text: str) -> Iterator[tuple[str, ...]]:
    for span in re.findall(r"`([^`]+)`", text):
        if " " in span.strip():
            yield from filter(None, [_words(span)])


def _words(line: str) -> tuple[str, ...]:
    for placeholder, stand_in in STAND_INS.items():
        line = line.replace(placeholder, stand_in)
    words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if not words:
        return ()
    words[0] = words[0].removeprefix(".venv/bin/")
    return tuple(words) if words[0] in PROGRAMS else ()
