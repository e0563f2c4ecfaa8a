"""The state of a source, as every process shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, insert, select, update

from smsbot.appointments.intake import take_record
from smsbot.connected.source_api import CallRefused, NotSignedIn
from smsbot.connected.source_state import (
    SourceNotes,
    SourceState,
    note_problem,
    source_states,
)
from smsbot.model import AppointmentRecord, OrganisationRecord
from smsbot.store.database import Database
from smsbot.store.tables import appointments, cancellation_requests

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def state(database: Database, source: str = "rdvsp", now: datetime = NOW) -> SourceState:
    return database.read_now(lambda each: source_states(each, [source], now))[source]


def test_of_a_source_that_was_never_called_nothing_is_known(database: Database) -> None:
    assert state(database) == SourceState()
    assert not state(database).is_well


def test_what_waits_and_what_was_refused_is_counted_by_source(database: Database) -> None:
    record = AppointmentRecord("1", NOW + timedelta(days=3), organisation=OrganisationRecord("1"))
    database.write_now(lambda each: take_record(each, "rdvsp", record, event_at=None, now=NOW))
    database.write_now(lambda each: take_record(each, "loire", record, event_at=None, now=NOW))
    ids = dict(database.read_now(lambda each: each.execute(select(appointments.c.source, appointments.c.id)).all()))
    usual = {"status": "excused", "by": "usager", "way": "sms", "starts_at": NOW, "due_at": NOW}
    for hours, request_state in ((1, "waiting"), (2, "waiting"), (3, "refused"), (30, "refused"), (1, "done")):
        at = NOW - timedelta(hours=hours)
        finished = None if request_state == "waiting" else at
        row = {"appointment_id": ids["rdvsp"], "requested_at": at, "state": request_state, "finished_at": finished}
        database.write_now(partial(_insert, values={**usual, **row}))
    marked = update(appointments).where(appointments.c.source == "rdvsp").values(to_read_at=NOW)
    database.write_now(lambda each: each.execute(marked))
    found = state(database)
    assert (found.waiting, found.waiting_since) == (2, NOW - timedelta(hours=2))
    assert (found.refused, found.to_read) == (1, 1)
    assert (state(database, "loire").waiting, state(database, "loire").to_read) == (0, 0)


def _insert(connection: Connection, values: dict[str, object]) -> None:
    connection.execute(insert(cancellation_requests).values(values))


async def test_a_problem_is_known_since_its_first_call_and_ends_with_a_good_one(database: Database) -> None:
    now = [NOW]
    notes = SourceNotes("rdvsp", database, lambda: now[0])
    await notes.failed(CallRefused("Refused with 403.", 403))
    now[0] += timedelta(minutes=5)
    await notes.failed(NotSignedIn("Nobody is signed in."))
    found = state(database)
    assert (found.problem, found.problem_at) == ("Nobody is signed in.", NOW)
    another_process = SourceNotes("rdvsp", database, lambda: now[0])
    await another_process.succeeded()
    assert state(database).problem is None


def test_the_problem_of_one_source_is_not_another_s(database: Database) -> None:
    database.write_now(lambda each: note_problem(each, "loire", CallRefused("Refused.", 403), NOW))
    assert state(database).problem is None
    assert state(database, "loire").problem == "Refused."
