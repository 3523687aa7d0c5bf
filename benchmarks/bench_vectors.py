"""From probabilities to outlines against GDAL's tool, and merging the outlines of a hundred tiles.

The map of probabilities is drawn as the network makes it: fractal noise at a quarter of the resolution, enlarged
bilinearly, so bodies of all sizes with lobes, holes and specks.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from benchmarks.figures import Figure, command, measures, ratio, seconds
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.io.vector import write_layers

SIDE = 10980
SETTINGS = {
    "region": "bench",
    "imagery": {"tiles": {"T": ["a.tif"]}},
    "labels": {"positives": [{"path": "p.shp"}]},
    "mapping": {"vectorize": {"threshold": 0.5}},
}


@measures
def vectorize(folder: Path) -> dict[str, Figure]:
    """Whole processes, from a 10980 x 10980 raster to a GeoPackage of about 44,000 bodies."""
    _draw_map(folder)
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    found, theirs = folder / "found.gpkg", folder / "theirs.gpkg"
    lobate = command(
        *("env", f"LOBATE_STORE={folder / 'store'}", sys.executable, "-m", "lobate", "vectorize"),
        *("--probability", folder / "map.tif", "--tile", "T"),
        *("--detections", found, "--settings", folder / "settings.json"),
    )

    def ours() -> None:
        shutil.rmtree(folder / "store", ignore_errors=True)
        lobate()

    def gdal(mask: str) -> object:
        theirs.unlink(missing_ok=True)
        return command("gdal_polygonize.py", "-q", "-8", folder / mask, "-f", "GPKG", theirs)()

    all_of_it = ratio(ours, lambda: gdal("mask.tif"), pairs=3)
    bodies_only = ratio(ours, lambda: gdal("bodies.tif"), pairs=3)
    count = pyogrio.read_info(found)["features"]
    _insist_on_the_same(found, theirs)
    what = f"lobate vectorize over gdal_polygonize.py -8, whole processes, {SIDE} x {SIDE} px, {count} bodies"
    return {
        "vectorize_vs_gdal_polygonize": Figure(all_of_it, "ratio", what, "<= 0.35"),
        "vectorize_vs_gdal_polygonize_nodata": Figure(
            bodies_only, "ratio", what, "1; GDAL told that 0 is nodata, so it leaves the background out"
        ),
    }


def _draw_map(folder: Path) -> None:
    """Write a map of probabilities, and as GDAL wants it a mask of 0 and 1, once with 0 as nodata."""
    grid = Grid(SIDE, SIDE, Affine(10, 0, 300_000, 0, -10, 4_100_040), CRS.from_epsg(32644))
    values = _probabilities(SIDE)
    mask = (values >= 127).astype("uint8")
    for name, pixels, nodata in (("map", values, 255), ("mask", mask, None), ("bodies", mask, 0)):
        with CogWriter(folder / f"{name}.tif", grid, nodata=nodata) as writer:
            writer.write(pixels, 0)


def _probabilities(side: int, share: float = 0.04, seed: int = 0) -> np.ndarray:
    """Return uint8 (side, side), ``share`` of it at 127 or more: sixteen times the same ground, to be drawn quickly."""
    from scipy.ndimage import gaussian_filter, zoom

    random, coarse = np.random.default_rng(seed), -(-side // 16)
    octaves = [
        gaussian_filter(random.standard_normal((coarse, coarse)), sigma, mode="wrap") for sigma in (1.65, 0.8, 0)
    ]
    field = sum(weight * one / one.std() for weight, one in zip((1, 0.35, 0.1), octaves, strict=True))
    fine = zoom(field.astype("float32"), 4, order=1, mode="grid-wrap", grid_mode=True)
    low, high = np.quantile(fine, [1 - share, 0.9999])
    block = np.clip(127 + 127 * (fine - low) / (high - low), 0, 254).astype("uint8")
    return np.tile(block, (4, 4))[:side, :side]


def _insist_on_the_same(found: Path, theirs: Path) -> None:
    """Raise unless both files hold the same number of bodies and the same area."""
    ours, others = gpd.read_file(found), gpd.read_file(theirs)
    if len(ours) != len(others) or not np.isclose(ours.area.sum(), others.area.sum(), rtol=1e-12):
        raise RuntimeError(f"{len(ours)} bodies of {ours.area.sum()} m2, but GDAL finds {len(others)}")


@measures
def merge(folder: Path) -> dict[str, Figure]:
    """100,000 and 10,000 detections on 100 tiles of 110 km that overlap by 10 km."""
    from lobate.mapping.merge_detections import merge_detections
    from lobate.settings.mapping import Merge

    taken = {}
    for count in (10_000, 100_000):
        names, detections, probabilities = _hundred_tiles(folder / str(count), count)
        taken[count] = seconds(
            lambda names=names, detections=detections, probabilities=probabilities: merge_detections(
                detections, probabilities, folder / "merged.gpkg", tiles=names, merge=Merge()
            )
        )
    what = f"merging 100,000 detections on 100 tiles that overlap by 10 km ({taken[10_000]:.1f} s for 10,000)"
    return {
        "merge_100k_s": Figure(taken[100_000], "s", what, "< 60 s"),
        "merge_growth_10x": Figure(taken[100_000] / taken[10_000], "times", "time, ten times the detections", "10"),
    }


def _hundred_tiles(folder: Path, count: int) -> tuple[list[str], list[Path], list[Path]]:
    """Write detections and rasters (of 100 m, which takes no time) of 10 x 10 tiles that saw the same bodies."""
    folder.mkdir()
    corner, step, side = np.array([200_000.0, 4_800_000.0]), 100_000.0, 109_800.0
    bodies = _lobes(round(count / 1.205), corner, 9 * step + side)
    tree = shapely.STRtree(bodies)
    names, detections, probabilities = [], [], []
    for row, column in np.ndindex(10, 10):
        left, top = corner + step * np.array([column, -row])
        ground = shapely.box(left, top - side, left + side, top)
        name = f"T{row}{column}"
        near = bodies[np.sort(tree.query(ground, predicate="intersects"))]
        names.append(name)
        detections.append(_write_detections(folder / f"{name}.gpkg", name, near, ground))
        probabilities.append(_write_raster(folder / f"{name}.tif", left, top))
    return names, detections, probabilities


def _lobes(count: int, corner: np.ndarray, side: float, seed: int = 0) -> np.ndarray:
    """Return ``count`` outlines of 60 vertices and 0.03 to 0.4 km2, none touching another."""
    random = np.random.default_rng(seed)
    cells = round(side / 1100)
    cell = np.sort(random.choice(cells**2, count, replace=False))
    place = np.stack([cell % cells + 0.5, -(cell // cells) - 0.5], axis=1)
    middle = corner + place * side / cells + random.uniform(-60, 60, (count, 2))
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    lobes = 1 + 0.25 * np.sin(3 * angle + random.uniform(0, 6, (count, 1))) + random.uniform(-0.1, 0.1, (count, 60))
    radius = random.uniform(100, 350, (count, 1)) * lobes
    return shapely.polygons(middle[:, None] + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _write_detections(path: Path, tile: str, bodies: np.ndarray, ground: shapely.Polygon) -> Path:
    parts = shapely.get_parts(shapely.intersection(bodies, ground))
    parts = parts[shapely.area(parts) > 0]
    facts = {name: np.full(len(parts), 0.8) for name in ("mean", "median", "minimum", "deviation")}
    facts["pixels"] = (shapely.area(parts) / 100).round().astype(int)
    facts["touches_edge"] = ~shapely.contains_properly(ground, parts)
    facts["touches_nodata"] = np.zeros(len(parts), bool)
    ids = np.array([f"{tile}_{number:05d}" for number in range(1, len(parts) + 1)], dtype=object)
    frame = gpd.GeoDataFrame({"detection": ids, **facts}, geometry=parts, crs="EPSG:32644")
    write_layers(path, {"detections": frame})
    return path


def _write_raster(path: Path, left: float, top: float) -> Path:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "nodata": 255, "height": 1098, "width": 1098}
    with rasterio.open(path, "w", crs="EPSG:32644", transform=Affine(100, 0, left, 0, -100, top), **profile) as raster:
        raster.write(np.zeros((1, 1098, 1098), "uint8"))
    return path
