"""After whole runs with keys, good and bad ones, no file of the project, its results or its store holds a key or a token.

The embedded example's scenes lie in an archive that takes tokens and in a bucket of an S3 server that checks signatures.
All bytes that the runs wrote or printed are searched.
"""

from __future__ import annotations

import base64
import json
import logging
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from shapely.geometry import box, mapping
from tests.chain.clone import Clone
from tests.imagery.access import write_netrc
from tests.servers.s3 import READER
from tests.servers.tokens import NAME, PASSWORD

from lobate.imagery.scene_table import read_rows
from lobate.io.redaction import MASK, RedactingFormatter, hide, hide_login

PROXY_PASSWORD, HUB_TOKEN, WRONG = "proxy-password-1", "hf_token_of_a_person", "wrong-password-1"
ASSETS = {"B04_10m": "*_B04_10m.*", "B03_10m": "*_B03_10m.*", "B02_10m": "*_B02_10m.*", "SCL_20m": "*_SCL_20m.*"}
METADATA = {"product_metadata": "MTD_MSIL2A.xml", "granule_metadata": "MTD_TL.xml"}


def files_of(product: Path) -> dict[str, Path]:
    """Return asset -> its file in a .SAFE folder."""
    found = {name: sorted(product.rglob(pattern)) for name, pattern in {**ASSETS, **METADATA}.items()}
    return {name: paths[0] for name, paths in found.items() if paths}


def stac_item(product: Path, hrefs: dict[str, str], source: str) -> dict:
    name = product.name.removesuffix(".SAFE")
    day = name.split("_")[2]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": mapping(box(80, 35, 81, 36)),
        "bbox": [80, 35, 81, 36],
        "properties": {
            "datetime": f"{day[:4]}-{day[4:6]}-{day[6:8]}T05:16:51Z",
            "eo:cloud_cover": 1.0,
            "s2:processing_baseline": f"{name.split('_N')[1][:2]}.{name.split('_N')[1][2:4]}",
        },
        "links": [{"rel": "self", "href": source}],
        "assets": {asset: {"href": href} for asset, href in hrefs.items()},
    }


def put_into_archives(products: list[Path], token_archive, s3_server) -> dict:
    """Put half of the products into each archive; return the collection of their items."""
    items = []
    for number, product in enumerate(products):
        hrefs = {}
        for asset, file in files_of(product).items():
            key = f"{product.name}/{file.name}"
            if number % 2:
                hrefs[asset] = s3_server.put(key, file.read_bytes())
            else:
                token_archive.files[f"/{quote(key)}"] = file.read_bytes()
                hrefs[asset] = f"{token_archive.url}/{quote(key)}"
        source = f"{token_archive.url}/items/{number}"
        items.append(stac_item(product, hrefs, source))
        token_archive.files[f"/items/{number}"] = json.dumps(items[-1]).encode()
    return {"type": "FeatureCollection", "features": items}


def configure(clone: Clone, token_server, token_archive, s3_server) -> None:
    """Let the region take its scenes from the archives, and all else from the example's files under resources/."""
    text = (clone.folder / "tests/conf/tiny.yaml").read_text().replace("results/tiny/example", "resources/kept")
    settings = yaml.safe_load(text)
    settings["region"] = "kept"
    del settings["example"], settings["imagery"]["tiles"]
    archive = {
        "token_url": token_server.url,
        "token_hosts": [token_archive.url.removeprefix("http://")],
        "s3_endpoint": s3_server.url,
        "connections": 4,
    }
    catalogue = {"url": f"{token_archive.url}/v1", "collection": "c", "allow_private": True, "archive": archive}
    settings["imagery"] |= {"scenes": "resources/kept/scenes.geojson", "catalogue": {**catalogue, "tries": 2}}
    settings["training"]["max_rounds"] = 1
    settings["training"]["schedule"]["iterations"] = 3
    (clone.folder / "kept.yaml").write_text(yaml.safe_dump(settings))


def spellings(secret: str) -> set[bytes]:
    login = base64.b64encode(f"{NAME}:{secret}".encode()).rstrip(b"=")
    return {secret.encode(), quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), login}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # the whole chain, and a run that fails
def test_no_file_of_a_run_with_keys_holds_one(
    token_server, token_archive, s3_server, keyless, project, tmp_path, monkeypatch
):
    clone = Clone(tmp_path / "clone", project, tmp_path / "store")
    made = clone.run("--", "results/tiny/example/positives.shp")
    assert made.status == 0, made.text[-3000:]
    shutil.move(clone.results / "example", clone.folder / "resources/kept")
    products = sorted((clone.folder / "resources/kept").glob("*.SAFE"))
    collection = put_into_archives(products, token_archive, s3_server)
    for product in products:
        shutil.rmtree(product)
    (clone.folder / "resources/kept/scenes.geojson").write_text(json.dumps(collection))
    configure(clone, token_server, token_archive, s3_server)
    monkeypatch.setenv("HTTPS_PROXY", f"http://institute:{PROXY_PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", HUB_TOKEN)
    printed = []

    scenes = [
        f"resources/scenes/{row['scene']}/checksums.json"
        for row in read_rows(clone.folder / "resources/kept/scenes.geojson")
    ]
    write_netrc(keyless, f"machine 127.0.0.1 login {NAME} password {WRONG}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", WRONG)
    failed = clone.run("--keep-going", "--", *scenes, config="kept.yaml")
    assert failed.status == 1
    assert "refuses the name or the password" in failed.text
    assert token_server.asked() == ["password"]  # of all scenes and Snakemake's retries together
    printed.append(failed.text)

    write_netrc(keyless, f'machine 127.0.0.1 login {NAME} password "{PASSWORD}"')
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER.secret)
    token_server.set(lifetime_s=2.0)
    fetched = clone.run("--", *scenes, config="kept.yaml")
    assert fetched.status == 0, fetched.text[-5000:]
    inventory = "results/kept/inventory/inventory.gpkg"
    whole = clone.run("--", inventory, config="kept.yaml")
    assert whole.status == 0, whole.text[-5000:]
    explained = clone.lobate("explain", inventory)
    crated = clone.lobate("crate", "kept.yaml")
    assert (explained.returncode, crated.returncode) == (0, 0), explained.stderr + crated.stderr
    printed += [fetched.text, whole.text, explained.stdout, explained.stderr, crated.stdout, crated.stderr]

    secrets = [PASSWORD, WRONG, READER.secret, PROXY_PASSWORD, HUB_TOKEN, *token_server.tokens()]
    assert len(secrets) > 5
    searched = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    mine = {path for path in searched if keyless in path.parents}
    assert any(
        secret in searched[path] for path in mine for secret in spellings(PASSWORD)
    )  # the search finds what is there
    assert any("crate" in path.parts for path in searched)
    assert any(".snakemake" in path.parts for path in searched)
    texts = {
        **{path: content for path, content in searched.items() if path not in mine},
        Path("printed"): "".join(printed).encode(),
    }
    forms = {form for secret in secrets for form in spellings(secret)}
    assert [str(path) for path, content in texts.items() if any(form in content for form in forms)] == []


def test_what_a_log_line_or_a_traceback_holds_is_hidden(keyless, tmp_path):
    hide_login("me", "pass/word")
    hide("abc")  # too short to be told from a word
    try:
        raise ValueError("pass/word bWU6cGFzcy93b3Jk pass%2Fword")
    except ValueError:
        record = logging.LogRecord("lobate", logging.ERROR, "f", 1, "it is %s", ("pass/word abc",), sys.exc_info())
    text = RedactingFormatter("%(message)s").format(record)
    assert "pass/word" not in text and "bWU6cGFzcy93b3Jk" not in text and "pass%2Fword" not in text
    assert text.startswith(f"it is {MASK} abc")
