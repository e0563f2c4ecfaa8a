"""What the herald writes into the outbox, where it is not for the templates alone to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest
from sqlalchemy import select

from smsbot.app import Service
from smsbot.appointments.appointment import Participation
from smsbot.appointments.queries import participations_by_id
from smsbot.arrival import Arrival
from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS
from smsbot.model import LocationType, MotifRecord, PlaceRecord, Status
from smsbot.notifications.herald import News
from smsbot.notifications.wording import told_address
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


def sophies(database: Database, **fields: Any) -> Participation:
    """Sophie's part in a new appointment with these `fields`; she has no telephone."""
    desk, hers = Desk(database), participation(send_lifecycle_notifications=True, phone=None)
    desk.take(appointment(starts_at=NOW + timedelta(days=3), ends_at=None, participations=(hers,), **fields), now=NOW)
    [row] = desk.rows(select(participations.c.id))
    return database.read_now(lambda connection: participations_by_id(connection, [row["id"]])[row["id"]])


def e_mail(database: Database, *, mail_from: str = "rdv@example.fr", **fields: Any) -> dict[str, Any]:
    """What stands in the outbox once Sophie has been told of a new appointment with these `fields`."""
    settings = ServiceSettings.exactly(
        secret_key="a secret of the tests, of 32 bytes or more",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        sender="+33937000000",
        mail_from=mail_from,
    )
    herald, hers = Service(settings, database).herald, sophies(database, **fields)
    database.write_now(lambda connection: herald.tell(connection, hers, News.CREATED, NOW))
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
    """One that could not be told in an SMS made every webhook of a cancellation fail, again and again."""
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
