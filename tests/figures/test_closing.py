"""Months are closed: their figures are counted once, and read from then on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from smsbot.figures.closing import CLOSED_AFTER, all_closed, closing, kept_or_counted, next_to_close
from smsbot.figures.counting import figures
from smsbot.figures.results import Figures, Month
from smsbot.runtime import PeriodicWork
from smsbot.store.tables import incoming_messages, outgoing_messages, participations
from tests.figures.test_counting import A, cancelled
from tests.retention.people import World, days

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
    work: PeriodicWork = closing(world.database, lambda: now)
    asyncio.run(work.once())


def told(world: World, *months: Month, only: list[int] | None = None) -> list[Figures]:
    return world.database.read_now(lambda c: kept_or_counted(c, months, organisation_ids=only))


def counted(world: World, *months: Month, only: list[int] | None = None) -> list[Figures]:
    return world.database.read_now(lambda c: figures(c, months, organisation_ids=only))


def test_what_is_kept_is_what_was_counted(world: World) -> None:
    full(world)
    before = counted(world, MARCH, APRIL, MAY)
    assert len(before) == 6
    close(world, MAY_ENDS + CLOSED_AFTER)
    assert world.database.read_now(all_closed) == [MARCH, APRIL, MAY]
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
    assert world.database.read_now(all_closed) == [MARCH, APRIL]
    with world.database.engine.begin() as connection:
        connection.execute(update(outgoing_messages).values(segments=3))
    assert {each.segments for each in told(world, MARCH)} == {1}
    assert {each.segments for each in told(world, MAY)} == {3}


def test_where_nothing_has_happened_nothing_is_closed(world: World) -> None:
    close(world, MAY_ENDS)
    assert world.database.read_now(all_closed) == []
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
