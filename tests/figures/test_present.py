from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select

from smsbot.figures.present import Present, at_present, oldest_due
from smsbot.store.daily_counts import INCOMING, OUTGOING, adding, count, forget_old_counts, take_counts
from smsbot.store.prepared import in_one_journey
from smsbot.store.tables import daily_counts
from tests.retention.people import NOW, World, days

A, MAIL = "+33612345678", "sophie@exemple.fr"
YESTERDAY = NOW - days(1)


def look(world: World, now: datetime = NOW) -> Present:
    return world.database.read_now(lambda connection: at_present(connection, now))


def test_an_empty_outbox_is_told_in_zeros(world: World) -> None:
    present = look(world)
    assert present.resting["sms", "reply"] == present.resting["email", "receipt"] == 0
    assert present.unfinished["sms", "reminder", "waiting"] == 0
    assert set(present.oldest_seconds.values()) == {0}
    assert {("sms", "reply"), ("email", "reminder")} <= present.oldest_seconds.keys()
    assert present.in_doubt == {("sms",): 0, ("email",): 0, ("webhook",): 0}
    assert (present.finished_today, present.received_today, present.in_inbox) == ({}, {}, 0)


def test_what_waits_and_how_long_already(world: World) -> None:
    minute = timedelta(minutes=1)
    world.sent(A, NOW - minute, state="waiting", due_at=NOW - minute)
    world.sent(A, NOW - 5 * minute, state="sending", attempts=1, due_at=NOW + minute)
    world.sent(A, YESTERDAY, kind="reminder", state="waiting", due_at=NOW + minute)  # held back for the morning
    world.sent(MAIL, NOW - 9 * minute, kind="receipt", state="waiting", attempts=3, due_at=NOW + minute)
    present = look(world)
    assert present.unfinished["sms", "reply", "waiting"] == 1
    assert present.unfinished["sms", "reply", "sending"] == 1
    assert present.unfinished["sms", "reminder", "waiting"] == 1
    late = {labels: seconds for labels, seconds in present.oldest_seconds.items() if seconds}
    assert late == {("sms", "reply"): 300, ("email", "receipt"): 540}
    assert present.in_doubt == {("sms",): 0, ("email",): 0, ("webhook",): 0}


def test_since_when_the_oldest_is_due(world: World) -> None:
    def due() -> dict[str, datetime]:
        return world.database.read_now(lambda connection: oldest_due(connection, NOW))

    minute = timedelta(minutes=1)
    world.sent(A, YESTERDAY, kind="reminder", state="waiting", due_at=NOW + minute)
    world.sent(A, YESTERDAY, state="sent", due_at=YESTERDAY)
    assert due() == {"sms": NOW, "email": NOW, "webhook": NOW}
    world.sent(A, YESTERDAY, state="waiting", due_at=NOW - 2 * minute)
    world.sent(A, YESTERDAY, state="waiting", due_at=NOW - minute)
    world.sent(MAIL, YESTERDAY, state="sending", attempts=1, due_at=NOW - 3 * minute)
    assert due() == {"sms": NOW - 2 * minute, "email": NOW - 3 * minute, "webhook": NOW}


def test_in_doubt_is_whose_sender_died_or_heard_no_answer(world: World) -> None:
    lease: dict[str, Any] = {"state": "sending", "attempts": 1}
    world.sent(A, NOW, **lease, due_at=NOW)
    world.sent(A, NOW, **lease, due_at=NOW + timedelta(seconds=15), error_code="timeout")
    world.sent(A, NOW, **lease, due_at=NOW + timedelta(seconds=15))
    assert look(world).in_doubt == {("sms",): 2, ("email",): 0, ("webhook",): 0}


def test_what_rests_is_counted_however_old(world: World) -> None:
    world.sent(A, NOW - days(30), kind="notification", state="resting")
    assert look(world).resting["sms", "notification"] == 1


def test_today_begins_at_midnight_in_paris(world: World) -> None:
    midnight = NOW.replace(hour=23, minute=0) - days(1)

    def happens(connection: Connection, at: datetime) -> None:
        count(connection, OUTGOING, "sms", "reply", "sent", now=at)
        count(connection, INCOMING, "ask_letters", now=at)

    for at in (midnight - timedelta(seconds=1), midnight, NOW):
        world.database.write_now(partial(happens, at=at))
    world.database.write_now(lambda connection: count(connection, INCOMING, "cancelled", now=NOW))
    present = look(world)
    assert present.finished_today == {("sms", "reply", "sent"): 2}
    assert present.received_today == {("ask_letters",): 2, ("cancelled",): 1}


@pytest.mark.anyio
async def test_what_fails_is_not_counted(world: World) -> None:
    def happens(connection: Connection, name: str) -> None:
        count(connection, INCOMING, name, now=NOW)
        if name == "bad":
            raise ZeroDivisionError

    names = ["good", "bad", "good", "better"]
    works = (world.database.write(partial(happens, name=name)) for name in names)
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), ZeroDivisionError, type(None), type(None)]
    assert look(world).received_today == {("good",): 2, ("better",): 1}


def test_counts_of_past_days_are_forgotten(world: World) -> None:
    for at in (NOW - days(9), NOW - days(1), NOW):
        with world.database.engine.begin() as connection:
            count(connection, INCOMING, "help", now=at)
            in_one_journey(connection, *adding(connection, take_counts(connection)))
    world.database.write_now(lambda connection: forget_old_counts(connection, NOW))
    days_kept = select(daily_counts.c.day).distinct()
    kept = world.database.read_now(lambda connection: connection.execute(days_kept).scalars().all())
    assert len(kept) == 2


def test_the_inbox_holds_what_nobody_has_dealt_with(world: World) -> None:
    here = world.organisation()
    world.received(A, YESTERDAY, for_agents=True, organisation_id=here)
    world.received(A, YESTERDAY, for_agents=True, organisation_id=here, handled_at=NOW)
    world.received(A, YESTERDAY, organisation_id=here)
    world.received(A, YESTERDAY, for_agents=True)  # of no organisation: nobody would ever see it
    assert look(world).in_inbox == 1
