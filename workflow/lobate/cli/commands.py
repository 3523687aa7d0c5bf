"""The commands that are not verbs: they inspect results, settings, models and the store.

Each command imports its modules when it is called, so that the command line starts at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from lobate.cli.map import map_scenes
from lobate.cli.review import review, status
from lobate.cli.store_commands import STORE_COMMANDS
from lobate.io.jsonfile import json_text
from lobate.store.store import Store


def explain(
    file: Path,
    *,
    depth: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Print how a result was made: stages, settings, code and inputs down to the raw data.

    Parameters
    ----------
    file
        A result of the workflow.
    depth
        Number of stages to go back: 1 is the file's own. All of them when not given.
    as_json
        Print JSON instead of text.
    """
    from lobate.store.lineage import format_tree, limit_depth, trace_lineage

    tree = trace_lineage(file, Store.from_environment())
    tree = tree if depth is None else limit_depth(tree, depth)
    sys.stdout.write(json_text(tree, sort_keys=False) if as_json else format_tree(tree))
    return 0


def init(
    name: str,
    *files: Path,
    area: Path | None = None,
    years: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (2018,),
    months: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (),
    positives: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    negatives: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    images: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    dem: Path | None = None,
    landform: str | None = None,
    new: bool = False,
) -> int:
    """Begin a region: look at your files, and write a commented configuration and a folder; nothing is overwritten.

    What the files do not tell stands in the configuration as a question.

    Parameters
    ----------
    name
        Name of the region; the configuration becomes config/NAME.yaml, the folder resources/NAME.
    files
        Your files, in any order: outlines, images or products, elevation. Their content tells which is which.
    area
        Vector file with the outline of the region; resources/NAME/area.gpkg when not given, drawn round the outlines if there
        are any.
    years
        Years in which to search for scenes.
    months
        Months of the season, in order; July and August when not given, January and February south of the equator.
    positives
        Files of outlines of the landform; resources/NAME/positives.shp when not given.
    negatives
        Files of outlines of look-alikes and of ground without the landform.
    images
        Images or Sentinel-2 products that you have already; scenes are then not searched.
    dem
        Raster of elevations in metres.
    landform
        What is mapped, in the singular; what the outlines tell when not given, or rock glacier.
    new
        Make this folder a project first, with a Snakefile of its own.
    """
    from lobate.cli.init import init_region

    written = init_region(
        name,
        years=years,
        months=months,
        files=files,
        area=area,
        positives=positives,
        negatives=negatives,
        images=images,
        dem=dem,
        landform=landform,
        new=new,
    )
    sys.stdout.write("".join(f"wrote {path}\n" for path in written))
    text = Path("config", f"{name}.yaml").read_text(encoding="utf-8")
    questions = sum(line.lstrip().startswith("# Question: ") for line in text.splitlines())
    asked = f" It asks {questions} questions." if questions else ""
    sys.stdout.write(f"Read config/{name}.yaml from top to bottom, then: lobate check config/{name}.yaml.{asked}\n")
    return 0


def check(*config: Path) -> int:
    """Report everything that is wrong or missing in a configuration and the files it names, and estimate the size of a run.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    """
    from lobate.cli.archive_account import account_note
    from lobate.cli.check import PATHS_ARE_RELATIVE, check_config, outlines_of_models, outlines_without_patches
    from lobate.cli.estimate import estimate_run, format_estimate
    from lobate.settings.load import read_files

    region, missing = check_config(read_files(config), config, account=True)
    files = "the files that exist" if missing else "the files it names"
    sys.stdout.write(f"The configuration of region {region.region} and {files} are in order.\n")
    sys.stdout.write("".join(f"Still to come: {file}\n" for file in missing))
    notes = [*outlines_without_patches(region), *outlines_of_models(region), account_note(region)]
    sys.stdout.write("".join(f"Note: {note}\n" for note in notes if note))
    if any(not file.resolve().is_relative_to(Path.cwd()) for file in config):
        sys.stdout.write(f"Note: {PATHS_ARE_RELATIVE.format(Path.cwd())}\n")
    sys.stdout.write(format_estimate(estimate_run(region), region))
    return 0


def summary(*config: Path, paper: bool = False, methods: bool = False) -> int:
    """Print where the inventory, map and scores of a finished region are, with their main numbers.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    paper
        Print a Markdown table of the numbers beside those of the paper instead.
    methods
        Print the paragraph of methods that a paper should print, filled in, instead.
    """
    from lobate.cli.methods import methods as paragraph
    from lobate.cli.review import waits_for_you
    from lobate.cli.summary import paper_table
    from lobate.cli.summary import summary as text
    from lobate.settings.load import load

    write = paragraph if methods else paper_table if paper else text
    region = load(config)
    sys.stdout.write(write(region))
    if write is text:
        sys.stdout.write(waits_for_you(region, config))
    return 0


def crate(*config: Path, out: Path | None = None, licence: str | None = None) -> int:
    """Pack a finished region as a workflow RO-Crate: results with digests, workflow, parameters and steps, without rasters.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    out
        Folder or .zip file to write; results/REGION/crate when not given.
    licence
        Licence of the results: an SPDX identifier such as CC-BY-4.0, or a URL.
    """
    from lobate.figures.crate.write import write_crate
    from lobate.settings.load import load

    region = load(config)
    target = out or Path("results", region.region, "crate")
    count = write_crate(region, target, Store.from_environment(), licence)
    sys.stdout.write(f"wrote {target} with {count} results\n")
    return 0


def schema() -> int:
    """Print the JSON schema of the configuration."""
    from lobate.settings.schema import json_schema as text

    sys.stdout.write(text())
    return 0


def show(file: Path, *, as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Print the header of a model file: network, input, IoUs by both protocols, threshold, calibration, licence.

    Parameters
    ----------
    file
        Model file that `train` or `select-model` wrote.
    as_json
        Print JSON instead of text.
    """
    from lobate.cli.show import describe_model
    from lobate.network.header import read_header

    text = json_text(read_header(file)) if as_json else describe_model(file)
    sys.stdout.write(text)
    return 0


def rounds(*config: Path) -> int:
    """Print a table of the training rounds: data, augmentation, IoUs and minutes, then the IoUs by both protocols.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    """
    from lobate.cli.rounds import rounds_table
    from lobate.settings.load import load

    sys.stdout.write(rounds_table(Path("results", load(config).region, "training"), Store.from_environment()))
    return 0


def export(file: Path, *, onnx: Path) -> int:
    """Convert a model file to ONNX, and check that both give the same output.

    Parameters
    ----------
    file
        Model file that `train` or `select-model` wrote.
    onnx
        ONNX file to write.
    """
    from lobate.network.export import export_onnx

    export_onnx(file, onnx)
    return 0


def compare(
    before: Path,
    after: Path,
    *,
    out: Path,
    match_iou: float = 0.3,
    tolerance: float = 0.1,
    before_layer: str | None = None,
    after_layer: str | None = None,
    id_field: str | None = None,
    before_encoding: str | None = None,
    after_encoding: str | None = None,
) -> int:
    """Compare two inventories, of two years or two models: appeared, vanished, grown, shrunk, split and merged landforms.

    An inventory of lobate says in its layer `ground` what was mapped. A landform of the other file that lies outside it, half
    or more, has neither appeared nor vanished: it is counted by itself.

    Parameters
    ----------
    before
        Outlines of the first inventory, in any vector file with a CRS; of a file of lobate (inventory, detections, reviewed
        detections, labels), its layer of outlines.
    after
        Outlines of the second inventory.
    out
        GeoPackage to write, with one layer for each kind of change (EPSG:4326, geodesic areas), and a CSV table beside it.
    match_iou
        Two outlines are the same landform from this IoU on, or where one lies mostly inside the other.
    tolerance
        An outline has grown or shrunk if its area changed by more than this share.
    before_layer
        Layer of the first file.
    after_layer
        Layer of the second file.
    id_field
        Field of the identifiers in both files; when not given, id or that of lobate's own files, or else the feature number.
    before_encoding
        Encoding of the text in the first file, for instance GBK or CP1251, where the file does not say it.
    after_encoding
        Encoding of the text in the second file.
    """
    from lobate.inventory.compare import (
        change_summary,
        compare_inventories,
        ground_notes,
        read_inventory,
        write_changes,
    )
    from lobate.inventory.mapped_ground import read_ground

    first = read_inventory(before, before_layer, id_field, before_encoding)
    second = read_inventory(after, after_layer, id_field, after_encoding)
    grounds = read_ground(before), read_ground(after)
    changes = compare_inventories(first, second, match_iou=match_iou, tolerance=tolerance, grounds=grounds)
    write_changes(changes, out)
    sys.stdout.write(
        "\n".join([change_summary(changes), *ground_notes((str(before), str(after)), grounds)]).rstrip() + "\n"
    )
    return 0


def import_labels(
    source: Path,
    *,
    out: Path,
    images: Path | None = None,
    classes: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Turn annotations of georeferenced images into outlines: COCO, YOLO segmentation, Label Studio, labelme, GeoJSON in pixels.

    Parameters
    ----------
    source
        File of annotations, or their folder; its content tells the tool.
    out
        GeoPackage to write, EPSG:4326: the layer outlines with id, class and image. Name it in labels.positives, with where for a class.
    images
        Folder of the georeferenced images; they are looked for beside the annotations when not given.
    classes
        Classes to take; all when not given.
    """
    from lobate.labels.annotations.outlines import import_labels as write

    counts = write(source, out, images, classes)
    told = ", ".join(f"{count} {label or 'without a class'}" for label, count in sorted(counts.items()))
    sys.stdout.write(f"wrote {out} with {counts.total()} outlines ({told})\n")
    return 0


def export_dataset(*config: Path, out: Path, fold: int | None = None) -> int:
    """Write a region's patches and split for other tools: GeoTIFFs as TorchGeo reads them, and COCO annotations.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    out
        Folder to write, with a folder for each side.
    fold
        Fold of the cross-validation whose sides are written; the region's own split when not given.
    """
    from lobate.patches.dataset_files import DatasetNames
    from lobate.patches.dataset_files import export_dataset as write
    from lobate.settings.load import load

    region = load(config)
    names = DatasetNames(region.region, region.landform, region.patches.licence, region.example is not None)
    counts = write(Path("results", region.region), out, names, fold)
    told = ", ".join(f"{count} {side}" for side, count in counts.items())
    sys.stdout.write(f"wrote {out} with {sum(counts.values())} patches ({told})\n")
    return 0


def sample(
    *config: Path,
    imagery: str = "",
    detections: int = 100,
    pixels: tuple[int, int, int] = (100, 200, 1000),
    squares: int = 30,
    dry_run: bool = False,
) -> int:
    """Freeze a finished map and draw a random sample of it, for people to judge without sight of the map.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    imagery
        Images on which people will answer, with their date; take better ones than the map's.
    detections
        Number of detections to draw, by size and probability.
    pixels
        Numbers of pixels to draw in the strata detected, near and rest.
    squares
        Number of squares of 1 km to draw, in which a person outlines every landform.
    dry_run
        Only print the widths of the intervals that such a sample will buy.
    """
    from lobate.cli.sample import sample_region
    from lobate.mapping.accuracy.draw import SampleSizes
    from lobate.settings.load import load

    sizes = SampleSizes(detections, pixels, squares)
    sys.stdout.write(sample_region(load(config), sizes, imagery, dry_run=dry_run))
    return 0


COMMANDS: dict[str, Callable[..., int] | dict[str, Callable[..., int]]] = {
    "map": map_scenes,
    "init": init,
    "explain": explain,
    "check": check,
    "summary": summary,
    "sample": sample,
    "review": review,
    "status": status,
    "compare": compare,
    "import-labels": import_labels,
    "export-dataset": export_dataset,
    "crate": crate,
    "schema": schema,
    "store": STORE_COMMANDS,
    "model": {"show": show, "export": export, "rounds": rounds},
}
"""Name -> command, or group of commands; `GROUPS` holds the help of each group."""

GROUPS = {"store": "Maintain the store of results.", "model": "Inspect a model file, or export it."}
