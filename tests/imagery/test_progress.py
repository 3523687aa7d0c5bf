"""Bars on a terminal, lines in a log."""

from __future__ import annotations

import io
import logging

import pytest

from lobate.imagery.fetching import progress
from lobate.imagery.fetching.progress import Bars, Lines, shown


def test_a_log_gets_a_line_now_and_then(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    lines = Lines("S2A", every_s=10)
    with caplog.at_level(logging.INFO):
        for second in range(25):
            now[0] = second
            lines.at("B04.tif", second * 10**6, 40 * 10**6)
            lines.at("SCL.tif", second * 10**5, None)
    assert caplog.messages == [
        "S2A: B04.tif: 10.0 of 40.0 MB (25 %)",
        "S2A: SCL.tif: 1.0 MB",
        "S2A: B04.tif: 20.0 of 40.0 MB (50 %)",
        "S2A: SCL.tif: 2.0 MB",
    ]


@pytest.mark.parametrize(
    ("terminal", "logged", "kind"), [(True, False, Bars), (False, False, Lines), (True, True, Lines)]
)
def test_a_terminal_gets_bars_unless_there_is_a_log(monkeypatch, tmp_path, terminal, logged, kind):
    monkeypatch.setattr(
        progress.OURS, "handlers", [logging.FileHandler(tmp_path / "log", delay=True)] if logged else []
    )
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with shown("[S2A]") as progressing:
        assert type(progressing) is kind
        progressing.at("B04.tif", 0, None)
        progressing.at("B04.tif", 5 * 10**6, 10 * 10**6)
    assert ("[S2A] B04.tif" in stream.getvalue()) == (kind is Bars)
