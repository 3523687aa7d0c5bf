"""What all rooms' rules share: the region's settings, its paths, and what a rule tells Snakemake about its verb."""

import gc
import inspect
import re
import shlex
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

try:
    import lobate
except ModuleNotFoundError:
    print(
        f"\nlobate is not installed for {sys.executable}, which runs this Snakemake. Install it with make demo in the project's "
        "folder, and call the Snakemake that stands there: .venv/bin/snakemake\n",
        file=sys.stderr,
    )
    sys.exit(2)

from lobate.engine import stage
from lobate.engine.options import all_options
from lobate.errors import UserError
from lobate.figures.rule_graph import as_dot, trace_rules
from lobate.imagery.scene_table import FETCHED, fetched_dem_path, scene_rows, scenes_by_tile
from lobate.io.atomic import atomic_write
from lobate.io.digest import quick_fingerprint, text_digest
from lobate.settings import load as settings
from lobate.store.store import Store

WRONG = "The configuration of this region has mistakes:"


def read_region():
    """Check the configuration and the files it names, and return it with each tile's scenes.

    A mistake ends the run with its paragraph. Outlines that are not drawn yet are none: images to draw on come first.
    """
    try:
        region = settings.parse(config)
        check(region, undrawn=True)
        return region, scenes_by_tile(region.imagery)
    except UserError as mistake:
        exit_with(f"{WRONG}\n{mistake}")


def check(region, undrawn: bool) -> None:
    """Check the files that a region names, once a run and not again in each of its jobs."""
    if workflow.is_main_process:
        from lobate.cli.check import check_region

        check_region(region, undrawn=undrawn)


def outline_files(outlines) -> Callable[..., list[str]]:
    """Return a function that names files of outlines by hand; one that is missing ends a run that needs it."""

    def paths(wildcards) -> list[str]:
        named = [one.path for one in outlines]
        try:
            if not all(Path(path).exists() for path in named):
                check(REGION, undrawn=False)
        except UserError as mistake:
            exit_with(f"{WRONG}\n{mistake}")
        return named

    return paths


def exit_with(paragraph: str) -> None:
    """End the run with a paragraph for the user."""
    print(f"\n{paragraph}\n", file=sys.stderr)
    sys.exit(2)


def results(path: str) -> str:
    """Return where a result of this region stands."""
    return f"results/{REGION.region}/{path}"


def figure(name: str, label: str):
    """Return where a figure stands, marked for Snakemake's own report under a label, with the caption of its name."""
    return report(
        results(f"figures/{name}.png"), caption=f"../report/{name}.rst", category="Figures", labels={"figure": label}
    )


def all_images(wildcards) -> list[str]:
    """Return the tiles' images; a region that has yet to find its scenes is told how."""
    if not TILES:
        table = REGION.imagery.scenes or f"resources/{REGION.region}/scenes.tsv"
        exit_with(
            f"The region {REGION.region} has no scenes yet, only a setting imagery.find. First run snakemake find_scenes, "
            f"with the same --configfile. Look at the table it makes, {results('imagery/scenes.tsv')}, and at coverage.png "
            f"beside it; keep the table as {table}, less the scenes you do not want; name that file in the setting "
            "imagery.scenes; and run this again."
        )
    return [results(f"imagery/{tile}.tif") for tile in TILES]


def origins() -> dict[str, str]:
    """Return where each scene of the table comes from, and its checksums: what it is fetched again for."""
    return {row["scene"]: f"{row['source']} {row['checksums']}" for row in scene_rows(REGION.imagery)}


def write_settings() -> str:
    """Keep the settings, with every default filled in, where each verb reads them; return that path."""
    path, text = Path(results("settings.json")), settings.resolved(REGION)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as new:
            new.write_text(text, encoding="utf-8")
    return str(path)


def fingerprint(verb: str) -> Callable[..., str]:
    """Return a function that digests a verb's code, libraries and settings, so that Snakemake sees them change.

    It also covers user-supplied inputs: replacing one by an older file does not change what Snakemake sees.
    """

    def digest(wildcards):  # not of input: Snakemake would take it for a consequence of the inputs, and not look at it
        supplied = [quick_fingerprint(Path(path)) for path in external_inputs(verb, wildcards)]
        return text_digest("\n".join([stage.fingerprint(verb, REGION, scalars(wildcards)), *supplied]))

    return with_signature(digest)


def with_signature(function):
    """Say a function's parameters beforehand: Snakemake asks for them at each of thousands of jobs."""
    function.__signature__ = inspect.signature(function)
    return function


@cache
def rule_graph_text() -> str:
    """Return the graph of the rules behind `all` as DOT text."""
    return as_dot(trace_rules(workflow.rules, "all"))


def external_inputs(verb: str, wildcards) -> list[str]:
    """Return the inputs of a rule that no rule makes."""
    named = [one(wildcards) if callable(one) else one for one in input_patterns(verb)]
    paths = [path for one in named for path in ([one] if isinstance(one, str) else one)]
    return [found for path in paths if not is_workflow_output(found := path.format(**dict(wildcards.items())))]


@cache
def input_patterns(verb: str) -> list:
    """Return a rule's inputs less those that are results for all wildcards."""
    return [one for one in getattr(rules, verb).input if callable(one) or not is_workflow_output(one)]


def is_workflow_output(path: str) -> bool:
    """Whether a rule makes this file."""
    return path.startswith("results/") or FETCHED in Path(path).parents or path == fetched_dem_path(REGION.region)


def is_cached(verb: str, wildcards, input, more: dict[str, object]) -> bool:
    """Return whether a job's result is in the store, or there is nothing to compute; False where an input is missing."""
    given = {name: [*value] if isinstance(value, list) else value for name, value in input.items()}
    made_here = {
        name: str(path).format(**dict(wildcards.items())) for name, path in getattr(rules, verb).output.items()
    }
    try:
        return stage.is_cached(verb, {**given, **made_here, **more, **scalars(wildcards)}, REGION, Store.here())
    except UserError:  # an input is not there yet, as in a dry run, or the job itself will tell what is wrong
        return False


def gpu(verb: str, count: int = 1, **more) -> Callable[..., int]:
    """Return a function that asks for GPUs, unless the result is in the store or there is nothing to compute.

    ``more``: scalars that the verb is given beside the wildcards; the key needs all of them.
    """
    return with_signature(lambda wildcards, input: 0 if is_cached(verb, wildcards, input, more) else count)


def memory(mb: int, times_input: int = 0) -> Callable[..., int]:
    """Return a function that asks for memory in MB, ``times_input`` the inputs' size more, twice as much after each failure."""

    def needed(wildcards, input, attempt):
        size = input.size_mb if times_input else 0
        return int((mb + times_input * size) * 2 ** (attempt - 1))

    return with_signature(needed)


def minutes(amount: int, verb: str = "", **more) -> Callable[..., int]:
    """Return a function that asks for time, twice as much after each failure; what the store knows of ``verb`` takes 10."""

    def needed(wildcards, input, attempt):
        short = verb and is_cached(verb, wildcards, input, more)
        return (min(amount, 10) if short else amount) * 2 ** (attempt - 1)

    return with_signature(needed)


def command(verb: str, environment: str = "") -> str:
    """Return a rule's shell command: an option for each parameter of the verb, settings in one file, and the log.

    ``environment``: assignments that stand before the command.
    """
    options = [written for option in OPTIONS[verb] if (written := command_option(option))]
    settings_file = ["--settings {params.settings:q}"] * any(option.marker == "Setting" for option in OPTIONS[verb])
    words = [environment, "lobate", verb.replace("_", "-"), *options, *settings_file, "--log {log:q}"]
    return " ".join(filter(None, words))


def command_option(option) -> str:
    """Return one option with Snakemake's placeholder for its value; "" for a setting, which the settings' file holds."""
    section = {"Input": "input", "Output": "output", "Setting": "", "": "params" if option.many else "wildcards"}
    place = section[option.marker]
    return place and f"--{option.name.replace('_', '-')} {{{place}.{option.name}:q}}"


def scalars(wildcards) -> dict[str, str | int]:
    """Return the wildcards as a verb's scalars."""
    return {name: int(value) if name in ("round", "fold") else value for name, value in wildcards.items()}


def optional(path: str | None) -> list[str]:
    """Return a list of one path, or an empty one where a setting names none."""
    return [path] if path else []


def decisions_files() -> list[str]:
    """Return the files of what people decided in the review: none, one, or one a reviewer."""
    decisions = REGION.inventory.decisions
    return optional(decisions) if isinstance(decisions, str | None) else decisions


def beside_images(wildcards, ending: str) -> list[str]:
    """Return what composing left beside each image, for the detections only: other outlines were not mapped from them."""
    return [results(f"imagery/{tile}{ending}") for tile in TILES] if wildcards.source == "reviewed" else []


def round_file(name: str, number: int) -> str:
    return results(f"training/round_{number}/{name}")


def earlier_negatives(wildcards) -> list[str]:
    return [round_file("negatives.npy", number) for number in range(1, int(wildcards.round))]


def previous_round(name: str):
    """Return a function that names a file of the round before; the first round has none."""

    def find(wildcards) -> list[str]:
        number = int(wildcards.round)
        return [round_file(name, number - 1)] if number > 1 else []

    return find


def weights_file() -> str | None:
    """Return the weights' file where the setting names one, not the hub's weights or none."""
    weights = REGION.training.network.weights
    return None if weights in ("imagenet", "none") else weights


def reference_outlines() -> str:
    reference = REGION.mapping.reference
    return reference.path if reference else results("labels/polygons.gpkg")


def outlines_of(wildcards) -> str:
    """Return the outlines to describe: the reviewed detections, or another inventory's."""
    if wildcards.source == "reviewed":
        return results("inventory/reviewed.gpkg")
    return REGION.inventory.others[wildcards.source].path


# A plan is a million objects that stay; looking for rubbish among them ever again takes a fifth of the time.
gc.set_threshold(200_000, 50, 1000)

REGION, SCENES = read_region()
TILES = list(SCENES)
ORIGINS = origins()
ROUNDS = range(1, REGION.training.max_rounds + 1)
SETTINGS = write_settings()
OPTIONS = all_options()

# `lobate` and `snakemake` stand beside the Python that runs this, whatever PATH says
shell.prefix(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; ')


wildcard_constraints:
    tile="|".join(re.escape(tile) for tile in TILES),
    round=r"\d+",
    scene=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    fold=r"\d+",
    source="|".join(["reviewed", *map(re.escape, REGION.inventory.others)]),
