"""`lobate check` tells a missing account of an archive before a run, and asks no server for that."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from tests.imagery.access import keyless, write_netrc  # noqa: F401 - a fixture

from lobate.cli.main import main
from lobate.imagery.scene_table import COLUMNS, fetched_scene_manifest, to_tsv

LOGIN = "machine identity.dataspace.copernicus.eu login NAME password PASSWORD"
SCENE = "S2A_MSIL2A_20180711T051651_N0500_R062_T44SPC_20230801T000000"
DATA_SPACE = {"name": "copernicus-data-space"}
OTHER = {"url": "https://stac.example/v1", "collection": "scenes"}


@pytest.fixture
def without_network(monkeypatch):
    """Any connection, and any look-up of a name, is a failure."""

    def refuse(*arguments, **options):
        raise AssertionError(f"check asks the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def checked(outline_on_image, keyless, without_network, capfd, monkeypatch):  # noqa: F811 - the fixture
    """What `lobate check` says of a region whose scenes come from a catalogue: status, and both outputs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(keyless / "cache"))
    row = dict(zip(COLUMNS, (SCENE, "44SPC", "2018-07-11", "1", "05.00", "https://stac.example/item", ""), strict=True))
    Path("scenes.tsv").write_text(to_tsv([row]))

    def check(catalogue, imagery=None, inventory=None):
        config = {
            "region": "r",
            "imagery": {"catalogue": catalogue, **({"scenes": "scenes.tsv"} if imagery is None else imagery)},
            "labels": {"positives": [{"path": "p.gpkg", "id_field": "id"}]},
            "inventory": inventory or {},
        }
        Path("r.yaml").write_text(yaml.safe_dump(config))
        capfd.readouterr()
        status = main(["check", "r.yaml"])
        said = capfd.readouterr()
        return status, said.out, said.err

    return check


def test_a_missing_account_is_told_with_the_places_for_it(checked):
    status, _, said = checked(DATA_SPACE)
    assert status == 2
    assert "Setting imagery.catalogue: The archive needs an account" in said
    assert LOGIN in said
    assert "CDSE_USERNAME and CDSE_PASSWORD" in said
    assert "1 scene would be fetched from it." in said


@pytest.mark.parametrize("place", ["netrc", "environment", "netrc of other tools"])
def test_an_account_in_any_of_its_places_is_enough(checked, keyless, monkeypatch, place):  # noqa: F811 - the fixture
    if place == "environment":
        monkeypatch.setenv("CDSE_USERNAME", "somebody")
        monkeypatch.setenv("CDSE_PASSWORD", "open sesame")
    else:
        host = "identity.dataspace.copernicus.eu" if place == "netrc" else "dataspace.copernicus.eu"
        write_netrc(keyless, f"machine {host} login somebody password open-sesame")
    status, out, err = checked(DATA_SPACE)
    assert (status, err) == (0, "")
    assert "sesame" not in out + err


def test_an_account_that_others_can_read_is_told(checked, keyless):  # noqa: F811 - the fixture
    line = "machine identity.dataspace.copernicus.eu login somebody password open-sesame"
    write_netrc(keyless, line).chmod(0o644)
    status, out, err = checked(DATA_SPACE)
    assert status == 2
    assert "chmod 600" in err
    assert "sesame" not in out + err


def test_with_s3_a_key_is_wanted_and_no_account(checked, keyless, monkeypatch):  # noqa: F811 - the fixture
    by_s3 = {**DATA_SPACE, "archive": {"access": "s3"}}
    write_netrc(keyless, "machine identity.dataspace.copernicus.eu login somebody password open-sesame")
    status, _, said = checked(by_s3)
    assert status == 2
    assert "eodata.dataspace.copernicus.eu wants a key, and there is none" in said
    assert "AWS_ACCESS_KEY_ID" in said
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKEY")
    status, _, said = checked(by_s3)
    assert status == 2
    assert "half a key" in said
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ASECRET")
    assert checked(by_s3)[0] == 0


def test_a_token_server_of_ones_own_is_named(checked):
    own = {**OTHER, "archive": {"token_url": "https://login.example/token", "token_hosts": ["files.example"]}}
    status, _, said = checked(own)
    assert status == 2
    assert "machine login.example login NAME" in said


@pytest.mark.parametrize(
    "catalogue", [{}, {"name": "planetary-computer"}, OTHER, {**OTHER, "archive": {"access": "s3"}}]
)
def test_open_archives_want_nothing(checked, catalogue):
    """A bucket may be open to all: nothing says that it is not."""
    assert checked(catalogue)[0] == 0


def test_scenes_that_are_here_want_no_account(checked):
    manifest = Path(fetched_scene_manifest(SCENE))
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    _, _, said = checked(DATA_SPACE)
    assert "account" not in said


def test_elevation_from_the_archive_wants_one_too(checked):
    find = {"tiles": {"T": ["a.tif"]}, "find": {"area": "p.gpkg", "years": [2018], "months": [7]}}
    status, _, said = checked(DATA_SPACE, find, {"dem": "resources/dem/r.tif"})
    assert status == 2
    assert "Elevation would be fetched from it." in said


def test_finding_scenes_needs_none_and_a_note_says_what_comes(checked):
    find = {"find": {"area": "p.gpkg", "years": [2018], "months": [7]}}
    status, out, err = checked(DATA_SPACE, find)
    assert (status, err) == (0, "")
    assert "Note: Finding scenes needs no account, fetching them will. The archive needs an account" in out
    assert "Note: Finding" not in checked({}, find)[1]


def test_all_that_is_wrong_still_comes_at_once(checked):
    status, _, said = checked(DATA_SPACE, inventory={"decisions": "none.gpkg"})
    assert status == 2
    assert "The archive needs an account" in said
    assert "none.gpkg" in said
