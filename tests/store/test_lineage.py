"""`lobate explain` names every stage behind a file, down to the raw data."""

from __future__ import annotations

import json
import shutil


def test_explain_names_every_step_down_to_the_raw_data(toy):
    toy.copy("out/in.txt", "--letter", "a")
    toy.run("copy", "--source", "out/in.txt", "--result", "out/two.txt", "--settings", "toy.json", "--letter", "A")
    text = toy.run("explain", "out/two.txt").stdout
    assert text.count("by copy") == 2
    assert "in.txt" in text
    assert "(raw data)" in text
    tree = json.loads(toy.run("explain", "out/two.txt", "--json").stdout)
    assert tree["scalars"] == {"letter": "A"}
    assert tree["inputs"]["source"][0]["inputs"]["source"][0]["path"] == "in.txt"
    moved = toy.folder / "moved.txt"
    shutil.copy(toy.folder / "out/two.txt", moved)
    assert "by copy" in toy.run("explain", "moved.txt").stdout


def test_explain_refuses_what_it_did_not_make(toy):
    toy.copy()
    done = toy.run("explain", "in.txt")
    assert (done.returncode, "Nothing in the store" in done.stderr) == (2, True)
