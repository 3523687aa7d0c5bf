"""Snakemake's own records are gone, or are those of other results: what is planned and made is right all the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine
from rasterio.crs import CRS
from shapely.geometry import box
from tests.chain.clone import Clone, Run
from tests.faults.bench import contents

from lobate.io.grid import Grid
from lobate.io.raster import CogWriter

pytestmark = pytest.mark.xdist_group("faults")

VERBS = {"compose_rgb": 1, "clean_labels": 1, "rasterize_labels": 1, "crop_patches": 1}
"""The jobs up to the patches."""
NOTHING = "Nothing to be done"
LARGE = {"labels": {"min_area_m2": 20_000}}
"""A setting by which one of the two outlines is too small."""


class Region(Clone):
    """A clone with a region of one image and two outlines, to be made up to its patches."""

    @property
    def results(self) -> Path:
        return self.folder / "results/recorded"

    @property
    def records(self) -> list[Path]:
        return sorted(path for path in (self.folder / ".snakemake/metadata").rglob("*") if path.is_file())

    def make(self, *words: str, **sections: dict[str, object]) -> Run:
        """Run with other settings in some sections."""
        settings = {
            "region": "recorded",
            "imagery": {"tiles": {"T": ["image.tif"]}},
            "labels": {"positives": [{"path": "outlines.gpkg"}]},
            "patches": {"crop": {"core": 32, "margin": 16, "min_entropy": 0}},
        }
        merged = {name: {**settings[name], **section} for name, section in sections.items()}
        (self.folder / "recorded.yaml").write_text(yaml.safe_dump({**settings, **merged}))
        done = self.run(*words, "--", "results/recorded/patches/T.npy", config="recorded.yaml")
        assert done.status == 0, done.text
        return done

    def outlines(self) -> int:
        """Return how many outlines were kept."""
        return len(gpd.read_file(self.results / "labels/polygons.gpkg", layer="kept"))

    def ring(self) -> bool:
        """Return whether the label raster has a third value, that of a ring around the outlines."""
        with rasterio.open(self.results / "labels/T.tif") as label:
            return len(np.unique(label.read(1))) > 2

    def side(self) -> int:
        """Return the side of the patches."""
        return np.load(self.results / "patches/T.npy").shape[-2]

    def forget(self) -> None:
        shutil.rmtree(self.folder / ".snakemake")


def write_image(path: Path) -> None:
    grid = Grid(64, 64, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
    with CogWriter(path, grid, count=3, nodata=0, photometric_rgb=True) as pixels:
        pixels.write(np.random.default_rng(0).integers(1, 255, (3, 64, 64), dtype=np.uint8), 0)


def write_outlines(path: Path, shift: float = 0) -> None:
    squares = [box(500_100, 3_999_700, 500_300, 3_999_900), box(500_400, 3_999_400, 500_500, 3_999_500)]
    gpd.GeoDataFrame({"id": [1, 2]}, geometry=squares, crs=32644).translate(shift, shift).to_file(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory, project) -> Region:
    """A region that was made, with all its records."""
    folder = tmp_path_factory.mktemp("records")
    region = Region(folder / "clone", project, folder / "store")
    write_image(region.folder / "image.tif")
    write_outlines(region.folder / "outlines.gpkg")
    assert region.make().computed == VERBS
    assert (region.outlines(), region.ring()) == (2, False)
    return region


@pytest.fixture
def region(made, tmp_path) -> Region:
    return made.copy(tmp_path / "copy")


def take_half(region: Region) -> None:
    for record in region.records[::2]:
        record.unlink()


def take_those_of_the_large(region: Region) -> None:
    """The records of another clone, in which the setting was changed before."""
    other = region.copy(region.folder.with_name("other"))
    other.make(**LARGE)
    region.forget()
    shutil.copytree(other.folder / ".snakemake", region.folder / ".snakemake")


def take_results_of_the_small(region: Region) -> None:
    """The results of another clone, in which the setting was not changed; times are kept, too."""
    other = region.copy(region.folder.with_name("other"))
    region.make(**LARGE)
    shutil.rmtree(region.results)
    shutil.copytree(other.results, region.results)


LOSSES = [take_half, take_those_of_the_large, take_results_of_the_small]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_changed_setting_is_seen_whatever_happened_to_the_records(region, lose: Callable[[Region], None]):
    lose(region)
    region.make(**LARGE)
    assert region.outlines() == 1


BEHIND_LABELS = {"clean_labels": 1, "rasterize_labels": 1, "crop_patches": 1}
CHANGES = {
    "min_area": ({"labels": {"min_area_m2": 30_000}}, BEHIND_LABELS, lambda region: region.outlines() == 1),
    "ring": ({"labels": {"ring_m": 20}}, BEHIND_LABELS, Region.ring),
    "core": (
        {"patches": {"crop": {"core": 16, "margin": 16, "min_entropy": 0}}},
        {"crop_patches": 1},
        lambda region: region.side() == 48,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_without_records_a_changed_setting_computes_what_differs(region, change):
    """A result may also be one that another test of this store has computed; the first changed verb is computed here."""
    settings, differing, is_right = CHANGES[change]
    region.forget()
    done = region.make(**settings)
    assert {next(iter(differing)): 1}.items() <= done.computed.items() <= differing.items()
    assert all(done.computed[verb] + done.restored[verb] == 1 for verb in VERBS)
    assert is_right(region)


def test_without_records_changed_code_is_seen(region):
    region.forget()
    module = region.folder / "workflow/lobate/labels/rasterize_labels.py"
    module.write_text(module.read_text() + "\nUNUSED = 1\n")
    assert region.make().computed == {"rasterize_labels": 1}


def test_without_records_a_brought_file_that_is_older_and_other_is_seen(region):
    region.forget()
    write_outlines(region.folder / "outlines.gpkg", shift=50)
    os.utime(region.folder / "outlines.gpkg", (0, 0))
    done = region.make()
    assert {"clean_labels", "rasterize_labels"} <= set(done.computed)
    assert not done.computed["compose_rgb"]


def test_without_records_what_is_right_is_linked_once(region):
    before = contents(region.results)
    region.forget()
    done = region.make()
    assert (done.computed, done.restored) == ({}, VERBS)
    assert contents(region.results) == before
    assert NOTHING in region.make().text


def test_results_in_a_new_clone_are_linked_with_their_store_and_computed_without(region, tmp_path):
    with_store, without = region.fresh(tmp_path / "with"), region.fresh(tmp_path / "without")
    without.store = tmp_path / "new_store"
    for clone in (with_store, without):
        shutil.copytree(region.folder / "results", clone.folder / "results")
        for name in ("image.tif", "outlines.gpkg"):
            shutil.copy(region.folder / name, clone.folder / name)
    done = with_store.make(**LARGE)
    assert (done.computed["compose_rgb"], with_store.outlines()) == (0, 1)
    done = without.make(**LARGE)
    assert (done.computed, without.outlines()) == (VERBS, 1)


def test_a_dry_run_plans_the_same_and_writes_nothing(region):
    region.forget()
    (region.folder / ".snakemake").mkdir()
    before = contents(region.results)
    done = region.make("--dry-run", **LARGE)
    assert "no record says how this result was made" in done.text
    assert not region.records
    after = {name: digest for name, digest in contents(region.results).items() if name in before}
    assert after == before
    assert NOTHING not in region.make("--dry-run").text


def test_records_of_other_results_go_also_for_results_that_a_run_does_not_need(region):
    """After a run for one result, the others' foreign records would pass for their own."""
    take_those_of_the_large(region)
    image = "results/recorded/imagery/T.tif"
    assert region.run("--", image, config="recorded.yaml").status == 0
    region.make(**LARGE)
    assert region.outlines() == 1


def test_a_run_that_keeps_no_records_leaves_none_that_count(region):
    """The setting is changed in such a run, and changed back: the older record would be right again, not the result."""
    region.make("--drop-metadata", **LARGE)
    assert region.outlines() == 1
    region.make()
    assert region.outlines() == 2
    assert NOTHING in region.make().text


def test_rerun_triggers_without_params_leave_results_alone(region):
    region.forget()
    assert NOTHING in region.make("--rerun-triggers", "mtime", **LARGE).text


def test_touch_takes_results_for_those_of_the_settings(region):
    region.forget()
    region.make("--touch")
    assert NOTHING in region.make().text
