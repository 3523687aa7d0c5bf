"""The server as people start it: who reaches it, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyogrio
import pytest
import rasterio

from lobate.inventory.decisions import decisions_view

from .client import Client, Forwarder
from .region import Server, make_region, running, start

pytestmark = pytest.mark.xdist_group("review-server")


def lobate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
    command = [sys.executable, "-m", "lobate", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


class TestReach:
    def test_only_the_loopback_listens(self, shared):
        (process,) = [psutil.Process(shared.process.pid)]
        bound = {one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN}
        assert bound == {"127.0.0.1"}

    def test_another_port_leads_to_it_as_by_ssh(self, shared):
        forwarder = Forwarder(shared.port)
        client = Client(shared.address, forwarder.port)
        assert client.get("api/session")["region"] == "demo"
        assert client.post("api/undo", 409, reviewer="Nobody")["error"]
        forwarder.close()

    @pytest.mark.parametrize("strips", [True, False])
    def test_a_hub_with_a_prefix_leads_to_it(self, tmp_path, strips):
        make_region(tmp_path, 4, across=2, removed=1)
        with running(tmp_path, "--port", "0", "--prefix", "/user/ada/proxy", "--allow-host", "hub.example") as server:
            rewrite = (lambda data: data.replace(b" /user/ada/proxy/", b" /", 1)) if strips else None
            forwarder = Forwarder(server.port, rewrite)
            client = Client(server.address, forwarder.port)
            assert client.prefix == "/user/ada/proxy"
            assert client.get("api/session")["region"] == "demo"
            assert client.get("page/main.js")
            assert client.decide("d00000", "accepted")["waiting"] == 3
            marks = {
                "Host": "hub.example",
                "Origin": "https://hub.example",
                "X-Lobate": "1",
                "Content-Type": "application/json",
            }
            answer = client.raw("POST", f"{client.prefix}/api/undo", b'{"reviewer": "Ada"}', **marks)
            assert answer.status == 200
            forwarder.close()

    def test_the_real_server_refuses_what_the_gate_refuses(self, shared, client):
        assert client.raw("GET", "/api/session", Host="evil.example").status == 403
        assert client.raw("POST", "/api/undo", b"{}", Origin="http://evil.example").status == 403
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "x",
            "Sec-WebSocket-Version": "13",
        }
        assert client.raw("GET", "/api/events", **upgrade).status == 400
        assert client.raw("GET", "/api/session", Cookie="").status == 403
        assert client.raw("GET", "/", Cookie="lobate=1").status == 403

    @pytest.mark.parametrize(
        "text", [b"GET / HTTP/1.1\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
    )
    def test_nonsense_is_answered_and_the_server_stays(self, shared, client, text):
        with socket.create_connection(("127.0.0.1", shared.port)) as connection:
            connection.sendall(text)
            assert connection.recv(1000).startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
        assert client.get("api/session")

    def test_a_body_that_is_too_large_is_refused_before_it_is_read(self, shared, client):
        lines = [
            "POST /api/decide HTTP/1.1",
            f"Host: 127.0.0.1:{client.port}",
            f"Origin: http://127.0.0.1:{client.port}",
        ]
        lines += [
            f"Cookie: {client.cookie}",
            "X-Lobate: 1",
            "Content-Type: application/json",
            f"Content-Length: {5 << 20}",
        ]
        with socket.create_connection(("127.0.0.1", shared.port)) as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 413")


class TestLife:
    def end(self, server: Server) -> None:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=20) == 0

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_stops_at_once_also_while_browsers_listen(self, tmp_path, number):
        make_region(tmp_path, 4, across=2, removed=1)
        server = start(tmp_path, "--port", "0")
        with Client(server.address).listening() as events:
            next(events)
            began = time.monotonic()
            server.process.send_signal(number)
            assert server.process.wait(timeout=20) == 0
            assert time.monotonic() - began < 4
        assert (tmp_path / "server.log").read_text() == ""

    def test_after_a_session_qgis_can_decide_what_waits(self, tmp_path):
        make_region(tmp_path, 4, across=2, removed=1)
        kept, view = tmp_path / "resources/demo/decisions.gpkg", tmp_path / "view"
        server = start(tmp_path, "--port", "0")
        assert Client(server.address).get("api/session")["waiting"] == 4
        self.end(server)
        assert not kept.exists(), "looking begins no file"
        server = start(tmp_path, "--port", "0")
        Client(server.address).decide("d00000", "accepted")
        decisions_view(kept, view)
        self.end(server)
        rows = pyogrio.read_dataframe(kept, layer="review").set_index("detection")["status"]
        assert rows.to_dict() == {"d00000": "accepted"} | dict.fromkeys(["d00001", "d00002", "d00003"], "pending")
        before = view.read_bytes()
        decisions_view(kept, view)
        assert view.read_bytes() == before, "the workflow sees no difference"
        with running(tmp_path, "--port", "0") as server:
            session = Client(server.address).get("api/session")
            assert (session["waiting"], session["version"]) == (3, 1)

    def test_a_taken_port_is_told(self, tmp_path, shared):
        make_region(tmp_path, 4, across=2, removed=1)
        done = lobate(tmp_path, "review", "config.yaml", "--no-browser", "--port", str(shared.port))
        assert done.returncode == 2
        assert "another review may run there" in done.stderr

    def test_without_an_image_it_says_what_to_do(self, tmp_path):
        make_region(tmp_path, 4, across=2, removed=1)
        for file in (*tmp_path.glob("scenes/*"), *tmp_path.glob("results/demo/imagery/*")):
            file.unlink()
        done = lobate(tmp_path, "review", "config.yaml", "--no-browser")
        assert done.returncode == 2
        assert "no image to look at yet" in done.stderr

    def test_scenes_alone_are_enough_to_look(self, tmp_path):
        make_region(tmp_path, 4, across=2, removed=1)
        for file in (tmp_path / "results/demo").rglob("*.*"):
            file.unlink()
        with running(tmp_path, "--port", "0") as server:
            session = Client(server.address).get("api/session")
        assert session["mode"] == "labels"
        assert {one["id"] for one in session["layers"]} >= {"date1", "date2", "hillshade", "hand"}

    def test_a_result_that_a_run_replaces_is_shown(self, own):
        client = Client(own.address)
        before = client.get("picture/image/plane1/0/0/0.png")
        path = own.folder / "results/demo/imagery/T44SPC.tif"
        with rasterio.open(path) as image:
            profile, pixels = image.profile, image.read()
        path.unlink()
        with rasterio.open(path, "w", **profile) as image:
            image.write(255 - np.minimum(pixels, 254))
        assert client.get("picture/image/plane1/0/0/0.png") != before
