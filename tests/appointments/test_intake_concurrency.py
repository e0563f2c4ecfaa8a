"""Several things at the same moment: webhooks about one record, and a cancellation here."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, update

from smsbot.appointments.intake import IncomingRecord, Intake, IntakeKind, destroy, take_many, take_record
from smsbot.model import OrganisationRecord, Status
from smsbot.store.tables import appointments, audit, participations
from tests.appointments.records import NOW, Desk, appointment, participation


@pytest.mark.anyio
async def test_a_record_that_comes_many_times_at_once_is_new_once(desk: Desk) -> None:
    def work(connection: Connection) -> Intake:
        return take_record(connection, "rdvsp", appointment(), event_at=NOW, now=NOW)

    intakes = await asyncio.gather(*(desk.database.write(work) for _ in range(20)))
    assert sorted(intake.kind for intake in intakes) == [IntakeKind.NEW] + [IntakeKind.UNCHANGED] * 19
    assert len(desk.participations()) == 1


@pytest.mark.anyio
async def test_whatever_the_order_the_newest_event_is_left(desk: Desk) -> None:
    def work(connection: Connection, second: int) -> Intake:
        record = appointment(label=str(second))
        return take_record(connection, "rdvsp", record, event_at=NOW + timedelta(seconds=second), now=NOW)

    seconds = [7, 19, 3, 11, 0, 15, 18, 1]
    await asyncio.gather(*(desk.database.write(partial(work, second=second)) for second in seconds))
    assert desk.appointment()["label"] == "19"


@pytest.mark.anyio
async def test_a_cancellation_by_the_source_that_comes_many_times_at_once_is_told_once(desk: Desk) -> None:
    desk.take(appointment())

    def work(connection: Connection) -> Intake:
        return take_record(connection, "rdvsp", appointment(status=Status.REVOKED), event_at=NOW, now=NOW)

    intakes = await asyncio.gather(*(desk.database.write(work) for _ in range(20)))
    assert sum(len(intake.cancelled) for intake in intakes) == 1
    assert len(desk.rows(audit.select())) == 1


@pytest.mark.anyio
async def test_a_cancellation_here_survives_webhooks_of_the_same_moment(desk: Desk) -> None:
    desk.take(appointment())
    row = desk.appointment()

    def cancel(connection: Connection) -> None:
        ended = {"status": "excused", "cancelled_at": NOW, "cancelled_by": "usager", "cancelled_way": "sms"}
        its = participations.c.appointment_id == row["id"]
        connection.execute(update(participations).where(its, participations.c.status == "unknown").values(ended))
        connection.execute(update(appointments).where(appointments.c.id == row["id"]).values(status="excused"))

    def webhook(connection: Connection, number: int) -> Intake:
        part = participation(first_name=f"Sophie {number}")
        return take_record(connection, "rdvsp", appointment(participations=(part,)), event_at=NOW, now=NOW)

    works = [desk.database.write(partial(webhook, number=number)) for number in range(15)]
    await asyncio.gather(*works[:7], desk.database.write(cancel), *works[7:])
    part = desk.participations()["500"]
    assert (part["status"], part["cancelled_way"]) == ("excused", "sms")
    assert desk.appointment()["status"] == "excused"


@pytest.mark.anyio
async def test_destroyed_and_created_at_once_it_is_destroyed(desk: Desk) -> None:
    def end(connection: Connection) -> Intake:
        return destroy(connection, "rdvsp", "4021", event_at=NOW, reason=None, now=NOW)

    def begin(connection: Connection) -> Intake:
        return take_record(connection, "rdvsp", appointment(), event_at=NOW, now=NOW)

    await asyncio.gather(*(desk.database.write(work) for work in (begin, end, begin, begin, end, begin)))
    assert desk.appointment()["destroyed_at"] == NOW
    assert all(row["removed_at"] == NOW for row in desk.participations().values())


@pytest.mark.anyio
async def test_batches_that_share_appointments_and_organisations_in_another_order_do_not_block(desk: Desk) -> None:
    arrivals = [
        IncomingRecord(appointment(str(number), organisation=OrganisationRecord(str(number % 7), f"Org {number % 7}")))
        for number in range(60)
    ]

    def work(connection: Connection, turn: int) -> list[Intake]:
        mine = arrivals[turn:] + arrivals[:turn]
        return take_many(connection, "rdvsp", mine if turn % 2 else mine[::-1], now=NOW)

    batches = await asyncio.gather(*(desk.database.write(partial(work, turn=turn)) for turn in range(0, 60, 9)))
    kinds = [intake.kind for batch in batches for intake in batch]
    assert (kinds.count(IntakeKind.NEW), kinds.count(IntakeKind.UNCHANGED)) == (60, 60 * 6)
