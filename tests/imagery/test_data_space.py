"""The Copernicus Data Space by its name, every host of it played by a real server on the loopback, over TLS.

Names and addresses are those of its public documentation; the Data Space itself is not asked.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from shapely.geometry import box, mapping
from tests.imagery.access import write_netrc
from tests.servers.s3 import READER
from tests.servers.tokens import NAME, PASSWORD
from urllib3.util import connection

from lobate.errors import UserError
from lobate.imagery.fetch_scene import fetch_scene
from lobate.imagery.fetching import ssrf_guard
from lobate.settings.imagery import Archive, Catalogue

SCENE = "S2A_MSIL2A_20240708T101601_N0510_R065_T32TLS_20240708T153112"
SOURCE = f"https://stac.dataspace.copernicus.eu/v1/collections/sentinel-2-l2a/items/{SCENE}"
DOWNLOAD = f"https://download.dataspace.copernicus.eu/odata/v1/Products(1f2d)/Nodes({SCENE}.SAFE)"
FOLDER = f"Sentinel-2/MSI/L2A/2024/07/08/{SCENE}.SAFE"
BANDS = ["B04", "B03", "B02"]


@pytest.fixture
def data_space(
    token_server, token_archive, s3_server, file_server, authority, keyless, products, monkeypatch, tmp_path
):
    """One scene in the Data Space; the folder to fetch it into."""
    assets = {}
    for number, key in enumerate([*(f"{band}_10m" for band in BANDS), "SCL_20m"]):
        path = products.write_raster(tmp_path / f"{key}.jp2", np.full((20, 20), 4 + number % 3, np.uint16))
        address = f"{DOWNLOAD}/Nodes({key}.jp2)/$value"
        token_archive.files[quote(urlsplit(address).path, safe="/()$")] = path.read_bytes()
        href = s3_server.put(f"{FOLDER}/{key}.jp2", path.read_bytes())
        assets[key] = {"href": href, "type": "image/jp2", "alternate": {"https": {"href": address}}}
    properties = {"datetime": "2024-07-08T10:16:01Z", "grid:code": "MGRS-32TLS", "processing:version": "05.10"}
    item = {"type": "Feature", "id": SCENE, "geometry": mapping(box(7, 45, 8, 46)), "properties": properties}
    place = file_server.folder / urlsplit(SOURCE).path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({**item, "assets": assets, "links": [{"rel": "self", "href": SOURCE}]}))
    (tmp_path / "scenes.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [json.loads(place.read_text())]})
    )
    servers = {
        "stac": file_server.url,
        "download": token_archive.url,
        "identity": token_server.base,
        "eodata": s3_server.url,
    }
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with ExitStack() as running:
        ports = {name: urlsplit(running.enter_context(authority.before(url))).port for name, url in servers.items()}
        lead_to_loopback(monkeypatch, {f"{name}.dataspace.copernicus.eu": port for name, port in ports.items()})
        yield tmp_path


def lead_to_loopback(monkeypatch, ports):
    connect = connection.create_connection
    monkeypatch.setattr(ssrf_guard, "_resolve", lambda *_: [])
    monkeypatch.setattr(ssrf_guard, "is_public", lambda _: True)
    monkeypatch.setattr(
        connection,
        "create_connection",
        lambda address, *more, **options: connect(("127.0.0.1", ports.get(*address)), *more, **options),
    )


def fetch(folder, **archive):
    catalogue = Catalogue(name="copernicus-data-space", tries=2, timeout_s=20, archive=Archive(**archive))
    manifest = folder / "scenes" / SCENE / "checksums.json"
    fetch_scene(folder / "scenes.geojson", manifest, scene=SCENE, bands=BANDS, catalogue=catalogue)
    return json.loads(manifest.read_text())["files"]


@pytest.mark.parametrize("place", ["netrc", "netrc of other tools", "environment"])
def test_a_scene_is_fetched_with_name_and_password(
    data_space, token_server, token_archive, keyless, monkeypatch, place
):
    if place == "environment":
        monkeypatch.setenv("CDSE_USERNAME", NAME)
        monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    else:
        host = "identity.dataspace.copernicus.eu" if place == "netrc" else "dataspace.copernicus.eu"
        write_netrc(keyless, f'machine {host} login {NAME} password "{PASSWORD}"')
    files = fetch(data_space)
    assert {"B04.jp2", "B03.jp2", "B02.jp2", "SCL.jp2", f"{SCENE}.json"} == set(files)
    assert files["B04.jp2"]["href"].startswith(DOWNLOAD)
    assert token_server.asked() == ["password"]
    assert {status for _, _, status in token_archive.record} == {200}
    assert token_archive.most_at_once <= 4


def test_a_scene_is_fetched_with_s3_keys(data_space, token_server, token_archive, keyless):
    write_netrc(keyless, f"machine eodata.dataspace.copernicus.eu login {READER.key} password {READER.secret}")
    files = fetch(data_space, access="s3")
    assert files["B04.jp2"]["href"] == f"s3://eodata/{FOLDER}/B04_10m.jp2"
    assert (token_server.asked(), token_archive.record) == ([], [])


def test_without_an_account_it_says_what_to_write_and_where(data_space, keyless):
    with pytest.raises(
        UserError, match=r"machine identity\.dataspace\.copernicus\.eu login NAME .*CDSE_USERNAME"
    ) as raised:
        fetch(data_space)
    assert str(raised.value).count("needs an account") == 1  # and not once for each file
    with pytest.raises(UserError, match=r"machine eodata\.dataspace\.copernicus\.eu login KEY password SECRET"):
        fetch(data_space, access="s3")
