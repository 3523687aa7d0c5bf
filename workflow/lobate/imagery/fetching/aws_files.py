"""Keys and addresses of S3 in the usual AWS places: the environment, and the profiles of the AWS files.

See https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
"""

from __future__ import annotations

import os
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from pathlib import Path

from lobate.errors import UserError
from lobate.io.redaction import hide

DEFAULT_PROFILE = "default"
LOANS = ("credential_process", "sso_session", "sso_start_url", "role_arn", "web_identity_token_file")
"""Settings of a profile whose keys another program lends."""


@dataclass(frozen=True)
class S3Key:
    """A key of an S3 server with its secret, and the token of its session where it has one."""

    key: str
    secret: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for secret in (self.key, self.secret, self.session_token):
            hide(secret)


def environment_names_a_key() -> bool:
    """Whether the environment has a key, or names a profile."""
    return any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"))


def aws_key() -> S3Key | None:
    """Return the key of the environment, else of the profile; None without one.

    Raises UserError for half a key, for a profile that is missing, and for a file that cannot be read.
    """
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key, secret, token = (os.environ.get(name, "") for name in names)
    if key or secret:
        return _whole_key(key, secret, token, "The environment", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    profile = _profile()
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    key, secret, token = (profile.get(name, "") for name in names)
    if key or secret:
        return _whole_key(key, secret, token, f"The AWS profile {_profile_name()}", " and ".join(names[:2]))
    lender = next((name for name in LOANS if profile.get(name)), None)
    if lender:
        raise UserError(
            f"The AWS profile {_profile_name()} holds no key: another program lends one ({lender}), and lobate starts none. Run 'aws "
            "configure export-credentials --format env' and set the variables that it prints."
        )
    return None


def aws_region() -> str:
    """Return the region of the environment or the profile, empty without one."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _profile().get("region", "")


def aws_endpoint() -> str:
    """Return the address of the S3 server in the environment or the profile, empty without one."""
    variables = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    return next(filter(None, variables), "") or _profile().get("endpoint_url", "")


def aws_places() -> str:
    """Return in words where the keys are looked for."""
    files = " and ".join(str(path) for path in _files())
    return f"the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and the profile {_profile_name()} of {files}"


def _whole_key(key: str, secret: str, token: str, place: str, names: str) -> S3Key:
    whole = S3Key(key, secret, token)
    if not (key and secret):
        raise UserError(f"{place} holds half a key. Give both {names}.")
    return whole


def _profile_name() -> str:
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or DEFAULT_PROFILE


def _files() -> tuple[Path, Path]:
    """Return the paths of the credentials file and of the configuration file."""
    places = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
    credentials, configuration = (Path(os.environ.get(name) or path).expanduser() for name, path in places.items())
    return credentials, configuration


def _profile() -> dict[str, str]:
    """Return the settings of the profile in both files; those of the credentials file go first."""
    name = _profile_name()
    credentials, configuration = map(_read, _files())
    section = name if name == DEFAULT_PROFILE else f"profile {name}"
    found = [file[part] for file, part in ((configuration, section), (credentials, name)) if part in file]
    if not found and name != DEFAULT_PROFILE:
        raise UserError(
            f"There is no AWS profile {name} in {' or '.join(str(path) for path in _files())}. Correct AWS_PROFILE, or add it there."
        )
    return {key: value for settings in found for key, value in settings.items()}


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Return the sections of an AWS file, empty for a missing one."""
    parser = ConfigParser(interpolation=None, default_section="\0", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, Error) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise UserError(
            f"{path} cannot be read as a file of AWS profiles ({reason}): [NAME], then lines 'aws_access_key_id = ...'. Correct it."
        ) from None
    return {section: dict(parser[section]) for section in parser.sections()}
