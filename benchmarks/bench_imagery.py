"""Composing a full-size tile: time against GDAL's own tool, and memory.

The scene is drawn as scenes are: three correlated bands of terrain at all scales with noise, 16 bit, DEFLATE with
predictor in blocks of 1024, so that decoding and encoding cost as in life; a classification of 20 m with clouds; metadata
of baseline 05.09, so that an offset has to be taken off.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from benchmarks.figures import Figure, command, measures, peak_mb, seconds

SIDE, ROWS = 10980, 1098
BANDS = ("B04", "B03", "B02")
SCALES = ((8, 500), (40, 200), (200, 120), (1000, 60))
"""Cells across the tile, and the deviation of their reflectance times 10,000."""
NOISE = 25
SETTINGS = {"region": "bench", "imagery": {"tiles": {"T": ["scene"]}}, "labels": {"positives": [{"path": "p.shp"}]}}
COG = ("-of", "COG", "-co", "BLOCKSIZE=512", "-co", "OVERVIEW_RESAMPLING=AVERAGE", "-co", "PREDICTOR=YES")
TILED = ("-of", "GTiff", "-co", "TILED=YES", "-co", "BLOCKXSIZE=512", "-co", "BLOCKYSIZE=512", "-co", "PREDICTOR=2")
BOTH = ("-co", "COMPRESS=DEFLATE", "-co", "NUM_THREADS=ALL_CPUS", "--config", "GDAL_NUM_THREADS", "ALL_CPUS")


@measures
def compose(folder: Path) -> dict[str, Figure]:
    """Whole processes, in turn: compose-rgb, gdal_translate to the same kind of file, and to one without overviews.

    The scene was just written, so it lies in memory for all alike.
    """
    scene, bands = _draw_scene(folder), folder / "bands.vrt"
    command("gdalbuildvrt", "-q", "-separate", bands, *(scene / f"{band}.tif" for band in BANDS))()
    works = [_ours(folder), _gdal(bands, folder / "cog.tif", COG), _gdal(bands, folder / "tiled.tif", TILED)]
    rounds = [[seconds(work) for work in works] for _ in range(3)]
    _insist_on_the_same(folder / "image.tif", folder / "cog.tif", folder / "image_scene.tif")
    said = (
        f"lobate compose-rgb (clouds masked, record of scenes, facts, into an empty store) over gdal_translate -scale 1000 4000 "
        f"1 255 -ot Byte, whole processes, {SIDE} x {SIDE} px, three bands of 16 bit, DEFLATE to DEFLATE; GDAL writes "
    )
    cog, tiled = (statistics.median(one[0] / one[other] for one in rounds) for other in (1, 2))
    return {
        "compose_vs_gdal_translate": Figure(cog, "ratio", f"{said}the same kind of COG with overviews", "<= 1"),
        "compose_vs_gdal_translate_bare": Figure(tiled, "ratio", f"{said}a tiled file without overviews", "1"),
        "compose_peak_mb": Figure(
            _peak(folder, scene), "MiB", f"compose-rgb, two scenes of {SIDE} x {SIDE} px each", "< 1000"
        ),
    }


def _peak(folder: Path, scene: Path) -> float:
    """Return the peak of composing two dates, the second asked wherever the first has clouds."""
    scenes = [str(scene), str(shutil.copytree(scene, folder / "20180801"))]
    return peak_mb(
        "from pathlib import Path\nfrom lobate.imagery.compose_rgb import compose_rgb\n"
        "from lobate.settings.imagery import Clouds, Stretch",
        f"at = Path({str(folder)!r})\n"
        f"compose_rgb([Path(one) for one in {scenes!r}], at / 'image.tif', at / 'image_scene.tif', at / 'image.json', "
        "bands=['B04', 'B03', 'B02'], stretch=Stretch(), clouds=Clouds(), offset='metadata')",
    )


def _ours(folder: Path) -> Callable[[], None]:
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    lobate = command(
        *("env", f"LOBATE_STORE={folder / 'store'}", sys.executable, "-m", "lobate", "compose-rgb"),
        *("--scenes", folder / "scene", "--image", folder / "image.tif", "--record", folder / "image_scene.tif"),
        *("--facts", folder / "image.json", "--settings", folder / "settings.json"),
    )

    def work() -> None:
        shutil.rmtree(folder / "store", ignore_errors=True)
        lobate()

    return work


def _gdal(bands: Path, target: Path, kind: tuple[str, ...]) -> Callable[[], object]:
    scale = ("-scale", 1000, 4000, 1, 255, "-ot", "Byte")
    return command("gdal_translate", "-q", *scale, *kind, *BOTH, bands, target)


def _insist_on_the_same(ours: Path, theirs: Path, record: Path) -> None:
    """Fail unless both made the same image, but for clouds and halves, which GDAL rounds another way."""
    with rasterio.open(ours) as one, rasterio.open(theirs) as other, rasterio.open(record) as givers:
        window = ((4000, 6000), (4000, 6000))
        mine, seen = one.read(window=window).astype(int), givers.read(1, window=window) == 1
        apart = np.abs(mine - np.clip(other.read(window=window), 1, 255))[:, seen]
        levels = one.overviews(1) == other.overviews(1)
    if apart.max() > 1 or apart.mean() > 0.02 or not seen.any() or not levels:
        raise RuntimeError(f"the two images differ: by {apart.max()} at most, {apart.mean():.3f} in the mean")


def _draw_scene(folder: Path) -> Path:
    """Draw the scene, some rows at a time; return its folder."""
    scene, rng = folder / "scene", np.random.default_rng(0)
    scene.mkdir()
    cells = [rng.standard_normal((count + 2, count + 2)).astype(np.float32) for count, _ in SCALES]
    files = [_new(scene / f"{band}.tif", SIDE, "uint16", predictor=2, nodata=0) for band in BANDS]
    for start in range(0, SIDE, ROWS):
        ground = sum(
            _enlarged(one, start, start + ROWS, SIDE) * size for one, (_, size) in zip(cells, SCALES, strict=True)
        )
        for number, file in enumerate(files):
            noise = rng.standard_normal(ground.shape, dtype=np.float32) * NOISE
            band = np.clip(2500 - 200 * number + ground * (1 - 0.1 * number) + noise, 1, 20000).astype(np.uint16)
            file.write(band, 1, window=((start, start + ROWS), (0, SIDE)))
    for file in files:
        file.close()
    _draw_classes(scene / "SCL.tif", cells[1])
    _write_metadata(scene)
    return scene


def _new(path: Path, side: int, dtype: str, **options: object) -> rasterio.io.DatasetWriter:
    place = {"crs": "EPSG:32644", "transform": from_origin(500_000, 4_000_020, 109800 / side, 109800 / side)}
    tiles = {"tiled": True, "blockxsize": 1024, "blockysize": 1024, "compress": "deflate", "num_threads": "ALL_CPUS"}
    return rasterio.open(path, "w", count=1, height=side, width=side, dtype=dtype, **place, **tiles, **options)


def _enlarged(cells: np.ndarray, start: int, stop: int, side: int) -> np.ndarray:
    """Return rows ``start``..``stop`` of cells enlarged bilinearly to ``side``, (stop - start, side) float32."""
    count = len(cells) - 2
    rows, cols = (np.arange(*ends, dtype=np.float32) * count / side for ends in ((start, stop), (0, side)))
    row, col = rows.astype(int), cols.astype(int)
    wide = cells[:, col] * (1 - (cols - col)) + cells[:, col + 1] * (cols - col)
    return wide[row] * (1 - (rows - row))[:, None] + wide[row + 1] * (rows - row)[:, None]


def _draw_classes(path: Path, cells: np.ndarray) -> None:
    clouds = np.where(_enlarged(cells, 0, SIDE // 2, SIDE // 2) > 1.8, 9, 5).astype(np.uint8)
    with _new(path, SIDE // 2, "uint8") as file:
        file.write(clouds, 1)


def _write_metadata(scene: Path) -> None:
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{number}">-1000</BOA_ADD_OFFSET>' for number in range(13))
    (scene / "MTD_MSIL2A.xml").write_text(
        "<Level-2A_User_Product><PROCESSING_BASELINE>05.09</PROCESSING_BASELINE><BOA_QUANTIFICATION_VALUE>10000"
        f"</BOA_QUANTIFICATION_VALUE>{offsets}<Cloud_Coverage_Assessment>1.5</Cloud_Coverage_Assessment>"
        "</Level-2A_User_Product>"
    )
