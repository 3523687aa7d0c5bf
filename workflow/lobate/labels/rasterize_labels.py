"""rasterize-labels: the clean polygons of a tile burned on its image's grid: 1 landform, 0 background, 255 ignored.

Polygons are transformed to pixel coordinates once, by the arithmetic of gdal_rasterize, and burned in bands of rows. A shift
by whole rows is exact in pixel coordinates, so the bands hold the same pixels as one run over the whole tile.

An outline of a model that nobody mended has the label 2: landform to training, and ignored where anything is judged. Outlines
that people drew are burned over those that they mended, and these over the unmended ones.

The labels of the test side lie in a raster of their own: the label raster ignores (255) its ground and the gap round it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.warp import transform as warp_points

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.grid import LONLAT, WGS84, Grid
from lobate.io.mask_values import IGNORE, IMAGE_NODATA, LANDFORM, UNMENDED_LANDFORM
from lobate.io.origin import DRAWN, MENDED, UNMENDED
from lobate.io.raster import open_raster, row_blocks
from lobate.io.reserved import ReservedGround, ground_near
from lobate.io.validity import Validity
from lobate.labels.model_outlines import YIELDED
from lobate.labels.reproject import to_crs
from lobate.labels.tile_polygons import has_column, read_geometries

log = logging.getLogger(__name__)

ROWS = BLOCK = 512
MENDED_LANDFORM = 3
"""Label of a mended outline of a model until the labels are written: the test side ignores it."""
LABELS = {UNMENDED: UNMENDED_LANDFORM, MENDED: MENDED_LANDFORM, DRAWN: LANDFORM}
"""Label of a kept positive by its origin, in the order of burning."""
BANDS_AHEAD = 2
"""Number of bands of rows that are read ahead."""
NodataBand = tuple[int, int, np.ndarray | None]
"""First row, row behind the last, and the nodata of these rows, (h, width) of bool; None for no nodata."""


def polygons_on_image(source: Path, target: Path, image: Path, ring_m: float = 0.0) -> None:
    """Write to ``target`` the polygons of ``source`` within ``ring_m`` metres of ``image``, layers kept and removed."""
    from lobate.labels.tile_view import write_view

    with open_raster(image) as dataset:
        grid = Grid.from_raster(dataset)
    write_view(source, target, grid, ring_m)


def rasterize_labels(
    image: Annotated[Path, Input()],
    polygons: Annotated[Path, Input(view=polygons_on_image)],
    label: Annotated[Path, Output()],
    record: Annotated[Path | None, Input()] = None,
    reserved: Annotated[Path | None, Input(view=ground_near)] = None,
    test_label: Annotated[Path | None, Output()] = None,
    *,
    ring_m: Annotated[float, Setting("labels.ring_m")],
) -> None:
    """Burn the polygons of ``polygons`` on the grid of ``image``.

    ``label`` is a tiled GeoTIFF of uint8: 1 where a pixel's centre lies in a kept positive; 255 where the image has no data
    (`io.validity`), in a positive of the user's list of removed outlines or one that yielded to a person's, or within
    ``ring_m`` metres of a kept positive's outline; 2 in a kept positive of a model that nobody mended; 0 elsewhere. A kept positive is burned over a removed one. ``record`` (see ``compose_rgb``) is also 0
    where the image is nodata, and takes a fraction of the time to read. On ``reserved`` ground ``label`` is 255, and
    ``test_label`` has the labels of the test side, 255 elsewhere and in outlines of a model. Raises UserError when the record is of another image.
    """
    with open_raster(image) as dataset, open_raster(record or image) as nodata, ThreadPoolExecutor(1) as reader:
        grid = Grid.from_raster(dataset)
        _check_same_grid(grid, nodata)
        shapes, values = _shapes_to_burn(polygons, grid, ring_m)
        ground = ReservedGround.read(reserved).near(grid)
        with ExitStack() as files:
            target = files.enter_context(_open_sparse(label, grid))
            test = files.enter_context(_open_sparse(test_label, grid)) if test_label else None
            for start, rows in _label_bands(_nodata_bands(nodata, reader), grid, shapes, values):
                band = grid.crop(start, 0, len(rows), grid.width)
                if test:
                    drawn = ground.tested(band) & (rows < UNMENDED_LANDFORM)
                    _write_blocks(test, np.where(drawn, rows, IGNORE).astype(np.uint8), start)
                if MENDED_LANDFORM in values:
                    rows[rows == MENDED_LANDFORM] = LANDFORM
                if reserved:
                    rows[ground.hidden(band)] = IGNORE
                _write_blocks(target, rows, start)


def _check_same_grid(grid: Grid, record: DatasetReader) -> None:
    if not Grid.from_raster(record).same_as(grid):
        raise UserError(
            f"The record {record.name} is not on the grid of the image. Give the two files that compose-rgb wrote in one go."
        )


def _shapes_to_burn(polygons: Path, grid: Grid, ring_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return single polygons in pixel coordinates and their labels, in the order of burning: removed, kept, rings."""
    unsure = f"class = 'positive' AND (listed OR reason = '{YIELDED}')"
    removed = _project_to_pixels(read_geometries(polygons, "removed", unsure), grid)
    layers = [
        (
            LABELS[origin],
            _project_to_pixels(read_geometries(polygons, "kept", f"class = 'positive' AND {condition}"), grid),
        )
        for origin, condition in _origin_conditions(polygons).items()
    ]
    kept = np.concatenate([shapes for _, shapes in layers])
    rings = buffer_px(kept, ring_m, grid) if ring_m > 0 else kept[:0]
    counts = [len(removed), *(len(shapes) for _, shapes in layers), len(rings)]
    parts, owner = shapely.get_parts(np.concatenate([removed, kept, rings]), return_index=True)
    return parts, np.repeat([IGNORE, *(label for label, _ in layers), IGNORE], counts)[owner]


def _origin_conditions(polygons: Path) -> dict[str, str]:
    """Return an SQL condition for each origin that the kept outlines may have."""
    if not has_column(polygons, "kept", "origin"):
        return {DRAWN: "1"}
    return {origin: f"origin = '{origin}'" for origin in LABELS}


def _project_to_pixels(shapes: np.ndarray, grid: Grid) -> np.ndarray:
    return to_pixels(to_crs(shapes, grid), grid)


def _label_bands(
    nodata_bands: Iterable[NodataBand], grid: Grid, shapes: np.ndarray, values: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row, labels (h, width) uint8) for each band of rows; the array is reused for the next band."""
    tree = shapely.STRtree(shapes)
    buffer = np.empty((ROWS, grid.width), dtype=np.uint8)
    y_sign = -1 if grid.transform.determinant < 0 else 1
    counts = np.zeros(2, dtype=np.int64)
    for start, stop, nodata in nodata_bands:
        near = np.sort(tree.query(shapely.box(0, start, grid.width, stop)))
        rows = buffer[: stop - start]
        rasterize_band(shapes[near], values[near], start, rows, y_sign)
        if nodata is not None:
            rows[nodata] = IGNORE
        ignored = np.count_nonzero(rows == IGNORE)
        counts += [np.count_nonzero(rows) - ignored, ignored]
        yield start, rows
    log.info("%d pixels of landform, %d ignored, %d in all", *counts, grid.height * grid.width)


def _nodata_bands(dataset: DatasetReader, reader: Executor) -> Iterator[NodataBand]:
    """Yield the nodata of each band of rows; a second thread reads the next bands meanwhile."""
    buffer = np.empty((ROWS, dataset.width), dtype=dataset.dtypes[0])
    validity = Validity.of_image(dataset)
    waiting: deque[tuple[int, int, Future[np.ndarray | None]]] = deque()
    for start, stop in row_blocks(dataset.height, ROWS):
        waiting.append((start, stop, reader.submit(_read_nodata, validity, start, stop, buffer)))
        if len(waiting) > BANDS_AHEAD:
            yield _next_band(waiting)
    while waiting:
        yield _next_band(waiting)


def _next_band(waiting: deque[tuple[int, int, Future[np.ndarray | None]]]) -> NodataBand:
    start, stop, nodata = waiting.popleft()
    return start, stop, nodata.result()


def _read_nodata(validity: Validity, start: int, stop: int, buffer: np.ndarray) -> np.ndarray | None:
    """Return where the image has no data, None for nowhere; in most 8-bit images the first band tells."""
    dataset, window = validity.dataset, ((start, stop), (0, validity.dataset.width))
    if validity.first_band_tells:
        first = dataset.read(validity.bands[0], window=window, out=buffer[: stop - start])
        if first.min() > IMAGE_NODATA:
            return None
    nodata = ~validity.of(dataset.read(validity.bands, window=window), window)
    return nodata if nodata.any() else None


def rasterize_band(shapes: np.ndarray, values: np.ndarray, start: int, rows: np.ndarray, y_sign: int = -1) -> None:
    """Burn single polygons in pixel coordinates, in order, into ``rows`` (h, width) uint8, which begin at row ``start``.

    ``y_sign``: -1 where rows count southwards, as in most images. GDAL orders rings as they lie on the ground; this order
    decides which of two adjacent polygons gets a pixel with its centre on their common edge.
    """
    rows[:] = 0
    if len(shapes):
        shifted = zip(_as_geojson(shapes, start, y_sign), values.tolist(), strict=True)
        rasterize(shifted, out=rows, transform=Affine.scale(1, y_sign))


def _as_geojson(shapes: np.ndarray, start: int, y_sign: int) -> Iterator[dict[str, object]]:
    """Yield polygons as GeoJSON, shifted so that row ``start`` is 0; much faster than one by one through shapely."""
    _, coordinates, (ring_ends, shape_ends) = shapely.to_ragged_array(shapes)
    rings = [ring.tolist() for ring in np.split((coordinates - (0.0, start)) * (1.0, y_sign), ring_ends[1:-1])]
    for first, last in pairwise(shape_ends):
        yield {"type": "Polygon", "coordinates": rings[first:last]}


@contextmanager
def _open_sparse(path: Path, grid: Grid) -> Iterator[DatasetWriter]:
    """Open a raster for writing that stores no blocks of 0: most of a tile has no landform."""
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
    compression = {
        "compress": "deflate",
        "zlevel": 2,
        "sparse_ok": True,
        "num_threads": "all_cpus",
        "bigtiff": "if_safer",
    }
    try:
        with rasterio.open(path, "w", **grid.profile(), **profile, **compression) as target:
            yield target
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_blocks(target: DatasetWriter, rows: np.ndarray, start: int) -> None:
    """Write the blocks of a band of rows that are not all 0."""
    for left in range(0, rows.shape[1], BLOCK):
        block = rows[:, left : left + BLOCK]
        if block.any():
            target.write(block, 1, window=((start, start + len(rows)), (left, left + block.shape[1])))


def to_pixels(shapes: np.ndarray, grid: Grid) -> np.ndarray:
    """Return polygons of the grid's CRS in its pixel coordinates (column, row), bit for bit as GDAL computes them."""
    c, a, b, f, d, e = _inverse_geotransform(grid)
    return shapely.transform(
        shapes, lambda xy: np.column_stack([c + xy[:, 0] * a + xy[:, 1] * b, f + xy[:, 0] * d + xy[:, 1] * e])
    )


def _inverse_geotransform(grid: Grid) -> tuple[float, float, float, float, float, float]:
    """Return the inverse geotransform in GDAL's order, for north-up grids computed as GDAL does it."""
    t = grid.transform
    if t.b == t.d == 0:
        return -t.c / t.a, 1 / t.a, 0.0, -t.f / t.e, 0.0, 1 / t.e
    return (~t).to_gdal()


def buffer_px(shapes: np.ndarray, distance_m: float, grid: Grid) -> np.ndarray:
    """Return the ground within ``distance_m`` metres of the outlines of polygons, all in pixel coordinates."""
    size = np.array(pixel_size_m(grid))
    lines = shapely.transform(shapely.boundary(shapes), lambda xy: xy * size)
    return shapely.transform(shapely.buffer(lines, distance_m), lambda xy: xy / size)


def pixel_size_m(grid: Grid) -> tuple[float, float]:
    """Return width and height of the pixel at the grid's centre in metres on the ground (geodesic)."""
    col, row = grid.width / 2, grid.height / 2
    xs, ys = zip(*(grid.transform @ corner for corner in [(col, row), (col + 1, row), (col, row + 1)]), strict=True)
    lons, lats = warp_points(grid.crs, LONLAT, xs, ys)
    _, _, width = WGS84.inv(lons[0], lats[0], lons[1], lats[1])
    _, _, height = WGS84.inv(lons[0], lats[0], lons[2], lats[2])
    return width, height
