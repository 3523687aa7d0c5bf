"""Rule = verb = function: a rule names its files as the verb's function does, and asks for resources as all do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lobate.engine import registry, signature
from lobate.engine.options import all_options
from lobate.engine.signature import Input, Output, Setting

RULES = Path(__file__).resolve().parents[2] / "workflow" / "rules"
TEXTS = {
    name: dedent(text)
    for file in sorted(RULES.glob("*.smk"))
    for _, name, text in re.findall(r"^( *)rule (\w+):\n((?:(?:\1    .*)?\n)*)", file.read_text(), re.M)
}
NO_VERB = {"rule_graph"}
VERB_RULES = sorted(set(TEXTS) - NO_VERB)


def section(text: str, name: str) -> str:
    """Return the lines of one section of a rule."""
    match = re.search(rf"^{name}:\n((?:    .*\n)+)", text, re.M)
    return match[1] if match else ""


def names(text: str, name: str) -> set[str]:
    return set(re.findall(r"^    (\w+)=", section(text, name), re.M))


def wildcards(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", re.sub(r'f"[^"]*"', "", section(text, "output"))))


def named(verb: str, marker: type, many: bool | None = None) -> set[str]:
    return {
        parameter.name
        for parameter in signature.all_parameters(registry.load(verb)).values()
        if isinstance(parameter.marker, marker) and many in (None, parameter.is_list)
    }


def mismatches(verb: str, text: str) -> set[tuple[str, str]]:
    """Return (section, name) of what the verb's command names and the rule does not; of files also the other way round."""
    scalar = type(None)
    lacking_params = named(verb, scalar, many=True) - names(text, "params")
    if named(verb, Setting) and "settings" not in names(text, "params"):
        lacking_params |= {"settings"}
    return {
        *(("input", name) for name in names(text, "input") ^ named(verb, Input)),
        *(("output", name) for name in names(text, "output") ^ named(verb, Output)),
        *(("params", name) for name in lacking_params),
        *(("wildcards", name) for name in named(verb, scalar, many=False) - wildcards(text)),
    }


def commands() -> dict[str, str]:
    """Return the command of each verb, made by the functions of the rules' own text."""
    text = (RULES / "common.smk").read_text()
    functions = re.findall(r"^def (?:command|command_option)\(.*?(?=^\S)", text, re.M | re.S)
    namespace: dict = {"OPTIONS": all_options()}
    exec("\n".join(functions), namespace)
    return {verb: namespace["command"](verb) for verb in registry.ROOM_OF}


def test_every_verb_has_its_rule_and_every_rule_its_verb():
    assert set(TEXTS) - NO_VERB == set(registry.ROOM_OF)


@pytest.mark.parametrize("rule", VERB_RULES)
def test_the_command_is_made_of_the_rules_own_verb(rule):
    shell = section(TEXTS[rule], "shell").strip()
    assert re.fullmatch(rf'command\("{rule}"(, environment="[A-Z_]+=\{{resources\.\w+\}}")?\)', shell)


@pytest.mark.parametrize("rule", VERB_RULES)
def test_files_scalars_and_settings_are_named_as_the_verb_names_them(rule):
    assert mismatches(rule, TEXTS[rule]) == set()


@pytest.mark.parametrize(
    ("rule", "line", "lost"),
    [
        ("clean_labels", "    removed=optional(REGION.labels.removed),\n", ("input", "removed")),
        ("clean_labels", "    tiles=TILES,\n", ("params", "tiles")),
        ("clean_labels", "    settings=SETTINGS,\n", ("params", "settings")),
        ("score", '    cases=results("mapping/cases.gpkg"),\n', ("output", "cases")),
        ("translate_inventory", '    translated=results("inventory/{standard}.gpkg"),\n', ("wildcards", "standard")),
    ],
)
def test_a_line_that_a_rule_lost_is_noticed(rule, line, lost):
    """Without the line of an optional input, a user's list of removed outlines would be ignored without a word."""
    assert line in TEXTS[rule]
    assert lost in mismatches(rule, TEXTS[rule].replace(line, ""))


@pytest.mark.parametrize("verb", sorted(registry.ROOM_OF))
def test_every_parameter_of_the_verb_is_in_its_command(verb):
    places = {Input: "input.{}", Output: "output.{}", type(None): "wildcards.{}"}
    expected = ["--log {log:q}"]
    for name, parameter in signature.all_parameters(registry.load(verb)).items():
        if isinstance(parameter.marker, Setting):
            expected.append("--settings {params.settings:q}")
        else:
            many = parameter.marker is None and parameter.is_list
            place = "params.{}" if many else places[type(parameter.marker)]
            expected.append(f"--{name.replace('_', '-')} {{{place.format(name)}:q}}")
    head, *options = commands()[verb].split(" --")
    assert head == f"lobate {verb.replace('_', '-')}"
    assert sorted(f"--{option}" for option in options) == sorted(set(expected))


@pytest.mark.parametrize("rule", sorted(TEXTS))
def test_memory_and_time_grow_after_a_failure(rule):
    assert re.search(r"mem_mb=memory\(", TEXTS[rule])
    assert re.search(r"runtime=minutes\(", TEXTS[rule])


@pytest.mark.parametrize("rule", [name for name, text in TEXTS.items() if "gpu=" in text])
def test_what_needs_a_gpu_needs_little_time_where_the_store_has_it(rule):
    assert re.search(rf'gpu=gpu\("{rule}"', TEXTS[rule])
    assert re.search(rf'runtime=minutes\([^,]+, "{rule}"', TEXTS[rule])


def test_a_snakemake_without_lobate_says_how_to_get_it(project, tmp_path):
    """As where someone calls the Snakemake of another environment: here an import that fails as it would there."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['lobate'] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "-n"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "lobate is not installed for" in done.stderr and ".venv/bin/snakemake" in done.stderr
    assert "Traceback" not in done.stderr


def plan(project: Path, folder: Path, *configs: Path) -> str:
    """Plan the tiny region's first label raster in a folder of its own; return what the dry run prints."""
    words = ["-n", "-p", "--snakefile", project / "Snakefile", "--directory", folder, "--workflow-profile", "none"]
    words += ["--cores", "1", "--configfile", project / "tests/conf/tiny.yaml", *configs]
    command = [sys.executable, "-m", "snakemake", *words, "--", "results/tiny/labels/T44SPC.tif"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_dry_run_never_changes_the_settings_of_another_run(project, tmp_path):
    """Settings are written while rules are parsed, before Snakemake's lock, and jobs of a run in progress read them."""
    first = plan(project, tmp_path)
    (settings,) = (tmp_path / "results/tiny/settings").iterdir()
    before = settings.read_bytes(), settings.stat()
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("labels: {ring_m: 20}\n")
    second = plan(project, tmp_path, overlay)
    assert (settings.read_bytes(), settings.stat()) == before
    (other,) = set((tmp_path / "results/tiny/settings").iterdir()) - {settings}
    assert json.loads(other.read_text())["labels"]["ring_m"] == 20
    assert f"--settings results/tiny/settings/{settings.name}" in first
    assert f"--settings results/tiny/settings/{other.name}" in second
    assert not (tmp_path / "results/tiny/settings.json").exists(), "only a run that has jobs to do writes it"


def test_the_cluster_profile_names_every_rule_that_asks_for_a_gpu(project):
    rules = "\n".join(file.read_text() for file in sorted((project / "workflow/rules").glob("*.smk")))
    asking = {body.split(":")[0] for body in re.split(r"^ *rule ", rules, flags=re.M)[1:] if "gpu=gpu(" in body}
    profile = (project / "profiles/slurm/config.yaml").read_text()
    assert asking == set(re.findall(r"^#   (\w+): \{gpu_model: ", profile, re.M))
