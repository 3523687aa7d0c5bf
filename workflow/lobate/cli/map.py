"""`lobate map`: map any scenes with a trained model, in one command and without a region's configuration.

Each step is a verb of the workflow, run as a stage: results in the store are not computed again, and the detections are
written whole or not at all.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from lobate.cli.alarm import nothing_lines
from lobate.errors import UserError
from lobate.io.filekind import check_kind
from lobate.io.jsonfile import read_json, write_json

if TYPE_CHECKING:
    from lobate.settings import Region

log = logging.getLogger(__name__)

SeveralOrNone = Parameter(consume_multiple=(0, None))
Ranges = dict[str, dict[str, float]]
"""Band -> ``lowest`` and ``highest``: the surface reflectances that become 1 and 255 in the image."""
MAP_OPTIONS = {
    "imagery.tiles": "the scenes that you name",
    "imagery.bands": "the bands of the model",
    "imagery.band_order": "--band-order",
    "imagery.offset": "--offset",
    "imagery.quantification": "--quantification",
    "imagery.clouds.invalid_classes": "--invalid-classes",
    "imagery.stretch.lowest": "--lowest",
    "imagery.stretch.highest": "--highest",
    "mapping.predict.window": "--window",
    "mapping.predict.overlap": "--overlap",
    "mapping.predict.batch": "--batch",
    "mapping.vectorize.threshold": "--threshold",
    "mapping.filter.min_area_km2": "--min-area-km2",
    "mapping.filter.min_elevation_m": "--min-elevation-m",
    "mapping.filter.max_slope_deg": "--max-slope-deg",
    "inventory.dem": "--dem",
}
"""Setting -> what this command calls it."""
DEFAULT_STRETCH = {"lowest": 0.0, "highest": 0.3}


@Parameter(name="*")
@dataclass(frozen=True)
class InputStretch:
    """How reflectances become the 8-bit image that the network sees.

    Parameters
    ----------
    lowest
        Surface reflectance that becomes 1 in the image; when not given, as in the model's training, or 0 where the model does
        not record it. 8-bit images stay as they are.
    highest
        Surface reflectance that becomes 255 in the image; when not given, as in the model's training, or 0.3.
    stretch
        File with the range of each band that was measured for the training (imagery/stretch.json of its region). It replaces
        lowest and highest for a model that does not record its ranges.
    offset
        Offset of the digital numbers (setting imagery.offset): from the product's metadata, none, or 1000 that were added.
    quantification
        Number that stands for a reflectance of 1 in images that do not say it (setting imagery.quantification).
    band_order
        Bands of a GeoTIFF whose band descriptions say nothing or the wrong, in the order of the file (setting imagery.band_order).
    invalid_classes
        Masked classes of the scene classification (setting imagery.clouds.invalid_classes); the option alone masks none.
    """

    lowest: float | None = None
    highest: float | None = None
    stretch: Path | None = None
    offset: Literal["metadata", "none", "1000"] = "metadata"
    quantification: float | None = None
    band_order: Annotated[list[str] | None, SeveralOrNone] = None
    invalid_classes: Annotated[list[int] | None, SeveralOrNone] = None

    @property
    def ends(self) -> dict[str, float]:
        """The ends of the range that the user gave."""
        return {name: end for name, end in (("lowest", self.lowest), ("highest", self.highest)) if end is not None}

    def ranges(self, header: dict[str, Any]) -> Ranges:
        """Return the range of each band: as the user gave it, else as in the training of this header's model."""
        trained = header.get("stretch") or {}
        return {band: {**DEFAULT_STRETCH, **trained.get(band, {}), **self.ends} for band in _bands(header)}

    def settings(self, ranges: Ranges) -> dict[str, Any]:
        """Return settings of the section imagery. Raises UserError for two kinds of range at once."""
        if self.stretch and self.ends:
            raise UserError(
                f"--stretch {self.stretch} and --{next(iter(self.ends))} both set the reflectance range of the image. Give the one "
                "that the model's training images used: the file if the range was measured, else lowest and highest."
            )
        classes = {} if self.invalid_classes is None else {"invalid_classes": self.invalid_classes}
        return {
            "band_order": self.band_order,
            "offset": self.offset,
            "quantification": self.quantification,
            "stretch": {"method": "percentiles"} if self.stretch or not _alike(ranges) else next(iter(ranges.values())),
            "clouds": {"max_scene_cloud": 100, **classes},  # the user chose these scenes
        }


def map_scenes(
    *images: Path,
    model: Path,
    out: Path,
    threshold: float | None = None,
    min_area_km2: float = 0.03,
    window: int = 480,
    overlap: int = 160,
    batch: str = "auto",
    input_stretch: InputStretch = InputStretch(),
    dem: Path | None = None,
    min_elevation_m: float | None = None,
    max_slope_deg: float | None = None,
    keep: Path | None = None,
) -> int:
    """Map scenes with a trained model, without a configuration.

    Detections of overlapping or neighbouring scenes are merged, one for each landform. Intermediate results are kept in the
    store (results/.store, or LOBATE_STORE).

    Parameters
    ----------
    images
        8-bit images of the bands that the model was trained on, or Sentinel-2 products:
        .SAFE folders or zips, folders with a STAC item and bands, GeoTIFFs of several bands.
    model
        Model file that `train` or `select-model` wrote.
    out
        File to write, EPSG:4326, with a style for QGIS; its suffix chooses the format: .gpkg (layers kept and removed), .geojson,
        .parquet or .shp (removed detections in a second file).
    threshold
        Probability from which a pixel is landform, 0.5 when not given. results/REGION/mapping/threshold.json holds the best
        one of the map of the model's own region. A model file of an older version may hold a threshold of its own, which is used.
    min_area_km2
        Detections smaller than this are removed.
    window
        Side of a window, in pixels.
    overlap
        Pixels that neighbouring windows share.
    batch
        Windows in one forward pass: a number, or auto.
    dem
        Elevation raster (metres, unless it states another unit), for the two limits below.
    min_elevation_m
        Detections whose lowest point lies below this are removed.
    max_slope_deg
        Detections with a steeper mean slope are removed.
    keep
        Folder in which to keep the image, the probabilities and the outlines of each scene.
    """
    if dem is None and (min_elevation_m, max_slope_deg) != (None, None):
        raise UserError(
            "A limit of elevation or slope needs a DEM. Give elevations with --dem, or leave the limit out."
        )
    header = _header(model)
    sys.stdout.write("".join(f"{line}\n" for line in nothing_lines([header.get("learnt_nothing")])))
    _check(images, [model, *filter(None, [dem, input_stretch.stretch])], out)
    for path in images if input_stretch.band_order is None else ():
        _check_bands(path, len(_bands(header)))
    mapping = {
        "predict": {"window": window, "overlap": overlap, "batch": int(batch) if batch.isdecimal() else batch},
        "vectorize": {"threshold": threshold or header.get("threshold") or 0.5},
        "filter": {"min_area_km2": min_area_km2, "min_elevation_m": min_elevation_m, "max_slope_deg": max_slope_deg},
    }
    imagery = {
        "tiles": {name: [str(path)] for name, path in zip(_names(images), images, strict=True)},
        "bands": _bands(header),
        **input_stretch.settings(input_stretch.ranges(header)),
    }
    guessed = not (input_stretch.stretch or input_stretch.ends or header.get("stretch"))
    counts = _run(
        _region(imagery, mapping),
        model,
        out,
        keep,
        dem=dem,
        stretch=input_stretch.stretch or input_stretch.ranges(header),
        guessed=guessed,
    )
    _print_counts(out, counts, len(images))
    return 0


def _header(model: Path) -> dict[str, Any]:
    from lobate.network.header import read_header

    return read_header(model)


def _check(images: Sequence[Path], others: Sequence[Path], out: Path) -> None:
    """Raise UserError for inputs that do not exist, and for a result that would overwrite one."""
    if not images:
        raise UserError("No scene was given to map. Name one or more images or Sentinel-2 products after `lobate map`.")
    for path in images:
        check_kind(path)
        if not path.exists():
            raise UserError(f"The scene {path} does not exist. Check the path.")
    for path in others:
        check_kind(path)
        if not path.exists():
            raise UserError(f"The file {path} does not exist. Check the path.")
    from lobate.cli.detection_files import SUFFIXES, files_of

    if out.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"The suffix of --out chooses the format of the detections, but it is {out}. Give it a name that ends in "
            f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    files = {path.resolve() for path in files_of(out).values()}
    if out.is_dir() or files & {path.resolve() for path in (*images, *others)}:
        raise UserError(
            f"The detections would overwrite {out}, which is a folder or an input. Give --out another name."
        )


def _check_bands(path: Path, channels: int) -> None:
    """Raise UserError for an 8-bit image without band descriptions that has not the model's number of bands."""
    from lobate.io.image_bands import ImageBands
    from lobate.io.raster import open_raster

    if path.is_dir() or path.suffix.lower() in (".zip", ".json", ".xml"):
        return
    with open_raster(path) as dataset:
        if set(dataset.dtypes) != {"uint8"} or any(dataset.descriptions):
            return
        count = len(ImageBands.read(dataset, path).usable)
        if count != channels:
            raise UserError(
                f"{path}: has {count} bands, but the model was trained on {channels}. Give an image of the bands that "
                "the model was trained on, in the same order, name its bands with --band-order, or describe them (B04, B03, ...)."
            )


def _names(images: Sequence[Path]) -> list[str]:
    """Return a unique name for each scene, made from its file name."""
    names: list[str] = []
    for path in images:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-") or "scene"
        same = sum(re.fullmatch(re.escape(stem) + r"(-\d+)?", name) is not None for name in names)
        names.append(f"{stem}-{same + 1}" if same else stem)
    return names


def _bands(header: dict[str, Any]) -> list[str]:
    """Return the bands of the model's input: from the header, else red, green, blue, else numbered bands."""
    channels = int(header.get("channels", 3))
    return header.get("bands") or (
        ["B04", "B03", "B02"] if channels == 3 else [f"band{n + 1}" for n in range(channels)]
    )


def _alike(ranges: Ranges) -> bool:
    return all(range_ == next(iter(ranges.values())) for range_ in ranges.values())


def _region(imagery: dict[str, Any], mapping: dict[str, Any]) -> Region:
    from lobate.settings.load import parse_options

    return parse_options({"region": "map", "imagery": imagery, "mapping": mapping})


def _run(
    region: Region,
    model: Path,
    out: Path,
    keep: Path | None,
    *,
    dem: Path | None,
    stretch: Path | Ranges,
    guessed: bool,
) -> dict[str, int]:
    """Write the detections; return the number of each layer."""
    from lobate.cli.detection_files import LAYERS, write_detections
    from lobate.engine import stage
    from lobate.io.vector import read_layer
    from lobate.store.store import Store

    store = Store.from_environment()
    with ExitStack() as stack:
        folder = keep or stack.enter_context(store.workdir("map"))
        measured = _measured(region, folder, stretch)

        def run(verb: str, **arguments: Any) -> None:
            stage.run(verb, arguments, region, store)

        for tile, scenes in region.imagery.tiles.items():
            image, probability = folder / f"{tile}.tif", folder / f"{tile}_probability.tif"
            record, facts = folder / f"{tile}_scene.tif", folder / f"{tile}.json"
            run("compose_rgb", scenes=scenes, image=image, record=record, facts=facts, **measured)
            if guessed:
                _warn_about_stretch(model, facts)
            run("predict", image=image, model=model, probability=probability)
            outlines = folder / f"{tile}_detections.gpkg"
            run("vectorize", probability=probability, detections=outlines, tile=tile)
        tiles = list(region.imagery.tiles)
        detections, probabilities = (
            [folder / f"{tile}_{ending}" for tile in tiles] for ending in ("detections.gpkg", "probability.tif")
        )
        merged = folder / "merged.gpkg"
        run("merge_detections", detections=detections, probabilities=probabilities, merged=merged, tiles=tiles)
        found = folder / "detections.gpkg"
        run("filter_detections", merged=merged, detections=found, **({"dem": dem} if dem else {}))
        write_detections(found, out)
        return {layer: len(read_layer(found, layer)) for layer in LAYERS}


def _measured(region: Region, folder: Path, stretch: Path | Ranges) -> dict[str, Path]:
    """Return the file of the bands' ranges where each band has its own; the model's ranges are written into ``folder``."""
    if region.imagery.stretch.method == "fixed":
        return {}
    if isinstance(stretch, Path):
        return {"measured": stretch}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "stretch.json"
    write_json(file, {"ranges": stretch})
    return {"measured": file}


def _warn_about_stretch(model: Path, facts: Path) -> None:
    if read_json(facts, "an image's facts written by `compose-rgb`")["stretch"]:
        log.warning(
            "%s does not record which reflectances were 1 and 255 in its training; %g and %g are used. Give --lowest and "
            "--highest, or --stretch, if the range was different: on images of another brightness a model maps badly.",
            *(model, DEFAULT_STRETCH["lowest"], DEFAULT_STRETCH["highest"]),
        )


def _print_counts(out: Path, counts: dict[str, int], scenes: int) -> None:
    from lobate.cli.detection_files import files_of

    files = files_of(out)
    places = (
        f"{out} (layers kept and removed)" if len(set(files.values())) == 1 else " and ".join(map(str, files.values()))
    )
    sys.stdout.write(
        f"Detections kept: {counts['kept']}, removed: {counts['removed']}, from scenes: {scenes}. They are in {places}.\n"
    )
