"""A stage computes what is new, restores what is in the store, and fails with one paragraph."""

from __future__ import annotations

import shutil
import time
from pathlib import Path


def test_second_run_restores_and_content_is_right(toy):
    assert toy.copy() == "computed"
    assert (toy.folder / "out/result.txt").read_text() == "APPLE\nAVOCADO\n0\n"
    (toy.folder / "out/result.txt").unlink()
    assert toy.copy() == "restored"
    assert (toy.folder / "out/result.txt").read_text() == "APPLE\nAVOCADO\n0\n"


def test_output_is_read_only_and_newer_than_its_inputs(toy):
    toy.copy()
    time.sleep(0.05)
    (toy.folder / "in.txt").touch()
    assert toy.copy() == "restored"
    result = toy.folder / "out/result.txt"
    assert result.stat().st_mode & 0o222 == 0
    assert result.stat().st_mtime_ns >= (toy.folder / "in.txt").stat().st_mtime_ns


def test_only_what_the_view_selects_counts(toy):
    toy.copy()
    (toy.folder / "in.txt").write_text("apple\ncherry\navocado\n")
    assert toy.copy() == "restored"
    (toy.folder / "in.txt").write_text("apple\ncherry\nalmond\n")
    assert toy.copy() == "computed"


def test_setting_changed_and_changed_back(toy):
    toy.copy()
    toy.settings(seed=7)
    assert toy.copy() == "computed"
    assert (toy.folder / "out/result.txt").read_text().endswith("7\n")
    toy.settings(seed=0)
    assert toy.copy() == "restored"
    toy.settings(seed=0, landform="cirque")
    assert toy.copy() == "restored"


def test_helper_edited_counts_and_comment_edited_does_not(toy):
    toy.copy()
    helper = toy.code / "lobate/toy_helper.py"
    helper.write_text(helper.read_text().replace("# loud", "# very loud").replace("(text)", "( text )"))
    verb = toy.code / "lobate/toy/verbs.py"
    verb.write_text(verb.read_text().replace("Copy what a view lets through.", "Another docstring."))
    assert toy.copy() == "restored"
    helper.write_text(helper.read_text().replace("upper()", "lower()"))
    assert toy.copy() == "computed"
    assert (toy.folder / "out/result.txt").read_text().startswith("apple")


def test_another_place_with_the_old_store(toy):
    toy.copy()
    moved = toy.folder / "elsewhere" / "in.txt"
    moved.parent.mkdir()
    shutil.copy(toy.folder / "in.txt", moved)
    done = toy.run("copy", "--source", moved, "--result", "there/result.txt", "--settings", "toy.json")
    assert done.stderr.startswith("restored copy ")


def test_mistake_is_a_paragraph_with_status_2_and_nothing_written(toy):
    (toy.folder / "in.txt").write_text("a bad apple\n")
    done = toy.run(
        "copy", "--source", "in.txt", "--result", "out/result.txt", "--settings", "toy.json", "--log", "log.txt"
    )
    assert done.returncode == 2
    assert done.stderr == "Error: The source holds the word bad. Take it out.\n"
    assert (toy.folder / "log.txt").read_text() == done.stderr
    assert not (toy.folder / "out").exists()
    assert not toy.objects()
    assert not list((toy.folder / "store/work").iterdir())


def test_killed_job_leaves_nothing_and_the_next_run_is_right(toy):
    process = toy.start(
        "copy", "--source", "in.txt", "--result", "out/result.txt", "--settings", "toy.json", TOY_SLEEP="60"
    )
    while not list((toy.folder / "store").glob("work/*/made/result/0/result.txt")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert not (toy.folder / "out").exists()
    assert not toy.objects()
    assert toy.copy() == "computed"
    toy.run("store", "gc")
    assert not list((toy.folder / "store/work").iterdir())


def test_two_jobs_on_one_key_both_succeed(toy):
    words = ("copy", "--source", "in.txt", "--settings", "toy.json", "--result")
    both = [toy.start(*words, f"out/{n}/result.txt", TOY_SLEEP="1") for n in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    contents = {(toy.folder / f"out/{n}/result.txt").read_text() for n in range(2)}
    assert contents == {"APPLE\nAVOCADO\n0\n"}
    assert len(toy.objects()) == 1


def test_alternative_has_its_own_key_and_the_goal_has_none(toy):
    (toy.folder / "score.txt").write_text("0.7")
    words = ("total", "--sources", "score.txt", "--settings", "toy.json", "--folder", "out/folder")

    def stage(goal: float) -> list[str]:
        toy.settings(training={"target_iou": goal})
        return toy.run(*words).stderr.split()[:2]

    assert stage(0.8) == ["computed", "total"]
    assert (toy.folder / "out/folder/deep/score.txt").read_text() == "0.7"
    assert stage(0.6) == ["computed", "skip"]
    assert (toy.folder / "out/folder/skipped").exists()
    assert not (toy.folder / "out/folder/deep").exists()
    assert stage(0.9) == ["restored", "total"]
    assert stage(0.5) == ["restored", "skip"]


def test_shapefile_travels_whole_and_editable(toy):
    for suffix in ("shp", "dbf", "shx"):
        (toy.folder / f"p.{suffix}").write_text(suffix)
    words = ("shape", "--source", "p.shp", "--result", "out/q.shp")
    assert toy.run(*words).stderr.startswith("computed")
    (toy.folder / "p.dbf").write_text("changed")
    assert toy.run(*words).stderr.startswith("computed")
    made = toy.folder / "out"
    assert sorted(one.name for one in made.iterdir()) == ["q.dbf", "q.shp", "q.shx"]
    assert (made / "q.dbf").read_text() == "changed"
    (made / "q.dbf").write_text("edited by hand")
    assert toy.run("shape", "--source", "out/q.shp", "--result", "r.shp", "--other").stderr.startswith("computed")


def test_full_disk_is_a_paragraph(toy, monkeypatch):
    from lobate.errors import UserError
    from lobate.store.os_errors import convert_os_errors

    try:
        with convert_os_errors(Path("some/store")):
            raise OSError(28, "No space left on device")
    except UserError as mistake:
        assert "some/store" in str(mistake) and "full" in str(mistake)
    else:
        raise AssertionError("a full disk passed unnoticed")


def test_verb_that_asks_the_world_runs_each_time_and_leaves_nothing_in_the_store(toy):
    for _ in range(2):
        done = toy.run("ask", "--source", "in.txt", "--result", "new/folder/r.txt", "--settings", "toy.json")
        assert (done.returncode, done.stderr) == (0, "ran ask\n")
    assert (toy.folder / "new/folder/r.txt").read_text() == "asked 0\nasked 0\n"
    assert toy.objects() == []
    missing = toy.run("ask", "--source", "no.txt", "--result", "other/r.txt", "--settings", "toy.json")
    assert (missing.returncode, "no.txt does not exist" in missing.stderr) == (2, True)
    assert not (toy.folder / "other").exists()


def test_verb_without_its_settings_says_what_it_needs(toy):
    done = toy.run("needy", "--result", "r.txt")
    assert (done.returncode, "lobate needy needs --settings FILE" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
