"""Secrets that nothing may show: the passwords, keys and tokens that this process has read.

What reads a secret passes it to ``hide``. The log, the only way out for text, passes each line through ``redact``.
"""

from __future__ import annotations

import base64
import logging
from urllib.parse import quote

MASK = "[hidden]"
MIN_LENGTH = 4
"""A shorter secret would hide parts of ordinary words."""

_hidden: set[str] = set()


def hide(secret: str) -> str:
    """Let ``redact`` replace a secret from now on, also in the spelling of URLs and of Basic authentication; return it."""
    if len(secret) >= MIN_LENGTH:
        _hidden.update({secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1]})
    return secret


def hide_login(name: str, password: str) -> None:
    """Let ``redact`` replace a password, and the header of Basic authentication that holds it."""
    hide(password)
    hide(base64.b64encode(f"{name}:{password}".encode()).decode())


def redact(text: str) -> str:
    """Return a text without the secrets of this process, the longest replaced first."""
    for secret in sorted(_hidden, key=lambda one: (-len(one), one)):
        text = text.replace(secret, MASK)
    return text


class RedactingFormatter(logging.Formatter):
    """A formatter of log lines, tracebacks included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record without secrets."""
        return redact(super().format(record))
