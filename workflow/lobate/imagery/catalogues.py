"""The public catalogues that settings may name: their address, their collection of scenes, and the service that signs."""

from __future__ import annotations

from dataclasses import dataclass

from lobate.settings.imagery import Catalogue


@dataclass(frozen=True)
class PublicCatalogue:
    """A public catalogue: its address, its collection of Level-2A scenes, and what signs the addresses of its files."""

    url: str
    collection: str
    signing: str | None = None


PUBLIC_CATALOGUES = {
    "earth-search": PublicCatalogue("https://earth-search.aws.element84.com/v1", "sentinel-2-c1-l2a"),
    "planetary-computer": PublicCatalogue(
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        "sentinel-2-l2a",
        "https://planetarycomputer.microsoft.com/api/sas/v1",
    ),
}


def catalogue_url(settings: Catalogue) -> str:
    """Return the catalogue's address."""
    return settings.url or PUBLIC_CATALOGUES[settings.name].url


def scene_collection(settings: Catalogue) -> str:
    """Return the collection of scenes."""
    return settings.collection or PUBLIC_CATALOGUES[settings.name].collection
