"""The commands that are not verbs: they look at results or settings, or use a model without a region's configuration.

Each imports what it needs when it is called, so that the command line itself starts at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lobate.cli.map import map_scenes
from lobate.errors import UserError
from lobate.io.jsonfile import json_text
from lobate.store.store import Store


def explain(file: Path, *, as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Print what made a file: stages, settings, code and inputs down to the raw data."""
    from lobate.store.lineage import format_tree, lineage

    tree = lineage(file, Store.here())
    sys.stdout.write(json_text(tree, sort_keys=False) if as_json else format_tree(tree))
    return 0


def init(
    name: str,
    *,
    area: Path | None = None,
    years: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (2018,),
    months: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (7, 8),
    positives: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    negatives: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    landform: str = "rock glacier",
) -> int:
    """Begin a region: write a commented configuration and the folder for what you bring; nothing is overwritten."""
    from lobate.cli.init import init_region

    made = init_region(
        name, area=area, years=years, months=months, positives=positives, negatives=negatives, landform=landform
    )
    sys.stdout.write("".join(f"wrote {path}\n" for path in made))
    sys.stdout.write(f"Read config/{name}.yaml from top to bottom, then: lobate check config/{name}.yaml\n")
    return 0


def check(*config: Path) -> int:
    """Report everything that is wrong or missing in a configuration and the files it names, and estimate the size of a run."""
    from lobate.cli.check import check_region
    from lobate.cli.estimate import estimate_run, format_estimate
    from lobate.settings.load import load

    region = load(config)
    to_come = check_region(region)
    there = "the files it names that are there" if to_come else "the files it names"
    sys.stdout.write(f"The configuration of region {region.region} and {there} are in order.\n")
    sys.stdout.write("".join(f"Still to come: {one}\n" for one in to_come))
    sys.stdout.write(format_estimate(estimate_run(region), region))
    return 0


def summary(*config: Path, paper: bool = False) -> int:
    """Say where a finished region's inventory, map and scores are; with --paper, print its numbers beside the paper's."""
    from lobate.cli.summary import paper_table
    from lobate.cli.summary import summary as text
    from lobate.settings.load import load

    sys.stdout.write(paper_table(load(config)) if paper else text(load(config)))
    return 0


def crate(*config: Path, out: Path | None = None, licence: str | None = None) -> int:
    """Pack a finished region as a workflow RO-Crate: results with digests, workflow, parameters and steps; no rasters.

    Parameters
    ----------
    config
        Configuration of the region; later files overrule earlier ones.
    out
        Folder, or .zip file, to write; the folder crate among the results of the region where none is given.
    licence
        Licence of the results: an SPDX name such as CC-BY-4.0, or an address.
    """
    from lobate.figures.crate.write import write_crate
    from lobate.settings.load import load

    region = load(config)
    target = out or Path("results", region.region, "crate")
    count = write_crate(region, target, Store.here(), licence)
    sys.stdout.write(f"wrote {target} with {count} results\n")
    return 0


def schema() -> int:
    """Print the JSON schema of the configuration."""
    from lobate.settings.load import schema as text

    sys.stdout.write(text())
    return 0


def du(*, as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Say how much the store holds."""
    from lobate.store.verify import disk_usage

    held = asdict(disk_usage(_store()))
    text = json.dumps(held) if as_json else "{recipes} recipes, {objects} objects, {bytes} bytes".format(**held)
    sys.stdout.write(text + "\n")
    return 0


def verify() -> int:
    """Read every object of the store and throw away the damaged ones; exit status 1 if there were any."""
    from lobate.store.verify import verify as read_all

    broken = read_all(_store())
    for digest in broken:
        sys.stdout.write(f"damaged {digest}\n")
    said = (
        f"{len(broken)} damaged objects were thrown away; the next run makes them anew"
        if broken
        else "every object is whole"
    )
    sys.stdout.write(f"{said}\n")
    return 1 if broken else 0


def gc(*, dry_run: bool = False, abandoned: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ()) -> int:
    """Drop what no existing result was made by; jobs may run meanwhile.

    Parameters
    ----------
    dry_run
        Only say what would go.
    abandoned
        Hosts on which no job of lobate runs any more, as you know: what jobs that died there left behind is removed.
    """
    from lobate.store.gc import collect

    done = collect(_store(), dry_run=dry_run, abandoned=abandoned)
    counted = "{recipes} recipes, {objects} objects, {bytes} bytes".format(**asdict(done.dropped))
    sys.stdout.write(f"{'would go' if dry_run else 'dropped'}: {counted}\n")
    if done.aside.recipes or done.aside.objects:
        counted = "{recipes} recipes, {objects} objects, {bytes} bytes".format(**asdict(done.aside))
        sys.stdout.write(f"put aside, to be dropped by a lobate store gc when these jobs have ended: {counted}\n")
    for job in done.jobs:
        sys.stdout.write(f"at work: {job}\n")
    hosts = sorted({job.host for job in done.jobs if job.is_remote() and job.host.isprintable()})
    if hosts:
        sys.stdout.write(
            "Whether a job of another host lives cannot be seen from here. If you know that none runs there any more: "
            f"lobate store gc --abandoned {' '.join(hosts)}\n"
        )
    return 0


def _store() -> Store:
    """Return the store, and say so if there is none."""
    store = Store.here()
    if not store.root.exists():
        sys.stderr.write(
            f"There is no store {store.root} yet. It is looked for in this folder, unless LOBATE_STORE names another place.\n"
        )
    elif not store.root.is_dir():
        raise UserError(f"The store {store.root} is a file, not a folder. Name the right one in LOBATE_STORE.")
    return store


def show(file: Path, *, as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Print what a model file says of itself: network, input, IoUs by both protocols, threshold, calibration, licence."""
    from lobate.cli.show import describe_model
    from lobate.network.header import read_header

    text = json_text(read_header(file)) if as_json else describe_model(file)
    sys.stdout.write(text)
    return 0


def rounds(*config: Path) -> int:
    """Print the table of a region's rounds: data, augmentation, IoUs, minutes, and both protocols side by side."""
    from lobate.cli.rounds import rounds_table
    from lobate.settings.load import load

    sys.stdout.write(rounds_table(Path("results", load(config).region, "training"), Store.here()))
    return 0


def export(file: Path, *, onnx: Path) -> int:
    """Write a model file as ONNX, and make sure that it gives the same."""
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
) -> int:
    """Say what changed between two inventories, of two years or two models: appeared, vanished, grown, shrunk, split, merged.

    Parameters
    ----------
    before
        Outlines of the first, in any vector file with a CRS; of several layers, the one called inventory.
    after
        Outlines of the second.
    out
        GeoPackage with a layer for each kind of change, EPSG:4326, areas geodesic; the same as a table (.csv) stands beside it.
    match_iou
        IoU from which two outlines are the same landform; so are two of which one lies mostly inside the other.
    tolerance
        Share of its area by which an outline must change to have grown or shrunk.
    before_layer
        Layer of the first file.
    after_layer
        Layer of the second file.
    id_field
        Field of the identifiers in both; id where there is one, else the number of the feature.
    """
    from lobate.inventory.compare import change_summary, compare_inventories, read_inventory, write_changes

    first, second = read_inventory(before, before_layer, id_field), read_inventory(after, after_layer, id_field)
    changes = compare_inventories(first, second, match_iou=match_iou, tolerance=tolerance)
    write_changes(changes, out)
    sys.stdout.write(change_summary(changes))
    return 0


COMMANDS: dict[str, Callable[..., int] | dict[str, Callable[..., int]]] = {
    "map": map_scenes,
    "init": init,
    "explain": explain,
    "check": check,
    "summary": summary,
    "compare": compare,
    "crate": crate,
    "schema": schema,
    "store": {"du": du, "verify": verify, "gc": gc},
    "model": {"show": show, "export": export, "rounds": rounds},
}
"""Name -> command, or group of commands; the first line of a group's help stands in GROUPS."""

GROUPS = {"store": "Look after the store of results.", "model": "Look at a model file, or take it elsewhere."}
