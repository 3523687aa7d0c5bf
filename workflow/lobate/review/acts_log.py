"""The log of acts beside the backups: with a backup and the log since, a damaged file loses nothing.

Each backup has a log of its name, with one line for each transaction after it, as JSON with a digest in front. A line that
a crash cut off is not read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lobate.io.digest import canonical_json, text_digest

ENDING = ".acts"
DIGEST_LETTERS = 16


class ActsLog:
    """The logs in a folder of backups, of the kept file with this stem."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem

    def beside(self, backup: Path) -> Path:
        """Return the log of the acts after a backup."""
        return backup.with_suffix(ENDING)

    def append(self, newest: Path | None, entry: dict[str, Any]) -> None:
        """Add one transaction to the log of the newest backup; it is on disk when this returns."""
        text = canonical_json(entry)
        path = self.beside(newest) if newest else self._folder / f"{self._stem}_first{ENDING}"
        self._folder.mkdir(exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            torn = os.fstat(number).st_size and os.pread(number, 1, os.fstat(number).st_size - 1) != b"\n"
            line = f"{_digest(text)} {text}\n".encode()
            os.write(number, b"\n" + line if torn else line)
            os.fsync(number)
        finally:
            os.close(number)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the transactions of all logs, those of the oldest first; lines that are not whole are left out."""
        for path in sorted(self._folder.glob(f"{self._stem}_*{ENDING}")):
            for line in path.read_bytes().splitlines():
                digest, _, text = line.decode("utf-8", "replace").partition(" ")
                if digest == _digest(text):
                    yield json.loads(text)


def _digest(text: str) -> str:
    return text_digest(text)[:DIGEST_LETTERS]
