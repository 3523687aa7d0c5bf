"""Names, passwords and keys of archives: from the environment, ``~/.netrc`` or the usual AWS files, never from a configuration.

Every secret that is read here is hidden in the log (`lobate.io.redaction`).
"""

from __future__ import annotations

import netrc
import os
from dataclasses import dataclass, field
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.fetching.aws_files import S3Key, aws_key, aws_places, environment_names_a_key
from lobate.io.redaction import hide, hide_login

DATA_SPACE_LOGIN = "identity.dataspace.copernicus.eu"
DATA_SPACE = "dataspace.copernicus.eu"
"""The name under which other tools keep the same account in ``~/.netrc``."""


@dataclass(frozen=True)
class Login:
    """Name and password for one host; ``source`` says in words where they come from."""

    name: str
    password: str = field(repr=False)
    source: str


@dataclass(frozen=True)
class Account:
    """What a token server takes: a login, or a refresh token that a person obtained."""

    login: Login | None
    refresh_token: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Return the account's name, empty where only a refresh token is known."""
        return self.login.name if self.login else ""


def token_account(host: str) -> Account:
    """Return the account at a token server. Raises UserError that says where one may stand, without one.

    A login in the environment names its host, so a configuration cannot send it to another.
    """
    login = _environment_login(host) or netrc_login(host)
    if host == DATA_SPACE_LOGIN:
        login = login or netrc_login(DATA_SPACE)
    refresh_token = hide(os.environ.get("LOBATE_ARCHIVE_REFRESH_TOKEN", "")) if _is_named(host) else ""
    if login or refresh_token:
        return Account(login, refresh_token)
    raise UserError(
        f"The archive needs an account, and there is none for {host}. Write the line 'machine {host} login NAME password "
        f"PASSWORD' into {_netrc_path()} (readable by you only: chmod 600), or set the environment variables "
        f"{_variables(host)}. The configuration takes no keys."
    )


def netrc_login(host: str) -> Login | None:
    """Return the login for a host in the file that NETRC names, else in ``~/.netrc``; None without one.

    The entry ``default`` does not count: it would send one password to any host. Raises UserError for a file that cannot
    be read.
    """
    path = _netrc_path()
    if not path.is_file():
        return None
    try:
        entry = netrc.netrc(str(path)).hosts.get(host) if host != "default" else None
        _refuse_others_reading(path, entry)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Make it readable for you (chmod 600).") from None
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            f"{path} is no .netrc file{f' (line {line})' if line else ''}, or other users can read it. Each entry is 'machine HOST "
            "login NAME password PASSWORD'; then run chmod 600 on it."
        ) from None
    if entry is None:
        return None
    hide_login(entry[0], entry[2])
    return Login(entry[0], entry[2], str(path))


def s3_key(host: str) -> S3Key | None:
    """Return the key for an S3 endpoint; None without one, as for a bucket that is open to all.

    The environment goes first (AWS_ACCESS_KEY_ID, AWS_PROFILE), then the host's entry in ``~/.netrc``, then the AWS files.
    Raises UserError for half a key, a profile that is missing, and a file that cannot be read.
    """
    login = None if environment_names_a_key() else netrc_login(host)
    return S3Key(login.name, login.password) if login else aws_key()


def s3_key_places(host: str) -> str:
    """Return in words where the key of an S3 endpoint is looked for."""
    return f"{aws_places()}, and {_netrc_path()} (machine {host} login KEY password SECRET)"


def _environment_login(host: str) -> Login | None:
    prefixes = [*(["CDSE"] if host == DATA_SPACE_LOGIN else []), *(["LOBATE_ARCHIVE"] if _is_named(host) else [])]
    for prefix in prefixes:
        name, password = os.environ.get(f"{prefix}_USERNAME", ""), os.environ.get(f"{prefix}_PASSWORD", "")
        if name and password:
            hide_login(name, password)
            return Login(name, password, f"the environment variables {prefix}_USERNAME and {prefix}_PASSWORD")
    return None


def _is_named(host: str) -> bool:
    """Whether LOBATE_ARCHIVE_HOST says that the variables LOBATE_ARCHIVE_... are for this host."""
    return os.environ.get("LOBATE_ARCHIVE_HOST", "") == host


def _variables(host: str) -> str:
    if host == DATA_SPACE_LOGIN:
        return "CDSE_USERNAME and CDSE_PASSWORD"
    return f"LOBATE_ARCHIVE_HOST={host}, LOBATE_ARCHIVE_USERNAME and LOBATE_ARCHIVE_PASSWORD"


def _netrc_path() -> Path:
    return Path(os.environ.get("NETRC") or "~/.netrc").expanduser()


def _refuse_others_reading(path: Path, entry: object) -> None:
    """Raise NetrcParseError where other users can read a password; Python checks only the file in the home."""
    if entry is not None and path.stat().st_mode & 0o077:
        raise netrc.NetrcParseError("other users can read it")
