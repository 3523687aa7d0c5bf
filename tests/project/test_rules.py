"""Rule = verb = function: a rule names its files as the verb's function does, and asks for resources as all do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lobate.engine import registry, signature
from lobate.engine.signature import Input, Output

RULES = Path(__file__).resolve().parents[2] / "workflow" / "rules"
TEXTS = {
    name: text
    for file in sorted(RULES.glob("*.smk"))
    for name, text in re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)*)", file.read_text(), re.M)
}
NO_VERB = {"rule_graph"}
INDENTED = {"make_example"}
"""Rules that stand there only for some regions."""


def names(rule: str, section: str) -> set[str]:
    found = re.search(rf"^    {section}:\n((?:        .*\n)+)", TEXTS[rule], re.M)
    return set(re.findall(r"^        (\w+)=", found[1], re.M)) if found else set()


def marked(verb: str, marker: type) -> set[str]:
    return {
        name for name, one in signature.all_parameters(registry.load(verb)).items() if isinstance(one.marker, marker)
    }


def test_every_verb_has_its_rule_and_every_rule_its_verb():
    assert set(TEXTS) - NO_VERB == set(registry.ROOM_OF) - INDENTED


@pytest.mark.parametrize("rule", sorted(set(TEXTS) - NO_VERB))
def test_files_are_named_as_the_verb_names_them(rule):
    assert names(rule, "input") <= marked(rule, Input)
    assert names(rule, "output") == marked(rule, Output)


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
