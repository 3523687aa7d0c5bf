from __future__ import annotations

import pytest
from tests.servers import stac


def test_what_is_not_installed_skips_here_and_fails_in_ci(tmp_path, monkeypatch):
    monkeypatch.setattr(stac, "SERVERS", tmp_path / ".venv-servers")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"\.venv-servers .*not there; run tests/servers/install\.sh"):
        stac.expect_installed()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no STAC server"):
        stac.expect_installed()


def test_items_are_served_from_where_they_are_said_to_be(real_data):
    items = stac.real_items(real_data, "http://files.example/scenes/")
    assert len(items) == 4
    for item in items:
        assert item["assets"]["red"]["href"] == f"http://files.example/scenes/{item['id']}/B04.tif"
