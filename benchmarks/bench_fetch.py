"""Fetching a scene's files from a file server on this machine, against curl; without nginx and curl nothing is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from tests.servers.files import nginx_program, nginx_serving

from benchmarks.figures import Figure, command, measures, peak_mb, ratio
from lobate.imagery.fetching.assets import AssetDownload
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.download import download_all, open_downloader
from lobate.imagery.fetching.journal import open_journal
from lobate.io.digest import file_digest
from lobate.settings.imagery import Catalogue

FILES, MB = ("B02.tif", "B03.tif", "B04.tif", "SCL.tif"), 150


@measures
def fetch(folder: Path) -> dict[str, Figure]:
    """Four files at a time with their checksums, in turn with curl and sha256sum; and the memory that takes."""
    if nginx_program() is None or shutil.which("curl") is None:
        return {}
    digests = _write(folder / "served")
    with nginx_serving(folder / "served", folder / "nginx") as port:
        url = f"http://127.0.0.1:{port}"
        against = ratio(lambda: fetch_all(url, folder / "ours", digests), _curl(url, folder, digests), pairs=3)
        arguments = f"{url!r}, Path({str(folder / 'ours')!r}), {digests!r}"
        before = "from pathlib import Path; from benchmarks.bench_fetch import fetch_all"
        peak = peak_mb(before, f"fetch_all({arguments})")
    said = f"four files of {MB} MB from nginx on this machine, sha256 verified"
    return {
        "fetch_vs_curl": Figure(against, "ratio", f"{said}, over curl --parallel and sha256sum --check", "1"),
        "fetch_peak_mb": Figure(peak, "MiB", said, "< 64"),
    }


def fetch_all(url: str, folder: Path, digests: dict[str, str]) -> None:
    """Fetch the files as fetch-scene does, once its order is clear."""
    orders = [
        AssetDownload(name, name, f"{url}/{name}", Checksum("sha256", digest)) for name, digest in digests.items()
    ]
    with open_journal(folder) as workshop, open_downloader(Catalogue(allow_private=True), "bench") as courier:
        download_all(courier, workshop, orders)


def _write(folder: Path) -> dict[str, str]:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in FILES:
        (folder / name).write_bytes(rng.bytes(MB * 10**6))
    return {name: file_digest(folder / name) for name in FILES}


def _curl(url: str, folder: Path, digests: dict[str, str]) -> object:
    theirs = folder / "theirs"
    theirs.mkdir()
    (theirs / "sums").write_text("".join(f"{digest}  {theirs / name}\n" for name, digest in digests.items()))
    wanted = " ".join(f"-o {theirs / name} {url}/{name}" for name in FILES)
    script = f"curl --silent --fail --parallel --parallel-max 4 {wanted} && sha256sum --quiet --check {theirs / 'sums'}"
    return command("sh", "-c", script)
