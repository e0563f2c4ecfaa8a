"""Rules that are true whatever arrives, in any order: random histories of one appointment."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from smsbot.appointments.intake import IntakeKind, destroy
from smsbot.appointments.intake.people import UNSEEN
from smsbot.model import AppointmentRecord, Status
from smsbot.store.database import Database
from smsbot.store.tables import appointments, participations
from tests.appointments.records import NOW, Desk, appointment, participation

NAMES = ("1", "2", "3")
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Told:
    """A record of the source, some seconds after the beginning."""

    second: int
    status: Status | None
    collective: bool | None
    day: int
    listed: dict[str, Status | None]
    complete: bool

    def record(self, external_id: str) -> AppointmentRecord:
        return appointment(
            external_id,
            starts_at=datetime(2027, 2, self.day, 9, tzinfo=UTC),
            status=self.status,
            collective=self.collective,
            participations=tuple(participation(name, status=status) for name, status in self.listed.items()),
            participations_complete=self.complete,
        )


@dataclass(frozen=True)
class CancelledHere:
    """A cancellation by the door: one participation, or all of an individual appointment."""

    name: str


STATUSES = st.none() | st.sampled_from(Status)
HISTORIES = st.lists(
    st.builds(
        Told,
        second=st.integers(0, 9),
        status=STATUSES,
        collective=st.none() | st.booleans(),
        day=st.integers(1, 3),
        listed=st.dictionaries(st.sampled_from(NAMES), STATUSES),
        complete=st.booleans(),
    )
    | st.builds(CancelledHere, st.sampled_from(NAMES)),
    max_size=10,
)


def cancel_here(desk: Desk, external_id: str, name: str) -> None:
    row, parts = desk.appointment(external_id), desk.participations(external_id)
    if name not in parts or parts[name]["status"] != "unknown" or parts[name]["removed_at"] is not None:
        return
    its = participations.c.appointment_id == row["id"]
    if row["collective"]:
        its = its & (participations.c.external_id == name)
    else:
        desk.run(update(appointments).where(appointments.c.id == row["id"]).values(status="excused"))
    ended = {"status": "excused", "cancelled_at": NOW, "cancelled_by": "usager", "cancelled_way": "sms"}
    desk.run(update(participations).where(its, participations.c.status == "unknown").values(ended))


@given(history=HISTORIES, destroyed=st.booleans())
def test_whatever_arrives(sqlite_database: Database, history: list[Told | CancelledHere], destroyed: bool) -> None:
    desk, external_id = Desk(sqlite_database), f"history {next(_NUMBERS)}"
    desk.take(appointment(external_id, participations=tuple(participation(name) for name in NAMES)), event_at=NOW)
    newest = NOW
    for step in history:
        before, parts_before = desk.appointment(external_id), desk.participations(external_id)
        if isinstance(step, CancelledHere):
            cancel_here(desk, external_id, step.name)
            continue
        event_at = NOW + timedelta(seconds=step.second)
        intake = desk.take(step.record(external_id), event_at=event_at, now=event_at)
        row, parts = desk.appointment(external_id), desk.participations(external_id)
        # Nothing older than what is known applies.
        assert (intake.kind is IntakeKind.IGNORED) == (event_at < newest)
        newest = max(newest, event_at)
        assert row["source_event_at"] == newest
        # What was cancelled here stays cancelled, and does not count as cancelled by the source.
        here = {name for name, part in parts_before.items() if part["cancelled_way"] == "sms"}
        assert all(parts[name]["status"] == "excused" for name in here)
        by_source = {each.participation_id for each in intake.cancelled}
        assert not by_source & {parts[name]["id"] for name in here}
        # A cancellation by the source is told exactly if the participation was open before.
        assert by_source == {
            part["id"]
            for name, part in parts.items()
            if part["cancelled_way"] == "webhook" and not Status(parts_before[name]["status"]).is_cancelled
        }
        # The result is CHANGED exactly if something visible has changed.
        assert (intake.kind is IntakeKind.CHANGED) == (_seen(row, parts) != _seen(before, parts_before))
        assert row["calendar_sequence"] >= before["calendar_sequence"]
        if row["starts_at"] != before["starts_at"]:
            assert intake.moved is not None
            assert row["calendar_sequence"] > before["calendar_sequence"]
        # The same record again changes nothing.
        again = desk.take(step.record(external_id), event_at=event_at, now=event_at)
        assert again.kind in (IntakeKind.UNCHANGED, IntakeKind.IGNORED)
        assert (again.moved, again.cancelled, again.reopened, again.added) == (None, (), (), ())
    if destroyed:
        sqlite_database.write_now(
            lambda connection: destroy(connection, "rdvsp", external_id, event_at=None, reason=None, now=NOW)
        )
        assert desk.take(appointment(external_id), event_at=NOW + timedelta(days=1)).kind is IntakeKind.IGNORED
        assert all(part["removed_at"] is not None for part in desk.participations(external_id).values())


def _seen(row: dict[str, Any], parts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    unseen = {"source_event_at", "changed_at", *UNSEEN}
    return [{name: value for name, value in each.items() if name not in unseen} for each in (row, *parts.values())]
