"""How a doubt ends, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from smsbot.gateways.base import Handed
from smsbot.outbox.doubt import (
    LOOK_EVERY,
    MOST_REPEATS,
    SETTLED,
    UNKNOWN_AFTER,
    Doubts,
    RecordsAnswer,
    outcome_of_doubt,
)
from smsbot.outbox.messages import LANES, ClaimedMessage, Kind, OutgoingMessage, enqueue
from smsbot.outbox.outcomes import InDoubt, Postponed, Resting, Sent, settle
from smsbot.outbox.transports import LookedUpInPart, LookUp, Transport
from smsbot.store.database import Database
from tests.lines import every_line

BEGUN = datetime(2026, 5, 4, 10, tzinfo=UTC)
THERE = RecordsAnswer(Handed("twilio", "SM1"))
NOT_THERE = RecordsAnswer(None)
NOBODY_KNOWS = None
KINDS: list[Kind] = ["reply", "receipt", "notification", "reminder", "agents"]
WITH_RECORDS, WITH_CALLBACKS, WITHOUT = UNKNOWN_AFTER, SETTLED, timedelta(0)


def message(
    kind: Kind = "reply", repeats: int = 0, written: datetime = BEGUN, gateway: str | None = "twilio"
) -> ClaimedMessage:
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
        created_at=written,
        attempt=1,
        attempted_at=BEGUN,
        repeats=repeats,
        gateway=gateway,
        in_doubt=True,
    )


def word(
    one: ClaimedMessage, evidence: RecordsAnswer | None, seconds: float, patience: timedelta = WITH_RECORDS
) -> Any:
    return outcome_of_doubt(one, evidence, BEGUN + timedelta(seconds=seconds), lambda: 0.5, patience)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [1, 45, 600])
def test_what_is_there_was_taken(kind: Kind, seconds: float) -> None:
    assert word(message(kind), THERE, seconds) == Sent(7, 1, Handed("twilio", "SM1"))


@every_line("kind", KINDS)
def test_what_is_not_there_was_not_taken_once_the_gateway_has_had_its_time(kind: Kind) -> None:
    early = word(message(kind), NOT_THERE, 35)
    assert isinstance(early, InDoubt)
    assert (early.due_at, early.gateway) == (BEGUN + SETTLED, "twilio")
    settled = word(message(kind), NOT_THERE, 40)
    assert isinstance(settled, Postponed)
    assert (settled.due_at, settled.is_repetition) == (BEGUN + SETTLED, False)


def test_what_was_not_taken_is_tried_no_longer_than_anything_else() -> None:
    assert isinstance(word(message("reply", written=BEGUN - timedelta(hours=1)), NOT_THERE, 40), Resting)


@every_line(
    ("patience", "seconds", "is_over"),
    [
        (WITH_RECORDS, 30, False),
        (WITH_RECORDS, 119, False),
        (WITH_RECORDS, 120, True),
        (WITH_CALLBACKS, 39, False),
        (WITH_CALLBACKS, 40, True),
        (WITHOUT, 0, True),
    ],
)
def test_how_long_it_is_waited_for_somebody_to_say(patience: timedelta, seconds: float, is_over: bool) -> None:
    assert isinstance(word(message(), NOBODY_KNOWS, seconds, patience), InDoubt) is not is_over


@every_line(
    ("kind", "expected"),
    [
        ("reply", Postponed),
        ("receipt", Postponed),
        ("agents", Postponed),
        ("notification", Resting),
        ("reminder", Resting),
    ],
)
def test_what_nobody_can_say_depends_on_who_waits_for_it(kind: Kind, expected: Any) -> None:
    outcome = word(message(kind), NOBODY_KNOWS, 121)
    assert type(outcome) is expected
    assert "taken it or not" in outcome.sentence
    if isinstance(outcome, Postponed):
        assert outcome.is_repetition
        assert outcome.due_at <= BEGUN + timedelta(minutes=3)


def test_it_is_repeated_so_often_and_no_longer_than_it_is_of_use() -> None:
    assert isinstance(word(message(repeats=MOST_REPEATS - 1), NOBODY_KNOWS, 121), Postponed)
    assert isinstance(word(message(repeats=MOST_REPEATS), NOBODY_KNOWS, 121), Resting)
    assert isinstance(word(message(written=BEGUN - timedelta(hours=1)), NOBODY_KNOWS, 121), Resting)


def test_an_email_is_not_repeated_at_once() -> None:
    outcome = word(message("receipt"), NOBODY_KNOWS, 1, WITHOUT)
    assert isinstance(outcome, Postponed)
    assert outcome.due_at == BEGUN + SETTLED


def doubts(database: Database, now: datetime, look_up: LookUp) -> Doubts:
    async def send(_message: ClaimedMessage) -> Handed:
        raise NotImplementedError

    way = Transport("sms", send, slots=1, send_seconds=20, look_up=look_up, reports=True)
    return Doubts(database, way, lambda: now, lambda: 0.5)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("found", "final", "seconds", "expected"),
    [
        (["SM1"], True, 1, Sent),
        (["SM1"], False, 1, Sent),
        (["SM9", "SM1"], True, 1, Sent),  # SM9 is another message of ours
        (["SM9"], True, 39, InDoubt),
        ([], True, 39, InDoubt),
        ([], True, 40, Postponed),  # only a callback could have resolved it, and its time is over
        (["SM9"], False, 41, InDoubt),
        ([], False, 119, InDoubt),
        ([], False, 120, Postponed),
    ],
)
async def test_where_only_some_gateways_can_say(
    sqlite_database: Database, found: list[str], final: bool, seconds: float, expected: Any
) -> None:
    def write(connection: Connection) -> None:
        other = OutgoingMessage("sms", "reply", "+33600000000", "36123", "Bonjour")
        settle(connection, [Sent(enqueue(connection, other, BEGUN), 0, Handed("twilio", "SM9"))], BEGUN)

    async def look_up(_message: ClaimedMessage, _within: timedelta) -> list[Handed]:
        raise LookedUpInPart([Handed("twilio", one) for one in found], "The others cannot say.", final=final)

    await sqlite_database.write(write)
    outcome = await doubts(sqlite_database, BEGUN + timedelta(seconds=seconds), look_up).look_into(message())
    assert type(outcome) is expected
    if isinstance(outcome, Sent):
        assert outcome.handed.gateway_message_id == "SM1"
    if isinstance(outcome, Postponed):
        assert outcome.is_repetition


@given(
    kind=st.sampled_from(KINDS),
    answers=st.lists(st.sampled_from([NOT_THERE, NOBODY_KNOWS]), min_size=30, max_size=30),
    first=st.floats(0, 35),
    delays=st.lists(st.floats(0, 25), min_size=30, max_size=30),
    patience=st.sampled_from([WITH_RECORDS, WITH_CALLBACKS, WITHOUT]),
)
def test_the_last_word_is_spoken_within_three_minutes(
    kind: Kind, answers: list[RecordsAnswer | None], first: float, delays: list[float], patience: timedelta
) -> None:
    """Whatever the records say, and however late, the answer comes within the lease of a look."""
    now = BEGUN + timedelta(seconds=first)
    for evidence, delay in zip(answers, delays, strict=True):
        outcome = outcome_of_doubt(message(kind), evidence, now, lambda: 0.5, patience)
        if not isinstance(outcome, InDoubt):
            break
        assert now < outcome.due_at <= now + LOOK_EVERY
        now = outcome.due_at + timedelta(seconds=delay)
    assert not isinstance(outcome, InDoubt)
    assert now <= BEGUN + timedelta(minutes=3)
