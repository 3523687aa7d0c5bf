"""Labels: cleaning many polygons, and burning them against gdal_rasterize."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely

from benchmarks.figures import Figure, command, measures, ratio, seconds
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter, row_blocks
from lobate.io.vector import write_layers
from lobate.labels.clean_labels import clean_labels
from lobate.settings.base import PolygonFile
from lobate.settings.labels import Labels

SIDE = 10980
METRES = 10
WEST, NORTH = 300_000, 4_000_020
UTM = "EPSG:32644"
TILES = 40
VERTICES = 40


@measures
def clean(folder: Path) -> dict[str, Figure]:
    """Clean 5,000 and 50,000 outlines on 40 tiles: ten round each place, so that most overlap others."""
    images = tiles(folder)
    few, many = (seconds(cleaning(folder, images, scattered(count))) for count in (5_000, 50_000))
    heaps = seconds(cleaning(folder, images, heaped(50_000)))
    drawn = f"clean_labels, {{}} outlines of {VERTICES} vertices on {TILES} tiles of {SIDE} x {SIDE}, half of them negatives, "
    return {
        "clean_50k_s": Figure(many, "s", drawn.format("50,000") + "ten round each place", "60 s on two cores"),
        "clean_growth_10x": Figure(
            many / few, "ratio", "50,000 outlines over 5,000, as in clean_50k_s", "10 is linear"
        ),
        "clean_50k_heaps_s": Figure(
            heaps,
            "s",
            drawn.format("50,000") + f"in {TILES} heaps of one centre each, one negative over all of a heap",
            "60 s on two cores",
        ),
    }


def tiles(folder: Path) -> dict[str, Path]:
    """Write images without a pixel in them, edge to edge; of images cleaning asks the grid only."""
    paths = {f"T{number:02}": folder / f"T{number:02}.tif" for number in range(TILES)}
    profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 3, "dtype": "uint8", "sparse_ok": True}
    for number, path in enumerate(paths.values()):
        transform = rasterio.transform.from_origin(*corner(number), METRES, METRES)
        with rasterio.open(path, "w", transform=transform, crs=UTM, tiled=True, **profile):
            pass
    return paths


def corner(number: int) -> tuple[float, float]:
    """Return the upper left corner of a tile: five columns, eight rows, overlapping by 10 km as MGRS tiles do."""
    step = SIDE * METRES - 10_000
    return WEST + step * (number % 5), NORTH - step * (number // 5)


def scattered(count: int) -> np.ndarray:
    """Return outlines ten round each of count / 10 places."""
    rng = np.random.default_rng(count)
    tile = rng.integers(0, TILES, count // 10)
    places = np.array([corner(one) for one in tile]) + rng.uniform(0.05, 0.95, (len(tile), 2)) * SIDE * METRES * (1, -1)
    centres = np.repeat(places, 10, axis=0) + rng.normal(0, 150, (count, 2))
    return ragged(rng, centres, rng.uniform(50, 400, count))


def heaped(count: int) -> np.ndarray:
    """Return outlines in one heap for each tile, all round one centre; the last of a heap covers it."""
    rng = np.random.default_rng(1)
    middle = np.array([corner(one) for one in range(TILES)]) + np.array([0.5, -0.5]) * SIDE * METRES
    radius = rng.uniform(50, 400, (TILES, count // TILES))
    radius[:, -1] = 5_000
    return ragged(rng, np.repeat(middle, count // TILES, axis=0), radius.ravel())


def ragged(rng: np.random.Generator, centres: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return star-shaped outlines round centres in metres, (n,)."""
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    reach = radius[:, np.newaxis] * rng.uniform(0.7, 1.3, (len(radius), VERTICES))
    points = centres[:, np.newaxis] + np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=-1)
    return shapely.polygons(points)


def cleaning(folder: Path, images: dict[str, Path], shapes: np.ndarray):
    """Return a function that cleans the shapes, every second one a negative."""
    files = [folder / "positives.gpkg", folder / "negatives.gpkg"]
    for start, path in enumerate(files):
        write_layers(path, {"outlines": gpd.GeoDataFrame(geometry=shapes[start::2], crs=UTM)})
    positives, negatives = ([PolygonFile(path=str(path))] for path in files)
    labels = Labels(positives=positives, negatives=negatives)
    target = folder / "polygons.gpkg"

    def work() -> None:
        clean_labels(files[:1], list(images.values()), target, files[1:], tiles=list(images), labels=labels)

    return work


OURS = """
from pathlib import Path
from lobate.labels.rasterize_labels import rasterize_labels
rasterize_labels(Path("{image}"), Path("{polygons}"), Path("{label}"), Path("{record}"), ring_m=0.0)
"""


@measures
def rasterize(folder: Path) -> dict[str, Figure]:
    """Burn 400 polygons on a tile by the verb's function and by GDAL's programs, each as a process of its own."""
    grid = Grid(SIDE, SIDE, rasterio.transform.from_origin(WEST, NORTH, METRES, METRES), rasterio.CRS.from_epsg(32644))
    image, polygons = write_image(folder / "image.tif", grid), write_polygons(folder, grid)
    record = write_record(folder / "record.tif", grid)
    ours = command(
        sys.executable, "-c", OURS.format(image=image, polygons=polygons, label=folder / "ours.tif", record=record)
    )
    figures = {
        "rasterize_vs_gdal_rasterize": Figure(
            ratio(ours, burning(folder, grid)),
            "ratio",
            f"whole processes that burn 400 polygons of a GeoPackage into a uint8 DEFLATE GeoTIFF of {SIDE} x {SIDE}, the same "
            "pixels; rasterize_labels (python -c) also projects the polygons and reads the image's record for its "
            "nodata, which gdal_rasterize does not",
            "gdal_rasterize alone, polygons in the tile's CRS, 512 x 512 tiles",
        ),
    }
    check_same(folder)
    return figures


def burning(folder: Path, grid: Grid) -> Callable[[], object]:
    """Return a function that runs gdal_rasterize on the grid."""
    left, bottom, right, top = grid.bounds
    made = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=DEFLATE"]
    return command(
        "gdal_rasterize", "-q", "-burn", 1, "-ot", "Byte", "-te", left, bottom, right, top, "-tr", METRES, METRES,
        *(word for option in made for word in ("-co", option)), "-init", 0, folder / "utm.gpkg", folder / "theirs.tif",
    )  # fmt: skip


def check_same(folder: Path) -> None:
    """Insist that both made the same label raster."""
    with rasterio.open(folder / "ours.tif") as one, rasterio.open(folder / "theirs.tif") as other:
        if not np.array_equal(one.read(1), other.read(1)):
            raise RuntimeError("the two label rasters differ")


def write_image(path: Path, grid: Grid) -> Path:
    """Write an RGB image as compose_rgb does, without nodata; smooth ground, so that it packs as real ground does."""
    rng = np.random.default_rng(0)
    ground = (
        rng.integers(40, 200, (1 + SIDE // 64, 1 + SIDE // 64)).repeat(64, axis=0).repeat(64, axis=1).astype(np.uint8)
    )
    with CogWriter(path, grid, count=3, nodata=0, photometric_rgb=True) as target:
        for start, stop in row_blocks(grid.height):
            rows = ground[start:stop, :SIDE] + rng.integers(0, 4, (3, stop - start, SIDE), dtype=np.uint8)
            target.write(rows, start)
    return path


def write_record(path: Path, grid: Grid) -> Path:
    """Write the record of an image of one scene that shows all of its ground."""
    with CogWriter(path, grid, nodata=0) as target:
        for start, stop in row_blocks(grid.height):
            target.write(np.ones((stop - start, SIDE), np.uint8), start)
    return path


def write_polygons(folder: Path, grid: Grid) -> Path:
    """Write 400 polygons as clean_labels does, and the same in the tile's CRS for gdal_rasterize."""
    rng = np.random.default_rng(0)
    left, bottom, right, top = grid.bounds
    centres = np.column_stack([rng.uniform(left, right, 400), rng.uniform(bottom, top, 400)])
    frame = gpd.GeoDataFrame(
        {"class": "positive"}, index=range(400), geometry=ragged(rng, centres, rng.uniform(100, 500, 400)), crs=UTM
    )
    kept = frame.to_crs(4326)
    write_layers(folder / "polygons.gpkg", {"kept": kept, "removed": kept[:0].assign(listed=False, reason="")})
    write_layers(folder / "utm.gpkg", {"kept": kept.to_crs(UTM)})
    return folder / "polygons.gpkg"
