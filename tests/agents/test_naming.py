"""How agents name an appointment or a participation."""

from __future__ import annotations

import pytest

from smsbot.agents.appointment_actions import (
    Ambiguous,
    NotFound,
    find_appointment,
    find_meant,
    find_participation,
)
from smsbot.agents.public_ids import PublicId
from smsbot.store.database import Database
from tests.agents.shell import add_appointment, part_id


def test_an_appointment_by_our_id_or_by_its_sources(database: Database) -> None:
    here, there = add_appointment(database, "7", "p1"), add_appointment(database, "8", "p2", source="autre")
    assert here != there

    def found(name: str, source: str | None = None) -> int:
        return database.read_now(lambda connection: find_appointment(connection, name, source=source))

    assert found("7") == found("7", "rdvsp") == found(PublicId.APPOINTMENT.of(here)) == here
    assert found("8") == found("8", "autre") == there
    assert found(PublicId.APPOINTMENT.of(there), "rdvsp") == there  # a public id needs no source
    for name, source in (
        ("8", "rdvsp"),
        ("9", None),
        ("rdv-0", None),
        ("rdv-99999999999999999999", None),
        ("a\0", None),
    ):
        with pytest.raises(NotFound):
            found(name, source)


def test_an_id_that_two_sources_use(database: Database) -> None:
    here, there = add_appointment(database, "7"), add_appointment(database, "7", source="autre")
    with pytest.raises(Ambiguous):
        database.read_now(lambda connection: find_appointment(connection, "7"))
    assert database.read_now(lambda connection: find_appointment(connection, "7", source="autre")) == there
    assert database.read_now(lambda connection: find_meant(connection, "7", source="rdvsp")) == (here, None)


def test_a_participation_by_our_id_or_by_its_sources(database: Database) -> None:
    appointment = add_appointment(database, "7", "p1", "p2")
    other = add_appointment(database, "8", "p3")
    second = part_id(database, "p2")

    def found(name: str, appointment_id: int) -> int:
        return database.read_now(lambda connection: find_participation(connection, name, appointment_id))

    for name in ("p2", PublicId.PARTICIPATION.of(second)):
        assert found(name, appointment) == second
        with pytest.raises(NotFound):
            found(name, other)
    public = PublicId.PARTICIPATION.of(second)
    assert database.read_now(lambda connection: find_meant(connection, public, source="rdvsp")) == (appointment, second)
    with pytest.raises(NotFound):
        database.read_now(lambda connection: find_meant(connection, "part-999", source="rdvsp"))
