"""Helpers of all rules: the region's settings, paths of results, and each verb's command, resources and fingerprint."""

import gc
import inspect
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from snakemake.exceptions import WorkflowError

try:
    import lobate
except ModuleNotFoundError:
    print(
        f"\nlobate is not installed for {sys.executable}, which runs this Snakemake. Install it with make demo in the project's "
        "folder, and call the Snakemake that stands there: .venv/bin/snakemake\n",
        file=sys.stderr,
    )
    sys.exit(2)

from lobate.cli.linking_shell import linking_shell
from lobate.engine import stage
from lobate.engine.job_records import JobRecords, run_jobs_without_record
from lobate.engine.options import all_options
from lobate.engine.registry import ROOM_OF
from lobate.engine.run_start import before_first_job, prepend_to_path
from lobate.errors import UserError
from lobate.figures.rule_graph import as_dot, graph_of, lost_files, trace_jobs
from lobate.imagery.catalogues import dem_collection
from lobate.imagery.scene_table import SCENES_DIR, fetched_dem_path, scene_rows, scenes_by_tile
from lobate.io.atomic import atomic_write
from lobate.io.digest import quick_fingerprint, text_digest
from lobate.io.drawn import decisions_path, drawn_path
from lobate.settings import load as settings
from lobate.store.store import Store

# Paths of results


def results(path: str) -> str:
    """Return the path of a result of this region."""
    return f"results/{REGION.region}/{path}"


def figure(name: str, label: str):
    """Return the path of a figure, marked for Snakemake's own report with a label and the caption of that name."""
    return report(
        results(f"figures/{name}.png"), caption=f"../report/{name}.rst", category="Figures", labels={"figure": label}
    )


def round_file(name: str, number: int) -> str:
    """Return the path of a file of one training round."""
    return results(f"training/round_{number}/{name}")


# A verb's command


def command(verb: str, environment: str = "") -> str:
    """Return a rule's shell command: an option for each parameter of the verb, settings in one file, and the log.

    ``environment``: assignments in front of the command.
    """
    options = [text for option in OPTIONS[verb] if (text := command_option(option))]
    settings_file = ["--settings {params.settings:q}"] * any(option.marker == "Setting" for option in OPTIONS[verb])
    words = [environment, "lobate", verb.replace("_", "-"), *options, *settings_file, "--log {log:q}"]
    return " ".join(filter(None, words))


def command_option(option) -> str:
    """Return one option with Snakemake's placeholder for its value; "" for a setting, which the settings file holds."""
    section = {"Input": "input", "Output": "output", "Setting": "", "": "params" if option.is_list else "wildcards"}
    place = section[option.marker]
    return place and f"--{option.name.replace('_', '-')} {{{place}.{option.name}:q}}"


# A verb's fingerprint: Snakemake runs a job again when its params change


def fingerprint(verb: str) -> Callable[..., str]:
    """Return a function that digests a verb's code, libraries and settings, so that Snakemake sees them change.

    It also covers user-supplied and fetched inputs: Snakemake sees neither an older file in their place, nor into folders.
    """

    def digest(wildcards):  # takes no `input`: Snakemake would treat it as a consequence of the inputs and ignore it
        supplied = [external_fingerprint(path) for path in external_inputs(verb, wildcards)]
        return text_digest("\n".join([stage.fingerprint(verb, REGION, wildcard_values(wildcards)), *supplied]))

    return with_signature(digest)


def external_fingerprint(path: str) -> str:
    """Return the fingerprint of a file or scene from outside; of a scene, only those files count that are read."""
    if path not in SCENE_PATHS:
        return quick_fingerprint(Path(path))
    return brought_scene_fingerprint(path) if SCENES_DIR not in Path(path).parents else scene_fingerprint(path)


def scene_fingerprint(path: str) -> str:
    """Return the fingerprint of a scene as it is now; a scene that has yet to be fetched changes during the run."""
    from lobate.imagery.reading.fingerprint import scene_fingerprint

    return scene_fingerprint(Path(path), REGION.imagery.bands)


@cache
def brought_scene_fingerprint(path: str) -> str:
    """Return the fingerprint of a brought scene; several jobs read it, but a plan looks at it once."""
    return scene_fingerprint(path)


def external_inputs(verb: str, wildcards) -> list[str]:
    """Return the inputs of a job that are no results: what the user brings, and what was fetched."""
    values = dict(wildcards.items())
    inputs = [pattern(wildcards) if callable(pattern) else pattern for pattern in input_patterns(verb)]
    patterns = [pattern for paths in inputs for pattern in ([paths] if isinstance(paths, str) else paths)]
    return [path for path in (pattern.format(**values) for pattern in patterns) if not is_result(path)]


@cache
def input_patterns(verb: str) -> list:
    """Return a rule's inputs, less those that are results whatever the wildcards."""
    return [pattern for pattern in getattr(rules, verb).input if callable(pattern) or not is_result(pattern)]


def is_result(path: str) -> bool:
    """Return whether this is the path of a result."""
    return path.startswith("results/")


def wildcard_values(wildcards) -> dict[str, str | int]:
    """Return the wildcards as scalar arguments of a verb."""
    return {name: int(value) if name in ("round", "fold") else value for name, value in wildcards.items()}


def with_signature(function):
    """Attach a function's signature to it: Snakemake reads it for each of thousands of jobs."""
    function.__signature__ = inspect.signature(function)
    return function


@cache
def own_rules() -> dict[str, object]:
    """Return the rules of this file's workflow by the names that they have here; who deploys it may rename them."""
    return {name: getattr(rules, name).rule for name in (*ROOM_OF, "all", "rule_graph") if rules.has(name)}


def verb_of(rule_name: str) -> str | None:
    """Return the verb that a rule runs, by the name of the rule in the whole workflow; None for a rule without one."""
    return verbs_by_rule_name().get(rule_name)


@cache
def verbs_by_rule_name() -> dict[str, str]:
    """Return rule -> verb."""
    return {rule.name: name for name, rule in own_rules().items() if name in ROOM_OF}


@cache
def jobs_behind_all() -> list:
    """Return the jobs that `all` needs, traced through the rules."""
    named = [SimpleNamespace(name=name, input=rule.input, output=rule.output) for name, rule in own_rules().items()]
    return trace_jobs(named, "all")


@cache
def rule_graph_text() -> str:
    """Return the graph of the rules behind `all` as DOT text."""
    return as_dot(graph_of(jobs_behind_all()))


def lost_results(wildcards) -> list[str]:
    """Return the results that were made and are gone.

    Snakemake does not miss a lost file while all that was made from it is there, unless `all` itself asks for the file.
    """
    return [path for path in lost_files(jobs_behind_all()) if path.startswith("results/")]


# Resources


def memory(mb: int, times_input: int = 0) -> Callable[..., int]:
    """Return a function that requests ``mb`` MB plus ``times_input`` times the inputs' size, doubled after each failure."""

    def requested(wildcards, input, attempt):
        size = input.size_mb if times_input else 0
        return int((mb + times_input * size) * 2 ** (attempt - 1))

    return with_signature(requested)


def minutes(amount: int, verb: str = "", **scalars) -> Callable[..., int]:
    """Return a function that requests minutes, doubled after each failure; at most 10 where ``verb`` is cached.

    ``scalars``: arguments of the verb beside the wildcards; its key needs all of them.
    """

    def requested(wildcards, input, attempt):
        short = verb and is_cached(verb, wildcards, input, scalars)
        return (min(amount, 10) if short else amount) * 2 ** (attempt - 1)

    return with_signature(requested)


def gpu(verb: str, count: int = 1, **scalars) -> Callable[..., int]:
    """Return a function that requests GPUs, unless the verb is cached.

    ``scalars``: arguments of the verb beside the wildcards; its key needs all of them.
    """
    return with_signature(lambda wildcards, input: 0 if is_cached(verb, wildcards, input, scalars) else count)


def is_cached(verb: str, wildcards, input, scalars: dict[str, object]) -> bool:
    """Return whether a job's result is in the store, or there is nothing to compute; False where an input is missing."""
    values = dict(wildcards.items())
    inputs = {name: [*paths] if isinstance(paths, list) else paths for name, paths in input.items()}
    outputs = {name: str(path).format(**values) for name, path in getattr(rules, verb).output.items()}
    arguments = {**inputs, **outputs, **scalars, **wildcard_values(wildcards)}
    try:
        return stage.is_cached(verb, arguments, REGION, Store.from_environment())
    except UserError:  # an input is missing, as in a dry run, or is wrong; the job itself reports that
        return False


# The region

MISTAKES = "The configuration of this region has mistakes:"


def read_region():
    """Check the configuration and the files it names; return it with the scenes of each tile.

    A mistake ends the run with its paragraph. Missing outlines are no mistake yet: they are drawn on the images.
    """
    try:
        region = checked_region()
        return region, scenes_by_tile(region.imagery)
    except UserError as mistake:
        exit_with(f"{MISTAKES}\n{mistake}")


def checked_region():
    """Return the region's settings; check the files that they name, once a run and not again in each of its jobs."""
    if not workflow.is_main_process:
        return settings.parse(config)
    from lobate.cli.check import check_config

    return check_config(config, workflow.configfiles, undrawn=True)[0]


def check_not_merged() -> None:
    """End the run where Snakemake has merged the configuration of the call into one that a deployer's Snakefile names."""
    given = workflow.overwrite_configfiles
    merged = [str(file) for file in workflow.configfiles if file not in given]
    if given and merged and not workflow.config_settings.replace_workflow_config:
        exit_with(
            f"The settings of {', '.join(map(str, given))} are merged into those of {', '.join(merged)}, which the Snakefile "
            "names by `configfile:`, so a region would have settings of another one. Add --replace-workflow-config to the "
            "call, or delete the line `configfile:` from the Snakefile."
        )


def check_no_prefix() -> None:
    """End the run where a deployer moves paths: the commands of lobate look for a region's results in results/."""
    if workflow.modifier.modify_path("results/") != "results/":
        exit_with(
            "The module has a `prefix` or `replace_prefix`, which would move the files that you bring as well as the results. "
            "Delete it: all results of a region lie in results/<region> of the folder of the run."
        )


def exit_with(paragraph: str) -> None:
    """End the run with a paragraph for the user; a workflow that deploys this one ends as Snakemake's own mistakes do."""
    if not IS_PROJECT:
        raise WorkflowError(paragraph)
    print(f"\n{paragraph}\n", file=sys.stderr)
    sys.exit(2)


def settings_file() -> Path:
    """Return the file with the settings of this run, every default filled in; write it where it is missing.

    Its name is the digest of its content, and it is never replaced: a dry run or another configuration of this region
    cannot change the settings that running jobs read.
    """
    text = settings.resolved_json(REGION)
    path = Path(results(f"settings/{text_digest(text)[:16]}.json"))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as new:
            new.write_text(text, encoding="utf-8")
    return path


def settings_path(wildcards, input) -> str:
    """Return the settings file for a rule's params.

    As a function of ``input`` it counts as derived: a new name alone runs no job again. The fingerprint decides that.
    """
    return str(SETTINGS_FILE)


def start_run() -> None:
    """Note that a run begins; only a run that has jobs to do calls this."""
    copy_settings()
    JOB_RECORDS.start_run(workflow.persistence, keeps_records=workflow.execution_settings.keep_metadata)


def copy_settings() -> None:
    """Copy the settings to `settings.json`, for people and the crate."""
    copy = Path(results("settings.json"))
    with atomic_write(copy) as new:
        new.write_bytes(SETTINGS_FILE.read_bytes())


def scene_sources() -> dict[str, str]:
    """Return scene -> source and checksums; a scene is fetched again when these change."""
    return {row["scene"]: f"{row['source']} {row['checksums']}" for row in scene_rows(REGION.imagery)}


# A plan holds a million long-lived objects; the default collection thresholds cost a fifth of the planning time.
gc.set_threshold(200_000, 50, 1000)

# Whether Snakemake was started with a Snakefile of this project, and not with one that deploys it as a module.
IS_PROJECT = Path(workflow.main_snakefile).resolve() in (
    Path(f"{workflow.current_basedir.get_path_or_uri(secret_free=True)}/../{up}Snakefile").resolve()
    for up in ("", "../")
)
if workflow.is_main_process:
    check_not_merged()
    check_no_prefix()
REGION, SCENES = read_region()
TILES = list(SCENES)
SCENE_PATHS = {path for paths in SCENES.values() for path in paths}
SCENE_SOURCES = scene_sources()
ROUNDS = range(1, REGION.training.max_rounds + 1)
SETTINGS_FILE = settings_file()
SETTINGS = with_signature(settings_path)
OPTIONS = all_options()

JOB_RECORDS = JobRecords(Path(results("")), Store.from_environment(), verb_of)
if workflow.is_main_process:
    run_jobs_without_record(JOB_RECORDS)
    before_first_job(workflow, start_run)

# A job whose result the store knows starts no process.
shell = linking_shell(shell)

# Jobs call the `lobate` and `snakemake` beside the Python that runs this. A conda environment comes before it.
prepend_to_path(Path(sys.executable).parent)


FIGURE_NAMES = (
    "map",
    "iou",
    "workflow",
    "outlines",
    "attributes",
    "upslope",
    "motion",
    "leakage",
    "rounds",
    "reliability",
    "precision_recall",
)
FIGURES = [results(f"figures/{name}.{kind}") for name in FIGURE_NAMES for kind in ("png", "pdf")]


wildcard_constraints:
    tile="|".join(re.escape(tile) for tile in TILES),
    round=r"\d+",
    scene=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    fold=r"\d+",
    source="|".join(["reviewed", *map(re.escape, REGION.inventory.others)]),
