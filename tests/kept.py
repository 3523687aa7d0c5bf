"""A store with a few small objects, each of a recipe of its own."""

from __future__ import annotations

from pathlib import Path

from lobate.store.store import Store


def filled(folder: Path, number: int) -> Store:
    store = Store(folder / "store")
    for index in range(number):
        publish(store, index, folder)
    return store


def publish(store: Store, number: int, folder: Path) -> None:
    made = folder / "made.bin"
    made.write_bytes(bytes([number]) * (1 + number))
    store.commit(key(number), {"recipe": {}, "sources": {}, "run": {}}, {"made": [made]})


def key(number: int) -> str:
    return f"{number:064x}"
