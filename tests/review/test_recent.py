"""Contents are kept up to a number of bytes, and those that were not used for longest go first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lobate.review.recent import Recent


def made_of(made: list[int], number: int, size: int = 10):
    return lambda: made.append(number) or bytes(size)


def test_what_was_used_last_stays_and_no_more_than_the_bytes():
    recent, made = Recent(100), []
    for number in range(10):
        recent.get(number, made_of(made, number))
    recent.get(0, made_of(made, 0))
    recent.get(10, made_of(made, 10))
    assert made == [*range(11)], "each was made once"
    recent.get(0, made_of(made, 0))
    assert made == [*range(11)], "0 was used after 1"
    recent.get(1, made_of(made, 1))
    assert made == [*range(11), 1], "1 had gone for 10"


def test_one_content_over_the_limit_is_returned_and_not_kept():
    recent, made = Recent(100), []
    for _ in range(2):
        assert len(recent.get("large", made_of(made, 0, 101))) == 101
    assert made == [0, 0]
    recent.get("small", made_of(made, 1))
    recent.get("small", made_of(made, 1))
    assert made == [0, 0, 1]


def test_a_content_without_bytes_is_kept_too():
    recent, made = Recent(100), []
    for _ in range(2):
        assert recent.get("none", made_of(made, 0, 0)) == b""
    assert made == [0]


def test_threads_share_it():
    recent = Recent(1000)
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda n: recent.get(n % 150, lambda: bytes([n % 150]) * 10), range(3000))]
    assert found == [bytes([n % 150]) * 10 for n in range(3000)]
    asked: list[int] = []
    for number in range(150):
        recent.get(number, made_of(asked, number))
    assert len(asked) >= 50, "no more than 100 of 150 were kept"
