"""The data of people after late and partial events in any order: first pure, then through the database, as RDV Service
Public's webhooks bring them.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.appointments.intake import IntakeKind
from smsbot.appointments.intake.people import People
from smsbot.appointments.intake.usagers import change_usager, erase_usager
from smsbot.model import ParticipationRecord, PersonRecord, UsagerRecord
from smsbot.sources.rdvsp import AppointmentEvent, UsagerEvent, parse_webhook
from smsbot.store.database import Database
from tests.appointments.records import NOW, Desk

Json = dict[str, Any]

OLD = {"id": 51, "first_name": "Ana", "last_name": "Old", "birth_name": None, "email": "old@exemple.fr"}
OLD |= {"phone_number_formatted": "+33600000001", "notify_by_sms": True, "notify_by_email": True}
OLD |= {"responsible_id": None, "responsible": None}
NEW = OLD | {"last_name": "New", "email": "new@exemple.fr", "phone_number_formatted": "+33600000002"}
MOTHER = OLD | {"id": 52, "first_name": "Mia", "phone_number_formatted": "+33600000003", "email": "mia@exemple.fr"}
MOTHER = {name: value for name, value in MOTHER.items() if not name.startswith("responsible")}
OF_MOTHER = {"responsible_id": 52, "responsible": MOTHER}


def minute(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


@dataclass
class Webhooks:
    """Sends webhooks to the desk, about the appointment "1" of one user."""

    desk: Desk
    external_id: str = "1"
    now: datetime = field(default_factory=lambda: minute(30))

    def user(self, data: Json, at: int | None) -> int:
        event = self._event("User", data, at)
        assert isinstance(event, UsagerEvent)
        record = event.record
        assert record is not None
        return self.desk.database.write_now(
            lambda connection: change_usager(connection, "rdvsp", record, event_at=event.at, now=self.now)
        )

    def rdv(self, user: Json | None, at: int | None, **fields: Any) -> IntakeKind:
        participation = {"id": 500, "status": "unknown"} | ({} if user is None else {"user": user})
        rdv: Json = {"id": self.external_id, "starts_at": "2027-02-01T09:00:00Z", "organisation": {"id": 12}}
        rdv["participations"] = [participation]
        event = self._event("Rdv", rdv | fields, at)
        assert isinstance(event, AppointmentEvent)
        assert event.record is not None
        return self.desk.take(event.record, event.at, now=self.now).kind

    def erase(self, external_id: str) -> None:
        self.desk.database.write_now(lambda connection: erase_usager(connection, "rdvsp", external_id, now=self.now))

    def row(self) -> Json:
        return self.desk.participations(self.external_id)["500"]

    def reached(self) -> tuple[Any, ...]:
        row = self.row()
        return row["last_name"], row["phone"], row["email"]

    def _event(self, model: str, data: Json, at: int | None) -> object:
        timestamp = minute(at).isoformat() if at is not None else None
        return parse_webhook(
            json.dumps({"data": data, "meta": {"model": model, "event": "updated", "timestamp": timestamp}}).encode()
        )


@pytest.fixture
def webhooks(desk: Desk) -> Webhooks:
    return Webhooks(desk)


REACHED_AS_OLD = ("Old", "+33600000001", "old@exemple.fr")
REACHED_AS_NEW = ("New", "+33600000002", "new@exemple.fr")


# Late events.


@pytest.mark.parametrize("order", list(itertools.permutations(("created", "changed", "user"))), ids="-".join)
def test_of_a_person_the_newest_event_counts_in_every_order(webhooks: Webhooks, order: tuple[str, ...]) -> None:
    for event in order:
        if event == "created":
            webhooks.rdv(OLD, 0)
        elif event == "changed":
            webhooks.rdv(OLD, 2, address="elsewhere")
        else:
            webhooks.user(NEW, 5)
    # Nothing is stored about a user who has no appointment yet.
    assert webhooks.reached() == (REACHED_AS_OLD if order[0] == "user" else REACHED_AS_NEW)
    assert webhooks.desk.appointment("1")["source_event_at"] == minute(2)


def test_the_rest_of_a_late_rdv_counts_and_it_is_a_change_only_of_that(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 0)
    webhooks.user(NEW, 5)
    assert webhooks.rdv(OLD, 2) is IntakeKind.UNCHANGED
    assert webhooks.rdv(OLD, 3, starts_at="2027-02-01T10:00:00Z") is IntakeKind.CHANGED
    assert webhooks.reached() == REACHED_AS_NEW
    webhooks.rdv(OLD, 5)  # two events of the same second both apply
    assert webhooks.reached() == REACHED_AS_OLD


def test_a_late_user_event_changes_nothing(webhooks: Webhooks) -> None:
    webhooks.rdv(NEW, 5)
    assert webhooks.user(OLD, 4) == 0
    assert webhooks.user(OLD, 5) == 1
    assert webhooks.user(NEW, 6) == 1
    assert webhooks.user(OLD, 5) == 0
    assert webhooks.reached() == REACHED_AS_NEW


def test_an_rdv_that_says_the_same_still_makes_it_newer(webhooks: Webhooks) -> None:
    webhooks.rdv(NEW, 0)
    assert webhooks.rdv(NEW, 5) is IntakeKind.UNCHANGED
    assert webhooks.user(OLD, 4) == 0


def test_an_rdv_that_says_nothing_of_the_person_makes_nothing_newer(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 0)
    webhooks.rdv(None, 5)
    assert webhooks.reached() == REACHED_AS_OLD
    assert webhooks.user(NEW, 4) == 1


def test_what_has_no_time_applies_and_is_no_newer_for_it(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 5)
    webhooks.rdv(NEW, None)
    assert webhooks.reached() == REACHED_AS_NEW
    assert webhooks.user(OLD, 4) == 0
    assert webhooks.user(OLD, 5) == 1


def test_a_clock_far_ahead_does_not_shut_the_door(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 0)
    webhooks.user(OLD, 60 * 24 * 400)
    webhooks.now = minute(40)
    assert webhooks.user(NEW, 35) == 1


def test_usager_and_responsible_person_are_each_as_new_as_their_own_events(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    webhooks.user(MOTHER | {"phone_number_formatted": "+33600000009"}, 5)
    assert webhooks.user({"id": 51, "last_name": "New"}, 3) == 1  # newer than the last event about the child
    webhooks.rdv(OLD | OF_MOTHER, 2)  # older than the last events about both
    assert webhooks.reached() == ("New", "+33600000009", "mia@exemple.fr")
    webhooks.rdv(OLD | OF_MOTHER, 4)  # newer than the last event about the child, but not about the mother
    assert webhooks.reached() == ("Old", "+33600000009", "mia@exemple.fr")


def test_a_late_event_does_not_change_who_is_responsible(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    webhooks.user(OLD, 5)  # of age
    for late in (OLD | OF_MOTHER, {"id": 51, "responsible_id": 52}, {"id": 51, "responsible": MOTHER}):
        webhooks.user(late, 4)
        assert webhooks.reached() == REACHED_AS_OLD
        assert webhooks.row()["responsible_external_id"] is None


def test_a_late_event_still_tells_of_the_responsible_person_of_whom_nothing_newer_is_known(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    webhooks.user({"id": 51, "last_name": "New"}, 5)
    webhooks.user(OLD | OF_MOTHER | {"responsible": MOTHER | {"email": "m@exemple.fr"}}, 4)
    assert webhooks.reached() == ("New", "+33600000003", "m@exemple.fr")


# Partial events.


def test_a_field_that_is_not_there_stays_and_one_that_is_null_goes(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 0)
    webhooks.user({"id": 51, "last_name": "Partial"}, 1)
    assert webhooks.reached() == ("Partial", "+33600000001", "old@exemple.fr")
    webhooks.rdv({"id": 51, "email": None}, 2)
    assert webhooks.reached() == ("Partial", "+33600000001", None)
    webhooks.user({"id": 51, "phone_number": "06 12 34 56"}, 3)  # an unusable number: the old one is removed
    assert webhooks.reached() == ("Partial", None, None)


def test_a_birth_name_that_is_the_surname_is_not_forgotten(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | {"birth_name": "Old"}, 0)
    webhooks.user({"id": 51, "last_name": "New"}, 1)
    assert webhooks.row()["surnames"] == ["New", "Old"]


def test_a_user_of_null_is_nobody(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD, 0)
    webhooks.rdv({}, 1)
    assert webhooks.reached() == REACHED_AS_OLD
    participation = {"id": 500, "status": "unknown", "user": None}
    webhooks.rdv(None, 2, participations=[participation])
    assert webhooks.reached() == (None, None, None)
    assert webhooks.row()["usager_external_id"] is None


def test_of_somebody_else_in_the_same_participation_nothing_is_known(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 3)
    webhooks.rdv({"id": 60, "last_name": "Else"}, 4)
    assert webhooks.reached() == ("Else", None, None)
    assert webhooks.row()["surnames"] == ["Else"]
    assert (webhooks.row()["usager_external_id"], webhooks.row()["responsible_external_id"]) == ("60", None)


def test_of_a_new_responsible_person_nothing_is_known(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    webhooks.user({"id": 51, "responsible": {"id": 53, "first_name": "Karim"}}, 1)
    row = webhooks.row()
    assert (row["responsible_external_id"], row["first_names"]) == ("53", ["Ana", "Karim"])
    assert webhooks.reached() == REACHED_AS_OLD
    webhooks.user({"id": 53, "phone_number": "06 00 00 00 07"}, 2)
    assert webhooks.row()["phone"] == "+33600000007"


def test_the_responsible_person_stays_until_it_is_said_that_there_is_none(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    partials: list[Json] = [{}, {"responsible_id": 52}, {"responsible": {"id": 52}}, {"responsible": {}}]
    for number, partial in enumerate(partials):
        webhooks.user({"id": 51, **partial}, number)
        assert webhooks.reached() == ("Old", "+33600000003", "mia@exemple.fr")
    webhooks.user({"id": 51, "responsible_id": None}, 5)
    assert webhooks.reached() == REACHED_AS_OLD
    assert webhooks.row()["own"] is None


def test_nothing_partial_brings_an_erased_person_back(webhooks: Webhooks) -> None:
    webhooks.rdv(OLD | OF_MOTHER, 0)
    for external_id in ("52", "51"):
        webhooks.erase(external_id)
        assert webhooks.user({"id": int(external_id), "last_name": "Late"}, 9) == 0
        assert "Mia" not in repr(webhooks.row())
    webhooks.rdv({"id": 51, "last_name": "Late"}, 10)
    assert webhooks.reached() == (None, None, None)
    assert webhooks.row()["own"] is None


# Rules for all of them.


FIELDS = {
    "first_name": st.sampled_from(["Ana", "Bea", None]),
    "last_name": st.sampled_from(["Old", "New", "Mia", None]),
    "birth_name": st.sampled_from(["Old", "New", "Née", None]),
    "email": st.sampled_from(["a@exemple.fr", "b@exemple.fr", None]),
    "phone_number_formatted": st.sampled_from(["+33600000001", "+33600000002", None]),
    "notify_by_sms": st.booleans(),
    "notify_by_email": st.booleans(),
}
NAMED = ("first_name", "last_name", "email", "phone_number_formatted")
PARTIAL = st.fixed_dictionaries({}, optional=FIELDS).filter(
    lambda told: any(told.get(field, "not told") is not None for field in NAMED)  # else it says: anonymised
)
WHOLE = st.fixed_dictionaries(FIELDS)
TOLD = st.tuples(st.sampled_from(["rdv", "usager", "responsible"]), st.integers(1, 6), PARTIAL, st.none() | PARTIAL)
_NUMBERS = itertools.count()


@given(child=WHOLE, mother=st.none() | WHOLE, told=st.lists(TOLD, max_size=6))
def test_no_field_changes_that_no_event_names(
    sqlite_database: Database, child: Json, mother: Json | None, told: list[tuple[str, int, Json, Json | None]]
) -> None:
    number = next(_NUMBERS)
    ids = {"usager": f"{number}-51", "responsible": f"{number}-52"}
    webhooks = Webhooks(Desk(sqlite_database), f"history {number}")
    known, times = {"usager": dict(child), "responsible": dict(mother or {})}, dict.fromkeys(ids, 0)
    rdv_at = 0

    def expect(whom: str, fields: Json, at: int) -> None:
        if at >= times[whom]:
            known[whom] |= fields
            times[whom] = at if fields else times[whom]

    webhooks.rdv({"id": ids["usager"], **child, "responsible": mother and {"id": ids["responsible"], **mother}}, 0)
    for model, at, fields, of_responsible in told:
        of_responsible = of_responsible if mother is not None else None
        if model == "responsible":
            webhooks.user({"id": ids["responsible"], **fields}, at)
            expect("responsible", fields, at)
        else:
            nested = {} if of_responsible is None else {"responsible": {"id": ids["responsible"], **of_responsible}}
            payload = {"id": ids["usager"], **fields, **nested}
            if model == "usager":
                webhooks.user(payload, at)
            elif webhooks.rdv(payload, at) is IntakeKind.IGNORED:
                assert at < rdv_at
                continue
            else:
                rdv_at = at
            is_late = at < times["usager"]
            expect("usager", fields, at)
            if of_responsible is not None:
                expect("responsible", of_responsible, at)
                times["usager"] = times["usager"] if is_late else at  # it said who is responsible
        people = People.known(webhooks.row())
        assert (people.external_id, _payload(people.person)) == (ids["usager"], known["usager"])
        assert (people.responsible is None) == (mother is None)
        if people.responsible is not None:
            assert people.responsible_external_id == ids["responsible"]
            assert _payload(people.responsible) == known["responsible"]
        whole_record = ParticipationRecord.of("500", people.person, people.responsible)
        assert (webhooks.row()["phone"], webhooks.row()["email"]) == (whole_record.phone, whole_record.email)


def _payload(person: PersonRecord) -> Json:
    return {name: getattr(person, "phone" if name == "phone_number_formatted" else name) for name in FIELDS}


PERSONS = st.builds(
    PersonRecord,
    *(FIELDS[name] for name in ("first_name", "last_name", "birth_name", "phone_number_formatted", "email")),
    *(st.booleans(), st.booleans()),
)


@given(person=PERSONS, responsible=st.none() | PERSONS)
def test_columns_and_people_are_the_same(person: PersonRecord, responsible: PersonRecord | None) -> None:
    people = People("51", person, "52", responsible, minute(1), minute(2))
    assert People.known(people.columns()) == people


@given(person=PERSONS, responsible=PERSONS)
def test_a_record_of_usager_and_responsible_person_in_one_is_reached_as_it_says(
    person: PersonRecord, responsible: PersonRecord
) -> None:
    record = ParticipationRecord.of("1", person, responsible, usager_external_id="51", responsible_external_id="52")
    people = People().told_with(record, None)
    assert (people.person, people.responsible) == (person, responsible)
    again = ParticipationRecord.of(
        "1", people.person, people.responsible, usager_external_id="51", responsible_external_id="52"
    )
    assert again == record


def test_a_usager_of_neither_changes_nothing() -> None:
    people = People("51", PersonRecord("Ana"), "52", PersonRecord("Mia"))
    assert people.told(UsagerRecord("53", PersonRecord("Eva")), NOW) == people
