"""Settings that the library's messages name are settings of a configuration."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import lobate
from lobate.settings import Region, load

PACKAGE = Path(lobate.__file__).parent
SECTIONS = "imagery|labels|patches|training|mapping|inventory|figures"
FILES = {"inventory.gpkg", "inventory.parquet", "inventory.csv"}


def messages(file: Path) -> list[str]:
    """Return the texts of a module that a person may read: its strings, with the parts of one message joined."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            texts.append(node.value)
    return texts


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_each_setting_in_a_message_can_be_set(file):
    named = {
        name
        for text in messages(file)
        for name in re.findall(rf"(?<![\w./`<-])((?:{SECTIONS})\.[a-z_]+(?:\.[a-z_]+)*)(?![\w/]|\.\w)", text)
    }
    for name in named - FILES:
        *place, key = name.split(".")
        assert key in load._known_keys(Region, place), f"{file.name} names the setting {name}"
