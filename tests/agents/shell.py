"""What the tests of the commands share: an appointment in the database, and a door that keeps what it told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select, update

from smsbot.appointments.cancellation import Door, Ended
from smsbot.appointments.intake import take_record
from smsbot.appointments.terms import TermsBook
from smsbot.model import AppointmentRecord, OrganisationRecord, ParticipationRecord
from smsbot.policy import Policy
from smsbot.store.database import Database
from smsbot.store.tables import participations
from tests.appointments.records import NothingHeldBack

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


@dataclass
class Told(NothingHeldBack):
    """An announcer that keeps what would have been told."""

    news: list[Ended] = field(default_factory=list)

    def ended(self, _connection: Connection, ended: Ended) -> None:
        self.news.append(ended)


def door(told: Told, *connected: str) -> Door:
    """`connected` are the sources that own their appointments."""
    return Door(TermsBook(Policy(), timedelta(hours=4)), told, frozenset(connected))


def add_appointment(
    database: Database, external_id: str, *parts: str, source: str = "rdvsp", collective: bool = False
) -> int:
    """Our id of a new appointment of organisation 1, with these participations."""
    record = AppointmentRecord(
        external_id=external_id,
        starts_at=NOW + timedelta(days=2),
        organisation=OrganisationRecord("1"),
        collective=collective,
        participations=tuple(ParticipationRecord(each) for each in parts),
    )
    intake = database.write_now(lambda connection: take_record(connection, source, record, event_at=None, now=NOW))
    assert intake.appointment_id is not None
    return intake.appointment_id


def lock_out(database: Database, *parts: str) -> None:
    """Three wrong answers for the participations of these external ids."""
    these = update(participations).where(participations.c.external_id.in_(parts))
    wrong = {"wrong_answers": 3, "wrong_answer_at": NOW, "locked_until": NOW + timedelta(hours=24)}
    database.write_now(lambda connection: connection.execute(these.values(wrong)).close())


def part_id(database: Database, external_id: str) -> int:
    """Our id of the participation of this external id."""
    wanted = select(participations.c.id).where(participations.c.external_id == external_id)
    return database.read_now(lambda connection: int(connection.execute(wanted).scalar_one()))
