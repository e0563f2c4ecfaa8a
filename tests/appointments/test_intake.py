"""Records are taken in, ignored or merged with what is stored, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from smsbot.appointments.intake import CancelledBySource, IncomingRecord, IntakeKind, destroy, take_many
from smsbot.appointments.intake.merging import Moved
from smsbot.model import LocationType, MotifRecord, OrganisationRecord, PlaceRecord, Status
from smsbot.store.tables import appointments, audit, organisations, participations
from tests.appointments.records import NOW, Desk, appointment, participation

LATER = NOW + timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def test_a_new_appointment_is_stored(desk: Desk) -> None:
    intake = desk.take(appointment(), event_at=NOW)
    (part,) = desk.participations().values()
    assert (intake.kind, intake.added) == (IntakeKind.NEW, (part["id"],))
    row = desk.appointment()
    assert intake.appointment_id == row["id"]
    assert row["status"] == "unknown"
    assert row["place_phone_number"] == "03 21 00 00 00"
    assert row["changed_at"] == row["source_event_at"] == NOW
    assert row["calendar_sequence"] == 0
    assert part["surnames"] == ["Dupont"]
    assert part["folded_names"] == "DUPONT SOPHIE"
    assert part["phone"] == "+33612345678"
    assert (part["wrong_answers"], part["locked_until"], part["removed_at"]) == (0, None, None)
    (organisation,) = desk.rows(select(organisations))
    assert row["organisation_id"] == organisation["id"]
    assert organisation["phone_number"] == "3949"


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.take(appointment(), event_at=NOW)
    before = desk.appointment()
    assert desk.take(appointment(), event_at=NOW, now=LATER).kind is IntakeKind.UNCHANGED
    assert desk.take(appointment(), now=LATER).kind is IntakeKind.UNCHANGED
    assert desk.appointment() == before


def test_a_newer_event_without_news_is_still_the_newest(desk: Desk) -> None:
    desk.take(appointment(), event_at=NOW)
    assert desk.take(appointment(), event_at=NOW + SECOND, now=LATER).kind is IntakeKind.UNCHANGED
    row = desk.appointment()
    assert (row["source_event_at"], row["changed_at"]) == (NOW + SECOND, NOW)


def test_an_older_event_is_ignored_and_one_of_the_same_second_applies(desk: Desk) -> None:
    desk.take(appointment(label="a"), event_at=NOW)
    older = desk.take(appointment(label="b", organisation=OrganisationRecord("99")), event_at=NOW - SECOND)
    assert (older.kind, older.reason, older.appointment_id) == (IntakeKind.IGNORED, "older", desk.appointment()["id"])
    assert desk.appointment()["label"] == "a"
    assert len(desk.rows(select(organisations))) == 1
    assert desk.take(appointment(label="c"), event_at=NOW).kind is IntakeKind.CHANGED
    assert desk.appointment()["label"] == "c"


def test_an_event_from_a_clock_far_ahead_does_not_shut_the_door(desk: Desk) -> None:
    desk.take(appointment(label="a"), event_at=NOW + timedelta(days=400))
    assert desk.take(appointment(label="b"), event_at=NOW + SECOND, now=LATER).kind is IntakeKind.CHANGED


def test_two_sources_may_use_the_same_ids(desk: Desk) -> None:
    assert desk.take(appointment()).kind is IntakeKind.NEW
    assert desk.take(appointment(label="theirs"), source="other").kind is IntakeKind.NEW
    assert desk.appointment()["label"] is None
    assert desk.appointment(source="other")["label"] == "theirs"
    assert len(desk.rows(select(organisations))) == 2


def test_two_appointments_may_number_their_participations_alike(desk: Desk) -> None:
    desk.take(appointment("1", participations=(participation("1"), participation("2"))))
    desk.take(appointment("2", participations=(participation("1"),)))
    assert desk.participations("1").keys() == {"1", "2"}
    assert desk.participations("2").keys() == {"1"}


def test_a_uuid_is_made_once_where_the_source_has_none(desk: Desk) -> None:
    desk.take(appointment(uuid=None))
    made = desk.appointment()["uuid"]
    assert UUID(made).version == 4
    assert desk.take(appointment(uuid=None, label="x")).kind is IntakeKind.CHANGED
    assert desk.appointment()["uuid"] == made


def test_what_a_source_does_not_say_stays_known(desk: Desk) -> None:
    desk.take(appointment(label="Atelier", time_zone="Indian/Reunion", created_at=NOW, collective=True))
    before = desk.appointment()
    unsaid = appointment(uuid=None, organisation=None, motif=None, status=None, collective=None)
    assert desk.take(replace(unsaid, participations=(participation(status=None),))).kind is IntakeKind.UNCHANGED
    assert desk.appointment() == before


def test_a_motif_that_becomes_a_home_visit_is_one(desk: Desk) -> None:
    desk.take(appointment())
    desk.take(appointment(motif=MotifRecord("78", location_type=LocationType.HOME), place=None))
    row = desk.appointment()
    assert row["location_type"] == "home"
    assert row["place_address"] is None


def test_an_organisation_is_kept_up_to_date_and_not_impoverished(desk: Desk) -> None:
    desk.take(appointment())
    desk.take(appointment(organisation=OrganisationRecord("12", "MDS Arras", time_zone="Europe/Paris")))
    desk.take(appointment("2", organisation=OrganisationRecord("12")))
    (organisation,) = desk.rows(select(organisations))
    assert (organisation["name"], organisation["phone_number"]) == ("MDS Arras", "3949")
    assert desk.appointment("2")["organisation_id"] == organisation["id"]


# Moving.


def test_another_time_moves_it(desk: Desk) -> None:
    desk.take(appointment())
    desk.run(update(participations).values(reminded_at=NOW, wrong_answers=2, wrong_answer_at=NOW, locked_until=LATER))
    record = appointment()
    intake = desk.take(replace(record, starts_at=record.starts_at + timedelta(days=1)), now=LATER)
    assert (intake.kind, intake.moved) == (
        IntakeKind.CHANGED,
        Moved(record.starts_at, "Mairie", "1 place de la Mairie"),
    )
    row = desk.appointment()
    assert (row["calendar_sequence"], row["changed_at"]) == (1, LATER)
    (part,) = desk.participations().values()
    assert part["reminded_at"] is None
    assert (part["wrong_answers"], part["wrong_answer_at"], part["locked_until"]) == (2, NOW, LATER)


def test_what_does_not_move_it_forgets_no_reminder(desk: Desk) -> None:
    desk.take(appointment())
    desk.run(update(participations).values(reminded_at=NOW))
    intake = desk.take(appointment(label="x", participations=(participation(first_name="Sofia"),)))
    assert intake.moved is None
    (part,) = desk.participations().values()
    assert (part["reminded_at"], part["first_name"]) == (NOW, "Sofia")


def test_another_place_moves_it_and_its_telephone_does_not(desk: Desk) -> None:
    desk.take(appointment())
    assert desk.take(appointment(place=PlaceRecord("Mairie", "1 place de la Mairie", "3949"))).moved is None
    assert desk.appointment()["calendar_sequence"] == 0
    assert desk.take(appointment(place=PlaceRecord("Annexe", "2 rue Neuve"))).moved is not None
    assert desk.appointment()["calendar_sequence"] == 1


def test_a_place_no_longer_told_and_another_end_move_nobody_but_the_calendar(desk: Desk) -> None:
    desk.take(appointment())
    assert desk.take(appointment(place=None)).moved is None
    assert desk.take(appointment(place=None, ends_at=None)).moved is None
    assert desk.appointment()["calendar_sequence"] == 2


# Cancelling, by the source and here.


def test_the_source_cancels_a_participation(desk: Desk) -> None:
    desk.take(appointment())
    record = appointment(status=Status.REVOKED, participations=(participation(status=Status.REVOKED),))
    intake = desk.take(record, event_at=NOW + SECOND, now=LATER)
    (part,) = desk.participations().values()
    assert intake.cancelled == (CancelledBySource(part["id"], Status.REVOKED),)
    assert (part["cancelled_by"], part["cancelled_way"], part["cancelled_at"]) == ("agent", "webhook", NOW + SECOND)
    assert desk.appointment()["calendar_sequence"] == 1
    (entry,) = desk.rows(select(audit))
    assert (entry["act"], entry["by"], entry["way"], entry["at"]) == ("cancelled", "source", "webhook", LATER)
    assert (entry["participation_id"], entry["appointment_id"]) == (part["id"], intake.appointment_id)
    again = desk.take(record, event_at=NOW + SECOND, now=LATER)
    assert (again.kind, again.cancelled) == (IntakeKind.UNCHANGED, ())


def test_the_whole_of_an_individual_appointment_counts_before_its_participations_follow(desk: Desk) -> None:
    desk.take(appointment())
    intake = desk.take(appointment(status=Status.EXCUSED))
    assert [each.status for each in intake.cancelled] == [Status.EXCUSED]


def test_in_a_collective_appointment_each_stands_alone(desk: Desk) -> None:
    both = (participation("1"), participation("2"))
    desk.take(appointment(collective=True, participations=both))
    intake = desk.take(appointment(collective=True, participations=(replace(both[0], status=Status.EXCUSED), both[1])))
    parts = desk.participations()
    assert [each.participation_id for each in intake.cancelled] == [parts["1"]["id"]]
    assert (parts["1"]["status"], parts["2"]["status"]) == ("excused", "unknown")


def test_what_comes_cancelled_was_not_cancelled_just_now(desk: Desk) -> None:
    record = appointment(status=Status.REVOKED, participations=(participation(status=Status.REVOKED),))
    intake = desk.take(record)
    (part,) = desk.participations().values()
    assert (intake.kind, intake.cancelled) == (IntakeKind.NEW, ())
    assert (part["status"], part["cancelled_at"], part["cancelled_way"]) == ("revoked", None, None)
    assert desk.rows(select(audit)) == []


def test_the_source_may_undo_its_own_cancellation(desk: Desk) -> None:
    desk.take(appointment())
    desk.take(appointment(status=Status.REVOKED))
    intake = desk.take(appointment(), now=LATER)
    (part,) = desk.participations().values()
    assert intake.reopened == (part["id"],)
    assert (part["status"], part["cancelled_at"], part["cancelled_by"], part["cancelled_way"]) == (
        "unknown",
        None,
        None,
        None,
    )
    assert desk.appointment()["status"] == "unknown"
    assert desk.appointment()["calendar_sequence"] == 2
    assert [entry["act"] for entry in desk.rows(select(audit).order_by(audit.c.id))] == ["cancelled", "reopened"]


def cancel_here(desk: Desk, *, appointment_too: bool, external_id: str = "4021", by: str = "usager") -> None:
    """Cancel as the door does it."""
    ended = {"status": "excused", "cancelled_at": NOW, "cancelled_by": by, "cancelled_way": "sms"}
    row = desk.appointment(external_id)
    desk.run(update(participations).where(participations.c.appointment_id == row["id"]).values(ended))
    if appointment_too:
        desk.run(update(appointments).where(appointments.c.id == row["id"]).values(status="excused"))


@pytest.mark.parametrize("status", [None, *Status])
def test_a_cancellation_made_here_stands(desk: Desk, status: Status | None) -> None:
    desk.take(appointment())
    cancel_here(desk, appointment_too=True)
    record = appointment(status=status, participations=(participation(status=status),))
    intake = desk.take(record, event_at=LATER, now=LATER)
    (part,) = desk.participations().values()
    assert (intake.kind, intake.cancelled, intake.reopened) == (IntakeKind.UNCHANGED, (), ())
    assert (part["status"], part["cancelled_way"], part["cancelled_at"]) == ("excused", "sms", NOW)
    assert desk.appointment()["status"] == "excused"
    assert desk.appointment()["changed_at"] == NOW


def test_a_cancelled_appointment_still_moves_and_stays_cancelled(desk: Desk) -> None:
    desk.take(appointment())
    cancel_here(desk, appointment_too=True)
    record = appointment()
    assert desk.take(replace(record, starts_at=record.starts_at + timedelta(days=1))).moved is not None
    assert desk.appointment()["status"] == "excused"


def test_who_is_put_into_an_individual_appointment_that_ended_here_finds_it_ended(desk: Desk) -> None:
    desk.take(appointment())
    cancel_here(desk, appointment_too=True)
    intake = desk.take(appointment(participations=(participation("501", last_name="Durand"),)))
    parts = desk.participations()
    assert intake.cancelled == ()
    assert (parts["501"]["status"], parts["501"]["cancelled_way"]) == ("excused", "sms")
    assert parts["500"]["removed_at"] == NOW


def test_who_joins_a_collective_appointment_that_others_left_takes_part(desk: Desk) -> None:
    desk.take(appointment(collective=True))
    cancel_here(desk, appointment_too=False)
    desk.take(appointment(collective=True, participations=(participation(), participation("501"))))
    parts = desk.participations()
    assert (parts["500"]["status"], parts["501"]["status"]) == ("excused", "unknown")


def test_an_appointment_that_ended_with_its_only_participant_goes_on_with_others(desk: Desk) -> None:
    alone = appointment(status=None, collective=None, participations=(participation(status=None),))
    desk.take(alone)
    cancel_here(desk, appointment_too=True)
    others = (participation(status=None), participation("501", status=None))
    desk.take(replace(alone, collective=True, participations=others))
    parts = desk.participations()
    assert (parts["500"]["status"], parts["501"]["status"]) == ("excused", "unknown")
    assert desk.appointment()["status"] == "unknown"


def test_a_collective_appointment_that_an_agent_ended_here_stays_ended(desk: Desk) -> None:
    desk.take(appointment(collective=True))
    cancel_here(desk, appointment_too=True, by="agent")
    desk.take(appointment(collective=True))
    assert desk.appointment()["status"] == "excused"


# Who takes part.


def test_a_participation_no_longer_listed_is_removed_and_may_return(desk: Desk) -> None:
    both = (participation("1"), participation("2"))
    desk.take(appointment(participations=both))
    intake = desk.take(appointment(participations=both[:1]), now=LATER)
    assert intake.kind is IntakeKind.CHANGED
    assert {each: row["removed_at"] for each, row in desk.participations().items()} == {"1": None, "2": LATER}
    assert desk.take(appointment(participations=both[:1]), now=LATER).kind is IntakeKind.UNCHANGED
    assert desk.take(appointment(participations=both)).added == ()
    assert desk.participations()["2"]["removed_at"] is None


def test_where_not_all_are_listed_nobody_is_removed(desk: Desk) -> None:
    desk.take(appointment())
    record = appointment(participations=(), participations_complete=False)
    assert desk.take(record).kind is IntakeKind.UNCHANGED
    assert desk.participations()["500"]["removed_at"] is None


def test_of_a_participation_listed_twice_the_last_counts(desk: Desk) -> None:
    desk.take(appointment(participations=(participation(last_name="A"), participation(last_name="B"))))
    assert desk.participations()["500"]["last_name"] == "B"


def test_added_are_those_who_were_never_there(desk: Desk) -> None:
    desk.take(appointment(collective=True))
    intake = desk.take(appointment(collective=True, participations=(participation(), participation("501"))))
    assert intake.added == (desk.participations()["501"]["id"],)


# Many at once.


def test_many_are_taken_in_order_and_answered_in_order(desk: Desk) -> None:
    desk.take(appointment("2"))
    arrivals = [
        IncomingRecord(appointment("1")),
        IncomingRecord(appointment("2")),
        IncomingRecord(appointment("1", label="x")),
        IncomingRecord(appointment("3"), NOW),
        IncomingRecord(appointment("3"), NOW - SECOND),
        IncomingRecord(appointment("1", label="x")),
    ]
    intakes = desk.database.write_now(lambda connection: take_many(connection, "rdvsp", arrivals, now=LATER))
    assert [intake.kind for intake in intakes] == [
        IntakeKind.NEW,
        IntakeKind.UNCHANGED,
        IntakeKind.CHANGED,
        IntakeKind.NEW,
        IntakeKind.IGNORED,
        IntakeKind.UNCHANGED,
    ]
    assert [intake.appointment_id for intake in intakes] == [
        desk.appointment(external_id)["id"] for external_id in ("1", "2", "1", "3", "3", "1")
    ]


def test_none_at_all_is_fine(desk: Desk) -> None:
    assert desk.database.write_now(lambda connection: take_many(connection, "rdvsp", [], now=NOW)) == []


# Destroying.


def remove_it(desk: Desk, reason: str | None = None, external_id: str = "4021") -> IntakeKind:
    return desk.database.write_now(
        lambda connection: destroy(connection, "rdvsp", external_id, event_at=NOW, reason=reason, now=LATER)
    ).kind


def test_what_is_destroyed_never_comes_back(desk: Desk) -> None:
    desk.take(appointment(), event_at=LATER)
    assert remove_it(desk) is IntakeKind.CHANGED  # though its event is older than what is known
    late = desk.take(appointment(label="late"), event_at=LATER + timedelta(days=1), now=LATER)
    assert (late.kind, late.reason) == (IntakeKind.IGNORED, "destroyed")
    row = desk.appointment()
    assert (row["destroyed_at"], row["changed_at"], row["label"]) == (LATER, LATER, None)
    part = desk.participations()["500"]
    assert (part["removed_at"], part["status"], part["phone"]) == (LATER, "unknown", "+33612345678")
    assert [entry["act"] for entry in desk.rows(select(audit))] == ["destroyed"]
    assert remove_it(desk) is IntakeKind.UNCHANGED


def test_what_was_destroyed_before_it_was_known_never_comes(desk: Desk) -> None:
    assert remove_it(desk) is IntakeKind.UNCHANGED
    assert remove_it(desk) is IntakeKind.UNCHANGED
    late = desk.take(appointment(), event_at=LATER, now=LATER)
    assert (late.kind, late.reason) == (IntakeKind.IGNORED, "destroyed")
    assert desk.participations() == {}


def test_destroyed_for_data_protection_nobody_is_left_in_it(desk: Desk) -> None:
    desk.take(appointment())
    remove_it(desk)
    assert desk.participations()["500"]["last_name"] == "Dupont"
    remove_it(desk, "rgpd")
    part = desk.participations()["500"]
    assert part["erased_at"] == LATER
    for name in ("first_name", "last_name", "phone", "email", "own", "usager_external_id"):
        assert part[name] is None
    assert part["surnames"] == part["first_names"] == []
