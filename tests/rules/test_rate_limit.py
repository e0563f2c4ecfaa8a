"""The arithmetic of limited rates, with several events at once and with a clock of seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.failover import Pace
from smsbot.rules.rate_limit import SENDER_CREDIT, RateLimit

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_as_many_at_once_as_said_and_then_one_for_every_interval() -> None:
    limit, free_at = RateLimit.at_once(3, MINUTE), None
    for left in (3, 2, 1, 0):
        allowed = limit.allowance(free_at, NOW)
        assert allowed.number == left
        free_at = allowed.free_at_after(1) if left else free_at
    assert limit.allowance(free_at, NOW + MINUTE - timedelta(microseconds=1)).number == 0
    assert limit.allowance(free_at, NOW + MINUTE).number == 1
    assert limit.allowance(free_at, NOW + timedelta(days=30)).number == 3


@given(
    at_once=st.integers(1, 20),
    interval=st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1)),
    waits=st.lists(st.floats(0, 5), min_size=1, max_size=100),
)
def test_no_stretch_of_time_has_more_than_the_limit_allows(
    at_once: int, interval: timedelta, waits: list[float]
) -> None:
    limit, free_at, now = RateLimit.at_once(at_once, interval), None, NOW
    admitted: list[datetime] = []
    for wait in waits:
        now += wait * interval
        allowed = limit.allowance(free_at, now)
        if allowed.number:
            free_at = allowed.free_at_after(1)
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            assert last - first + 1 <= at_once + (end - start) // interval


@given(start=st.floats(0, 1e6), per_second=st.floats(0.1, 500), steps=st.lists(st.floats(0, 0.5), max_size=100))
def test_a_sender_in_the_memory_of_one_process_keeps_its_rate(
    start: float, per_second: float, steps: list[float]
) -> None:
    pace, now, sent = Pace(), start, 0
    for step in steps:
        now += step
        if not pace.wait("36105", now):
            pace.note("36105", now, per_second)
            sent += 1
    assert sent <= (now - start + SENDER_CREDIT.total_seconds()) * per_second + 1.01
    assert pace.wait("another", now) == 0
