"""The generated parts of the documentation are committed, and equal to what the library gives."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from lobate.engine import registry
from lobate.engine.signature import parameters

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(DOCS))
    try:
        import reference
    finally:
        sys.path.remove(str(DOCS))
    return reference


@pytest.mark.parametrize("name", ["configuration.md", "verbs.md"])
def test_a_generated_page_is_the_committed_one(reference, name):
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == reference.page(name), f"docs/{name} is out of date: run make reference, and commit the page"


def test_make_reference_writes_the_pages(reference):
    assert "python docs/reference.py" in (PROJECT / "Makefile").read_text()
    assert set(reference.PAGES) == {"configuration.md", "verbs.md"}


def test_the_text_above_the_generated_part_is_kept(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "DOCS", tmp_path)
    (tmp_path / "verbs.md").write_text(f"# Mine\n\n{reference.BEGIN}\nout of date\n")
    written = reference.page("verbs.md")
    assert written.startswith(f"# Mine\n\n{reference.BEGIN}\n\n## example\n")
    assert "out of date" not in written


def _key(field):
    """The key of a setting in a configuration: its name, or its alias where the name is a word of Python."""
    aliases = [word.value for word in ast.walk(field) if isinstance(word, ast.keyword) and word.arg == "alias"]
    return aliases[0].value if aliases else field.target.id


def test_every_setting_has_a_row(reference):
    text = reference.settings_reference()
    for file in (PROJECT / "workflow/lobate/settings").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "Section" for base in node.bases):
                fields = [_key(field) for field in node.body if isinstance(field, ast.AnnAssign)]
                assert all(f"| `{field}` |" in text for field in fields), (node.name, fields)


def test_defaults_and_limits_are_the_models(reference):
    text = reference.settings_reference()
    rows = {line.split(" | ")[0]: line for line in text.splitlines()}
    assert "| whole number | `30000` | >= 1 |" in rows["| `iterations`"]
    assert "`random`, `grouped`, `blocks`, `field`" in text
    assert "must be given" in rows["| `positives`"]


def test_each_section_of_the_settings_is_linked_and_each_link_has_its_section(reference):
    text = reference.settings_reference()
    headings = {re.sub(r"[^a-z_-]", "", heading) for heading in re.findall(r"^## `(.+)`$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) == headings


def test_verbs_stand_by_room_in_the_registrys_order(reference):
    text = reference.verbs_reference()
    assert re.findall(r"^## (\w+)$", text, re.M) == list(registry.ROOMS)
    verbs = [verb.replace("-", "_") for verb in re.findall(r"^\| `([a-z-]+)` \|", text, re.M)]
    assert verbs == list(registry.ROOM_OF)


def test_a_verbs_row_names_all_its_files(reference):
    rows = reference.verbs_reference().splitlines()
    for verb in registry.ROOM_OF:
        row = next(row for row in rows if row.startswith(f"| `{verb.replace('_', '-')}` |"))
        files = [
            name
            for name, found in parameters(registry.load(verb)).items()
            if type(found.marker).__name__ in ("Input", "Output")
        ]
        assert all(f"`{name}`" in row for name in files), verb


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("goes to results/<region>", "goes to results/&lt;region>"),
        ("see `resources/<scene>`\nand ``x < 3``", "see `resources/<scene>` and `x < 3`"),
        ("a < b", "a < b"),
    ],
)
def test_no_text_of_the_library_becomes_a_tag(reference, text, markdown):
    assert reference._text(text) == markdown
