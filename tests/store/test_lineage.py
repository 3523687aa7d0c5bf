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


def test_explain_goes_back_as_many_stages_as_asked_and_counts_the_others(toy):
    toy.copy("out/1.txt", "--letter", "a")
    for number in (2, 3):
        words = ("--source", f"out/{number - 1}.txt", "--result", f"out/{number}.txt", "--letter", "A")
        assert toy.run("copy", *words, "--settings", "toy.json").returncode == 0
    texts = [toy.run("explain", "out/3.txt", "--depth", str(depth)).stdout for depth in (1, 2, 3, 9)]
    assert [text.count("by copy") for text in texts] == [1, 2, 3, 3]
    assert "out/2.txt" in texts[0] and "(made in 2 stages that are not shown)" in texts[0]
    assert "(made in 1 stage that are not shown)" not in texts[1]
    assert "(made in 1 stage that is not shown)" in texts[1]
    assert texts[2] == texts[3] == toy.run("explain", "out/3.txt").stdout
    tree = json.loads(toy.run("explain", "out/3.txt", "--depth", "1", "--json").stdout)
    assert tree["inputs"]["source"][0]["beyond"] == 2
    assert toy.run("explain", "out/3.txt", "--depth", "0").returncode == 2
