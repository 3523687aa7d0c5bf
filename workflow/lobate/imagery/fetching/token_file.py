"""The access token of an archive: one for all processes of a user, renewed before it ends.

A token server (OAuth 2, RFC 6749) gives an access token of some minutes and a refresh token of some more for an account's
name and password. Both lie in a file that only the user can read. Its lock lets one process ask the server, and the others
take what it got. After a refused password no process sends it again for a while: servers lock accounts for that.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import BaseFileLock, FileLock

from lobate.errors import UserError
from lobate.imagery.fetching.credentials import Account, token_account
from lobate.imagery.fetching.retry import RetryableError, is_retryable, parse_retry_after
from lobate.imagery.fetching.state_folder import state_errors, state_folder
from lobate.imagery.fetching.urls import one_line
from lobate.io.redaction import hide, redact

log = logging.getLogger(__name__)

RENEW_BEFORE_S = 60.0
"""A token that ends sooner is renewed: a transfer begins with it and may wait for its answer."""
RENEW_BEFORE_SHARE = 0.2
"""Of a short-lived token, this share of its life."""
DEFAULT_LIFETIME_S = 60.0
QUIET_S = 300.0
"""Seconds for which a refused password is not sent again."""
LOCKED = ("disabled", "locked", "not fully set up", "verif")
"""Words of a token server about an account that a person must see to."""

Answer = tuple[int, dict[str, Any], str]
"""Status, content and Retry-After of an answer of the token server."""
Post = Callable[[str, dict[str, str]], Answer]
"""Posts a form to the token server. Raises RetryableError without an answer."""


class TokenFile:
    """The token of one account at one token server; threads and processes share it."""

    def __init__(self, url: str, client_id: str, post: Post, clock: Callable[[], float] = time.time) -> None:
        self._url, self._client_id, self._post, self._now = url, client_id, post, clock
        self.host = str(urlsplit(url).hostname)
        self._account: Account | None = None
        self._refused: set[str] = set()

    def current(self) -> str:
        """Return an access token that lasts a while. Raises UserError without an account, or where the server refuses it."""
        if self._account is None:
            self._account = token_account(self.host)
        path = state_folder("tokens") / f"{self._key(self._account)}.json"
        with _locked(path.with_suffix(".lock")):
            content = _read(path)
            if not self._is_good(content):
                content = self._request(content, self._account, path)
            hide(content.get("refresh_token", ""))
            return hide(content["access_token"])

    def refuse(self, token: str) -> None:
        """Let ``current`` return another token than this one, which the archive has refused."""
        self._refused.add(token)

    def _is_good(self, content: dict[str, Any]) -> bool:
        token = content.get("access_token")
        return bool(token) and token not in self._refused and content.get("renew_at", 0.0) > self._now()

    def _key(self, account: Account) -> str:
        parts = [self._url, self._client_id, account.name, account.refresh_token]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

    def _request(self, content: dict[str, Any], account: Account, path: Path) -> dict[str, Any]:
        """Return tokens from the server, and write them to ``path``; raises RetryableError for what may pass."""
        for refresh_token in filter(None, [content.get("refresh_token"), account.refresh_token]):
            status, answer = self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})
            if status == 200:
                return self._keep(answer, path, refresh_token)
            log.info("the refresh token of %s has expired, or is refused (%s)", self.host, _reason(answer))
        if account.login is None:
            raise UserError(
                f"The refresh token for {self.host} has expired, or is refused, and there is no password to get another with. Get a "
                "new one and set LOBATE_ARCHIVE_REFRESH_TOKEN, or keep name and password in ~/.netrc."
            )
        self._refuse_again(content, account)
        form = {"grant_type": "password", "username": account.login.name, "password": account.login.password}
        status, answer = self._ask(form)
        if status == 200:
            return self._keep(answer, path)
        error = self._refusal(status, answer, account)
        if answer.get("error") == "invalid_grant":
            _write(path, {"refusal": str(error), "refused_at": self._now(), **_fingerprint(account)})
        raise error

    def _ask(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, answer, retry_after = self._post(self._url, {"client_id": self._client_id, **form})
        if is_retryable(status) and status != 403:
            raise RetryableError(
                f"the token server {self.host} answers {status}"
                + (" (the account's requests are too many)" if status == 429 else ""),
                retry_after_s=parse_retry_after(retry_after),
            )
        for name in ("access_token", "refresh_token"):
            hide(str(answer.get(name) or ""))
        if status == 200 and not isinstance(answer.get("access_token"), str):
            raise UserError(
                f"{self.host} answers, but not as a token server does: no access_token. Check imagery.catalogue.archive.token_url."
            )
        return status, answer

    def _keep(self, answer: dict[str, Any], path: Path, refresh_token: str = "") -> dict[str, Any]:
        lifetime = _seconds(answer.get("expires_in"), DEFAULT_LIFETIME_S)
        margin = min(RENEW_BEFORE_S, RENEW_BEFORE_SHARE * lifetime)
        content = {
            "access_token": answer["access_token"],
            "renew_at": self._now() + lifetime - margin,
            "refresh_token": str(answer.get("refresh_token") or refresh_token),
        }
        _write(path, content)
        log.info("the token of %s is new, for %g s", self.host, lifetime)
        return content

    def _refuse_again(self, content: dict[str, Any], account: Account) -> None:
        """Raise the error of the last attempt where it was a moment ago, with the same password."""
        refused_at = content.get("refused_at")
        if refused_at is None or not 0 <= self._now() - refused_at < QUIET_S:
            return
        if _fingerprint(account, str(content.get("salt"))) == {key: content.get(key) for key in ("salt", "digest")}:
            raise UserError(str(content.get("refusal")))

    def _refusal(self, status: int, answer: dict[str, Any], account: Account) -> UserError:
        reason = _reason(answer)
        assert account.login is not None
        if any(word in reason.lower() for word in LOCKED):
            return UserError(
                f"{self.host} has locked the account {account.login.name}, or wants its owner to do something first ({reason}). Sign "
                "in once on the archive's web page, and do what it asks."
            )
        if answer.get("error") != "invalid_grant":
            return UserError(
                f"{self.host} gives this client no token for a password (status {status}: {reason}). Correct "
                "imagery.catalogue.archive.client_id or token_url, or set LOBATE_ARCHIVE_HOST and LOBATE_ARCHIVE_REFRESH_TOKEN."
            )
        return UserError(
            f"{self.host} refuses the name or the password of the account {account.login.name} ({reason}). Both come from "
            f"{account.login.source}: correct them there. An account with a second factor takes no password: use S3 keys "
            "(imagery.catalogue.archive.access: s3), or a refresh token in LOBATE_ARCHIVE_REFRESH_TOKEN."
        )


def _locked(path: Path) -> BaseFileLock:
    """Return the lock of a token file. Raises UserError where the file system has no locks."""
    lock = FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    with state_errors(path.parent):
        lock.acquire()
    return lock


def _reason(answer: dict[str, Any]) -> str:
    """Return the server's reason in one line, without secrets."""
    text = str(answer.get("error_description") or answer.get("error") or "no reason given")
    return one_line(Exception(redact(text)))


def _seconds(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else default


def _fingerprint(account: Account, salt: str = "") -> dict[str, str]:
    """Return salt and digest by which the same password is known again; slow to compute, so that it cannot be guessed."""
    salt = salt or secrets.token_hex(16)
    password = account.login.password if account.login else ""
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=1 << 14, r=8, p=1)
    return {"salt": salt, "digest": digest.hex()}


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a token file, empty for a missing or damaged one."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    valid = isinstance(content, dict) and isinstance(content.get("renew_at", 0.0), int | float)
    texts = [content.get(name, "") for name in ("access_token", "refresh_token")] if valid else [None]
    valid = valid and isinstance(content.get("refused_at", 0.0), int | float)
    return content if valid and all(isinstance(text, str) for text in texts) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only the user can read, whole or not at all."""
    new = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    new.replace(path)
