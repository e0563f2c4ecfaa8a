"""What a source that owns its appointments says while it is asked to cancel one, and after it has cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from smsbot.appointments.intake import TO_BE_READ, TO_READ_TOPIC, IncomingRecord, Intake, IntakeKind, destroy, take_many
from smsbot.appointments.requests import TOPIC, RequestState
from smsbot.model import AppointmentRecord, Canceller, ParticipationRecord, PersonRecord, Status
from smsbot.store.database import Database
from smsbot.store.tables import appointments, cancellation_requests, participations
from tests.appointments.records import NOW, appointment, participation
from tests.appointments.test_cancellation_requests import API, SMS, Asked

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STARTS_AT, LATER_START = NOW + timedelta(days=3), NOW + timedelta(days=5)
FAR = NOW + timedelta(minutes=5)
"""When the next attempt would be made if the source said nothing."""

UNKNOWN, EXCUSED, REVOKED, SEEN = Status.UNKNOWN, Status.EXCUSED, Status.REVOKED, Status.SEEN


def rdv(statuses: dict[str, Status] | None = None, whole: Status = UNKNOWN, **fields: Any) -> AppointmentRecord:
    parts = tuple(participation(each, status=status) for each, status in (statuses or {"500": UNKNOWN}).items())
    return appointment(status=whole, participations=parts, **{"starts_at": STARTS_AT, "ends_at": None, **fields})


class Owner(Asked):
    """The source, which sends records of its appointment after somebody here has asked to cancel it."""

    def asks(self, canceller: Canceller = SMS, person: str = "500") -> None:
        self.cancels(person, canceller)
        self.desk.run(update(cancellation_requests).values(due_at=FAR))

    def tells(
        self,
        record: AppointmentRecord,
        at: datetime = NOW + SECOND,
        now: datetime | None = None,
        *,
        by_id: bool = False,
    ) -> Intake:
        arrivals = [IncomingRecord(record, at, read_by_id=by_id)]
        return self.database.write_now(
            lambda connection: take_many(connection, "rdvsp", arrivals, now=now or at, owned=True)
        )[0]

    def destroys(self) -> Intake:
        return self.database.write_now(
            lambda connection: destroy(connection, "rdvsp", "4021", event_at=NOW, reason=None, now=NOW)
        )

    def carries_out(self, at: datetime = NOW) -> None:
        """The source has cancelled all that was asked for, and has answered."""
        (request,) = self.claims(FAR)
        active = {row["id"]: Status(request.canceller.status) for row in self.desk.participations().values()}
        self.finishes(request, RequestState.DONE)
        self.database.write_now(lambda connection: self.door.carried_out(connection, request, active, at))
        self.desk.run(update(appointments).values(source_event_at=at))

    @property
    def is_due(self) -> bool:
        return any(row["due_at"] < FAR for row in self.desk.rows(select(cancellation_requests)))

    @property
    def to_read_at(self) -> datetime | None:
        moment: datetime | None = self.desk.appointment()["to_read_at"]
        return moment


@pytest.fixture
def owner(database: Database) -> Owner:
    return Owner(database)


# While a request is open ----------------------------------------------------------------------------------------------

ONE, TWO = ("500",), ("500", "501")
WISH = [(SMS, EXCUSED), (API, REVOKED)]


@pytest.mark.parametrize(("canceller", "status"), WISH)
@pytest.mark.parametrize(
    ("people", "states"),
    [
        (ONE, ["cancelled"]),
        (TWO, ["cancelled", "unknown"]),  # between two PATCHes
        (TWO, ["unknown", "cancelled"]),
        (TWO, ["cancelled", "cancelled"]),
    ],
)
@pytest.mark.parametrize("is_whole_told", [False, True])
def test_its_own_echo_changes_nothing_and_wakes_who_carries_it_out(
    owner: Owner,
    canceller: Canceller,
    status: Status,
    people: Sequence[str],
    states: Sequence[str],
    is_whole_told: bool,
) -> None:
    owner.holds(*people, starts_at=STARTS_AT)
    owner.asks(canceller)
    told = {each: status if state == "cancelled" else UNKNOWN for each, state in zip(people, states, strict=True)}
    whole = status if is_whole_told and "unknown" not in states else UNKNOWN
    before = owner.desk.appointment()
    intake = owner.tells(rdv(told, whole))
    assert (intake.kind, intake.cancelled, intake.moved) == (IntakeKind.UNCHANGED, (), None)
    assert owner.statuses() == {"unknown"}
    after = owner.desk.appointment()
    assert (after["status"], after["calendar_sequence"]) == ("unknown", before["calendar_sequence"])
    assert after["changed_at"] == before["changed_at"]
    assert owner.is_due


def test_what_changes_nothing_wakes_nobody(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    assert owner.tells(rdv()).kind is IntakeKind.UNCHANGED
    assert not owner.is_due


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (rdv({"500": SEEN}, SEEN), IntakeKind.CHANGED),
        (rdv({"500": Status.NOSHOW}, Status.NOSHOW), IntakeKind.CHANGED),
        (rdv({"500": REVOKED}, REVOKED), IntakeKind.CHANGED),  # an agent was faster
        (rdv(starts_at=LATER_START), IntakeKind.CHANGED),
        (rdv({"501": UNKNOWN}), IntakeKind.CHANGED),  # somebody else takes part now
    ],
)
def test_what_somebody_did_there_meanwhile_is_worked_in_and_told_by_who_carries_it_out(
    owner: Owner, record: AppointmentRecord, kind: IntakeKind
) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    intake = owner.tells(record)
    assert intake.kind is kind
    assert owner.is_due
    assert owner.desk.appointment()["starts_at"] == record.starts_at
    known = owner.desk.participations()["500"]
    told = next((each.status for each in record.participations if each.external_id == "500"), None)
    assert known["removed_at"] is not None if told is None else known["status"] == told
    assert intake.askers == {known["id"]}


def test_of_an_agents_request_the_usagers_hear_as_of_any_other_change(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks(API)
    intake = owner.tells(rdv(starts_at=LATER_START))
    assert intake.moved is not None
    assert intake.askers == frozenset()


def test_names_and_numbers_are_worked_in_meanwhile(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    renamed = ParticipationRecord.of("500", PersonRecord("Sophie", "Durand", phone="+33699999999"), status=EXCUSED)
    owner.tells(appointment(starts_at=STARTS_AT, ends_at=None, status=EXCUSED, participations=(renamed,)))
    row = owner.desk.participations()["500"]
    assert (row["status"], row["surnames"], row["phone"]) == ("unknown", ["Durand"], "+33699999999")


def test_a_destroyed_one_wakes_who_carries_it_out(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    assert owner.destroys().kind is IntakeKind.CHANGED
    assert owner.is_due


def test_who_may_carry_it_out_in_another_process_is_signalled(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    heard: list[str] = []
    owner.database.subscribe(TOPIC, lambda: heard.append(TOPIC))
    owner.tells(rdv({"500": EXCUSED}, EXCUSED))
    assert heard


def test_in_a_collective_one_only_the_request_is_left_alone(owner: Owner) -> None:
    owner.holds("500", "501", starts_at=STARTS_AT, collective=True)
    owner.asks()
    intake = owner.tells(rdv({"500": EXCUSED, "501": REVOKED}, collective=True))
    parts = owner.desk.participations()
    assert {name: row["status"] for name, row in parts.items()} == {"500": "unknown", "501": "revoked"}
    assert [each.participation_id for each in intake.cancelled] == [parts["501"]["id"]]


# After it was carried out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late",
    [
        rdv({"500": EXCUSED, "501": UNKNOWN}),
        rdv({"500": UNKNOWN, "501": UNKNOWN}),
        rdv({"500": UNKNOWN, "501": UNKNOWN}, starts_at=LATER_START),
    ],
)
@pytest.mark.parametrize("by_id", [False, True])
def test_a_late_echo_opens_nothing_again_but_has_it_read(owner: Owner, late: AppointmentRecord, by_id: bool) -> None:
    owner.holds(*TWO, starts_at=STARTS_AT)
    owner.asks()
    owner.carries_out()
    heard: list[str] = []
    owner.database.subscribe(TO_READ_TOPIC, lambda: heard.append(TO_READ_TOPIC))
    intake = owner.tells(late, NOW, NOW + SECOND, by_id=by_id)
    assert (intake.kind, intake.reason) == (IntakeKind.IGNORED, TO_BE_READ)
    assert owner.statuses() == {"excused"}
    assert owner.desk.appointment()["starts_at"] == STARTS_AT
    assert owner.to_read_at == NOW + SECOND
    assert heard


def test_what_is_read_by_id_and_newer_counts(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    owner.carries_out()
    owner.tells(rdv(), NOW + SECOND)
    intake = owner.tells(rdv(), NOW + 2 * SECOND, by_id=True)
    assert intake.reopened == (owner.desk.participations()["500"]["id"],)
    assert owner.statuses() == {"unknown"}
    assert owner.desk.appointment()["status"] == "unknown"
    assert owner.to_read_at is None


def test_a_reading_that_agrees_clears_the_mark(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    owner.carries_out()
    owner.tells(rdv(), NOW + SECOND)
    assert owner.tells(rdv({"500": EXCUSED}, EXCUSED), NOW + 2 * SECOND, by_id=True).kind is IntakeKind.UNCHANGED
    assert owner.statuses() == {"excused"}
    assert owner.to_read_at is None


def test_ten_minutes_later_it_is_believed(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    owner.carries_out()
    assert owner.tells(rdv(), NOW + 10 * MINUTE).reopened
    assert owner.to_read_at is None


@pytest.mark.parametrize("status", [EXCUSED, REVOKED])
def test_what_was_cancelled_there_keeps_who_asked_for_it(owner: Owner, status: Status) -> None:
    owner.holds(starts_at=STARTS_AT)
    owner.asks()
    owner.carries_out()
    intake = owner.tells(rdv({"500": status}, status), NOW + MINUTE)
    row = owner.desk.participations()["500"]
    assert intake.cancelled == ()
    assert (row["status"], row["cancelled_by"], row["cancelled_way"]) == (status, "usager", "sms")


# The source decides -----------------------------------------------------------------------------------------


def test_an_old_cancellation_from_here_protects_nothing(owner: Owner) -> None:
    """This happens when a service that ran on its own becomes connected."""
    owner.holds(*TWO, starts_at=STARTS_AT)
    before = {"status": "excused", "cancelled_at": NOW - timedelta(days=1), "cancelled_by": "usager"}
    number = owner.desk.participations()["500"]["id"]
    owner.desk.run(update(participations).values(**before, cancelled_way="sms"))
    owner.desk.run(update(appointments).values(status="excused"))
    intake = owner.tells(rdv({"500": UNKNOWN, "501": SEEN, "502": UNKNOWN}))
    assert {name: row["status"] for name, row in owner.desk.participations().items()} == {
        "500": "unknown",
        "501": "seen",
        "502": "unknown",
    }
    assert number in intake.reopened
    assert owner.desk.appointment()["status"] == "unknown"


def test_elsewhere_it_still_does(owner: Owner) -> None:
    owner.holds(starts_at=STARTS_AT)
    gone = {"status": "excused", "cancelled_at": NOW, "cancelled_by": "usager", "cancelled_way": "sms"}
    owner.desk.run(update(participations).values(**gone))
    owner.desk.take(rdv(), event_at=NOW + SECOND)
    assert owner.statuses() == {"excused"}
    assert owner.to_read_at is None
