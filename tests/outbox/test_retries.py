"""When a failed message is tried again, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.base import SendLater, SendRefused
from smsbot.outbox.messages import LANES, ClaimedMessage, Kind
from smsbot.outbox.outcomes import Postponed, Refused, Resting
from smsbot.outbox.pacing import after_failure, patience_for
from tests.lines import every_line

WRITTEN = datetime(2026, 5, 4, 10, tzinfo=UTC)

REFUSED = SendRefused("21610", "No.")
NOT_TAKEN = SendLater("503", "Not now.")


def message(kind: Kind = "reply", attempt: int = 1) -> ClaimedMessage:
    return ClaimedMessage(
        id=7,
        channel="sms",
        lane=LANES[kind],
        kind=kind,
        recipient="+33612345678",
        sender="36123",
        subject=None,
        body="Bonjour",
        html=None,
        calendar=None,
        calendar_method=None,
        reply_to=None,
        participation_id=None,
        created_at=WRITTEN,
        attempt=attempt,
        attempted_at=WRITTEN,
        repeats=0,
        gateway=None,
        in_doubt=False,
    )


def wait(kind: Kind, attempt: int, error: SendLater, drawn: float) -> float:
    outcome = after_failure(message(kind, attempt), error, WRITTEN, lambda: drawn)
    assert isinstance(outcome, Postponed)
    assert not outcome.is_repetition
    return (outcome.due_at - WRITTEN).total_seconds()


@every_line(
    ("kind", "attempt", "error", "drawn", "seconds"),
    [
        ("reply", 1, NOT_TAKEN, 0.0, 0.0),
        ("reply", 1, NOT_TAKEN, 0.5, 0.5),
        ("reply", 2, NOT_TAKEN, 0.5, 1.0),
        ("reply", 5, NOT_TAKEN, 0.5, 8.0),
        ("reply", 8, NOT_TAKEN, 0.5, 60.0),
        ("reply", 99, NOT_TAKEN, 0.5, 60.0),
        ("receipt", 8, NOT_TAKEN, 0.5, 64.0),
        ("receipt", 99, NOT_TAKEN, 0.5, 600.0),
        ("reminder", 32_000, NOT_TAKEN, 0.5, 600.0),
        ("reply", 1, SendLater("429", "Wait.", 7.0), 0.5, 7.0),
        ("reply", 6, SendLater("429", "Wait.", 7.0), 0.5, 16.0),
    ],
)
def test_the_wait(kind: Kind, attempt: int, error: SendLater, drawn: float, seconds: float) -> None:
    assert wait(kind, attempt, error, drawn) == seconds


@every_line("kind", ["reply", "receipt", "notification", "reminder", "agents"])
def test_a_refusal_is_final_at_once(kind: Kind) -> None:
    assert after_failure(message(kind), REFUSED, WRITTEN, lambda: 0.5) == Refused(7, 1, "21610", "No.")


@every_line(
    ("kind", "error", "age", "expected"),
    [
        ("reply", NOT_TAKEN, timedelta(minutes=59), Postponed),
        ("reply", NOT_TAKEN, timedelta(hours=1), Resting),
        ("reply", SendLater("63038", "Tomorrow.", 3600.0), timedelta(seconds=1), Resting),
        ("receipt", SendLater("63038", "Tomorrow.", 3600.0), timedelta(seconds=1), Postponed),
        ("receipt", NOT_TAKEN, timedelta(hours=23), Postponed),
        ("receipt", NOT_TAKEN, timedelta(hours=24), Resting),
    ],
)
def test_it_rests_when_it_is_no_longer_worth_it(kind: Kind, error: SendLater, age: timedelta, expected: Any) -> None:
    outcome = after_failure(message(kind), error, WRITTEN + age, lambda: 0.5)
    assert type(outcome) is expected
    assert (outcome.id, outcome.attempt) == (7, 1)


@given(
    kind=st.sampled_from(["reply", "receipt", "notification", "reminder", "agents"]),
    attempt=st.integers(1, 40_000),
    error=st.just(NOT_TAKEN) | st.floats(0, 86_400).map(lambda seconds: SendLater("429", "Wait.", seconds)),
    drawn=st.floats(0, 1, exclude_max=True),
    age=st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_no_wait_reaches_beyond_the_patience_or_below_what_was_asked(
    kind: Kind, attempt: int, error: SendLater, drawn: float, age: timedelta
) -> None:
    now = WRITTEN + age
    outcome = after_failure(message(kind, attempt), error, now, lambda: drawn)
    if isinstance(outcome, Postponed):
        assert now <= outcome.due_at <= WRITTEN + patience_for(kind).for_this_long
        if error.retry_after is not None:
            assert outcome.due_at >= now + timedelta(seconds=error.retry_after)
    else:
        assert isinstance(outcome, Resting)
