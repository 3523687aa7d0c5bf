"""What a record of the store must look like: a name in it becomes a path, so nothing else is believed."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

DIGEST = re.compile("[0-9a-f]{64}")
"""Names of objects and recipes; a network file system may leave files of its own beside them."""
FAMILIES = "outputs"


def digests(known: dict[str, Any]) -> list[str]:
    """Return the objects that a record names."""
    return [digest for families in known[FAMILIES].values() for files in families for digest in files.values()]


def well_formed(known: Any, key: str) -> bool:
    """Whether this is a record with this key, whose outputs name objects and stay in their folders."""
    try:
        families = [files for listed in known[FAMILIES].values() for files in listed]
        sources = [one for listed in known["sources"].values() for one in listed]
        return (
            known["key"] == key
            and all(_is_digest(one) for one in digests(known))
            and all(_stays(name) for files in families for name in files)
            and all(isinstance(one["path"], str) and _is_digest(one["digest"]) for one in sources)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _stays(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name
