"""Proxies and certificates, from the environment: the same for catalogues, archives, token servers and model hubs.

HTTPS_PROXY, HTTP_PROXY and NO_PROXY name proxies. REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE names a file with
certificates of authorities; each library reads another of the three, so ``prepare_network`` sets them all.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from lobate.errors import UserError
from lobate.io.redaction import hide, hide_login

CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The first that is set counts."""
CERTIFICATE_FOLDER_VARIABLE = "SSL_CERT_DIR"
HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
BEGIN = b"-----BEGIN CERTIFICATE-----"
BEGIN_TRUSTED = b"-----BEGIN TRUSTED CERTIFICATE-----"


def prepare_network() -> None:
    """Let every library of this process take the certificates that one variable names, and hide what is secret."""
    hide_secrets()
    path = _stated_certificates()[1]
    if path and Path(path).is_dir():
        os.environ.setdefault(CERTIFICATE_FOLDER_VARIABLE, path)
    for name in CERTIFICATE_VARIABLES if path and not Path(path).is_dir() else ():
        os.environ.setdefault(name, path)


def certificates() -> str | None:
    """Return the file or folder of certificates in the environment; None for those that lobate brings.

    Raises UserError where it is not there, or is no such file.
    """
    name, path = _stated_certificates()
    if not path or Path(path).is_dir():
        return path or None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"{name} names {path}, which cannot be read: {error.strerror}. Let it name the file with the certificates of your "
            "institute, or unset it."
        ) from None
    if BEGIN not in content and BEGIN_TRUSTED not in content:
        raise UserError(
            f"{name} names {path}, which holds no certificate in PEM ({BEGIN.decode()}). Convert it (openssl x509 -inform der -in FILE -out "
            "FILE.pem), and name that."
        )
    return path


def hide_secrets() -> None:
    """Hide the passwords of the environment's proxies and the tokens of model hubs in the log."""
    for name in HUB_TOKENS:
        hide(os.environ.get(name, ""))
    for proxy in getproxies().values():
        try:
            parts = urlsplit(proxy)
        except ValueError:
            continue
        if parts.password:
            hide(parts.password)
            hide_login(unquote(parts.username or ""), unquote(parts.password))


def _stated_certificates() -> tuple[str, str]:
    """Return name and value of the first variable that is set; empty where none is."""
    return next(((name, os.environ[name]) for name in CERTIFICATE_VARIABLES if os.environ.get(name)), ("", ""))
