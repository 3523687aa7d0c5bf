"""A store of 100,000 objects, 100 GB of them sparse: counting, verifying, collecting and linking."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, measures, ratio, seconds
from lobate.io.digest import text_digest
from lobate.store.clones import own_clone
from lobate.store.gc import collect
from lobate.store.store import OutputTarget, Store
from lobate.store.verify import disk_usage, verify

OBJECTS = 100_000
SPARSE, SPARSE_BYTES, LARGE = 100, 10**9, 4
LINKS = 500
LIMIT = "100,000 objects, 100 GB sparse"


@measures
def store(folder: Path) -> dict[str, Figure]:
    """`store du`, `verify`, `gc` with half of the results gone, and linking from a store ten times as large."""
    small, kept = Store(folder / "small"), Store(folder / "store")
    few, keys = _filled(small, OBJECTS // 10), _filled(kept, OBJECTS - SPARSE)
    (folder / "results").mkdir()
    own_clone(str(folder / "results/any"))
    _add_sparse(kept, keys[-1], SPARSE)
    results = [
        _linked(kept, key, folder / f"results/{one % 500}/{one}") for one, key in enumerate(keys) if one >= LINKS
    ]
    many = _links(kept, keys[:LINKS], folder / "many")
    growth = ratio(many, _links(small, few[:LINKS], folder / "few"))
    link = seconds(many)
    du = seconds(lambda: disk_usage(kept))
    read = seconds(lambda: verify(kept))
    large = Store(folder / "large")
    sparse = _add_sparse(large, _filled(large, 1)[0], LARGE)
    parallel = ratio(lambda: verify(large), lambda: _hashed(sparse), pairs=3)
    for path in results[::2]:
        path.unlink()
    dry = seconds(lambda: collect(kept, dry_run=True))
    gc = seconds(lambda: collect(kept))
    return {
        "store_link_ms": Figure(1000 * link / LINKS, "ms", f"read and link out one small result, of {LINKS}", LIMIT),
        "store_link_growth_10x": Figure(growth, "ratio", f"the same, {OBJECTS:,} objects over a tenth", "1"),
        "store_du_100k_s": Figure(du, "s", "lobate store du", LIMIT),
        "store_verify_100k_s": Figure(read, "s", "lobate store verify, every byte read", LIMIT),
        "store_verify_vs_sha256": Figure(
            parallel, "ratio", f"the same of {LARGE} GB, over hashing the files one by one", "1 / cores"
        ),
        "store_gc_dry_100k_s": Figure(dry, "s", "lobate store gc --dry-run, half may go", LIMIT),
        "store_gc_100k_s": Figure(gc, "s", "lobate store gc, half go", LIMIT),
    }


def _filled(kept: Store, number: int) -> list[str]:
    """Write objects, recipes and markers as stages would, without waiting for the disk; return the keys."""
    keys = []
    for one in range(number):
        content = b"%d\n" % one * (1 + one % 150)
        digest, key = hashlib.sha256(content).hexdigest(), text_digest(f"key {one}")
        record = {"key": key, "outputs": {"made": [{"": digest}]}, "sources": {}, "recipe": {}, "run": {}}
        _write(kept.object_path(digest), content)
        _write(kept.recipe_path(key), json.dumps(record).encode())
        _write(kept.backref_path(digest, key), b"")
        keys.append(key)
    return keys


def _add_sparse(kept: Store, key: str, number: int) -> list[Path]:
    """Add objects of zeros, each a byte longer than the one before, to what one recipe made; return them."""
    zeros, names = hashlib.sha256(bytes(SPARSE_BYTES)), {}
    known = json.loads(kept.recipe_path(key).read_bytes())
    for one in range(number):
        digest = names[f"{one}"] = zeros.hexdigest()
        _write(kept.object_path(digest), b"")
        os.truncate(kept.object_path(digest), SPARSE_BYTES + one)
        zeros.update(b"\0")
    known["outputs"]["sparse"] = [names]
    kept.recipe_path(key).write_text(json.dumps(known))
    return [kept.object_path(digest) for digest in names.values()]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)


def _linked(kept: Store, key: str, path: Path) -> Path:
    """Link a result and note it as a stage does, unmeasured and unread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = kept.read_record(key)
    digest = known["outputs"]["made"][0][""] if known else ""
    os.link(kept.object_path(digest), path)
    clone = own_clone(str(path))
    place = clone.place(str(path))
    note = {"path": str(path), "clone": clone.id, "place": place, "digest": digest, "key": key}
    _write(kept.notes.file_in_clone(clone.id, place), json.dumps(note).encode())
    return path


def _links(kept: Store, keys: list[str], results: Path) -> Callable[[], None]:
    """Return a function that links out results."""

    def work() -> None:
        for number, key in enumerate(keys):
            if not kept.checkout(key, {"made": [OutputTarget(results / f"{number}")]}):
                raise RuntimeError(f"{key} was not restored")

    return work


def _hashed(paths: list[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
