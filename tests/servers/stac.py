"""A real STAC API over HTTP on the loopback: stac-fastapi with pgstac on PostgreSQL and PostGIS, for the tests' session.

``tests/servers/install.sh`` installs what it needs. Everything it writes lies in a folder of its own, and what it starts
ends with it, or with the process that started it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.needs import lacking

SERVERS = Path(__file__).resolve().parents[2] / ".venv-servers"
START_S = 60.0
Item = dict[str, Any]
Process = subprocess.Popen[bytes]


class StacServer:
    """A running STAC API, empty at first; every test loads collections of its own name."""

    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, collection: str, items: list[Item]) -> None:
        """Make a collection of these items, through the API's own transactions."""
        self._post("/collections", _collection(collection))
        for start in range(0, len(items), 100):
            batch = [{**item, "collection": collection} for item in items[start : start + 100]]
            self._post(f"/collections/{collection}/items", {"type": "FeatureCollection", "features": batch})

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = requests.post(self.url + path, json=body, timeout=60)
        assert answer.status_code in (200, 201), f"{answer.status_code}: {answer.text[:2000]}"


def real_items(real_data: Path, base: str) -> list[Item]:
    """Return the real scenes' STAC items; their files' addresses start with ``base``, then ``<scene>/<file>``."""
    paths = sorted(real_data.glob("s2_l2a_*/*/*_L2A.json"))
    assert len(paths) == 4
    return [_served(path, base.rstrip("/")) for path in paths]


def _served(path: Path, base: str) -> Item:
    """Return an item whose files, where they lie beside it, are served from ``base``."""
    item = json.loads(path.read_text())
    item["links"] = []  # the server makes its own
    for asset in item["assets"].values():
        name = asset["href"].rpartition("/")[2]
        if (path.parent / name).exists():
            asset["href"] = f"{base}/{item['id']}/{name}"
    return item


@pytest.fixture(scope="session")
def stac_server() -> Iterator[StacServer]:
    """A real STAC API, empty; skips where it is not installed, but not in CI."""
    expect_installed()
    with _folder() as folder, _postgres(folder) as dsn, _api(dsn) as url:
        yield StacServer(url)


def expect_installed() -> None:
    """Skip what needs the server where it is not installed; in CI, fail."""
    parts = {
        SERVERS.name: (SERVERS / "ready").exists(),
        "PostgreSQL": _binaries() is not None,
        "PostGIS": any(Path("/usr/share/postgresql").glob("*/extension/postgis.control")),
    }
    missing = [name for name, there in parts.items() if not there]
    if missing:
        lacking(f"no STAC server: {' and '.join(missing)} not there; run tests/servers/install.sh")


def _binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, which Debian keeps off PATH."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def _collection(name: str) -> dict[str, Any]:
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": name,
        "description": "Scenes for the tests",
        "license": "proprietary",
        "links": [],
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-23T00:00:00Z", None]]},
        },
    }


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the database's user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="lobate-stac-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A database server of its own; yields the address of a database with pgstac's schema."""
    binaries, port, data = _binaries(), _free_port(), folder / "data"
    _run(
        _as_database_user([binaries / "initdb", "-D", data, "-U", "lobate", "--auth=trust", "--no-sync", "-E", "UTF8"])
    )
    options = [f"-cport={port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={folder}", "-cfsync=off"]
    with _running(_as_database_user([binaries / "postgres", "-D", data, *options]), folder) as process:
        _wait_for(
            process, lambda: _answers([binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port, "-U", "lobate"])
        )
        dsn = f"postgresql://lobate@127.0.0.1:{port}/postgres"
        _run([SERVERS / "bin/pypgstac", "migrate", "--dsn", dsn])
        yield dsn


@contextmanager
def _api(dsn: str) -> Iterator[str]:
    address, port = dsn.partition("@")[2].partition("/")[0], _free_port()
    environment = {
        **os.environ,
        "PGUSER": "lobate",
        "PGPASSWORD": "",
        "PGHOST": address.partition(":")[0],
        "PGPORT": address.partition(":")[2],
        "PGDATABASE": "postgres",
        "ENABLE_TRANSACTIONS_EXTENSIONS": "true",
    }
    url = f"http://127.0.0.1:{port}"
    program = [
        SERVERS / "bin/python",
        "-m",
        "uvicorn",
        "--factory",
        "stac_fastapi.pgstac.app:create_app",
        "--host",
        "127.0.0.1",
        "--port",
        port,
    ]
    with _running([*_dying_with_us("TERM"), *program], Path("/"), environment) as process:
        _wait_for(process, lambda: requests.get(url, timeout=5).ok)
        yield url


def _dying_with_us(by: str) -> list[str]:
    return ["setpriv", "--pdeathsig", by]


def _as_database_user(program: list[object]) -> list[object]:
    """PostgreSQL refuses to be run by root: Debian's package has made a user for it."""
    other = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return [*_dying_with_us("INT"), *other, *program]


def _run(program: list[object]) -> None:
    done = subprocess.run([*map(str, program)], check=False, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{program[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _answers(program: list[object]) -> bool:
    return subprocess.run([*map(str, program)], check=False, cwd="/", timeout=10).returncode == 0


@contextmanager
def _running(program: list[object], folder: Path, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """Run a program until the end of the block; what it says goes nowhere unless it ends on its own."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*map(str, program)], cwd=folder, env=environment, stdout=said, stderr=said)
        try:
            yield process
        finally:
            ended = process.poll()
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            if ended is not None:
                said.seek(0)
                raise AssertionError(f"{program} ended with {ended}: {said.read()[-2000:].decode(errors='replace')}")


def _wait_for(process: Process, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(requests.RequestException):
            if ready():
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
