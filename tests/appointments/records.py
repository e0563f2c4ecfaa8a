"""Records as sources give them, and the rows that are made of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from smsbot.appointments.cancellation import Ended
from smsbot.appointments.intake import Intake, take_record
from smsbot.model import (
    AppointmentRecord,
    LocationType,
    MotifRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
    Status,
)
from smsbot.store.database import Database
from smsbot.store.tables import appointments, participations

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)


class NothingHeldBack:
    """An announcer's methods for held-back messages, if it has none."""

    def withdraw(self, _connection: Connection, _appointment_id: int, _at: datetime, _now: datetime) -> bool:
        return True

    def stands_again(self, _connection: Connection, _ended: Ended, _now: datetime) -> None:
        pass

    def release(self, _connection: Connection, _appointment_id: int, _now: datetime) -> None:
        pass


def participation(external_id: str = "500", **fields: Any) -> ParticipationRecord:
    """The participation of Sophie Dupont, or of another person; `fields` are those of the participation and of the
    person.
    """
    person: dict[str, Any] = {
        "first_name": "Sophie",
        "last_name": "Dupont",
        "phone": "+33612345678",
        "email": "sophie@exemple.fr",
    }
    person |= {each.name: fields.pop(each.name) for each in dataclasses.fields(PersonRecord) if each.name in fields}
    usual = {"usager_external_id": "300", "status": Status.UNKNOWN}
    return ParticipationRecord.of(external_id, PersonRecord(**person), **usual | fields)


def appointment(external_id: str = "4021", **fields: Any) -> AppointmentRecord:
    """An individual appointment of Sophie Dupont; `fields` change it."""
    usual: dict[str, Any] = {
        "starts_at": datetime(2027, 1, 15, 9, tzinfo=UTC),
        "ends_at": datetime(2027, 1, 15, 10, tzinfo=UTC),
        "organisation": OrganisationRecord("12", "MDS Arras Sud", "3949"),
        "uuid": "6c5f8c4e-0f2a-4a53-9a0e-2d1a5b7c9e10",
        "status": Status.UNKNOWN,
        "collective": False,
        "motif": MotifRecord("77", "5", LocationType.PUBLIC_OFFICE, bookable_by_everyone=True),
        "place": PlaceRecord("Mairie", "1 place de la Mairie", "03 21 00 00 00"),
        "participations": (participation(),),
    }
    return AppointmentRecord(external_id=external_id, **{**usual, **fields})


class Desk:
    """Takes records in and looks at the rows."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def take(
        self, record: AppointmentRecord, event_at: datetime | None = None, now: datetime = NOW, source: str = "rdvsp"
    ) -> Intake:
        return self.database.write_now(
            lambda connection: take_record(connection, source, record, event_at=event_at, now=now)
        )

    def appointment(self, external_id: str = "4021", source: str = "rdvsp") -> dict[str, Any]:
        its = (appointments.c.source == source) & (appointments.c.external_id == external_id)
        row = self.database.read_now(lambda connection: connection.execute(select(appointments).where(its)).one())
        return row._asdict()

    def participations(self, external_id: str = "4021", source: str = "rdvsp") -> dict[str, dict[str, Any]]:
        """All participations that ever were, by their ids at the source, in the order in which they came."""
        its = participations.c.appointment_id == self.appointment(external_id, source)["id"]
        ordered = select(participations).where(its).order_by(participations.c.id)
        rows = self.database.read_now(lambda connection: connection.execute(ordered).all())
        return {row.external_id: row._asdict() for row in rows}

    def rows(self, statement: Any) -> list[dict[str, Any]]:
        found = self.database.read_now(lambda connection: connection.execute(statement).all())
        return [row._asdict() for row in found]

    def run(self, statement: Any) -> None:
        self.database.write_now(lambda connection: connection.execute(statement).close())
