import hashlib
from pathlib import Path

import pytest
from tests.example.conftest import EXAMPLE, World

from lobate.errors import UserError
from lobate.example.make_example import make_example


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes(world, tmp_path):
    again = World(tmp_path).make()
    assert digests(again.folder) == digests(world.folder)


def test_another_seed_gives_another_world(world, tmp_path):
    ours, theirs = digests(world.folder), digests(World(tmp_path).make(seed=3).folder)
    same = {name for name in ours if theirs.get(name) == ours[name]} - {"complete.gpkg"}
    assert not {name for name in same if Path(name).suffix in (".jp2", ".tif", ".gpkg", ".shp", ".csv")}


def test_it_writes_what_it_was_asked_for_and_nothing_else(world):
    tops = {path.name for path in world.folder.iterdir()}
    sides = {
        f"{name}.{suffix}" for name in ("positives", "negatives") for suffix in ("shp", "shx", "dbf", "prj", "cpg")
    }
    assert tops == {scene.name for scene in world.scenes} | sides | {
        "removed.csv",
        "complete.gpkg",
        "dem.tif",
        "insar.gpkg",
        "truth.gpkg",
    }
    for scene in world.scenes:
        assert "SYNTHETIC" in (scene / "SYNTHETIC.txt").read_text()


def test_a_mistake_writes_nothing(tmp_path):
    paths = [tmp_path / name for name in ("p.shp", "n.shp", "r.csv", "c.gpkg", "d.tif", "i.gpkg", "t.gpkg")]
    with pytest.raises(UserError):
        make_example([tmp_path / "scene.SAFE"], *paths, example=EXAMPLE, seed=0)
    assert not list(tmp_path.iterdir())
