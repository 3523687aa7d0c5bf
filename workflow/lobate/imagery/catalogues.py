"""Public STAC catalogues by name: their URL, their collections, the service that signs URLs, and their archive's servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from lobate.settings.imagery import Archive, Catalogue

DEM_COLLECTION = "cop-dem-glo-30"


@dataclass(frozen=True)
class PublicCatalogue:
    """URL, collections of Level-2A scenes and of elevation, URL of the signing service, and archive of one catalogue."""

    url: str
    collection: str
    signing: str | None = None
    dem_collection: str = DEM_COLLECTION
    archive: Archive = field(default_factory=Archive)


PUBLIC_CATALOGUES = {
    "earth-search": PublicCatalogue("https://earth-search.aws.element84.com/v1", "sentinel-2-c1-l2a"),
    "planetary-computer": PublicCatalogue(
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        "sentinel-2-l2a",
        "https://planetarycomputer.microsoft.com/api/sas/v1",
    ),
    # from its public documentation: 4 connections an account, tokens of 10 minutes that are refreshed for 60
    "copernicus-data-space": PublicCatalogue(
        "https://stac.dataspace.copernicus.eu/v1",
        "sentinel-2-l2a",
        dem_collection="cop-dem-glo-30-dged-cog",
        archive=Archive(
            token_url="https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
            client_id="cdse-public",
            token_hosts=["download.dataspace.copernicus.eu", "zipper.dataspace.copernicus.eu"],
            s3_endpoint="https://eodata.dataspace.copernicus.eu",
            s3_region="default",
            connections=4,
        ),
    ),
}


def catalogue_url(settings: Catalogue) -> str:
    """Return the URL of the catalogue in the settings."""
    return settings.url or PUBLIC_CATALOGUES[settings.name].url


def scene_collection(settings: Catalogue) -> str:
    """Return the collection of scenes in the settings, else the catalogue's own."""
    return settings.collection or PUBLIC_CATALOGUES[settings.name].collection


def dem_collection(settings: Catalogue) -> str:
    """Return the collection of elevation in the settings, else the catalogue's own."""
    of_catalogue = DEM_COLLECTION if settings.url else PUBLIC_CATALOGUES[settings.name].dem_collection
    return settings.dem_collection or of_catalogue


def archive_of(settings: Catalogue) -> Archive:
    """Return the archive's servers: what the settings state, else those of the named catalogue."""
    if settings.url:
        return settings.archive
    stated = {name: getattr(settings.archive, name) for name in settings.archive.model_fields_set}
    return PUBLIC_CATALOGUES[settings.name].archive.model_copy(update=stated)
