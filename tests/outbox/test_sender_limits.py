"""The arithmetic of a sender's limited rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from smsbot.outbox.pacing import allowance
from smsbot.rules.rate_limit import SENDER_CREDIT
from tests.lines import every_line

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@every_line(
    ("free_at", "per_second", "messages"),
    [
        (None, 1, 1),
        (None, 8, 1),
        (None, 100, 11),
        (NOW - timedelta(days=1), 100, 11),
        (NOW, 100, 1),
        (NOW, 0.5, 1),
        (NOW + seconds(0.001), 100, 0),
        (NOW + seconds(1.9), 0.5, 0),
        (NOW + seconds(3600), 1, 1),  # the clock was an hour ahead
    ],
)
def test_what_may_go_now(free_at: datetime | None, per_second: float, messages: int) -> None:
    assert allowance(free_at, NOW, per_second).number == messages


def test_each_message_moves_the_next_on() -> None:
    allowed = allowance(NOW, NOW, 4)
    assert [allowed.free_at_after(taken) - NOW for taken in range(3)] == [seconds(0), seconds(0.25), seconds(0.5)]


@given(
    per_second=st.floats(0.1, 500),
    looks=st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
    shares=st.lists(st.floats(0, 1), min_size=200, max_size=200),
)
def test_the_rate_is_never_exceeded_whenever_one_looks(
    per_second: float, looks: list[float], shares: list[float]
) -> None:
    now, free_at, sent = NOW, None, 0
    for wait, share in zip(looks, shares, strict=False):
        now += seconds(wait)
        allowed = allowance(free_at, now, per_second)
        taken = round(allowed.number * share)
        free_at = allowed.free_at_after(taken)
        sent += taken
    assert sent <= ((now - NOW + SENDER_CREDIT).total_seconds() * per_second) + 1.01


@given(
    per_second=st.floats(0.5, 100),
    skews=st.lists(st.floats(-10, 10), min_size=2, max_size=4),
    turns=st.lists(st.integers(0, 3), min_size=50, max_size=400),
)
def test_machines_whose_clocks_differ_keep_one_rate(per_second: float, skews: list[float], turns: list[int]) -> None:
    free_at, sent = None, 0
    for turn, machine in enumerate(turns):
        allowed = allowance(free_at, NOW + seconds(turn / 20 + skews[machine % len(skews)]), per_second)
        free_at = allowed.free_at_after(allowed.number)
        sent += allowed.number
    span = len(turns) / 20 + max(skews) - min(skews)
    assert sent <= (span + SENDER_CREDIT.total_seconds()) * per_second + 1.01


@given(per_second=st.floats(0.5, 200))
def test_whoever_looks_when_told_to_sends_at_the_rate(per_second: float) -> None:
    now, free_at, sent = NOW, None, 0
    while now < NOW + seconds(10):
        allowed = allowance(free_at, now, per_second)
        sent += allowed.number
        free_at = now = allowed.free_at_after(allowed.number)
    assert sent >= int(10 * per_second)
