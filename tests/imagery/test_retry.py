"""Exponential backoff, Retry-After, and stalled connections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lobate.imagery.fetching import retry
from lobate.imagery.fetching.retry import RetryableError, RetryPolicy, StallGuard, parse_retry_after


def test_waits_double_up_to_a_limit_and_are_always_the_same():
    waits = [RetryPolicy(max_wait_s=10).wait_s(failures, 0) for failures in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_the_server_may_ask_for_longer_but_not_for_ever():
    patient = RetryPolicy(max_wait_s=100)
    assert patient.wait_s(1, 30) == 30
    assert patient.wait_s(6, 5) == 32
    assert patient.wait_s(1, 86400) == 100


@pytest.mark.parametrize(("text", "seconds"), [("", 0), ("7", 7), (" 7 ", 7), ("-7", 0), ("soon", 0), ("1e9", 0)])
def test_seconds_that_a_server_asks_for(text, seconds):
    assert parse_retry_after(text) == seconds


def test_a_moment_that_a_server_asks_for():
    ahead = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < parse_retry_after(format_datetime(ahead, usegmt=True)) <= 90
    assert parse_retry_after(format_datetime(ahead - timedelta(hours=1), usegmt=True)) == 0


def test_a_drip_is_found_out_and_a_flow_is_not(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(retry, "monotonic", lambda: now[0])
    pace = StallGuard(10)
    for _ in range(50):
        now[0] += 1
        pace.check(2048)
    now[0] += 9
    pace.check(10)
    now[0] += 1
    with pytest.raises(RetryableError, match="only 20 bytes came in 10 s"):
        pace.check(10)
