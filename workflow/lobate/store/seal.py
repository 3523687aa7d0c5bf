"""The digest that a record says of itself: a flipped bit may leave a record that looks sound."""

from __future__ import annotations

import json
from typing import Any

from lobate.io.digest import canonical_json, text_digest

SEAL = "sha256"
"""Member of a record: the digest of its other members."""


def seal(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record, as JSON gives it back, with the digest of its members."""
    record = json.loads(canonical_json(record))
    return {**record, SEAL: text_digest(canonical_json(record))}


def unseal(record: Any) -> Any:
    """Return a record without its digest; None if the digest is that of another. Earlier releases wrote none."""
    if not isinstance(record, dict) or SEAL not in record:
        return record
    digest = record.pop(SEAL)
    return record if digest == text_digest(canonical_json(record)) else None
