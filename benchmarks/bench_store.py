"""A store of 100,000 objects, 100 GB of them sparse: counting, collecting and linking."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.figures import Figure, measures, seconds
from lobate.care import collect, usage, verify
from lobate.digests import file_digest, text_digest
from lobate.store import Store, Target

OBJECTS = 100_000
SPARSE = 100
LIMIT = "100,000 objects"


@measures
def store(folder: Path) -> dict[str, Figure]:
    """`store du`, `verify`, linking and `gc`, half of whose objects still have their result."""
    kept = Store(folder / "store")
    keys = [_published(kept, number) for number in range(OBJECTS - SPARSE)]
    for number in range(SPARSE):  # their names are not their digests: nobody links or reads them here
        with _room(kept.object(text_digest(f"sparse {number}"))).open("wb") as file:
            file.truncate(1 << 30)
    results = [folder / f"results/{number % 500}/{number}" for number in range(len(keys))]
    linked = seconds(lambda: _link(kept, keys, results))
    du = seconds(lambda: usage(kept))
    for path in results[::2]:
        path.unlink()
    dry = seconds(lambda: collect(kept, dry_run=True))
    gc = seconds(lambda: collect(kept))
    read = seconds(lambda: verify(kept))
    return {
        "store_link_100k_s": Figure(linked, "s", "read and link out 100,000 results of some bytes each", LIMIT),
        "store_du_100k_s": Figure(du, "s", "lobate store du", f"{LIMIT}, 100 GB sparse"),
        "store_gc_dry_100k_s": Figure(dry, "s", "lobate store gc --dry-run, half may go", f"{LIMIT}, 100 GB sparse"),
        "store_gc_100k_s": Figure(gc, "s", "lobate store gc, half go", f"{LIMIT}, 100 GB sparse"),
        "store_verify_50k_s": Figure(read, "s", "lobate store verify, what gc left", "50,000 objects"),
    }


def _published(kept: Store, number: int) -> str:
    """Write an object, its recipe and its maker as a stage would, but without waiting for the disk."""
    content = b"%d\n" % number * (number % 150)
    key, made = text_digest(f"key {number}"), kept.root / "made.bin"
    made.parent.mkdir(exist_ok=True)
    made.write_bytes(content or b"%d" % number)
    digest = file_digest(made)
    made.replace(_room(kept.object(digest)))
    record = {"key": key, "outputs": {"made": [{"": digest}]}, "sources": {}, "recipe": {}, "run": {}}
    _room(kept.recipe(key)).write_text(json.dumps(record))
    _room(kept.makers(digest) / key).touch()
    return key


def _room(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _link(kept: Store, keys: list[str], results: list[Path]) -> None:
    for key, path in zip(keys, results, strict=True):
        if not kept.restore(key, {"made": [Target(path)]}):
            raise RuntimeError(f"{path} was not restored")
