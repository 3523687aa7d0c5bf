"""A log gets few plain lines, a terminal a bar that is gone at the end."""

import io
import logging

import pytest

from lobate.network import progress
from lobate.network.progress import Progress, bar, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch):
    """What the command line set up in tests before this one does not count."""
    logger = logging.getLogger("lobate")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is ten seconds after the last one."""
    ticks = iter(range(0, 100_000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))


def run(total):
    with Progress(total, "rows") as told:
        for done in range(1, total + 1):
            told.at(done)


def test_a_log_gets_a_line_every_tenth(clock, caplog):
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(1000)
    assert len(caplog.messages) == 10
    assert caplog.messages[0] == "10 % of the rows done, about 90 s left."
    assert caplog.messages[4] == "50 % of the rows done, about 50 s left."
    assert caplog.messages[-1] == "100 % of the rows done, in 2 min."


def test_a_few_parts_get_a_line_each(clock, caplog):
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(3)
    assert [text.split(" %")[0] for text in caplog.messages] == ["33", "66", "100"]


def test_a_terminal_gets_a_bar_that_is_wiped(clock, caplog, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with caplog.at_level(logging.INFO, logger="lobate"):
        run(4)
    assert caplog.messages == []
    shown = terminal.getvalue()
    assert f"{bar(0.5)} 50 % of the rows done, about 20 s left" in shown
    assert "\n" not in shown and shown.endswith("\r\x1b[K")


def test_a_terminal_that_has_a_log_file_too_is_left_alone(clock, tmp_path, monkeypatch, caplog):
    terminal = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    logger, handler = logging.getLogger("lobate"), logging.FileHandler(tmp_path / "log.txt")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, logger="lobate"):
            run(4)
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert terminal.getvalue() == ""
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 4


def test_bars():
    assert (bar(0), bar(0.5), bar(1)) == ("[" + "." * 30 + "]", "[" + "#" * 15 + "." * 15 + "]", "[" + "#" * 30 + "]")


def test_durations():
    said = {3.4: "3 s", 99: "99 s", 100: "2 min", 3600: "60 min", 7500: "2 h 05 min"}
    assert {seconds: duration(seconds) for seconds in said} == said
