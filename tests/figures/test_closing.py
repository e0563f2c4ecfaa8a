"""Closed months: their figures are counted once, and then read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, delete, func, insert, select, update

from smsbot.figures.closing import CLOSED_AFTER, LATELY, closing_months, countable_again, kept_or_counted, next_to_close
from smsbot.figures.counting import figures
from smsbot.figures.results import Figures, Month, columns_of
from smsbot.figures.thinning import thin
from smsbot.figures.totals import read_totals
from smsbot.retention.purging import purge
from smsbot.runtime import PeriodicWork
from smsbot.store.tables import (
    MONTHLY_COUNTS,
    appointments,
    audit,
    cancellation_requests,
    incoming_messages,
    listed_appointments,
    organisations,
    outgoing_messages,
    participations,
)
from tests.figures.test_counting import A, cancelled
from tests.retention.people import RETENTION, World, days

MARCH, APRIL, MAY = Month(2026, 3), Month(2026, 4), Month(2026, 5)
IN_MARCH, IN_MAY = datetime(2026, 3, 12, 9, 30, tzinfo=UTC), datetime(2026, 5, 12, 9, 30, tzinfo=UTC)
MAY_ENDS = datetime(2026, 5, 31, 22, tzinfo=UTC)  # in Paris


def full(world: World) -> World:
    here, there = world.organisation(), world.organisation(time_zone="America/Cayenne")
    for organisation in (here, there, None):
        for at in (IN_MARCH, IN_MAY):
            cancelled(world, organisation, at=at)
            cancelled(world, organisation, at=at, way="link", collective=True, people=2)
            world.received(A, at, outcome="ask_letters", organisation_id=organisation)
            about = world.appointment(at + days(3), organisation)
            world.sent(A, at, state="sent", segments=1, appointment_id=about)
    return world


def close(world: World, now: datetime) -> None:
    work: PeriodicWork = closing_months(world.database, RETENTION, lambda: now)
    asyncio.run(work.once())


def told(world: World, *months: Month, only: list[int] | None = None) -> list[Figures]:
    return world.database.read_now(lambda c: kept_or_counted(c, months, organisation_ids=only))


def shown(world: World, now: datetime, *months: Month) -> list[Figures]:
    return world.database.read_now(lambda c: kept_or_counted(c, months, counted_lately=now))


def counted(world: World, *months: Month, only: list[int] | None = None) -> list[Figures]:
    return world.database.read_now(lambda c: figures(c, months, organisation_ids=only))


def test_what_is_kept_is_what_was_counted(world: World) -> None:
    full(world)
    before = counted(world, MARCH, APRIL, MAY)
    assert len(before) == 6
    close(world, MAY_ENDS + CLOSED_AFTER)
    assert world.database.read_now(countable_again) == [MARCH, APRIL, MAY]
    assert told(world, MAY, MARCH, APRIL) == before
    theirs = [each.organisation.id for each in before if each.organisation][:1]
    assert told(world, MARCH, MAY, only=theirs) == counted(world, MARCH, MAY, only=theirs) != []


def test_closed_figures_outlive_their_rows(world: World) -> None:
    full(world)
    close(world, MAY_ENDS + CLOSED_AFTER)
    before = told(world, MARCH, MAY)
    with world.database.engine.begin() as connection:
        for table in (outgoing_messages, incoming_messages, participations):
            connection.execute(delete(table))
    assert told(world, MARCH, MAY) == before
    assert counted(world, MARCH, MAY) == []


def test_an_open_month_is_counted(world: World) -> None:
    full(world)
    close(world, MAY_ENDS + CLOSED_AFTER - timedelta(seconds=1))
    assert world.database.read_now(countable_again) == [MARCH, APRIL]
    with world.database.engine.begin() as connection:
        connection.execute(update(outgoing_messages).values(segments=3))
    assert {each.segments for each in told(world, MARCH)} == {1}
    assert {each.segments for each in told(world, MAY)} == {3}


def test_open_months_are_counted_every_hour_and_shown_as_they_were_for_a_while(world: World) -> None:
    full(world)
    now = MAY_ENDS - days(1)
    before = counted(world, MARCH, APRIL, MAY)
    close(world, now)
    with world.database.engine.begin() as connection:
        connection.execute(delete(outgoing_messages))
    assert shown(world, now, MARCH, APRIL, MAY) == before
    assert told(world, MAY) == counted(world, MAY) != shown(world, now, MAY), "the command counts"
    assert shown(world, now + LATELY, MAY) == counted(world, MAY)
    close(world, now + LATELY)
    assert shown(world, now + LATELY, MAY) == counted(world, MAY)


def test_totals_are_the_sums_of_what_is_kept_and_counted(world: World) -> None:
    full(world)
    theirs = world.database.read_now(
        lambda c: list(c.execute(select(organisations.c.id).order_by(organisations.c.id)).scalars())
    )
    months, now = MAY.and_before(12), MAY_ENDS + CLOSED_AFTER
    live = world.database.read_now(lambda c: read_totals(c, months, theirs, now))
    close(world, now)
    kept = world.database.read_now(lambda c: read_totals(c, months, theirs, now))
    assert kept == live
    one = columns_of(counted(world, MAY, only=theirs[:1])[0])
    assert {name: kept.of([MAY])[name] for name in MONTHLY_COUNTS} == {
        name: 2 * int(str(one[name])) for name in MONTHLY_COUNTS
    }
    assert (kept.of([MAY])["appointments"], kept.by_organisation[theirs[0]]["appointments"]) == (6, 6)
    alone = world.database.read_now(lambda c: read_totals(c, months, theirs[:1], now))
    assert (kept.by_place, alone.by_organisation) == ({}, {})
    assert alone.by_place[""]["appointments_cancelled"] == 6
    assert (alone.by_place[""]["segments_at_place"], alone.by_place_and_month["", MAY]["segments_at_place"]) == (2, 1)
    later = world.database.read_now(lambda c: read_totals(c, (MAY.plus(12),), theirs, now))
    assert (later.of([MAY])["sms_sent"], later.by_organisation, later.by_place) == (2, {}, {})


def test_where_nothing_has_happened_nothing_is_closed(world: World) -> None:
    close(world, MAY_ENDS)
    assert world.database.read_now(countable_again) == []
    assert world.database.read_now(lambda c: next_to_close(c, MAY_ENDS)) is None


def test_a_cancellation_alone_begins_the_first_month(world: World) -> None:
    cancelled(world, world.organisation(), at=IN_MARCH)
    assert world.database.read_now(lambda c: next_to_close(c, MAY_ENDS)) == MARCH


@pytest.mark.parametrize("times", [1, 2])
def test_closing_again_changes_nothing(world: World, times: int) -> None:
    full(world)
    for _ in range(times):
        close(world, MAY_ENDS + CLOSED_AFTER)
    assert told(world, MARCH, MAY) == counted(world, MARCH, MAY)
    assert world.database.read_now(lambda c: len(c.execute(select(outgoing_messages.c.id)).all())) == 6


def test_erased_messages_of_closed_months_go_and_their_figures_stay(world: World) -> None:
    full(world)
    question = world.received(A, IN_MARCH)
    listing = world.sent(A, IN_MARCH, in_reply_to=question, kind="reply")
    with world.database.engine.begin() as connection:
        about = {"outgoing_message_id": listing, "appointment_id": world.appointment(IN_MARCH)}
        connection.execute(insert(listed_appointments), about)
    before = counted(world, MARCH, MAY)
    close(world, MAY_ENDS + CLOSED_AFTER)
    assert (rows(world, outgoing_messages), rows(world, incoming_messages)) == (7, 7), "nobody is erased yet"
    asyncio.run(purge(world.database, IN_MARCH + days(30), MAY_ENDS))
    assert asyncio.run(thin(world.database, IN_MARCH, at_most=2)) == 8
    assert (rows(world, outgoing_messages), rows(world, incoming_messages)) == (3, 3)
    assert rows(world, listed_appointments) == 0
    assert told(world, MARCH, MAY) == before
    assert MARCH not in world.database.read_now(countable_again)
    assert MAY in world.database.read_now(countable_again)
    assert asyncio.run(thin(world.database, IN_MARCH)) == 0


def test_erased_appointments_of_closed_months_go_with_all_that_belongs_to_them(world: World) -> None:
    full(world)
    told_of = [world.row(participations, number) for number in (1, 2)]
    for part in told_of:
        about = {"appointment_id": part.appointment_id, "participation_id": part.id}
        world.act(IN_MARCH, "ada@mairie.fr", **about)
        world.request(IN_MARCH, None, None, finished_at=IN_MARCH, **about)
    before = counted(world, MARCH, MAY)
    close(world, MAY_ENDS + CLOSED_AFTER)
    assert rows(world, appointments) == 18, "nobody is erased yet"
    asyncio.run(purge(world.database, IN_MARCH + days(30), MAY_ENDS))
    asyncio.run(thin(world.database, IN_MARCH + days(30), at_most=2))
    left = [rows(world, each) for each in (appointments, participations, audit, cancellation_requests)]
    assert left == [9, 9, 0, 0], "those of May"
    assert told(world, MARCH, MAY) == before
    assert MARCH not in world.database.read_now(countable_again)
    assert counted(world, MAY) == told(world, MAY)
    assert asyncio.run(thin(world.database, IN_MARCH + days(30))) == 0


@pytest.mark.parametrize("why", ["a message", "an act", "a request", "an address", "somebody", "a late cancellation"])
def test_an_appointment_stays_as_long_as_something_of_it_is_needed(world: World, why: str) -> None:
    this = world.appointment(IN_MARCH, address="1 rue X" if why == "an address" else None)
    erased_at = None if why == "somebody" else IN_MAY
    part = world.participation(this, "", None, None, erased_at=erased_at)
    about: dict[str, Any] = {"appointment_id": this, "participation_id": part}
    if why == "a message":
        world.sent("", IN_MAY, state="sent", **about)
    if why == "an act":
        world.act(IN_MAY, None, **about)
    if why == "a request":
        world.request(IN_MARCH, None, None, state="waiting", **about)
    if why == "a late cancellation":
        world.change(participations, part, status="excused", cancelled_at=IN_MAY)
    close(world, IN_MAY)  # this closes March
    assert asyncio.run(thin(world.database, IN_MARCH + days(1))) == 0
    assert rows(world, appointments) == 1


def test_an_appointment_stays_for_the_retention_period(world: World) -> None:
    world.participation(world.appointment(IN_MARCH), "", None, None, erased_at=IN_MARCH, cancelled_at=IN_MARCH)
    close(world, IN_MARCH + RETENTION - timedelta(seconds=1))
    assert (world.database.read_now(countable_again), rows(world, appointments)) == ([MARCH, APRIL], 1)
    close(world, IN_MARCH + RETENTION + timedelta(seconds=1))
    assert rows(world, appointments) == 0


def test_of_open_months_nothing_goes(world: World) -> None:
    full(world)
    asyncio.run(purge(world.database, MAY_ENDS + days(90), MAY_ENDS + days(90)))
    assert asyncio.run(thin(world.database, MAY_ENDS + days(90))) == 0
    close(world, MAY_ENDS + CLOSED_AFTER - timedelta(seconds=1))  # May is still open
    assert (rows(world, outgoing_messages), rows(world, incoming_messages)) == (3, 3)


def rows(world: World, table: Table) -> int:
    count = select(func.count()).select_from(table)
    return world.database.read_now(lambda connection: connection.execute(count).scalar_one())
