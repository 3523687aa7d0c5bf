"""A round trip as a person would do it: look at the page, decide, put the file in place, run again, train anew."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from scipy.ndimage import label

pytestmark = pytest.mark.xdist_group("chain")

SAID = "resources/tiny/decisions.geojson"
REVIEWED = "results/tiny/inventory/reviewed.gpkg"
DECIDED = {"inventory": {"decisions": SAID}}
ANEW = {"max_rounds": 1, "both_protocols": False, "schedule": {"iterations": 8}}
"""Trained otherwise than the finished chain: other detections."""
SMALL_M2 = 1e5


def many_bodies(clone) -> dict[str, object]:
    """The tiny network knows next to nothing; with these settings its map falls into most bodies."""
    with rasterio.open(clone.results / "mapping/T44SPC_probability.tif") as file:
        values = file.read(1)

    def bodies(least: int) -> int:
        return (np.bincount(label((values >= least) & (values < 255))[0].ravel())[1:] >= 40).sum()

    best = max(np.unique(values[values < 255])[1:], key=bodies)
    return {"mapping": {"vectorize": {"threshold": float(best - 0.5) / 254}, "filter": {"min_area_km2": 0.004}}}


class Reviewer:
    """Somebody with the region's page before them."""

    def __init__(self, chromium, clone) -> None:
        self.clone, self.tab = clone, chromium.new_context(accept_downloads=True).new_page()
        self.tab.goto((clone.results / "inventory/review.html").as_uri())

    def small(self) -> list[int]:
        """Numbers of the rows that are no giants: a rejected giant would leave nothing to validate on."""
        areas = self.tab.evaluate("detections.map((one) => one.area_m2)")
        return [number for number, area in enumerate(areas) if area < SMALL_M2]

    def press(self, row: int, *keys: str) -> None:
        self.tab.click(f"#row-{row}")
        for key in keys:
            self.tab.keyboard.press(key)

    def mend(self, row: int) -> None:
        """Move a vertex, some way that does not make the outline cross itself."""
        self.press(row, "e", "]")
        for key in ("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"):
            if self.tab.evaluate(f"entries[{row}].status") == "pending":
                self.tab.keyboard.press(key)
        self.tab.keyboard.press("a")

    def save(self) -> gpd.GeoDataFrame:
        """Save, put the file in place, and return what it says."""
        with self.tab.expect_download() as waiting:
            self.tab.keyboard.press("s")
        (self.clone.folder / SAID).parent.mkdir(parents=True, exist_ok=True)
        waiting.value.save_as(self.clone.folder / SAID)
        features = json.loads((self.clone.folder / SAID).read_text())["features"]
        return gpd.GeoDataFrame.from_features(features, crs=4326)


def test_round_trip(clone, chromium):
    mapping = many_bodies(clone)
    page = clone.run("--", "results/tiny/inventory/review.html", overlay=mapping)
    assert page.status == 0, page.text[-3000:]
    reviewer = Reviewer(chromium, clone)
    accepted, mended, *wrong = reviewer.small()
    assert wrong

    reviewer.press(accepted, "a")
    reviewer.mend(mended)
    assert sorted(reviewer.save()["status"]) == ["accepted", "edited"]
    model = clone.results / "training/round_1/model.safetensors"
    first = model.read_bytes()
    done = clone.run("--", REVIEWED, "results/tiny/training/round_1/model.safetensors", overlay={**mapping, **DECIDED})
    assert done.status == 0, done.text[-3000:]
    assert (done.computed["clean_labels"], done.computed["apply_review"]) == (1, 1)
    trained = {
        "train",
        "choose_round",
        "train_other",
    }  # the other protocol trains the chosen round, which may be a later one
    assert set(done.computed) <= {"clean_labels", "apply_review", "mine_negatives", *trained}, (
        "what stands is not mined, and later rounds ignore it"
    )
    assert model.read_bytes() == first, "the round that the decisions came after stays"

    for row in wrong:
        reviewer.press(row, "r")
    said = reviewer.save()
    done = clone.run("--", REVIEWED, overlay={**mapping, **DECIDED, "training": ANEW})
    assert done.status == 0, done.text[-3000:]
    assert not set(done.computed) & {"make_example", "compose_rgb"}
    assert (done.computed["train"], done.computed["apply_review"]) == (1, 1)
    rejected_are_negatives(clone, said[said["status"] == "rejected"])
    decisions_are_still_there(clone, said[said["status"] != "rejected"])


def rejected_are_negatives(clone, refused: gpd.GeoDataFrame) -> None:
    kept, removed = (gpd.read_file(clone.results / "labels/polygons.gpkg", layer=name) for name in ("kept", "removed"))
    negatives, told = (frame[frame["source"] == "decisions.geojson"] for frame in (kept, removed))
    assert set(negatives["class"]) == {"negative"}
    assert len(negatives) + len(told) >= len(refused), "each is learnt from, or it is said why not"
    assert negatives.geometry.within(refused.geometry.union_all().buffer(1e-8)).all()


def decisions_are_still_there(clone, standing: gpd.GeoDataFrame) -> None:
    reviewed = gpd.read_file(clone.folder / REVIEWED, layer="reviewed")
    for row in standing.itertuples():
        same = reviewed.geometry.normalize().geom_equals_exact(row.geometry.normalize(), 1e-9)
        assert list(reviewed["status"][same]) == [row.status]
