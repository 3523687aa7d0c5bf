import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.inventory.decisions import read_decisions
from lobate.io.decisions import mining_view
from lobate.io.grid import Grid
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.network import deeplab, modelfile
from lobate.settings.patches import Crop
from lobate.settings.training import Mining, Network
from lobate.training.ignored import IgnoredPixels, read_runs
from lobate.training.mine_negatives import mine_negatives, skip_mining

GRID = Grid(256, 256, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
CROP = Crop(core=32, margin=16)
SIDE = 64
OUTPUTS = ("negatives.gpkg", "negatives.npy", "ignored.npy", "candidates.gpkg")
POSITIVE, VALIDATION, WRONG, FAINT = (20, 20), (20, 200), (180, 60), (180, 180)


def ground(*places, size=24, crs=LONLAT):
    return gpd.GeoSeries([GRID.crop(*place, size, size).footprint for place in places], crs=GRID.crs).to_crs(crs)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A tile with four reddish squares, one drawn, one on validation ground, and a model that sees red."""
    random = np.random.default_rng(0)
    pixels = random.integers(40, 60, (3, *GRID.shape), dtype=np.uint8)
    label = np.zeros((1, *GRID.shape), dtype=np.uint8)
    for (row, column), red in ((POSITIVE, 250), (VALIDATION, 240), (WRONG, 230), (FAINT, 180)):
        pixels[0, row : row + 24, column : column + 24] = red
    label[0, 20:44, 20:44] = 1
    for name, array in (("image", pixels), ("label", label)):
        path = tmp_path / f"{name}.tif"
        with rasterio.open(path, "w", driver="GTiff", count=len(array), dtype="uint8", **GRID.profile()) as target:
            target.write(array)
    drawn = gpd.GeoDataFrame({"class": ["positive"]}, geometry=ground(POSITIVE), crs=LONLAT)
    write_layers(tmp_path / "polygons.gpkg", {"kept": drawn, "removed": drawn.iloc[:0]})
    sides = gpd.GeoDataFrame({"side": ["validation"]}, geometry=ground((0, 170), size=80), crs=LONLAT)
    write_layers(tmp_path / "split.gpkg", {"split": sides})
    windows = pd.DataFrame({"tile": "A", "row": range(2), "window_row": [0, 150], "window_col": [0, 20]})
    patches = gpd.GeoDataFrame(windows, geometry=ground((0, 0), (150, 20), size=SIDE), crs=LONLAT)
    write_layers(tmp_path / "footprints.gpkg", {"patches": patches})
    settings = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)
    modelfile.save(tmp_path / "model.safetensors", deeplab.build(settings), {})
    monkeypatch.setattr(deeplab, "landform_probability", lambda net, device: lambda images: images[:, 0].float() / 255)
    return tmp_path


def mining(source="all", **changes):
    return Mining(**{"from": source, "min_area_km2": 0.01} | changes)


def run(folder, **changes):
    """Run the verb and return the layers and the patches."""
    files = {name: folder / name for name in OUTPUTS}
    options = {"vetoes": None, "mining": mining(), "tiles": ["A"], "round": 1} | changes
    mine_negatives(
        folder / "model.safetensors",
        [folder / "image.tif"],
        [folder / "label.tif"],
        folder / "polygons.gpkg",
        folder / "split.gpkg",
        [folder / "footprints.gpkg"],
        *files.values(),
        crop=CROP,
        **options,
    )
    kept, removed = (read_layer(files["negatives.gpkg"], layer) for layer in ("kept", "removed"))
    return kept, removed, np.load(files["negatives.npy"])


def test_wrong_detections_become_patches_most_confident_first(world):
    kept, removed, patches = run(world)
    assert kept["id"].tolist() == ["mined_r1_0001", "mined_r1_0002"]
    assert set(kept["model"]) == {modelfile.load(world / "model.safetensors")[1]["digest"]}
    assert set(kept["round"]) == {1}
    assert kept["confidence"].tolist() == pytest.approx([230 / 255, 180 / 255], abs=0.005)
    assert sorted(removed["reason"]) == ["on validation ground", "touches the outline of a landform"]
    assert kept.crs.to_epsg() == 4326
    assert patches.shape == (2, SIDE, SIDE, 4)
    with rasterio.open(world / "image.tif") as image:
        for row, patch in zip(kept.itertuples(), patches, strict=True):
            window = ((row.window_row, row.window_row + SIDE), (row.window_col, row.window_col + SIDE))
            assert np.array_equal(patch[..., :3], np.moveaxis(image.read(window=window), 0, -1))
            assert (patch[..., 3] == 0).all()
    assert kept["area_m2"].to_numpy() == pytest.approx(240**2, rel=5e-3)


def test_no_mined_patch_touches_validation_ground(world):
    kept, _, _ = run(world)
    patches = gpd.GeoSeries(
        [GRID.crop(row.window_row, row.window_col, SIDE, SIDE).footprint for row in kept.itertuples()], crs=GRID.crs
    )
    validation = read_layer(world / "split.gpkg", "split").to_crs(GRID.crs).union_all()
    assert not patches.intersects(validation).any()
    footprints = read_layer(world / "negatives.gpkg", "patches")
    assert footprints["id"].tolist() == kept["id"].tolist()
    assert (footprints.to_crs(GRID.crs).geometry.symmetric_difference(patches).area < 1).all(), (
        "the ground of each, in m2"
    )


def test_it_repeats_to_the_byte(world):
    def content():
        run(world)
        return [(world / name).read_bytes() for name in OUTPUTS]

    assert content() == content()


def test_a_vetoed_place_is_never_mined(world):
    write_layers(world / "vetoes.gpkg", {"places": gpd.GeoDataFrame(geometry=ground((185, 65), size=2), crs=LONLAT)})
    kept, removed, _ = run(world, vetoes=world / "vetoes.gpkg")
    assert len(kept) == 1
    assert "vetoed" in removed["reason"].tolist()


def test_the_cap_is_told(world, caplog):
    with caplog.at_level("INFO"):
        kept, removed, patches = run(world, mining=mining(at_most=1))
    assert len(kept) == len(patches) == 1
    assert "less confident than the 1 that were taken" in removed["reason"].tolist()
    assert "left out: 1 detections, less confident" in caplog.text


@pytest.mark.parametrize("changes", [{"min_probability": 0.99}, {"at_most": 0}])
def test_nothing_found_is_empty_but_there(world, changes):
    kept, removed, patches = run(world, mining=mining(**changes))
    assert (len(kept), len(removed), len(patches)) == (0, 0, 0)
    assert {"id", "tile", "round", "confidence", "area_m2", "window_row", "window_col"} <= set(kept.columns)
    assert "reason" in removed.columns


def test_mining_nothing_is_always_the_same(tmp_path):
    for name in ("a", "b"):
        files = [tmp_path / f"{name}{ending}" for ending in (".gpkg", ".npy", "_ignored.npy", "_candidates.gpkg")]
        skip_mining(*files)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert len(np.load(tmp_path / "a.npy", mmap_mode="r")) == len(np.load(tmp_path / "a_ignored.npy")) == 0
    assert len(read_layer(tmp_path / "a_candidates.gpkg", "review")) == 0
    assert [len(read_layer(tmp_path / "a.gpkg", layer)) for layer in ("kept", "removed", "patches")] == [0, 0, 0]


def test_tiles_are_mapped_as_fast_as_predict_maps_them(world, monkeypatch):
    """Without batch norms, and one window at a time on a CPU; a batch of 4 took nearly twice as long there."""
    networks, batches = [], []

    def seen(net, device):
        networks.append(net)
        return lambda images: batches.append((device, len(images))) or images[:, 0].float() / 255

    monkeypatch.setattr("lobate.network.device.choose_device", lambda: "cpu")
    monkeypatch.setattr(deeplab, "landform_probability", seen)
    run(world)
    assert len(networks) == 1
    assert not [layer for layer in networks[0].modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(batches) > 4
    assert set(batches) == {("cpu", 1)}


def test_a_model_of_other_channels_is_told(world):
    settings = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)
    modelfile.save(world / "model.safetensors", deeplab.build(settings, channels=4), {})
    with pytest.raises(UserError, match=r"image\.tif"):
        run(world)


def decided(folder, *rows):
    """Write a decisions file of (place, status, name)."""
    frame = gpd.GeoDataFrame(
        {"status": [status for _, status, _ in rows], "detection": [name for *_, name in rows]},
        geometry=gpd.GeoSeries([ground(place)[0] for place, *_ in rows], crs=LONLAT),
    )
    write_layers(folder / "decisions.gpkg", {"review": frame})
    view = folder / "view.gpkg"
    mining_view(folder / "decisions.gpkg", view, 1)
    return [view]


def ignored_in(folder, patch, file=0):
    """The mask of the pixels that a patch of the tile ignores."""
    pixels = IgnoredPixels(read_runs([folder / "ignored.npy"]))
    return pixels.apply(file, patch, np.zeros((SIDE, SIDE), np.uint8)) == 255


def taught_as_background(patches):
    return (patches[..., 3] == 0) & (patches[..., 0] > 100)


@pytest.mark.parametrize("source", ["reviewed", "background", "complete"])
def test_no_patch_teaches_an_unreviewed_detection_as_background(world, source):
    areas = gpd.GeoDataFrame(geometry=ground((60, 160), size=40), crs=LONLAT)
    write_layers(world / "areas.gpkg", {"areas": areas})
    _, removed, patches = run(world, mining=mining(source), complete=world / "areas.gpkg")
    assert not taught_as_background(patches).any()
    assert len(patches) == (2 if source == "background" else 0)
    if len(patches):
        assert (patches[..., 3] == 0).mean() > 0.5, "the ground round a detection is background"
    reasons = {
        "reviewed": "not rejected by a person",
        "complete": "outside the completely mapped ground",
        "background": "on validation ground",
    }
    assert reasons[source] in removed["reason"].tolist()


def test_a_training_patch_ignores_the_detection_and_a_rim(world):
    run(world, mining=mining("reviewed"))
    mask = ignored_in(world, 1)  # the patch at (150, 20) shows the detection at (180, 60), 24 pixels wide
    assert mask[27:57, 37:64].all(), "the detection and 3 pixels round it"
    assert not mask[:26].any()
    assert not mask[:, :36].any()
    assert not ignored_in(world, 0).any(), "the drawn landform and its ground stay as they are"


def test_all_teaches_everything_as_before(world):
    _, _, patches = run(world)
    assert taught_as_background(patches).any()
    assert len(np.load(world / "ignored.npy")) == 0


def test_patches_mined_before_ignore_what_a_later_round_finds(world):
    run(world)
    earlier = world / "earlier.gpkg"
    (world / "negatives.gpkg").rename(earlier)
    run(world, mining=mining("reviewed"), earlier=[earlier], round=2)
    for number in range(2):
        assert ignored_in(world, number, file=1).sum() >= 24 * 24


@pytest.mark.parametrize("name", ["d0001", "candidate_r1_0001"])
def test_a_rejected_place_is_mined_and_taught_as_background(world, name):
    if name.startswith("d"):  # the labels have what was rejected on the map as negative outlines
        kept = gpd.GeoDataFrame({"class": ["positive", "negative"]}, geometry=ground(POSITIVE, WRONG), crs=LONLAT)
        write_layers(world / "polygons.gpkg", {"kept": kept, "removed": kept.iloc[:0]})
    views = decided(world, (WRONG, "rejected", name))
    kept, _, patches = run(world, mining=mining("reviewed"), decisions=views)
    assert len(kept) == len(patches) == 1
    assert taught_as_background(patches).sum() == 24 * 24
    assert not ignored_in(world, 1)[32:52, 42:60].any()


def test_inside_completely_mapped_ground_a_detection_is_wrong(world):
    write_layers(world / "areas.gpkg", {"areas": gpd.GeoDataFrame(geometry=ground((170, 50), size=50), crs=LONLAT)})
    kept, removed, patches = run(world, mining=mining("complete"), complete=world / "areas.gpkg")
    assert len(kept) == 1
    assert taught_as_background(patches).sum() == 24 * 24
    assert "outside the completely mapped ground" in removed["reason"].tolist()


def test_a_later_round_s_candidate_changes_nothing_before_it(world):
    frame = gpd.GeoDataFrame(
        {"status": ["rejected", "accepted"], "detection": ["candidate_r2_0001", "candidate_r2_0002"]},
        geometry=gpd.GeoSeries([ground(WRONG)[0], ground(FAINT)[0]], crs=LONLAT),
    )
    write_layers(world / "decisions.gpkg", {"review": frame})
    contents = []
    for number in (1, 2):
        mining_view(world / "decisions.gpkg", world / "view", number)
        contents.append((world / "view").read_text().count("\n"))
    assert contents == [1, 3]


def test_candidates_are_a_decisions_file(world):
    run(world, mining=mining("reviewed"))
    decisions = read_decisions(world / "candidates.gpkg")
    assert decisions["decision"].tolist() == ["candidate_r1_0001", "candidate_r1_0002", "candidate_r1_0003"]
    assert set(decisions["status"]) == {"pending"}
    assert decisions["seen"].notna().all()
