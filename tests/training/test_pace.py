import io
import logging
from types import SimpleNamespace

from lobate.settings.training import Schedule
from lobate.training import pace as module
from lobate.training.pace import Pace
from lobate.training.team import Team

COURSE = SimpleNamespace(iteration=30, mean_loss=0.25)


def told(monkeypatch, capsys, caplog, *, terminal, course=COURSE):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: terminal, raising=False)
    caplog.set_level(logging.INFO, logger="lobate")
    with Pace(Schedule(iterations=100, batch=4), 2, SimpleNamespace(iteration=10, mean_loss=None)) as pace:
        pace.since -= 10.0
        pace.due(course)
        pace.tell(course)
    return capsys.readouterr().err, caplog.text


def test_a_log_gets_a_plain_line_and_no_bar(monkeypatch, capsys, caplog):
    shown, logged = told(monkeypatch, capsys, caplog, terminal=False)
    assert "round 2, iteration 30 of 100: loss 0.2500, 8.0 images/s, 35 s left" in logged
    assert shown == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys, caplog):
    shown, _ = told(monkeypatch, capsys, caplog, terminal=True)
    assert "30/100" in shown
    assert "round 2, loss 0.2500" in shown


def test_an_unknown_loss_is_called_so(monkeypatch, capsys, caplog):
    course = SimpleNamespace(iteration=30, mean_loss=None)
    assert "loss unknown" in told(monkeypatch, capsys, caplog, terminal=False, course=course)[1]


def test_only_the_leader_tells_and_only_in_time(monkeypatch):
    monkeypatch.setattr(module.sys, "stderr", io.StringIO())
    for team, waited, due in ((Team(), 0, False), (Team(), 61, True), (Team(1, 2), 61, False)):
        pace = Pace(Schedule(), 1, COURSE, team)
        pace.since -= waited
        assert pace.due(COURSE) is due
