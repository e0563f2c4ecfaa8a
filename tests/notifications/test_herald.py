"""What the herald writes into the outbox, except what depends only on the templates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import icalendar
import pytest
from sqlalchemy import delete, select

from smsbot.app import Service
from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participations_by_id
from smsbot.appointments.terms import told_address
from smsbot.incoming.arrival import Arrival
from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS
from smsbot.model import Actor, AppointmentRecord, Canceller, LocationType, MotifRecord, PlaceRecord, Status, Via
from smsbot.notifications.news_writer import News
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent
from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


def sophies(database: Database, **fields: Any) -> Participation:
    """Sophie's participation in a new appointment with these `fields`. She has no telephone."""
    desk, hers = Desk(database), participation(send_lifecycle_notifications=True, phone=None)
    desk.take(appointment(starts_at=NOW + timedelta(days=3), ends_at=None, participations=(hers,), **fields), now=NOW)
    [row] = desk.rows(select(participations.c.id))
    return database.read_now(lambda connection: participations_by_id(connection, [row["id"]])[row["id"]])


def e_mail(database: Database, *, mail_from: str = "rdv@example.fr", **fields: Any) -> dict[str, Any]:
    """The e-mail in the outbox after Sophie was told of a new appointment with these `fields`."""
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from=mail_from,
    )
    herald, hers = Service(settings, database).herald, sophies(database, **fields)
    database.write_now(lambda connection: herald.tell(connection, [hers], News.CREATED, NOW))
    [message] = Desk(database).rows(select(outgoing_messages))
    return message


def test_the_organiser_is_the_bare_address_of_the_sender(sqlite_database: Database) -> None:
    message = e_mail(sqlite_database, mail_from="RDV <rdv@example.org>")
    assert message["sender"] == "RDV <rdv@example.org>"
    [event] = icalendar.Calendar.from_ical(message["calendar"]).walk("VEVENT")
    assert event["ORGANIZER"] == "mailto:rdv@example.org"
    assert event["ORGANIZER"].params["CN"] == "RDV Service Public"


HALL, OWN = "1 place de la Mairie", "3 rue de la Maison"


@pytest.mark.parametrize(
    ("location", "place", "told"),
    [
        (LocationType.PUBLIC_OFFICE, PlaceRecord("Mairie", HALL), f"Mairie, {HALL}"),
        (LocationType.PUBLIC_OFFICE, PlaceRecord("Mairie"), f"Mairie, {OWN}"),
        (LocationType.PUBLIC_OFFICE, None, f"MDS Arras Sud, {OWN}"),
        (LocationType.HOME, PlaceRecord("Mairie", HALL), "À domicile"),
        (LocationType.PHONE, PlaceRecord("Mairie", HALL), "Par téléphone"),
        (LocationType.VISIO, None, "En visioconférence"),
    ],
)
def test_an_address_is_told_of_a_public_office_alone(
    sqlite_database: Database, location: LocationType, place: PlaceRecord | None, told: str
) -> None:
    message = e_mail(sqlite_database, motif=MotifRecord("77", "5", location), place=place, address=OWN)
    assert f"\nOù : {told}\n" in message["body"]
    [event] = icalendar.Calendar.from_ical(message["calendar"]).walk("VEVENT")
    assert event["LOCATION"] == told
    written = "".join(str(message[part]) for part in ("subject", "body", "html", "calendar"))
    assert (HALL in written, OWN in written) == (HALL in told, OWN in told)


@pytest.mark.parametrize("location", [each for each in LocationType if each is not LocationType.PUBLIC_OFFICE])
def test_elsewhere_no_template_is_even_given_an_address(sqlite_database: Database, location: LocationType) -> None:
    hers = sophies(sqlite_database, motif=MotifRecord("77", "5", location), address=OWN)
    assert (hers.appointment.place_address, hers.appointment.address) != (None, None)
    assert told_address(hers.appointment) is None


@pytest.mark.parametrize("status", [Status.REVOKED, Status.EXCUSED])
@pytest.mark.parametrize("collective", [False, True])
def test_the_longest_address_to_book_again_holds_up_no_cancellation_of_the_source(
    sqlite_database: Database, tmp_path: Path, status: Status, collective: bool
) -> None:
    """Once, an address that did not fit into an SMS made every webhook about a cancellation fail."""
    policy = tmp_path / "smsbot.toml"
    address = "https://example.fr/".ljust(MOST_ADDRESS_SEPTETS, "a")
    policy.write_text(f"[defaults]\nrebook_url = '{address}'\n")
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from="rdv@example.fr",
        config=policy,
    )
    arrival = Arrival(Service(settings, sqlite_database).herald)
    hers = participation(send_lifecycle_notifications=True)
    coming = appointment(
        starts_at=datetime(2027, 9, 29, 12, 30, tzinfo=UTC),
        collective=collective,
        motif=MotifRecord("77", "5", LocationType.HOME, bookable_by_everyone=True),
        participations=(hers,),
    )
    desk = Desk(sqlite_database)
    desk.take(coming, now=NOW)
    ended = replace(coming, status=status, participations=(replace(hers, status=status),))
    event = AppointmentEvent(SourceEvent.UPDATED, ended.external_id, ended, NOW, None)
    sqlite_database.write_now(lambda connection: arrival.take(connection, "rdvsp", event, NOW))
    [sms] = [row for row in desk.rows(select(outgoing_messages)) if row["channel"] == "sms"]
    assert address in sms["body"]
    assert sms["segments"] == 2


# Several people behind one telephone or address


def family(collective: bool = False, **fields: Any) -> AppointmentRecord:
    """An appointment of Sophie and her children. Léa is reached through her, Tom by her telephone and his address."""
    told = {"send_lifecycle_notifications": True, "send_reminder_notification": True, "last_name": "Dupont"}
    parts = (
        participation("1", usager_external_id="1", first_name="Sophie", **told),
        participation("2", usager_external_id="2", first_name="Léa", email="Sophie@Exemple.fr", **told),
        participation("3", usager_external_id="3", first_name="Tom", email="tom@exemple.fr", **told),
    )
    return appointment(
        starts_at=NOW + timedelta(days=3),
        ends_at=None,
        created_at=NOW,
        collective=collective,
        participations=parts,
        **fields,
    )


def service(database: Database, sender: str = "+33937000000") -> Service:
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender=sender,
        mail_from="rdv@example.fr",
    )
    return Service(settings, database)


def outbox(database: Database) -> list[tuple[str, str]]:
    """The channel and recipient of all messages in the outbox, which is then emptied."""
    desk = Desk(database)
    rows = desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))
    desk.run(delete(outgoing_messages))
    return sorted((row["channel"], row["recipient"]) for row in rows)


ONCE = [("email", "sophie@exemple.fr"), ("email", "tom@exemple.fr"), ("sms", "+33612345678")]


@pytest.mark.parametrize("collective", [False, True])
def test_who_shares_a_telephone_or_an_address_is_told_once(sqlite_database: Database, collective: bool) -> None:
    """This is about new, moved and cancelled appointments. Addresses are compared without case."""
    arrival = Arrival(service(sqlite_database).herald)

    def arrives(event: SourceEvent, record: AppointmentRecord) -> None:
        happened = AppointmentEvent(event, record.external_id, record, NOW, None)
        sqlite_database.write_now(lambda connection: arrival.take(connection, "rdvsp", happened, NOW))

    arrives(SourceEvent.CREATED, record := family(collective))
    assert outbox(sqlite_database) == ONCE
    arrives(SourceEvent.UPDATED, record := replace(record, starts_at=NOW + timedelta(days=4)))
    assert outbox(sqlite_database) == ONCE
    ended = tuple(replace(one, status=Status.REVOKED) for one in record.participations)
    arrives(SourceEvent.UPDATED, replace(record, status=Status.REVOKED, participations=ended))
    assert outbox(sqlite_database) == ONCE


def test_others_who_share_a_telephone_hear_once_that_one_of_them_has_cancelled(sqlite_database: Database) -> None:
    """The canceller gets the answer to their SMS and the receipt. The others, on another telephone, get one SMS."""
    desk, here = Desk(sqlite_database), service(sqlite_database)
    own = participation("9", usager_external_id="9", phone="+33687654321", email="alix@exemple.fr", first_name="Alix")
    record = family()
    desk.take(replace(record, participations=(own, *record.participations)), now=NOW)
    [alix] = desk.rows(select(participations.c.id).where(participations.c.external_id == "9"))
    by_usager = Canceller(Actor.USAGER, Via.SMS)
    sqlite_database.write_now(lambda connection: here.door.cancel(connection, alix["id"], by_usager, NOW))
    assert outbox(sqlite_database) == [("email", "alix@exemple.fr"), *ONCE]


def test_who_cancels_gets_the_receipt_alone_at_an_address_that_others_write_in_capitals(
    sqlite_database: Database,
) -> None:
    desk, here = Desk(sqlite_database), service(sqlite_database)
    desk.take(family(), now=NOW)
    [sophie] = desk.rows(select(participations.c.id).where(participations.c.external_id == "1"))
    by_usager = Canceller(Actor.USAGER, Via.SMS)
    sqlite_database.write_now(lambda connection: here.door.cancel(connection, sophie["id"], by_usager, NOW))
    assert outbox(sqlite_database) == [("email", "sophie@exemple.fr"), ("email", "tom@exemple.fr")]


def test_an_agent_s_cancellation_is_told_once_to_a_shared_telephone(sqlite_database: Database) -> None:
    desk, here = Desk(sqlite_database), service(sqlite_database)
    desk.take(family(collective=True), now=NOW)
    [row] = desk.rows(select(appointments.c.id))
    agent = Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED, word="Fermé")
    sqlite_database.write_now(lambda connection: here.door.cancel_appointment(connection, row["id"], agent, NOW))
    assert outbox(sqlite_database) == ONCE


@pytest.mark.parametrize(
    ("sender", "way_out"),
    [
        ("+33937000000", "Pour annuler, répondez ANNULER."),
        ("RdvSoli", "En cas d'empechement, appelez le 03 21 00 00 00."),
    ],
)
def test_no_sms_gives_one_of_several_links(sqlite_database: Database, sender: str, way_out: str) -> None:
    """A link would cancel for one child only, and the SMS could not say for which."""
    desk, here = Desk(sqlite_database), service(sqlite_database, sender)
    desk.take(family(collective=True), now=NOW)
    there = sqlite_database.read_now(lambda connection: list(participations_by_id(connection, [1, 2, 3]).values()))
    sqlite_database.write_now(lambda connection: here.herald.tell(connection, there, News.CREATED, NOW))
    [sms] = desk.rows(select(outgoing_messages.c.body).where(outgoing_messages.c.channel == "sms"))
    assert sms["body"].endswith(way_out)
    mail = desk.rows(select(outgoing_messages.c.body).where(outgoing_messages.c.recipient == "sophie@exemple.fr"))
    assert [mail[0]["body"].count(f"Annuler pour {name} :") for name in ("Sophie", "Léa", "Tom")] == [1, 1, 0]


# Numbers that take no SMS


@pytest.mark.parametrize("phone", ["+33321000000", "+33899123456", "+262262902000"])
def test_a_number_that_takes_no_sms_is_never_handed_to_the_gateway(sqlite_database: Database, phone: str) -> None:
    desk, here = Desk(sqlite_database), service(sqlite_database)
    record = family()
    parts = tuple(replace(one, phone=phone, own=replace(one.own, phone=phone)) for one in record.participations)
    desk.take(replace(record, participations=parts), now=NOW)
    there = sqlite_database.read_now(lambda connection: list(participations_by_id(connection, [1, 2, 3]).values()))
    assert {one.phone for one in there} == {phone}
    for news in News:
        sqlite_database.write_now(partial(here.herald.tell, concerned=there, news=news, now=NOW))
        assert outbox(sqlite_database) == [each for each in ONCE if each[0] == "email"]


ASKS = "Répondez JE VIENS ou ANNULER"


@pytest.mark.parametrize(
    ("asks", "news", "place", "sender", "is_asked"),
    [
        ("true", News.REMINDER, "Mairie", "+33937000000", True),
        ("false", News.REMINDER, "Mairie", "+33937000000", False),
        ("true", News.REMINDER, "Mairie", "RdvSoli", False),  # nobody can answer it
        ("true", News.REMINDER, "Maison départementale des solidarités et de l'autonomie du pays basque", None, False),
        ("true", News.CREATED, "Mairie", "+33937000000", False),
    ],
)
def test_a_reminder_asks_for_an_answer_where_that_is_wanted_and_fits(
    sqlite_database: Database, tmp_path: Path, asks: str, news: News, place: str, sender: str | None, is_asked: bool
) -> None:
    policy = tmp_path / "smsbot.toml"
    policy.write_text(f"[motifs.77]\nask_to_announce = {asks}\n", encoding="utf-8")
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender=sender or "+33937000000",
        mail_from="rdv@example.fr",
        public_url="https://rendez-vous.exemple-de-commune.fr" if sender is None else "http://localhost:8000",
        config=policy,
    )
    hers = sophies(sqlite_database, place=PlaceRecord(place))
    herald = Service(settings, sqlite_database).herald
    told = replace(hers, phone="+33612345678", email=None, send_reminder_notification=True)
    sqlite_database.write_now(lambda connection: herald.tell(connection, [told], news, NOW))
    [message] = Desk(sqlite_database).rows(select(outgoing_messages))
    assert (ASKS in message["body"]) == is_asked
    if is_asked:
        assert message["segments"] == 1
