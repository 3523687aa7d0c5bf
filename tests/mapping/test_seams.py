"""Nothing shows where windows or tiles meet: bodies stay whole, through prediction, outlines, merging and filter."""

import logging

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
import torch
from torch.nn import functional

from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.mapping.filter_detections import filter_detections
from lobate.mapping.merge_detections import merge_detections
from lobate.mapping.vectorize import vectorize
from lobate.network.deeplab import build, landform_probability
from lobate.network.sliding_window import write_probability_map
from lobate.network.window_weights import layout_windows
from lobate.settings.mapping import Filter, Merge, Vectorize
from lobate.settings.training import Network

log = logging.getLogger(__name__)

X, Y = 500_000.0, 4_000_000.0
DARK, BRIGHT = 40, 200
WINDOWS = {"window": 96, "overlap": 32}


def brightness(images):
    """A network that sees 5 pixels: bright ground is landform, and a little blurred."""
    kernel = torch.full((1, 3, 5, 5), 1 / 75)
    padded = functional.pad(images.float(), (2, 2, 2, 2), mode="replicate")
    return torch.sigmoid((functional.conv2d(padded, kernel)[:, 0] - (DARK + BRIGHT) / 2) / 10)


def ground(grid, outlines):
    """Pixels (3, H, W) of a ground on which ``outlines`` (in the grid's CRS) are bright."""
    burned = rasterio.features.rasterize(
        [(outline, BRIGHT) for outline in outlines],
        out_shape=grid.shape,
        transform=grid.transform,
        fill=DARK,
        dtype="uint8",
    )
    return np.stack([burned] * 3)


def detected(workshop, name, grid, pixels, network=brightness):
    """Predict in windows and outline; return the files of probability and detections."""
    image, probability, detections = (workshop.folder / f"{name}{end}" for end in (".tif", "_p.tif", ".gpkg"))
    with CogWriter(image, grid, count=3, nodata=0) as writer:
        writer.write(pixels, 0)
    write_probability_map(network, image, probability, **WINDOWS)
    settings = Vectorize(threshold=0.5)
    vectorize(probability, detections, tile=name, vectorize_settings=settings)
    return probability, detections


def kept(workshop, found, **limits):
    """Merge and filter the tiles in ``found`` (name -> files); return the layers kept and removed."""
    merged, target = workshop.folder / "merged.gpkg", workshop.folder / "kept.gpkg"
    probabilities, detections = zip(*found.values(), strict=True)
    merge_detections(list(detections), list(probabilities), merged, tiles=list(found), merge=Merge())
    filter_detections(merged, target, filter_settings=Filter(**limits))
    return read_layer(target, "kept"), read_layer(target, "removed")


def seams(size):
    """Pixels at which windows begin or end, inside the image."""
    axis = layout_windows(size, **WINDOWS)
    return [int(start) for start in (*axis.starts[1:], *(axis.starts[:-1] + axis.length))]


def test_bodies_that_cross_every_seam_are_whole(workshop):
    grid = workshop.grid(X, Y, 300, 340)
    bars = [shapely.box(X + 30, Y - 10 * row - 40, X + 3370, Y - 10 * row + 40) for row in sorted(seams(300))]
    _, detections = detected(workshop, "T", grid, ground(grid, bars))
    found = read_layer(detections, "detections")
    assert len(found) == len(bars) == 8
    assert found.geometry.geom_type.unique().tolist() == ["Polygon"]
    for outline, bar in zip(found.geometry, bars, strict=True):
        assert outline.symmetric_difference(bar).area / bar.area < 0.05


def test_windows_make_no_difference_to_outlines(workshop):
    grid = workshop.grid(X, Y, 260, 300)
    generator = np.random.default_rng(5)
    centres = shapely.points(X + generator.uniform(0, 3000, 60), Y - generator.uniform(0, 2600, 60))
    pixels = ground(grid, shapely.buffer(centres, generator.uniform(40, 200, 60)))
    _, detections = detected(workshop, "T", grid, pixels)
    with torch.inference_mode():
        whole = (254 * brightness(torch.from_numpy(pixels)[None])[0]).round().numpy() >= 127
    found = read_layer(detections, "detections")
    burned = rasterio.features.rasterize(found.geometry, out_shape=grid.shape, transform=grid.transform)
    assert (burned.astype(bool) == whole).all()


@pytest.mark.parametrize("shared", [20, 60, 150], ids=lambda pixels: f"{pixels} px shared")
@pytest.mark.parametrize("epsg", [32644, 32643], ids=["one zone", "two zones"])
def test_a_small_body_across_a_seam_and_two_tiles_survives_the_filter(workshop, shared, epsg):
    """0.04 km2: 40 m of it lie west of the shared ground, 40 m east of it where that is narrow."""
    west = workshop.grid(X, Y, 200, 300)
    edge = X + 3000 - 5 * shared  # the middle of the ground that both tiles see
    body = shapely.box(edge - 200, Y - 960 - 50, edge + 200, Y - 960 + 50)
    assert any(body.bounds[1] < Y - 10 * row < body.bounds[3] for row in seams(200))
    ours = gpd.GeoSeries([body, shapely.Point(X + 3000 - 10 * shared, Y)], crs=32644).to_crs(epsg)
    corner = ours.iloc[1]
    east = workshop.grid(corner.x, corner.y + 300, 260, 300, epsg=epsg)
    tiles = {
        "west": detected(workshop, "west", west, ground(west, [body])),
        "east": detected(workshop, "east", east, ground(east, [shapely.segmentize(ours.iloc[0], 10)])),
    }
    found, removed = kept(workshop, tiles, min_area_km2=0.03)
    assert (len(found), len(removed)) == (1, 0)
    assert found["tiles"].iloc[0] == "east,west"
    assert found["area_m2"].iloc[0] == pytest.approx(40_000, rel=0.06)
    if shared < 40 and epsg == 32644:
        parts, _ = zip(*(kept(workshop, {name: tile}, min_area_km2=0.03) for name, tile in tiles.items()), strict=True)
        assert sum(len(part) for part in parts) == 0, "either tile alone sees too little of it"


def test_the_difference_that_windows_make_to_a_deeplab_is_small_and_told(workshop, caplog):
    """The network sees farther than a window, so there is one; it must be small and not lie along the seams."""
    model = build(Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8), seed=3)
    with torch.no_grad():
        model.decoder.logits.weight.mul_(300)
    network = landform_probability(model.eval())
    grid = workshop.grid(X, Y, 240, 272)
    coarse = np.random.default_rng(0).integers(1, 255, (3, 15, 17)).astype(np.uint8)
    pixels = coarse.repeat(16, axis=1).repeat(16, axis=2)
    with torch.inference_mode():
        whole = network(torch.from_numpy(pixels)[None])[0].numpy()
    probability, _ = detected(workshop, "T", grid, pixels, network)
    with rasterio.open(probability) as dataset:
        difference = np.abs(dataset.read(1) / 254 - whole)
    with caplog.at_level("INFO"):
        log.info("Windows against the whole image: mean %.4f, most %.4f.", difference.mean(), difference.max())
    assert whole.std() > 0.1
    assert difference.mean() < 0.03
    assert np.quantile(difference, 0.99) < 0.2
    along = np.zeros(difference.shape, bool)
    for row in seams(240):
        along[max(0, row - 4) : row + 4] = True
    for column in seams(272):
        along[:, max(0, column - 4) : column + 4] = True
    assert difference[along].mean() < 2 * difference[~along].mean() + 0.005


def test_a_seam_leaves_no_step(workshop):
    """Where windows answer differently all over, the map goes from one to the other within the ramp."""
    grid = workshop.grid(X, Y, 96, 288)
    turns = iter([0.2, 0.6] * 9)

    def moody(images):
        return torch.stack([torch.full(images.shape[-2:], next(turns)) for _ in images])

    probability, _ = detected(workshop, "T", grid, np.full((3, 96, 288), 99, np.uint8), moody)
    with rasterio.open(probability) as dataset:
        values = dataset.read(1)[0] / 254
    axis = layout_windows(288, **WINDOWS)
    for number, start in enumerate(axis.starts[1:], 1):
        rim = values[start : axis.starts[number - 1] + axis.length]
        assert {round(rim[0], 2), round(rim[-1], 2)} == {0.2, 0.6}
        assert ((rim >= 0.19) & (rim <= 0.61)).all()
