"""Events of a source about a person alone: new names and numbers, and erasures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from smsbot.appointments.intake import IntakeKind
from smsbot.appointments.intake.usagers import change_usager, erase_usager
from smsbot.model import ParticipationRecord, PersonRecord, Status, UsagerRecord
from smsbot.store.tables import (
    appointments,
    conversations,
    incoming_messages,
    opt_outs,
    outgoing_messages,
    participations,
)
from tests.appointments.records import NOW, Desk, appointment

LATER = NOW + timedelta(minutes=5)
SECOND = timedelta(seconds=1)

CHILD = PersonRecord("Léo", "Dupont", None, "+33600000001", None)
MOTHER = PersonRecord("Sophie", "Dupont", "Martin", "+33600000002", "sophie@exemple.fr", notify_by_email=False)

OF_MOTHER = ParticipationRecord.of("1", MOTHER, usager_external_id="300", status=Status.UNKNOWN)
OF_CHILD = ParticipationRecord.of(
    "2", CHILD, MOTHER, usager_external_id="301", responsible_external_id="300", status=Status.UNKNOWN
)


def change(desk: Desk, usager: UsagerRecord, event_at: Any = LATER) -> int:
    return desk.database.write_now(
        lambda connection: change_usager(connection, "rdvsp", usager, event_at=event_at, now=LATER)
    )


def erase(desk: Desk, external_id: str = "300", source: str = "rdvsp") -> int:
    return desk.database.write_now(lambda connection: erase_usager(connection, source, external_id, now=LATER))


def test_a_new_number_reaches_every_participation(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER,)))
    desk.take(appointment("2", participations=(OF_CHILD,)))
    desk.take(appointment("3", participations=(OF_MOTHER,)), source="other")
    new = PersonRecord("Sophie", "Durand", "Martin", "+33699999999", "durand@exemple.fr")
    assert change(desk, UsagerRecord("300", new)) == 2
    hers, childs = desk.participations("1")["1"], desk.participations("2")["2"]
    assert (hers["phone"], hers["surnames"], hers["notify_by_email"]) == ("+33699999999", ["Durand", "Martin"], True)
    assert (childs["phone"], childs["email"]) == ("+33699999999", "durand@exemple.fr")
    assert childs["surnames"] == ["Dupont", "Durand", "Martin"]
    assert (childs["first_name"], childs["last_name"]) == ("Léo", "Dupont")
    assert desk.participations("3", source="other")["1"]["phone"] == "+33600000002"
    assert desk.appointment("2")["changed_at"] == LATER


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER, OF_CHILD)))
    assert change(desk, UsagerRecord("300", MOTHER)) == 0
    assert change(desk, UsagerRecord("301", CHILD, "300", MOTHER)) == 0
    assert desk.appointment("1")["changed_at"] == NOW


def test_a_responsible_person_without_number_leaves_the_childs_own(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_CHILD,)))
    assert change(desk, UsagerRecord("300", PersonRecord("Sophie", "Dupont"))) == 1
    assert desk.participations("1")["2"]["phone"] == "+33600000001"


def test_a_child_may_get_another_responsible_person_or_none(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_CHILD,)))
    father = PersonRecord("Karim", "Benali", None, "+33600000003")
    change(desk, UsagerRecord("301", CHILD, "302", father))
    row = desk.participations("1")["2"]
    assert (row["responsible_external_id"], row["phone"]) == ("302", "+33600000003")
    assert row["surnames"] == ["Dupont", "Benali"]
    change(desk, UsagerRecord("301", CHILD))
    row = desk.participations("1")["2"]
    assert (row["responsible_external_id"], row["phone"], row["own"]) == (None, "+33600000001", None)


def test_a_person_made_responsible_joins_what_was_known_of_the_usager(desk: Desk) -> None:
    record = ParticipationRecord.of("2", MOTHER, usager_external_id="301", responsible_external_id="300")
    desk.take(appointment("1", participations=(record,)))  # the responsible person was null there
    change(desk, UsagerRecord("300", PersonRecord("Karim", "Benali")))
    row = desk.participations("1")["2"]
    assert row["surnames"] == ["Dupont", "Martin", "Benali"]
    assert (row["phone"], row["notify_by_email"]) == ("+33600000002", False)


def test_what_came_with_a_newer_event_is_left_alone(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER,)), event_at=NOW)
    new = UsagerRecord("300", PersonRecord("Sophie", "Durand"))
    assert change(desk, new, event_at=NOW - SECOND) == 0
    assert change(desk, new, event_at=NOW) == 1


def message(desk: Desk, **values: Any) -> None:
    usual = {"channel": "sms", "kind": "reply", "sender": "36000", "created_at": NOW, "due_at": NOW, "state": "sent"}
    desk.run(insert(outgoing_messages).values({**usual, "body": "Bonjour Sophie", **values}))


def received(desk: Desk, number: str) -> None:
    row = {"gateway": "twilio", "gateway_message_id": number, "received_at": NOW, "from_number": number}
    desk.run(
        insert(incoming_messages).values(
            {**row, "to_number": "36000", "body": "annuler svp", "outcome": "help", "for_agents": True}
        )
    )


def test_an_erased_person_is_nowhere_any_more(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER,)))
    row = desk.participations("1")["1"]
    received(desk, "+33600000002")
    received(desk, "+33600000009")
    desk.run(
        insert(conversations).values(usager_number="+33600000002", our_number="36000", memory={"a": 1}, updated_at=NOW)
    )
    desk.run(insert(opt_outs).values(number="+33600000002", opted_out_at=NOW))
    message(desk, recipient="+33600000002", in_reply_to=None)
    message(desk, recipient="+33600000009")
    message(desk, recipient="sophie@exemple.fr", channel="email", subject="RDV", html="<p>", calendar="BEGIN")
    message(
        desk,
        recipient="ancienne@exemple.fr",
        channel="email",
        participation_id=row["id"],
        appointment_id=row["appointment_id"],
        state="waiting",
    )
    assert erase(desk) == 1
    row = desk.participations("1")["1"]
    assert (row["phone"], row["email"], row["last_name"], row["surnames"]) == (None, None, None, [])
    assert row["erased_at"] == row["removed_at"] == LATER
    sent = desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))
    assert [each["recipient"] for each in sent] == ["", "+33600000009", "", ""]
    assert [each["body"] for each in sent] == ["", "Bonjour Sophie", "", ""]
    assert [(each["subject"], each["html"], each["calendar"]) for each in sent] == [(None, None, None)] * 4
    assert [each["state"] for each in sent] == ["sent", "sent", "sent", "refused"]
    came = desk.rows(select(incoming_messages).order_by(incoming_messages.c.id))
    assert [(each["from_number"], each["body"], each["for_agents"]) for each in came] == [
        ("", "", False),
        ("+33600000009", "annuler svp", True),
    ]
    assert desk.rows(select(conversations)) == []
    assert [each["number"] for each in desk.rows(select(opt_outs))] == ["+33600000002"]


def test_a_number_that_others_use_keeps_its_messages(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER, OF_CHILD)))
    received(desk, "+33600000002")
    message(desk, recipient="+33600000002")
    erase(desk, "301")
    assert desk.rows(select(incoming_messages))[0]["body"] == "annuler svp"
    assert desk.rows(select(outgoing_messages))[0]["body"] == "Bonjour Sophie"


def test_those_an_erased_person_was_responsible_for_go_on_without_them(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_CHILD,)))
    assert erase(desk) == 1
    row = desk.participations("1")["2"]
    assert (row["removed_at"], row["erased_at"]) == (None, None)
    assert (row["phone"], row["surnames"], row["responsible_external_id"]) == ("+33600000001", ["Dupont"], None)


def test_no_late_record_brings_an_erased_person_back(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER, OF_CHILD)))
    erase(desk)
    before = desk.participations("1")["1"]
    intake = desk.take(appointment("1", participations=(OF_MOTHER,)), event_at=LATER, now=LATER)
    assert intake.kind is IntakeKind.CHANGED  # the child is no longer listed
    assert desk.participations("1")["1"] == before
    assert change(desk, UsagerRecord("300", MOTHER)) == 0


def test_an_erased_person_of_another_source_is_somebody_else(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER,)))
    assert erase(desk, source="other") == 0
    assert desk.participations("1")["1"]["last_name"] == "Dupont"


def test_erasing_counts_as_a_change_of_the_appointment(desk: Desk) -> None:
    desk.take(appointment("1", participations=(OF_MOTHER,)))
    desk.run(update(participations).values(locked_until=LATER))
    erase(desk)
    assert desk.rows(select(appointments.c.changed_at)) == [{"changed_at": LATER}]
