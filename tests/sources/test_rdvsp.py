"""RDV Service Public's webhook: its signature, its events, and which fields of an Rdv and a User are read."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

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
from smsbot.sources.rdvsp import (
    AppointmentEvent,
    MalformedPayload,
    NotOfInterest,
    SourceEvent,
    UsagerEvent,
    appointment_record,
    parse_webhook,
    verify_signature,
)

Json = dict[str, Any]
Body = Callable[..., bytes]


def test_the_signature_is_the_hexadecimal_hmac_of_the_body() -> None:
    signature = hmac.new(b"secret", b"{}", hashlib.sha256).hexdigest()
    assert verify_signature("secret", b"{}", signature)
    assert verify_signature("secret", b"{}", f" {signature.upper()} ")


@pytest.mark.parametrize("header", [None, "", "0" * 64, "é", "\udcff", "sha256=" + "0" * 64])
def test_any_other_signature_is_not(header: str | None) -> None:
    assert not verify_signature("secret", b"{}", header)


def test_a_whole_rdv_is_read(rdv: Json, body: Body) -> None:
    assert parse_webhook(body(rdv, event="created")) == AppointmentEvent(
        event=SourceEvent.CREATED,
        external_id="4021",
        at=datetime(2027, 1, 3, 11, tzinfo=UTC),
        reason=None,
        record=AppointmentRecord(
            external_id="4021",
            uuid="6c5f8c4e-0f2a-4a53-9a0e-2d1a5b7c9e10",
            starts_at=datetime(2027, 1, 15, 9, tzinfo=UTC),
            ends_at=datetime(2027, 1, 15, 9, 45, tzinfo=UTC),
            time_zone="Europe/Paris",
            status=Status.UNKNOWN,
            collective=False,
            created_at=datetime(2027, 1, 2, 8, tzinfo=UTC),
            address="1 place de la Mairie, 62000 Arras",
            organisation=OrganisationRecord("12", "MDS Arras Sud", "3949", "mds@pasdecalais.fr", "rdv_solidarites"),
            motif=MotifRecord("77", "5", LocationType.PUBLIC_OFFICE, bookable_by_everyone=True),
            place=PlaceRecord("Mairie d’Arras", "1 place de la Mairie", "03 21 00 00 00"),
            participations=(
                ParticipationRecord(
                    external_id="500",
                    usager_external_id="300",
                    status=Status.UNKNOWN,
                    first_name="Sophie",
                    last_name="Dupont",
                    surnames=("Dupont", "Martin"),
                    first_names=("Sophie",),
                    phone="+33612345678",
                    email="sophie.dupont@exemple.fr",
                    notify_by_sms=True,
                    notify_by_email=False,
                    send_lifecycle_notifications=True,
                    send_reminder_notification=True,
                    own=PersonRecord(
                        *("Sophie", "Dupont", "Martin", "+33612345678", "sophie.dupont@exemple.fr"),
                        notify_by_email=False,
                    ),
                ),
            ),
        ),
    )


def test_nothing_that_may_not_be_told_is_read(rdv: Json) -> None:
    rdv["name"] = "Atelier budget"
    read = repr(appointment_record(rdv))
    for secret in ("Suivi RSA", "Atelier budget", "enceinte"):
        assert secret not in read


def test_an_id_and_a_time_are_enough() -> None:
    record = appointment_record({"id": "a-1", "starts_at": "2027-01-15T09:00:00Z"})
    assert record == AppointmentRecord("a-1", datetime(2027, 1, 15, 9, tzinfo=UTC), None, participations_complete=False)


@pytest.mark.parametrize("field", ["organisation", "motif", "lieu", "participations", "users", "agents", "uuid"])
@pytest.mark.parametrize("value", [None, 3, "x" * 5000, [], {}, [None, 5, "x"]])
def test_what_can_be_left_out_may_be_anything(rdv: Json, field: str, value: object) -> None:
    assert appointment_record({**rdv, field: value}).external_id == "4021"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "data.id is neither a number nor a short text."),
        ({"id": True}, "data.id is neither a number nor a short text."),
        ({"id": ""}, "data.id is neither a number nor a short text."),
        ({"id": "x" * 200}, "data.id is neither a number nor a short text."),
        ({"starts_at": None}, "data.starts_at is not a date and time such as 2025-01-15T10:00:00+01:00."),
        ({"starts_at": 1736931600}, "data.starts_at is not a date and time such as 2025-01-15T10:00:00+01:00."),
        ({"starts_at": "2027-01-15 10:00"}, "data.starts_at has no offset from UTC, as in 2025-01-15T10:00:00+01:00."),
        ({"starts_at": "1970-01-01T00:00:00Z"}, "data.starts_at is not between the years 2000 and 2100."),
        ({"status": "deleted"}, "data.status is not one of unknown, seen, excused, revoked, noshow."),
        ({"participations": [{"id": None}]}, "data.participations.0.id is neither a number nor a short text."),
        ({"participations": [{"status": "seen"}]}, "data.participations.0.id is missing."),
    ],
)
def test_what_everything_hangs_on_is_refused_in_one_sentence(rdv: Json, change: Json, why: str) -> None:
    with pytest.raises(MalformedPayload) as refused:
        appointment_record({**rdv, **change})
    assert str(refused.value) == why


def test_a_missing_time_is_said(rdv: Json) -> None:
    del rdv["starts_at"]
    with pytest.raises(MalformedPayload, match=r"^data\.starts_at is missing\.$"):
        appointment_record(rdv)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "The body is not JSON."),
        (b"\xff\xfe", "The body is not JSON."),
        (b"[" * 100_000, "The body is not JSON."),
        (b'{"data": "\\ud800"}', "The body is not JSON."),
        (b"[]", 'The body is not an object with "data" and "meta".'),
        (b'{"data": {}}', 'The body is not an object with "data" and "meta".'),
        (b'{"meta": {}}', "meta.model is missing."),
        (b'{"meta": {"model": "Rdv", "event": "updated"}}', "data is not an object."),
        (b'{"meta": {"model": "User", "event": "destroyed"}, "data": {}}', "data.id is missing."),
        (b'{"meta": {"model": "Rdv", "event": "updated", "timestamp": "hier"}}', "meta.timestamp is not a date"),
    ],
)
def test_a_body_that_is_no_webhook_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(MalformedPayload) as refused:
        parse_webhook(raw)
    assert str(refused.value).startswith(why)


def test_a_refusal_repeats_nothing_personal(rdv: Json) -> None:
    rdv["participations"][0]["status"] = rdv["starts_at"] = "Dupont 0612345678"
    with pytest.raises(MalformedPayload) as refused:
        appointment_record(rdv)
    assert "Dupont" not in str(refused.value)


@pytest.mark.parametrize(
    "model", ["Absence", "PlageOuverture", "Motif", "Lieu", "Organisation", "RdvsUser", "Ünbekannt"]
)
def test_other_models_are_not_of_interest_whatever_they_hold(body: Body, model: str) -> None:
    assert parse_webhook(body(None, model=model)) == NotOfInterest(model)


def test_an_event_from_the_future_of_rdvsp_is_not_of_interest(body: Body) -> None:
    assert parse_webhook(body({"id": 1}, event="archived")) == NotOfInterest("Rdv")


def test_a_destroyed_rdv_may_have_nothing_but_its_id(body: Body) -> None:
    event = parse_webhook(body({"id": 4021}, event="destroyed", webhook_reason="rgpd"))
    at = datetime(2027, 1, 3, 11, tzinfo=UTC)
    assert event == AppointmentEvent(SourceEvent.DESTROYED, "4021", None, at, "rgpd")


def test_a_webhook_without_timestamp_has_no_age(rdv: Json, body: Body) -> None:
    event = parse_webhook(body(rdv, timestamp=None))
    assert isinstance(event, AppointmentEvent)
    assert event.at is None


EVENT, DATA, OLD = "2027-01-01T08:00:00.250+01:00", "2027-01-03T09:30:00.125Z", "2027-01-02 12:00:00 +0100"
EVENT_AT, DATA_AT = datetime(2027, 1, 1, 7, 0, 0, 250_000, UTC), datetime(2027, 1, 3, 9, 30, 0, 125_000, UTC)
OLD_AT = datetime(2027, 1, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("meta", "at", "occurred_at"),
    [
        ({"payload_computed_at": DATA, "event_occurred_at": EVENT, "timestamp": OLD}, DATA_AT, EVENT_AT),
        ({"payload_computed_at": DATA, "event_occurred_at": EVENT, "timestamp": None}, DATA_AT, EVENT_AT),
        ({"payload_computed_at": DATA, "timestamp": OLD}, DATA_AT, None),
        ({"event_occurred_at": EVENT, "timestamp": OLD}, OLD_AT, EVENT_AT),
        ({"event_occurred_at": EVENT, "timestamp": None}, EVENT_AT, EVENT_AT),
        ({"timestamp": OLD}, OLD_AT, None),
    ],
)
@pytest.mark.parametrize("event", ["created", "updated"])
def test_data_are_ordered_by_when_they_were_read_there(
    rdv: Json, body: Body, event: str, meta: Json, at: datetime, occurred_at: datetime | None
) -> None:
    read = parse_webhook(body(rdv, event=event, **meta))
    assert isinstance(read, AppointmentEvent)
    assert (read.at, read.occurred_at) == (at, occurred_at)


@pytest.mark.parametrize("name", ["timestamp", "payload_computed_at", "event_occurred_at"])
def test_a_time_that_is_none_is_refused(rdv: Json, body: Body, name: str) -> None:
    with pytest.raises(MalformedPayload, match=rf"^meta\.{name} is not a date and time"):
        parse_webhook(body(rdv, **{name: "hier"}))


def test_a_profile_destroyed_for_data_protection_is_an_usager_destroyed(body: Body) -> None:
    profile = {"user": {"id": 300, "last_name": "Dupont"}, "organisation": {"id": 12}}
    at = datetime(2027, 1, 3, 11, tzinfo=UTC)
    event = parse_webhook(body(profile, model="UserProfile", event="destroyed", webhook_reason="rgpd"))
    assert event == UsagerEvent(SourceEvent.DESTROYED, "300", None, at, "rgpd")


@pytest.mark.parametrize(
    ("event", "reason"), [("created", None), ("updated", "rgpd"), ("destroyed", None), ("destroyed", "user")]
)
def test_other_events_of_profiles_are_not_of_interest(body: Body, event: str, reason: str | None) -> None:
    profile = {"user": {"id": 300}, "organisation": {"id": 12}}
    read = parse_webhook(body(profile, model="UserProfile", event=event, webhook_reason=reason))
    assert read == NotOfInterest("UserProfile")


def test_a_profile_of_nobody_is_refused(body: Body) -> None:
    with pytest.raises(MalformedPayload, match=r"^data\.user is missing\.$"):
        parse_webhook(body({}, model="UserProfile", event="destroyed", webhook_reason="rgpd"))


@pytest.mark.parametrize(
    "user",
    [
        {"first_name": None, "last_name": None, "email": None, "phone_number": None},
        {
            "first_name": "[valeur unique anonymisée 300]",
            "last_name": "[valeur unique anonymisée 300]",
            "birth_name": "[valeur unique anonymisée 300]",
            "email": "email_anonymise_300@exemple.fr",
            "phone_number": "[valeur unique anonymisée 300]",
            "phone_number_formatted": "[valeur unique anonymisée 300]",
        },
        {
            "first_name": "Usager supprimé",
            "last_name": "Usager supprimé",
            "email": "usager_300@deleted.rdv-solidarites.fr",
            "phone_number": None,
        },
        {"first_name": "[Usager supprimé]", "last_name": "[Usager supprimé]", "email": None, "phone_number": None},
    ],
)
def test_an_anonymised_user_is_nobody(rdv: Json, user: Json) -> None:
    (participation,) = appointment_record(
        rdv | {"participations": [{"id": 500, "user": {"id": 300, **user}}]}
    ).participations
    assert participation.own.anonymised
    assert (participation.surnames, participation.first_names) == ((), ())
    assert (participation.phone, participation.email) == (None, None)


@pytest.mark.parametrize(
    "user",
    [
        None,  # the source does not say who it is
        {},
        {"id": 300},
        {"id": 300, "last_name": None, "email": None},
        {"id": 300, "first_name": None, "last_name": "Dupont", "email": None, "phone_number": None},
        {"first_name": None, "last_name": None, "email": None, "phone_number": None},
    ],
)
def test_a_user_of_whom_little_is_told_is_not_anonymised(rdv: Json, user: Json | None) -> None:
    (participation,) = appointment_record(rdv | {"participations": [{"id": 500, "user": user}]}).participations
    assert not participation.own.anonymised


@pytest.mark.parametrize("location_type", ["home", "phone"])
def test_at_home_and_by_telephone_no_address_is_kept(rdv: Json, location_type: str) -> None:
    rdv["motif"]["location_type"] = location_type
    rdv["address"] = "3 rue des Lilas, 62000 Arras"
    record = appointment_record(rdv)
    assert record.address is None
    assert record.place is None


@pytest.mark.parametrize("motif", [None, {"id": 1}, {"id": 1, "location_type": "boat"}])
def test_an_address_of_who_knows_what_is_not_kept(rdv: Json, motif: Json | None) -> None:
    record = appointment_record({**rdv, "motif": motif, "address": "3 rue des Lilas"})
    assert record.address is None
    assert record.place is not None
    assert motif is None or record.motif == MotifRecord("1")


@pytest.mark.parametrize(
    ("motif", "everyone"),
    [
        ({"bookable_by": "everyone"}, True),
        ({"bookable_by": "agents"}, False),
        ({"bookable_by": "agents_and_prescripteurs_and_invited_users", "bookable_publicly": True}, False),
        ({"bookable_publicly": True}, True),
        ({}, False),
    ],
)
def test_who_may_book_again(rdv: Json, motif: Json, everyone: bool) -> None:
    record = appointment_record({**rdv, "motif": motif}).motif
    assert record is not None
    assert record.bookable_by_everyone is everyone


@pytest.mark.parametrize("name", ["Paris", "", 3, None, "../UTC"])
def test_a_time_zone_that_is_none_is_not_said(rdv: Json, name: object) -> None:
    assert appointment_record({**rdv, "time_zone": name}).time_zone is None


def test_a_child_is_reached_through_the_responsible_person(rdv: Json) -> None:
    rdv["participations"][0]["user"].update(
        responsible_id=301,
        responsible={
            "id": 301,
            "first_name": "Karim",
            "last_name": "Benali",
            "phone_number": "0692 12 34 56",
            "phone_number_formatted": None,
            "email": "karim@exemple.re",
            "notify_by_sms": False,
            "notify_by_email": True,
        },
    )
    (participation,) = appointment_record(rdv).participations
    assert participation.phone == "+262692123456"
    assert participation.email == "karim@exemple.re"
    assert (participation.notify_by_sms, participation.notify_by_email) == (False, True)
    assert participation.surnames == ("Dupont", "Martin", "Benali")
    assert participation.first_names == ("Sophie", "Karim")
    assert (participation.usager_external_id, participation.responsible_external_id) == ("300", "301")
    assert participation.own == PersonRecord(
        *("Sophie", "Dupont", "Martin", "+33612345678", "sophie.dupont@exemple.fr"), notify_by_email=False
    )
    assert participation.responsible == PersonRecord(
        *("Karim", "Benali", None, "+262692123456", "karim@exemple.re"),
        notify_by_sms=False,
        unsaid=frozenset({"birth_name"}),
    )


def test_a_responsible_person_without_number_leaves_the_usagers_own(rdv: Json) -> None:
    rdv["participations"][0]["user"]["responsible"] = {"id": 301, "last_name": "Benali", "email": "karim@exemple.re"}
    (participation,) = appointment_record(rdv).participations
    assert participation.phone == "+33612345678"
    assert participation.email == "karim@exemple.re"


@pytest.mark.parametrize(
    ("formatted", "written", "phone"),
    [
        ("+33612345678", "garbage", "+33612345678"),
        (None, "06 12 34 56 78", "+33612345678"),
        ("06 12 34 56 78", "0692 12 34 56", "+262692123456"),
        (None, "garbage", None),
        (None, None, None),
        ([], 612345678, None),
    ],
)
def test_the_formatted_number_comes_first(rdv: Json, formatted: object, written: object, phone: str | None) -> None:
    rdv["participations"][0]["user"].update(phone_number_formatted=formatted, phone_number=written)
    assert appointment_record(rdv).participations[0].phone == phone


def test_a_participation_of_nobody_is_kept(rdv: Json) -> None:
    rdv["participations"][0]["user"] = None
    (participation,) = appointment_record(rdv).participations
    assert participation.surnames == ()
    assert participation.phone is None


NAMED = {"first_name", "last_name", "birth_name", "email", "phone", "notify_by_sms", "notify_by_email"}
RELATION = {"responsible", "responsible_external_id"}


@pytest.mark.parametrize(
    ("user", "unsaid"),
    [
        ({"last_name": "Roux"}, NAMED - {"last_name"} | RELATION),
        ({"last_name": None}, NAMED - {"last_name"} | RELATION),  # null counts as told
        ({"email": "x", "notify_by_sms": 3}, NAMED - {"email", "notify_by_sms"} | RELATION),
        ({"phone_number": None}, NAMED - {"phone"} | RELATION),
        ({"phone_number_formatted": "+33612345678"}, NAMED - {"phone"} | RELATION),
        ({"responsible_id": None}, NAMED),
        ({"responsible_id": 301}, NAMED | {"responsible"}),
        ({"responsible": None}, NAMED),
        ({"responsible": {"id": 301}}, NAMED),
        ({"responsible": {"last_name": "Benali"}}, NAMED | {"responsible_external_id"}),
        ({"responsible": {"last_name": "Benali"}, "responsible_id": 301}, NAMED),
    ],
)
def test_what_is_not_there_at_all_is_not_said(rdv: Json, body: Body, user: Json, unsaid: set[str]) -> None:
    event = parse_webhook(body({"id": 300, **user}, model="User"))
    assert isinstance(event, UsagerEvent)
    assert event.record is not None
    assert event.record.person.unsaid == unsaid
    rdv["participations"][0]["user"] = user
    (participation,) = appointment_record(rdv).participations
    assert participation.own.unsaid == unsaid | {"external_id"}


def test_a_participation_without_user_says_nothing_of_them_and_one_of_null_that_there_is_none(rdv: Json) -> None:
    del rdv["participations"][0]["user"]
    (participation,) = appointment_record(rdv).participations
    assert participation.own.unsaid == NAMED | RELATION | {"external_id"}
    rdv["participations"][0]["user"] = None
    (participation,) = appointment_record(rdv).participations
    assert participation.own == PersonRecord()


def test_before_participations_there_were_users(rdv: Json) -> None:
    del rdv["participations"]
    rdv["status"] = "excused"
    record = appointment_record(rdv)
    assert [(each.external_id, each.usager_external_id, each.status) for each in record.participations] == [
        ("4021:300", "300", Status.EXCUSED)
    ]
    assert record.participations_complete


def test_empty_and_unsaid_participations_differ(rdv: Json) -> None:
    assert appointment_record({**rdv, "participations": []}).participations_complete
    assert not appointment_record({**rdv, "participations": None, "users": None}).participations_complete


def test_an_end_before_the_beginning_is_not_said(rdv: Json) -> None:
    assert appointment_record({**rdv, "ends_at": rdv["starts_at"]}).ends_at is None


def test_a_user_is_read(rdv: Json, body: Body) -> None:
    user = {**rdv["participations"][0]["user"], "responsible_id": 301}
    event = parse_webhook(body(user, model="User"))
    assert isinstance(event, UsagerEvent)
    assert event.external_id == "300"
    assert event.record is not None
    assert event.record.person.last_name == "Dupont"
    assert event.record.responsible_external_id == "301"
    assert event.record.responsible is None


def test_a_destroyed_user_has_a_reason(body: Body) -> None:
    event = parse_webhook(body({"id": 300}, model="User", event="destroyed", webhook_reason="rgpd"))
    assert event == UsagerEvent(SourceEvent.DESTROYED, "300", None, datetime(2027, 1, 3, 11, tzinfo=UTC), "rgpd")
