"""Public STAC catalogues by name: their URL, their collection of Level-2A scenes, and the service that signs URLs."""

from __future__ import annotations

from dataclasses import dataclass

from lobate.settings.imagery import Catalogue


@dataclass(frozen=True)
class PublicCatalogue:
    """URL, collection of Level-2A scenes, and URL of the signing service of one catalogue."""

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
    """Return the URL of the catalogue in the settings."""
    return settings.url or PUBLIC_CATALOGUES[settings.name].url


def scene_collection(settings: Catalogue) -> str:
    """Return the collection of scenes in the settings, else the catalogue's own."""
    return settings.collection or PUBLIC_CATALOGUES[settings.name].collection
