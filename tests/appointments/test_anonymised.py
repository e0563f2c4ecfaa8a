"""People whom the source has anonymised: the participation stays, without personal data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from smsbot.appointments.intake import change_usager
from smsbot.model import ParticipationRecord, PersonRecord, Status, UsagerRecord
from smsbot.store.tables import incoming_messages, outgoing_messages
from tests.appointments.records import NOW, Desk, appointment, participation

LATER = NOW + timedelta(minutes=5)
NOBODY = PersonRecord(anonymised=True)
PHONE = "+33612345678"


def nobody(external_id: str = "500", **fields: Any) -> ParticipationRecord:
    fields = {"usager_external_id": "300", "status": Status.UNKNOWN, **fields}
    return ParticipationRecord.of(external_id, NOBODY, **fields)


def wrote(desk: Desk) -> None:
    row = {"gateway": "twilio", "gateway_message_id": "SM1", "received_at": NOW, "from_number": PHONE}
    desk.run(
        insert(incoming_messages).values(
            {**row, "to_number": "36000", "body": "annuler", "outcome": "help", "for_agents": True}
        )
    )
    usual = {"channel": "sms", "kind": "reply", "sender": "36000", "created_at": NOW, "due_at": NOW, "state": "sent"}
    desk.run(insert(outgoing_messages).values({**usual, "recipient": PHONE, "body": "Bonjour Sophie"}))


def texts(desk: Desk) -> list[str]:
    found = (incoming_messages.c.body, incoming_messages.c.from_number), (outgoing_messages.c.body,)
    return [value for columns in found for row in desk.rows(select(*columns)) for value in row.values()]


def by_record(desk: Desk) -> None:
    desk.take(appointment(participations=(nobody(),)), event_at=LATER, now=LATER)


def by_usager_event(desk: Desk) -> None:
    told = UsagerRecord("300", NOBODY)
    desk.database.write_now(lambda connection: change_usager(connection, "rdvsp", told, event_at=LATER, now=LATER))


@pytest.mark.parametrize("told", [by_record, by_usager_event])
def test_an_anonymised_person_is_erased_with_their_messages(desk: Desk, told: Any) -> None:
    desk.take(appointment(), event_at=NOW)
    wrote(desk)
    told(desk)
    row = desk.participations()["500"]
    assert (row["last_name"], row["surnames"], row["phone"], row["email"]) == (None, [], None, None)
    assert (row["folded_names"], row["own"], row["usager_external_id"]) == ("", None, None)
    assert (row["erased_at"], row["removed_at"], row["status"]) == (LATER, None, "unknown")
    assert texts(desk) == ["", "", ""]
    assert desk.appointment()["changed_at"] == LATER


@pytest.mark.parametrize("told", [by_record, by_usager_event])
def test_late_data_bring_nobody_back(desk: Desk, told: Any) -> None:
    desk.take(appointment(), event_at=NOW)
    told(desk)
    desk.take(appointment(), event_at=LATER + timedelta(minutes=1), now=LATER + timedelta(minutes=1))
    assert desk.participations()["500"]["phone"] is None


def test_the_others_of_the_appointment_stay(desk: Desk) -> None:
    two = (participation(), participation("501", usager_external_id="301", first_name="Paul", phone="+33600000002"))
    desk.take(appointment(participations=two), event_at=NOW)
    desk.take(appointment(participations=(nobody(), two[1])), event_at=LATER)
    parts = desk.participations()
    assert (parts["500"]["first_name"], parts["501"]["first_name"]) == (None, "Paul")
    assert parts["501"]["erased_at"] is None


def test_a_child_is_still_reached_through_the_responsible_person(desk: Desk) -> None:
    mother = PersonRecord("Sophie", "Dupont", None, PHONE)
    usual: dict[str, Any] = {"usager_external_id": "301", "responsible_external_id": "300"}
    child = ParticipationRecord.of("500", PersonRecord("Léo", "Petit"), mother, **usual)
    desk.take(appointment(participations=(child,)), event_at=NOW)
    desk.take(appointment(participations=(ParticipationRecord.of("500", NOBODY, mother, **usual),)), event_at=LATER)
    row = desk.participations()["500"]
    assert (row["surnames"], row["phone"], row["erased_at"]) == (["Dupont"], PHONE, None)


def test_older_data_anonymise_nobody(desk: Desk) -> None:
    desk.take(appointment(), event_at=LATER)
    told = UsagerRecord("300", NOBODY)
    desk.database.write_now(lambda connection: change_usager(connection, "rdvsp", told, event_at=NOW, now=LATER))
    assert desk.participations()["500"]["erased_at"] is None


def test_one_who_was_never_known_is_nobody_to_be_erased(desk: Desk) -> None:
    desk.take(appointment(participations=(nobody(),)), event_at=NOW)
    desk.take(appointment(participations=(nobody(),)), event_at=LATER)
    assert desk.participations()["500"]["erased_at"] is None
    desk.take(appointment(participations=(replace(participation(), external_id="500"),)), event_at=LATER)
    assert desk.participations()["500"]["phone"] == PHONE
