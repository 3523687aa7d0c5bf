"""Notes of an earlier version, by path alone: they keep what they name, and accuse nobody in a shared store."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kept import key
from tests.store.clone_world import RESULT, World, refuses_edited

from lobate.io.digest import content_digest, text_digest
from lobate.store.store import Store


def earlier_note(store: Store, number: int, path: Path) -> None:
    """Write a link note as versions up to 2026 did: by the absolute path, without a clone."""
    (families,) = store.read_record(key(number))["outputs"].values()
    path = path.absolute()
    note = store.notes.file(text_digest(str(path)))
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"path": str(path), "digest": families[0][""], "key": key(number)}))


def made_by_earlier(world: World, number: int, path: Path = RESULT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([number]) * (1 + number))
    earlier_note(world.store, number, path)


def test_an_earlier_note_accuses_nobody_in_a_shared_store_and_becomes_the_clones_own_where_it_fits(world):
    with world.on("node1"):
        made_by_earlier(world, 0)
    with world.on("node2"):
        world.link(1, RESULT.with_name("other.tif"))
        RESULT.write_bytes(b"another file at the same path")
        world.check()
    with world.on("node1"):
        world.link(2, RESULT.with_name("other.tif"))
        world.check()
        assert world.store.linked_digest(RESULT) == content_digest(RESULT)
        assert refuses_edited(world)


def test_an_earlier_note_keeps_what_it_names_until_a_person_says_otherwise(world):
    with world.on("node1"):
        made_by_earlier(world, 0)
        assert world.gc().unseen == []
        assert world.has(0)
    with world.on_third_host():
        (clone,) = world.gc().unseen
        assert (clone.id, clone.results) == ("earlier", 1)
        assert world.has(0)
    with world.on("node1"):
        assert world.gc(forget=["earlier"]).unseen == []
        assert world.has(0), "it is here"
        RESULT.unlink()
        world.gc()
        assert world.has(0)
        world.gc(forget=["earlier"])
        assert world.has()


def test_an_earlier_note_on_a_result_that_was_linked_again_can_be_forgotten(world):
    with world.on("node1"):
        made_by_earlier(world, 0)
        world.link(1)
        assert [clone.id for clone in world.gc().unseen] == ["earlier"], "it may be another host's"
        assert world.has(0, 1)
        world.gc(forget=["earlier"])
        assert world.has(1)


def test_an_earlier_note_in_a_store_beside_the_results_is_the_clones_own(world):
    """As in `results/.store`: planned from, accused by and collected as before."""
    with world.on("node1"):
        Path("results").mkdir()
        world.store = Store(world.store.root.rename("results/.store").absolute())
        for number in range(3):
            made_by_earlier(world, number, RESULT.with_name(f"{number}.tif"))
        first, second, third = (RESULT.with_name(f"{number}.tif") for number in range(3))
        assert world.store.linked_digest(first) == content_digest(first)
        assert refuses_edited(world, first)
        second.unlink()
        world.link(3, third)
        assert world.gc().unseen == []
        assert world.has(0, 3)
