"""Events from a source, and who is told what about them, according to the outbox."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.app import Service
from smsbot.appointments.intake import NOT_KEPT, Intake, IntakeKind
from smsbot.incoming.arrival import NEW_WITHIN, NEWS_FOR, Arrival
from smsbot.model import (
    RGPD,
    Actor,
    AppointmentRecord,
    Canceller,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
    Status,
    UsagerRecord,
    Via,
)
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent, UsagerEvent
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
STARTS_AT, LATER, BEGUN = NOW + 3 * DAY, NOW + 5 * DAY, NOW - DAY
SOPHIE, PAUL = "+33600000001", "+33600000002"

# The kinds of SMS, found by words that no other kind has.
NEWS = {
    "created": "C'est noté",
    "moved": "Changement pour votre",
    "by service": "par le service",
    "on request": "à votre demande",
}


def someone(phone: str = SOPHIE, **fields: Any) -> ParticipationRecord:
    wanted = {"send_lifecycle_notifications": True, "email": None}
    return participation(phone, usager_external_id=phone, phone=phone, **wanted | fields)


def rdv(*people: ParticipationRecord, **fields: Any) -> dict[str, Any]:
    """An appointment of Sophie, or of these people; `fields` change it."""
    usual = {"starts_at": STARTS_AT, "ends_at": None, "created_at": None}
    return {**usual, "participations": people or (someone(),), **fields}


def event(kind: SourceEvent, *, at: datetime | None = NOW, **fields: Any) -> AppointmentEvent:
    return AppointmentEvent(kind, "4021", appointment(**fields), at, None)


def created(*people: ParticipationRecord, at: datetime | None = NOW, **fields: Any) -> AppointmentEvent:
    return event(SourceEvent.CREATED, at=at, **rdv(*people, **fields))


def updated(*people: ParticipationRecord, at: datetime | None = NOW, **fields: Any) -> AppointmentEvent:
    return event(SourceEvent.UPDATED, at=at, **rdv(*people, **fields))


def destroyed(reason: str | None = None) -> AppointmentEvent:
    return AppointmentEvent(SourceEvent.DESTROYED, "4021", None, NOW, reason)


class World:
    """A service that takes events in, and the SMS that it has written."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(database)
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more",
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token="token",
            sender="+33937000000",
            mail_from="rdv@example.fr",
        )
        self.service = Service(settings, database)
        self.arrival = Arrival(self.service.herald, retention=settings.retention)

    def knows(self, known: dict[str, Any]) -> None:
        """An appointment that is known already, and that nobody is told of."""
        self.desk.take(appointment(**known), event_at=NOW - DAY, now=NOW - DAY)

    def takes(self, *events: AppointmentEvent | UsagerEvent) -> list[Intake | None]:
        works = [partial(self.arrival.take, source="rdvsp", event=each, now=NOW) for each in events]
        return [self.database.write_now(work) for work in works]

    def told(self) -> list[tuple[str, str]]:
        """The recipients and kinds of SMS in the order in which they were written, without erased ones."""
        query = select(outgoing_messages).where(outgoing_messages.c.body != "").order_by(outgoing_messages.c.id)
        return [
            (row["recipient"], next(news for news, words in NEWS.items() if words in row["body"]))
            for row in self.desk.rows(query)
        ]


@pytest.fixture
def world(sqlite_database: Database) -> World:
    return World(sqlite_database)


JUST_MADE: dict[str, Any] = {"created_at": NOW}


def late(each: AppointmentEvent, occurred_at: datetime) -> AppointmentEvent:
    """The same event, if the source says that it happened at that time, long before its data."""
    return replace(each, occurred_at=occurred_at)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (created(**JUST_MADE), [(SOPHIE, "created")]),
        (created(someone(), someone(PAUL), **JUST_MADE), [(SOPHIE, "created"), (PAUL, "created")]),
        (updated(**JUST_MADE), [(SOPHIE, "created")]),  # the event of its creation was lost
        (created(created_at=NOW - NEW_WITHIN), [(SOPHIE, "created")]),
        (created(created_at=NOW - NEW_WITHIN - SECOND), []),
        (created(created_at=NOW + NEW_WITHIN), [(SOPHIE, "created")]),  # their clock is ahead
        (created(created_at=NOW + NEW_WITHIN + SECOND), []),
        (created(at=NOW - DAY, created_at=NOW - DAY), [(SOPHIE, "created")]),  # the event was on its way for a day
        (created(at=NOW - DAY, created_at=NOW), []),
        (created(at=None, created_at=NOW), [(SOPHIE, "created")]),
        (created(at=None, created_at=NOW - DAY), []),
        (
            late(created(created_at=NOW - DAY), NOW - DAY),
            [(SOPHIE, "created")],
        ),  # events that could not be delivered for a day
        (late(created(created_at=NOW - DAY), NOW - DAY - NEW_WITHIN - SECOND), []),
        (late(created(created_at=NOW - DAY), NOW), []),  # a replay
        (late(created(created_at=NOW - NEWS_FOR - SECOND), NOW - NEWS_FOR - SECOND), []),
        (created(), []),
        (created(starts_at=NOW + SECOND, **JUST_MADE), [(SOPHIE, "created")]),
        (created(starts_at=NOW, **JUST_MADE), []),
        (created(starts_at=BEGUN, **JUST_MADE), []),
        (created(status=Status.REVOKED, **JUST_MADE), []),
        (created(someone(status=Status.EXCUSED), someone(PAUL), collective=True, **JUST_MADE), [(PAUL, "created")]),
        (created(someone(send_lifecycle_notifications=False), **JUST_MADE), []),
        (created(someone(notify_by_sms=False), someone(PAUL), **JUST_MADE), [(PAUL, "created")]),
        (updated(status=Status.REVOKED), []),
        (destroyed(), []),
        (destroyed(RGPD), []),
    ],
)
def test_what_is_told_of_an_appointment_that_nobody_knew(
    world: World, first: AppointmentEvent, told: list[tuple[str, str]]
) -> None:
    world.takes(first)
    assert world.told() == told


ELSEWHERE = PlaceRecord("Annexe", "2 rue du Bac")
TWO = (someone(), someone(PAUL))
ONE_REVOKED = (someone(status=Status.REVOKED), someone(PAUL))
ONE_OF_EACH = (someone(status=Status.REVOKED), someone(PAUL, status=Status.EXCUSED))
WORKSHOP: dict[str, Any] = {"collective": True}


@pytest.mark.parametrize(
    ("known", "news", "told"),
    [
        # moved
        (rdv(), updated(starts_at=LATER), [(SOPHIE, "moved")]),
        (rdv(), updated(place=ELSEWHERE), [(SOPHIE, "moved")]),
        (rdv(*TWO), updated(*TWO, starts_at=LATER), [(SOPHIE, "moved"), (PAUL, "moved")]),
        (rdv(), updated(*TWO, starts_at=LATER), [(SOPHIE, "moved")]),  # Paul never had another time
        (rdv(*TWO), updated(starts_at=LATER), [(SOPHIE, "moved")]),  # Paul is no longer in it
        (rdv(), updated(someone(send_lifecycle_notifications=False), starts_at=LATER), []),
        (rdv(), updated(starts_at=NOW), []),
        (rdv(starts_at=BEGUN), updated(starts_at=LATER), [(SOPHIE, "moved")]),
        (rdv(), created(starts_at=LATER, **JUST_MADE), []),  # a replay
        (rdv(), late(created(starts_at=LATER, created_at=NOW - DAY), NOW), []),  # likewise
        # Our answer was lost, and the repetition has the changes since.
        (rdv(), late(created(starts_at=LATER, created_at=NOW - DAY), NOW - DAY), [(SOPHIE, "moved")]),
        # something else
        (rdv(), updated(), []),
        (rdv(), updated(ends_at=LATER), []),
        (rdv(), updated(place=None), []),
        (rdv(), updated(someone(last_name="Martin")), []),
        (rdv(), updated(status=Status.SEEN), []),
        (rdv(), updated(*TWO, **JUST_MADE), []),
        # cancelled by the source
        (rdv(), updated(status=Status.REVOKED), [(SOPHIE, "by service")]),
        (rdv(), updated(status=Status.EXCUSED), [(SOPHIE, "on request")]),
        (rdv(), updated(someone(status=Status.REVOKED)), [(SOPHIE, "by service")]),
        (rdv(*TWO), updated(*TWO, status=Status.REVOKED), [(SOPHIE, "by service"), (PAUL, "by service")]),
        (rdv(*TWO, **WORKSHOP), updated(*ONE_REVOKED, **WORKSHOP), [(SOPHIE, "by service")]),
        (rdv(*TWO, **WORKSHOP), updated(*ONE_OF_EACH, **WORKSHOP), [(SOPHIE, "by service"), (PAUL, "on request")]),
        (rdv(), updated(starts_at=LATER, status=Status.REVOKED), [(SOPHIE, "by service")]),
        (
            rdv(*TWO, **WORKSHOP),
            updated(*ONE_REVOKED, starts_at=LATER, **WORKSHOP),
            [(SOPHIE, "by service"), (PAUL, "moved")],
        ),
        (rdv(), updated(someone(send_lifecycle_notifications=False), status=Status.REVOKED), []),
        (rdv(starts_at=BEGUN), updated(starts_at=BEGUN, status=Status.REVOKED), []),
        (rdv(), updated(starts_at=NOW, status=Status.REVOKED), []),
        (rdv(), created(status=Status.REVOKED), []),  # a replay
        (rdv(status=Status.REVOKED), updated(status=Status.REVOKED), []),
        (rdv(status=Status.REVOKED), updated(status=Status.EXCUSED), []),
        (rdv(status=Status.REVOKED), updated(), []),  # opened again
        # gone, or out of order
        (rdv(), destroyed(), []),
        (rdv(), destroyed(RGPD), []),
        (rdv(), updated(starts_at=LATER, at=NOW - 2 * DAY), []),
        (rdv(), updated(status=Status.REVOKED, at=NOW - 2 * DAY), []),
        (rdv(), updated(starts_at=LATER, at=None), [(SOPHIE, "moved")]),
    ],
)
def test_what_is_told_of_one_that_was_known(
    world: World, known: dict[str, Any], news: AppointmentEvent, told: list[tuple[str, str]]
) -> None:
    world.knows(known)
    world.takes(news)
    assert world.told() == told


MOVED, REVOKED = updated(starts_at=LATER), updated(status=Status.REVOKED)
FIRST = created(**JUST_MADE)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([FIRST, FIRST], ["created"]),
        ([FIRST, updated(**JUST_MADE)], ["created"]),
        ([FIRST, MOVED, MOVED], ["created", "moved"]),
        ([FIRST, MOVED, updated()], ["created", "moved", "moved"]),
        ([FIRST, REVOKED, REVOKED], ["created", "by service"]),
        ([FIRST, REVOKED, updated(), REVOKED], ["created", "by service", "by service"]),
        ([updated(starts_at=LATER, at=NOW + SECOND, **JUST_MADE), FIRST], ["created"]),
        ([FIRST, updated(starts_at=LATER, at=NOW + SECOND), updated()], ["created", "moved"]),
        ([FIRST, updated(status=Status.REVOKED, at=NOW + SECOND), MOVED], ["created", "by service"]),
        ([destroyed(), FIRST], []),
        ([FIRST, destroyed(), REVOKED], ["created"]),
        ([FIRST, destroyed(RGPD), MOVED], []),  # what was written is erased as well
    ],
)
def test_what_is_told_of_events_that_are_repeated_or_out_of_order(
    world: World, events: list[AppointmentEvent], told: list[str]
) -> None:
    world.takes(*events)
    assert [news for _, news in world.told()] == told


@pytest.mark.parametrize("status", [Status.EXCUSED, Status.REVOKED])
@pytest.mark.parametrize(
    "canceller", [Canceller(Actor.USAGER, Via.SMS), Canceller(Actor.AGENT, Via.API, Status.REVOKED)]
)
def test_what_was_cancelled_here_is_not_told_again(world: World, canceller: Canceller, status: Status) -> None:
    world.knows(rdv())
    number = world.desk.participations()[SOPHIE]["id"]
    world.database.write_now(lambda connection: world.service.door.cancel(connection, number, canceller, NOW))
    before = world.told()
    world.takes(updated(status=status), updated(starts_at=LATER), updated(status=status))
    assert world.told() == before


def test_the_sequence_in_the_calendar_grows_with_what_is_told(world: World) -> None:
    world.takes(*(replace(each, record=by_email(each)) for each in (FIRST, MOVED, REVOKED)))
    parts = [row["calendar"] for row in world.desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))]
    found = [re.findall(r"METHOD:(\w+)|SEQUENCE:(\d+)", part) for part in parts]
    assert [["".join(each) for each in one] for one in found] == [["PUBLISH", "0"], ["PUBLISH", "1"], ["CANCEL", "2"]]


def by_email(each: AppointmentEvent) -> AppointmentRecord:
    assert each.record is not None
    return replace(each.record, participations=(someone(notify_by_sms=False, email="sophie@exemple.fr"),))


# Events about a person ------------------------------------------------------------------------------------------------


def usager(reason: str | None = None, phone: str | None = None) -> UsagerEvent:
    """An event about Sophie: her number has changed, or, with a reason, she was destroyed."""
    record = UsagerRecord(SOPHIE, PersonRecord("Sophie", "Dupont", phone=phone)) if phone else None
    return UsagerEvent(SourceEvent.UPDATED if phone else SourceEvent.DESTROYED, SOPHIE, record, NOW, reason)


@pytest.mark.parametrize(
    ("person", "phone", "told"),
    [
        (usager(phone=PAUL), PAUL, [(PAUL, "by service")]),
        (usager(RGPD), None, []),
        (usager(), SOPHIE, [(SOPHIE, "by service")]),  # their appointments have events of their own
        (usager("merged"), SOPHIE, [(SOPHIE, "by service")]),
        (replace(usager(phone=PAUL), at=NOW - 2 * DAY), SOPHIE, [(SOPHIE, "by service")]),
    ],
)
def test_of_a_person_nothing_is_told(
    world: World, person: UsagerEvent, phone: str | None, told: list[tuple[str, str]]
) -> None:
    world.knows(rdv())
    assert world.takes(person) == [None]
    assert world.told() == []
    assert world.desk.participations()[SOPHIE]["phone"] == phone
    world.takes(
        updated(replace(someone(phone or SOPHIE), external_id=SOPHIE, usager_external_id=SOPHIE), status=Status.REVOKED)
    )
    assert world.told() == told


def test_what_became_of_the_record_is_answered(world: World) -> None:
    intakes = world.takes(FIRST, FIRST, MOVED, replace(MOVED, at=NOW - DAY), destroyed("moved away"), MOVED)
    assert [(intake.kind, intake.reason) for intake in intakes if intake is not None] == [
        (IntakeKind.NEW, None),
        (IntakeKind.UNCHANGED, None),
        (IntakeKind.CHANGED, None),
        (IntakeKind.IGNORED, "older"),
        (IntakeKind.CHANGED, "moved away"),
        (IntakeKind.IGNORED, "destroyed"),
    ]


def test_an_old_appointment_that_nobody_knows_is_not_taken_in(world: World) -> None:
    """A source may post all its records again. Erased people must not come back after their rows are deleted."""
    kept_since = NOW - world.service.settings.retention
    [intake] = world.takes(created(starts_at=kept_since - SECOND))
    assert intake == Intake(IntakeKind.IGNORED, None, reason=NOT_KEPT)
    assert world.desk.rows(select(participations)) == []
    [intake] = world.takes(created(starts_at=kept_since))
    assert intake is not None
    assert intake.kind is IntakeKind.NEW


def test_what_is_known_is_told_however_old_it_is(world: World) -> None:
    old = NOW - world.service.settings.retention - DAY
    world.knows(rdv(starts_at=old))
    [intake] = world.takes(updated(starts_at=old, status=Status.SEEN))
    assert intake is not None
    assert intake.kind is IntakeKind.CHANGED
