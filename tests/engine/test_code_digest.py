"""One digest covers exactly the code that a verb can reach; its libraries have their versions."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lobate.engine import ast_cache, code_digest, registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "lobate"
    files = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/verb.py": "import numpy\nfrom lobate.a import near\ndef f():\n    from lobate.b.far import x\n",
        "a/near.py": "'''Doc.'''\nfrom ..b import other as y\nLIMIT = 3\n",
        "b/__init__.py": "",
        "b/far.py": "import yaml, os.path\nx = 1\n",
        "b/other.py": "z = 1\n",
        "b/unrelated.py": "import torch\n",
        "settings/__init__.py": "",
        "settings/c.py": "q = 1\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(ast_cache, "ROOT", root)

    def fresh() -> None:
        inner = (
            code_digest.reachable_modules,
            ast_cache.source_file,
            ast_cache.parsed_module,
            ast_cache._cache,
            code_digest._imported_names,
        )
        for one in (code_digest.code_digest, code_digest.libraries, *inner):
            one.cache_clear()

    fresh()
    yield root, fresh
    fresh()


VERB = frozenset({"lobate.a.verb"})


def digest_after(package, file, text):
    root, fresh = package
    before = code_digest.code_digest(VERB)
    (root / file).write_text(text)
    fresh()
    return before, code_digest.code_digest(VERB)


@pytest.mark.parametrize(
    ("file", "text", "counts"),
    [
        ("a/near.py", "'''Other doc.'''\nfrom ..b import other as y\n\n\nLIMIT = (3)  # why\n", False),
        ("a/near.py", "from ..b import other as y\nLIMIT = 4\n", True),
        ("b/far.py", "import yaml, os.path\nx = 2\n", True),
        ("b/other.py", "z = 2\n", True),
        ("b/__init__.py", "w = 1\n", True),
        ("b/unrelated.py", "import torch\nw = 1\n", False),
        ("settings/c.py", "q = 2\n", False),
    ],
)
def test_only_reachable_code_counts(package, file, text, counts):
    before, after = digest_after(package, file, text)
    assert (before != after) == counts


def test_libraries_are_those_of_reachable_code(package):
    assert list(code_digest.libraries(VERB)) == ["PyYAML", "numpy"]


def test_description_of_a_setting_is_a_docstring(package):
    before, after = digest_after(package, "a/near.py", "from ..b import other as y\nLIMIT = 3\n'''What it means.'''\n")
    assert before == after


@pytest.mark.parametrize("verb", sorted(registry.ROOM_OF))
def test_torch_is_not_imported_before_a_verb_runs(verb):
    """A job whose result is in the store must not pay for it, nor must parsing the rules."""
    heavy = "{'torch', 'matplotlib', 'timm', 'scipy', 'exactextract'}"
    code = f"import sys; from lobate.engine import registry; registry.load({verb!r}); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_of_other_languages_in_a_package_are_code(package):
    before, after = digest_after(package, "a/page.js", "let x = 1;")
    assert before != after
    same, unrelated = digest_after(package, "a/notes.txt", "nothing that runs")
    assert same == unrelated == after


def test_no_library_has_to_be_looked_for_among_all_that_are_installed(monkeypatch):
    monkeypatch.setattr(code_digest.metadata, "packages_distributions", lambda: pytest.fail("add it to DISTRIBUTIONS"))
    code_digest._installed_version.cache_clear()
    for verb in registry.ROOM_OF:
        code_digest.libraries.__wrapped__(frozenset({registry.load(verb).__module__}))
