"""What `lobate check` says of an archive that wants an account or a key, before anything is fetched and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from lobate.errors import UserError
from lobate.imagery.catalogues import PUBLIC_CATALOGUES, archive_of
from lobate.imagery.fetching.credentials import s3_key, s3_key_places, token_account
from lobate.imagery.fetching.s3 import S3Archive
from lobate.imagery.scene_table import fetched_dem_path, fetched_scene_manifest, scene_rows
from lobate.settings import Region
from lobate.settings.imagery import Catalogue


def account_mistakes(region: Region) -> Iterator[str]:
    """Yield what is wrong with the account of the archive from which a run would fetch; nothing where all is here."""
    fetched = _to_fetch(region)
    if not fetched:
        return
    try:
        _check_account(region.imagery.catalogue)
    except UserError as mistake:
        yield f"Setting imagery.catalogue: {mistake} {fetched} would be fetched from it."


def account_note(region: Region) -> str | None:
    """Return what is to be told of the account of a region whose scenes have yet to be found: finding them needs none."""
    if region.imagery.scenes or region.imagery.tiles:
        return None
    try:
        _check_account(region.imagery.catalogue)
    except UserError as mistake:
        return f"Finding scenes needs no account, fetching them will. {mistake}"
    return None


def _to_fetch(region: Region) -> str:
    """Return what a run would fetch, in words; "" for nothing."""
    rows = []
    with suppress(UserError):  # a mistake in the table is told once
        rows = scene_rows(region.imagery)
    scenes = sum(not Path(fetched_scene_manifest(row["scene"])).exists() for row in rows)
    dem = fetched_dem_path(region.region)
    fetches_dem = region.inventory.dem == dem and not Path(dem).exists()
    count = f"{scenes} scene{'s' * (scenes != 1)}" if scenes else ""
    return " and ".join(filter(None, [count, "elevation" if fetches_dem else ""])).capitalize()


def _check_account(catalogue: Catalogue) -> None:
    """Raise UserError where the archive wants an account or a key and there is none, or half of one.

    A bucket may be open to all, so only a named catalogue is known to want a key.
    """
    archive = archive_of(catalogue)
    if archive.access == "https":
        if archive.token_url:
            token_account(str(urlsplit(archive.token_url).hostname))
        return
    endpoint = S3Archive(archive.s3_endpoint or "", archive.s3_region or "").endpoint
    host = str(urlsplit(endpoint).hostname) if endpoint else ""
    if s3_key(host) is None and not catalogue.url and PUBLIC_CATALOGUES[catalogue.name].archive.token_url:
        raise UserError(
            f"The archive's S3 server {host} wants a key, and there is none for it. lobate looks for one in {s3_key_places(host)}. "
            "Make a pair of keys on the archive's web page. The configuration takes no keys."
        )
