"""Events that come at the same time: each is taken as if it had come alone, and none is lost."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from smsbot.app import Service
from smsbot.appointments.intake import Intake, IntakeKind
from smsbot.incoming.arrival import MOST_TOGETHER, Arrival, SourceNews, arrivals
from smsbot.model import RGPD, PersonRecord, Status, UsagerRecord
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent, UsagerEvent
from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations
from smsbot.store.together import Together
from tests.appointments.records import Desk, appointment, participation

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_NUMBERS = itertools.count()

pytestmark = pytest.mark.anyio


def arrival(database: Database) -> Arrival:
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@example.fr",
    )
    return Arrival(Service(settings, database).herald)


def queue(database: Database) -> Together[SourceNews, Intake | None]:
    return arrivals(database, arrival(database), lambda: NOW)


def told(external_id: str = "1", second: int = 0, event: str = "updated", **fields: Any) -> AppointmentEvent:
    record = appointment(external_id, **fields)
    return AppointmentEvent(SourceEvent(event), external_id, record, NOW + second * SECOND, None)


def gone(external_id: str = "1") -> AppointmentEvent:
    return AppointmentEvent(SourceEvent.DESTROYED, external_id, None, NOW, None)


async def take_together(database: Database, *events: AppointmentEvent | UsagerEvent) -> list[IntakeKind | None]:
    taking = queue(database)
    intakes = await asyncio.gather(*(taking.do(SourceNews("rdvsp", each)) for each in events))
    return [intake.kind if intake is not None else None for intake in intakes]


async def test_what_comes_together_is_taken_in_a_few_transactions(database: Database) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    kinds = await take_together(database, *(told(str(number)) for number in range(2 * MOST_TOGETHER + 1)))
    assert kinds == [IntakeKind.NEW] * (2 * MOST_TOGETHER + 1)
    assert len(commits) == 3
    assert all(Desk(database).appointment(str(number)) for number in range(2 * MOST_TOGETHER + 1))


async def test_an_answer_comes_once_the_event_is_durable(database: Database) -> None:
    taking = queue(database)

    async def post(number: int) -> None:
        await taking.do(SourceNews("rdvsp", told(str(number))))
        assert Desk(database).appointment(str(number))["source_event_at"] == NOW

    await asyncio.gather(*(post(number) for number in range(MOST_TOGETHER)))


async def test_one_that_fails_fails_alone(database: Database) -> None:
    naive = told("2", starts_at=datetime(2027, 2, 1))  # noqa: DTZ001 - it cannot be written
    taking = queue(database)
    events = [told("1"), naive, told("3")]
    one, two, three = await asyncio.gather(
        *(taking.do(SourceNews("rdvsp", each)) for each in events), return_exceptions=True
    )
    assert isinstance(two, Exception)
    assert [each.kind for each in (one, three) if isinstance(each, Intake)] == [IntakeKind.NEW] * 2
    assert (await taking.do(SourceNews("rdvsp", told("1")))) is not None


async def test_order_is_kept(database: Database) -> None:
    usager = UsagerEvent(
        SourceEvent.UPDATED, "300", UsagerRecord("300", PersonRecord("Sophie", "Durand")), NOW + 2 * SECOND, None
    )
    kinds = await take_together(
        database,
        told("1"),
        told("1", 1, status=Status.REVOKED),
        told("1", 1, status=Status.REVOKED),
        told("1", 0),
        usager,
        told("2"),
        gone("2"),
        told("2", 5),
    )
    assert kinds == [
        IntakeKind.NEW,
        IntakeKind.CHANGED,
        IntakeKind.UNCHANGED,
        IntakeKind.IGNORED,
        None,
        IntakeKind.NEW,
        IntakeKind.CHANGED,
        IntakeKind.IGNORED,
    ]
    assert Desk(database).participations("1")["500"]["last_name"] == "Durand"


async def test_a_collective_one_that_comes_once_for_each_participant_is_worked_in_once(database: Database) -> None:
    hundred = tuple(participation(str(number), usager_external_id=str(number)) for number in range(100))
    await take_together(database, told("1", collective=True, participations=hundred))
    moved: dict[str, Any] = {
        "collective": True,
        "participations": hundred,
        "starts_at": NOW + timedelta(days=20),
        "ends_at": None,
    }
    statements: list[str] = []

    def count(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    kinds = await take_together(database, *(told("1", number, **moved) for number in range(100)))
    assert kinds.count(IntakeKind.CHANGED) == 1
    assert kinds.count(IntakeKind.UNCHANGED) == 99
    assert Desk(database).appointment("1")["source_event_at"] == NOW + 99 * SECOND
    loads = sum(statement.startswith("SELECT participations") for statement in statements)
    assert loads == 100 / MOST_TOGETHER


async def test_who_gave_up_waiting_hinders_nobody(sqlite_database: Database) -> None:
    taking = queue(sqlite_database)
    gave_up, stays = (asyncio.create_task(taking.do(SourceNews("rdvsp", told(name)))) for name in ("1", "2"))
    await asyncio.sleep(0)
    gave_up.cancel()
    assert await stays is not None
    assert Desk(sqlite_database).appointment("1")


def test_what_is_told_several_times_was_cancelled_when_it_was_told_first(sqlite_database: Database) -> None:
    takes = arrival(sqlite_database)
    news = [told("1"), *(told("1", second, status=Status.REVOKED) for second in (-1, 2, 1, 3))]
    together = [SourceNews("rdvsp", each) for each in news]
    sqlite_database.write_now(lambda connection: takes.take_all(connection, together, NOW))
    desk = Desk(sqlite_database)
    assert desk.participations("1")["500"]["cancelled_at"] == NOW + 2 * SECOND
    assert desk.appointment("1")["source_event_at"] == NOW + 3 * SECOND


EVENTS = st.lists(
    st.builds(
        told,
        st.sampled_from("12"),
        st.integers(0, 3),
        st.sampled_from(["created", "updated"]),
        status=st.sampled_from([Status.UNKNOWN, Status.REVOKED]),
        starts_at=st.sampled_from([NOW + timedelta(days=10), NOW + timedelta(days=11)]),
        created_at=st.sampled_from([NOW, NOW - timedelta(days=30)]),
    )
    | st.builds(gone, st.sampled_from("12"))
    | st.builds(
        UsagerEvent,
        st.just(SourceEvent.UPDATED),
        st.just("300"),
        st.builds(
            UsagerRecord,
            st.just("300"),
            st.builds(PersonRecord, st.just("Sophie"), st.sampled_from(["Durand", "Dupont"])),
        ),
        st.integers(0, 3).map(lambda second: NOW + second * SECOND),
        st.none(),
    )
    | st.just(UsagerEvent(SourceEvent.DESTROYED, "300", None, NOW, RGPD)),
    max_size=8,
)


@settings(max_examples=60)
@given(events=EVENTS)
def test_together_is_as_one_after_the_other(sqlite_database: Database, events: list[Any]) -> None:
    desk, takes = Desk(sqlite_database), arrival(sqlite_database)
    alone, together = f"alone {next(_NUMBERS)}", f"together {next(_NUMBERS)}"
    for each in events:
        sqlite_database.write_now(partial(takes.take, source=alone, event=each, now=NOW))
    news = [SourceNews(together, each) for each in events]
    sqlite_database.write_now(lambda connection: takes.take_all(connection, news, NOW))
    assert _all(desk, alone) == _all(desk, together)


def _all(desk: Desk, source: str) -> list[Any]:
    """All rows of a source, without columns that are different for each source."""
    own = {"id", "uuid", "source", "appointment_id", "organisation_id", "participation_id"}
    rows = []
    for row in desk.rows(select(appointments).where(appointments.c.source == source).order_by("external_id")):
        parts = desk.rows(select(participations).where(participations.c.appointment_id == row["id"]))
        sent = desk.rows(
            select(outgoing_messages.c.channel, outgoing_messages.c.kind, outgoing_messages.c.state)
            .where(outgoing_messages.c.appointment_id == row["id"])
            .order_by(outgoing_messages.c.id)
        )
        rows.append([{name: value for name, value in each.items() if name not in own} for each in (row, *parts, *sent)])
    return rows
