"""Names that a shell would take for commands: in paths of the configuration, as tiles, as another inventory's name."""

from __future__ import annotations

import shutil

import pytest
import yaml
from tests.chain.clone import Clone

from lobate.errors import UserError
from lobate.settings.load import parse

ODD = """it's a "test" $HOME; `touch owned` $(touch owned) & *"""

pytestmark = pytest.mark.xdist_group("faults")


def test_paths_that_a_shell_would_run_are_only_names(tmp_path, project, bench_image):
    """Cheap rules through Snakemake with every input in a folder of that name; nothing in it is run."""
    clone = Clone(tmp_path / "clone", project, tmp_path / "store")
    odd = clone.folder / ODD
    odd.mkdir()
    for path in bench_image:
        shutil.copy(path, odd / path.name)
    image, outlines = (f"{ODD}/{path.name}" for path in bench_image)
    settings = {
        "region": "odd",
        "imagery": {"tiles": {"T-1_a": [image]}},
        "labels": {"positives": [{"path": outlines}]},
        "inventory": {"others": {"insar": {"path": outlines}}},
    }
    (clone.folder / "odd.yaml").write_text(yaml.safe_dump(settings))
    run = clone.run("--until", "rasterize_labels", config="odd.yaml")
    assert run.status == 0, run.text
    assert (clone.folder / "results/odd/labels/T-1_a.tif").exists()
    assert not [path for path in clone.folder.rglob("owned") if path.exists()]
    assert run.computed["clean_labels"] == 1


@pytest.mark.parametrize(
    "name", ["a b", "$(touch owned)", "it's", 'say "x"', "`x`", "a;b", "../up", "a/b", "{x}", "-rf", "a\nb", ""]
)
@pytest.mark.parametrize("where", ["region", "tile", "other"])
def test_names_that_become_file_names_are_plain(where, name):
    settings = {
        "region": "plain",
        "imagery": {"tiles": {"T": ["a.tif"]}},
        "labels": {"positives": [{"path": "p.gpkg"}]},
        "inventory": {"others": {}},
    }
    if where == "region":
        settings["region"] = name
    elif where == "tile":
        settings["imagery"] = {"tiles": {name: ["a.tif"]}}
    else:
        settings["inventory"] = {"others": {name: {"path": "o.gpkg"}}}
    with pytest.raises(UserError):
        parse(settings)


@pytest.mark.parametrize("path", ["a{tile}.gpkg", "a}.gpkg", "a\nb.gpkg", "a\0.gpkg"])
def test_paths_that_snakemake_would_take_for_its_own_are_told(path):
    with pytest.raises(UserError, match="rename the file"):
        parse({"region": "plain", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": path}]}})
