"""A real S3 server that checks signatures, SeaweedFS on the loopback, for the tests' session."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from tests.needs import lacking

WEED = Path(__file__).resolve().parents[2] / ".venv-servers" / "bin" / "weed"
START_S = 60.0
BUCKET = "eodata"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
S3_PORTS = ("s3.port", "s3.port.grpc")


@dataclass(frozen=True)
class Key:
    """One key of the server, and what it may do."""

    key: str
    secret: str
    actions: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """Return the variables that name it."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


READER = Key("READERKEY0001", "reader/secret+0001", (f"Read:{BUCKET}", f"List:{BUCKET}"))
STRANGER = Key("STRANGERKEY01", "stranger-secret-01", ("Read:elsewhere",))


@dataclass(frozen=True)
class S3Server:
    """A running server: its S3 endpoint, and the address where the tests put files."""

    url: str
    filer: str

    def put(self, key: str, content: bytes, bucket: str = BUCKET) -> str:
        """Put a file into a bucket; return its s3:// address."""
        answer = requests.post(f"{self.filer}/buckets/{bucket}/{quote(key)}", files={"file": content}, timeout=30)
        assert answer.ok, answer.text
        return f"s3://{bucket}/{key}"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server with two keys; skips where it is not installed, but not in CI."""
    if not WEED.exists():
        lacking("no S3 server: .venv-servers is not there; run tests/servers/install.sh")
    ports = dict(zip((*PORTS, *S3_PORTS), free_ports(len(PORTS) + len(S3_PORTS)), strict=True))
    with tempfile.TemporaryDirectory(prefix="lobate-s3-") as place, (Path(place) / "log").open("wb") as log:
        config = Path(place) / "s3.json"
        config.write_text(json.dumps({"identities": [_identity(key) for key in (READER, STRANGER)]}))
        options = [f"-{name}={port}" for name, port in ports.items()]
        program = [WEED, "server", f"-dir={place}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options, "-filer", "-s3"]
        program += [f"-s3.config={config}", "-volume.max=8", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
        program += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # their ports would be the same for two servers
        program += [f"-{name}.localSocket={place}/{name}.sock" for name in ("filer", "s3")]
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, program)], cwd=place, stdout=log, stderr=log
        )
        server = S3Server(f"http://127.0.0.1:{ports['s3.port']}", f"http://127.0.0.1:{ports['filer.port']}")
        try:
            _wait_until(lambda: requests.get(server.url, timeout=5).status_code < 500, process)
            _wait_until(lambda: bool(server.put("started", b"x")), process)
            yield server
        finally:
            process.kill()  # its own end takes half a minute
            process.wait()
            for port in ports.values():
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink()


def _identity(key: Key) -> dict[str, object]:
    credentials = [{"accessKey": key.key, "secretKey": key.secret}]
    return {"name": key.key.lower(), "credentials": credentials, "actions": list(key.actions)}


def _wait_until(ready, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(requests.RequestException, AssertionError):
            if ready():
                return
        time.sleep(0.2)
    raise AssertionError("the S3 server did not start")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nothing uses at the moment."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
