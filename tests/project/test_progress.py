"""A log gets few plain lines, a terminal bars that are gone at the end."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
from math import inf
from types import SimpleNamespace

import pytest

from lobate import progress
from lobate.imagery.fetching.download import transfer_progress
from lobate.progress import Progress, duration


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch):
    """What the command line set up in tests before this one does not count."""
    logger = logging.getLogger("lobate")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until a test sets it; rich keeps its own."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def open_terminal(monkeypatch, *, is_terminal=True):
    """Put a terminal in the place of standard error; in a fixture, pytest would put its own there again."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return terminal


@pytest.fixture
def log_file(tmp_path):
    logger, handler = logging.getLogger("lobate"), logging.FileHandler(tmp_path / "log.txt")
    logger.addHandler(handler)
    yield tmp_path / "log.txt"
    logger.removeHandler(handler)
    handler.close()


def run(clock, total, seconds, until=None):
    with Progress(unit="rows") as shown:
        rows = shown.task("rows", total)
        for done in range(1, (until or total) + 1):
            clock.now = seconds * done / total
            rows.update(done)


def test_a_log_gets_a_line_every_tenth(clock, caplog):
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(clock, 1000, 100)
    assert len(caplog.messages) == 10
    assert caplog.messages[0] == "10 % of the rows done, about 90 s left."
    assert caplog.messages[4] == "50 % of the rows done, about 50 s left."
    assert caplog.messages[-1] == "100 % of the rows done, in 2 min."


def test_a_few_parts_get_a_line_each(clock, caplog):
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(clock, 3, 100)
    assert [text.split(" %")[0] for text in caplog.messages] == ["33", "66", "100"]


def test_a_terminal_gets_a_bar_that_is_wiped(clock, caplog, monkeypatch):
    terminal = open_terminal(monkeypatch)
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(clock, 4, 40, until=2)
    assert caplog.messages == []
    shown = terminal.getvalue()
    assert all(text in shown for text in ("rows", "2/4", "0.1 rows/s, about 20 s left"))
    assert shown.rstrip("\r").endswith("\x1b[1A\x1b[2K")


def test_a_terminal_that_has_a_log_file_too_is_left_alone(clock, caplog, monkeypatch, log_file):
    terminal = open_terminal(monkeypatch)
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(clock, 4, 40)
    assert terminal.getvalue() == ""
    assert len(log_file.read_text().splitlines()) == 4


@pytest.mark.parametrize(("bars", "is_shown"), [("always", True), ("auto", False), ("never", False)])
def test_a_task_may_ask_for_its_bar_beside_a_log_file_or_for_none(monkeypatch, log_file, bars, is_shown):
    terminal = open_terminal(monkeypatch)
    with Progress(bars=bars, every_s=inf) as shown:
        shown.task("round 1", 100, 30)
    assert ("30/100" in terminal.getvalue()) == is_shown
    assert log_file.read_text() == ""


def test_durations():
    said = {3.4: "3 s", 99: "99 s", 100: "2 min", 3600: "60 min", 7500: "2 h 05 min"}
    assert {seconds: duration(seconds) for seconds in said} == said


def test_each_file_gets_a_line_every_fifteen_seconds(clock, caplog):
    with caplog.at_level(logging.INFO), transfer_progress("S2A") as shown:
        files = shown.task("B04.tif", 60 * 10**6), shown.task("SCL.tif", None)
        for second in range(37):
            clock.now = second
            files[0].update(second * 10**6)
            files[1].update(second * 10**5)
    assert caplog.messages == [
        "S2A: B04.tif: 15.0 of 60.0 MB (25 %)",
        "S2A: SCL.tif: 1.5 MB",
        "S2A: B04.tif: 30.0 of 60.0 MB (50 %)",
        "S2A: SCL.tif: 3.0 MB",
    ]


@pytest.mark.parametrize(("is_terminal", "is_logged"), [(True, False), (False, False), (True, True)])
def test_a_terminal_gets_a_bar_for_each_file_unless_there_is_a_log(monkeypatch, clock, request, is_terminal, is_logged):
    terminal = open_terminal(monkeypatch, is_terminal=is_terminal)
    if is_logged:
        request.getfixturevalue("log_file")
    with transfer_progress("[S2A]") as shown:
        files = shown.task("B04.tif", None), shown.task("SCL.tif", 2 * 10**6)
        clock.now = 2.0
        files[0].update(3 * 10**6)
        shown.task("B04.tif", 10 * 10**6, 4 * 10**6)  # the connection broke, and the transfer goes on
        clock.now = 3.0
        files[0].update(5 * 10**6)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    is_shown = is_terminal and not is_logged
    assert ("[S2A] SCL.tif" in text) == is_shown
    assert ("5.0/10.0 MB 1.0 MB/s, about 5 s left" in text) == is_shown
    assert is_shown or text == ""


def test_a_transfer_that_goes_on_keeps_the_time_of_its_last_line(clock, caplog):
    with caplog.at_level(logging.INFO), transfer_progress("S2A") as shown:
        shown.task("B04.tif", 40 * 10**6).update(10**6)
        clock.now = 10
        shown.task("B04.tif", 40 * 10**6, 10**7)
        clock.now = 16
        shown.task("B04.tif", 40 * 10**6, 2 * 10**7)
    assert caplog.messages == ["S2A: B04.tif: 20.0 of 40.0 MB (50 %)"]


def test_rich_is_imported_where_a_bar_is_shown_only():
    code = "import sys, lobate.progress as p; p.Progress().__enter__().task('rows', 2).update(1); print('rich' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"
