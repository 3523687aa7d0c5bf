"""What all rooms' rules share: the region's settings, its paths, and what a rule tells Snakemake about its verb."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from lobate import stage
from lobate.digests import file_digest, text_digest
from lobate.errors import Mistake
from lobate.settings import load as settings
from lobate.store import Store


def read_region():
    """Check the configuration and the files it names; a mistake ends the run with its paragraph."""
    try:
        region = settings.parse(config)
        if workflow.is_main_process:
            from lobate.check import check_region

            check_region(region)
        return region
    except Mistake as mistake:
        print(f"\nThe configuration of this region has mistakes:\n{mistake}\n", file=sys.stderr)
        sys.exit(2)


def made(path: str) -> str:
    """Return where a result of this region stands."""
    return f"results/{REGION.region}/{path}"


def write_settings() -> str:
    """Keep the settings, with every default filled in, where each verb reads them; return that path."""
    path, text = Path(made("settings.json")), settings.resolved(REGION)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    return str(path)


def stamp(verb: str) -> Callable[..., str]:
    """Return a function that digests a verb's code, libraries and settings, so that Snakemake sees them change."""

    def digest(wildcards):
        return stage.stamp(verb, REGION, scalars(wildcards))

    return digest


def gpu(verb: str) -> Callable[..., int]:
    """Return a function that asks for a GPU, unless the result is in the store or there is nothing to compute."""

    def needed(wildcards, input):
        given = {name: [*value] if isinstance(value, list) else value for name, value in input.items()}
        try:
            return 0 if stage.known(verb, {**given, **scalars(wildcards)}, REGION, Store.here()) else 1
        except Mistake:  # an input is not there yet, as in a dry run, or the job itself will tell what is wrong
            return 1

    return needed


def scalars(wildcards) -> dict[str, str | int]:
    """Return the wildcards as a verb's scalars."""
    return {name: int(value) if name == "round" else value for name, value in wildcards.items()}


def optional(path: str | None) -> list[str]:
    """Return a list of one path, or an empty one where a setting names none."""
    return [path] if path else []


def digest_of_rules() -> str:
    """Return a digest of the Snakefile and all rules, from which the workflow's picture is drawn."""
    files = [Path(SNAKEFILE), *sorted(Path(workflow.basedir, "workflow", "rules").glob("*.smk"))]
    return text_digest("\n".join(file_digest(file) for file in files))


REGION = read_region()
TILES = sorted(REGION.imagery.tiles)
ROUNDS = range(1, REGION.training.max_rounds + 1)
SETTINGS = write_settings()
LOBATE = f"{shlex.quote(sys.executable)} -m lobate"
SNAKEMAKE = f"{shlex.quote(sys.executable)} -m snakemake"
SNAKEFILE = str(Path(workflow.basedir, "Snakefile"))


wildcard_constraints:
    tile="|".join(re.escape(tile) for tile in TILES),
    round=r"\d+",
    source="|".join(["reviewed", *map(re.escape, REGION.inventory.others)]),
