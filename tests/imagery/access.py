"""What the tests of archives with keys share: an environment without any key, and one scene's file to fetch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lobate.imagery.fetching.http import Downloader, DownloadRequest
from lobate.imagery.fetching.retry import RetryPolicy
from lobate.imagery.fetching.session import open_archive_session
from lobate.io import redaction
from lobate.settings.imagery import Catalogue

HASTY = RetryPolicy(tries=3, timeout_s=10, first_wait_s=0.01, max_wait_s=1.0)
KEY_VARIABLES = ("AWS_", "CDSE_", "LOBATE_ARCHIVE_", "NETRC", "REQUESTS_CA", "CURL_CA", "SSL_CERT")


@pytest.fixture
def keyless(tmp_path, monkeypatch) -> Path:
    """A home without keys, and an environment without any; the home's path."""
    for name in list(os.environ):
        if name.startswith(KEY_VARIABLES) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setattr(redaction, "_hidden", set())
    return home


def write_netrc(home: Path, *lines: str) -> Path:
    path = home / ".netrc"
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o600)
    return path


def fetch(settings: Catalogue, url: str, target: Path) -> bytes:
    """Fetch one file as a scene's files are fetched; return its bytes."""
    with open_archive_session(settings) as session:
        downloader = Downloader(session, retry_policy=HASTY)
        downloader.fetch(DownloadRequest(url, target, target.parent / "work"))
    return target.read_bytes()


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process of its own that runs code with this environment."""
    words = [str(argument) for argument in arguments]
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True)
