"""Reminders: when each leaves, according to the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
from sqlalchemy import Connection, select, update

from smsbot.app import Service
from smsbot.appointments.appointment import Participation
from smsbot.model import ParticipationRecord
from smsbot.notifications import reminders as reminders_module
from smsbot.notifications.reminders import Due, reminding
from smsbot.outbox.messages import LANES, ClaimedMessage
from smsbot.outbox.outcomes import Held, Refused
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation

REUNION = "Indian/Reunion"


def paris(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in May 2026, when Paris is two hours ahead of UTC."""
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC) - timedelta(hours=2)


class World:
    """Appointments in one database, and the reminders of a service on it."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.desk = Desk(database)
        self.service = Service(
            ServiceSettings.exactly(
                secret_key="a secret of the tests, of 32 bytes or more",
                twilio_account_sid="AC" + "0" * 32,
                twilio_auth_token="token",
                sender="+33937000000",
                mail_from="rdv@example.fr",
                **settings,
            ),
            database,
        )
        self.reminders = self.service.reminders

    def books(self, starts_at: datetime, external_id: str = "1", **fields: Any) -> None:
        wanted = participation(send_reminder_notification=True, notify_by_sms=True, notify_by_email=False)
        usual = {"participations": (wanted,), "ends_at": None, "created_at": None}
        record = appointment(external_id, starts_at=starts_at, **usual | fields)
        self.desk.take(record, now=starts_at - timedelta(days=30))

    def passes(self, now: datetime) -> None:
        """One pass over all appointments."""
        page = self.finds(now)
        while True:
            self.reminds(page, now)
            if page.last is None:
                return
            page = self.finds(now, page.last)

    def finds(self, now: datetime, after: Participation | None = None) -> Due:
        return self.database.read_now(lambda connection: self.reminders.due(connection, now, after))

    def reminds(self, page: Due, now: datetime) -> None:
        self.database.write_now(lambda connection: self.reminders.remind(connection, page.participation_ids, now))

    def sent_at(self, channel: str = "sms") -> list[datetime]:
        """When the messages of this database were written, by SMS or by e-mail."""
        query = select(outgoing_messages.c.created_at).where(outgoing_messages.c.channel == channel)
        return [row["created_at"] for row in self.desk.rows(query)]

    def lives(self, begin: datetime, end: datetime, step: timedelta = timedelta(minutes=10)) -> list[datetime]:
        """Make one pass after the other. Returns when each SMS was written."""
        now = begin
        while now <= end:
            self.passes(now)
            now += step
        return self.sent_at()

    def reviews(self, now: datetime, channel: str = "sms") -> list[Refused | Held]:
        """The verdicts on all reminders in the outbox, as if they were just leaving."""
        query = select(outgoing_messages).where(outgoing_messages.c.channel == channel).order_by(outgoing_messages.c.id)
        messages = [claimed(row) for row in self.desk.rows(query)]
        return self.database.write_now(lambda connection: self.reminders.review(connection, messages, now))


def claimed(row: dict[str, Any]) -> ClaimedMessage:
    copied = (
        "id",
        "channel",
        "kind",
        "recipient",
        "sender",
        "subject",
        "body",
        "html",
        "calendar",
        "calendar_method",
        "reply_to",
        "participation_id",
    )
    return ClaimedMessage(
        **{name: row[name] for name in copied},
        lane=LANES[row["kind"]],
        created_at=row["created_at"],
        attempt=1,
        attempted_at=row["created_at"],
        repeats=0,
        gateway=None,
        in_doubt=False,
    )


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(sqlite_database: Database) -> MakeWorld:
    return lambda **settings: World(sqlite_database, **settings)


@pytest.mark.parametrize(
    ("starts_at", "lead_hours", "notice_hours", "leaves_at"),
    [
        (paris(10, 14), 48, 4, paris(8, 14)),
        (paris(10, 20, 50), 48, 4, paris(8, 20, 50)),
        (paris(10, 10), 36, 4, paris(9, 8)),  # due at 22h; the end of the night is early enough
        (paris(10, 8), 24, 4, paris(9, 8)),
        (paris(10, 12, 10), 14, 4, paris(10, 8)),  # ten minutes are left to cancel at 8h
        (paris(10, 12), 14, 4, paris(9, 20, 30)),  # no time is left: it leaves before the night
        (paris(10, 9), 11, 4, paris(9, 20, 30)),
        (paris(10, 20), 12, 10, paris(10, 8)),
        (paris(10, 18), 12, 10, paris(9, 20, 30)),
    ],
)
def test_when_a_reminder_leaves(
    make_world: MakeWorld, starts_at: datetime, lead_hours: float, notice_hours: float, leaves_at: datetime
) -> None:
    world = make_world(reminder_hours=lead_hours, cancellation_notice_hours=notice_hours)
    world.books(starts_at)
    assert world.lives(leaves_at - timedelta(hours=3), starts_at, timedelta(minutes=30)) == [leaves_at]


def test_the_night_is_that_of_the_appointments_zone(make_world: MakeWorld) -> None:
    world = make_world(reminder_hours=36)
    world.books(paris(10, 10), time_zone=REUNION)  # 12h there: due at midnight there, 22h in Paris
    assert world.lives(paris(8, 20), paris(10, 10)) == [paris(9, 6)]


def test_without_quiet_hours_it_leaves_when_it_is_due(make_world: MakeWorld) -> None:
    world = make_world(reminder_hours=36, quiet_hours="off")
    world.books(paris(10, 10))
    assert world.lives(paris(8, 20), paris(10, 10)) == [paris(8, 22)]


def test_after_an_outage_one_that_cannot_wait_leaves_at_once(make_world: MakeWorld) -> None:
    world = make_world(reminder_hours=48)
    world.books(paris(10, 11), "cannot wait")
    world.books(paris(10, 14), "waits for the morning", participations=())
    world.books(paris(10, 6), "too late")
    world.passes(paris(10, 3))
    assert world.sent_at() == [paris(10, 3)]


def test_who_waits_for_the_morning_stands_in_nobodys_way(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders_module, "AT_ONCE", 3)
    world = make_world(reminder_hours=36)
    for number in range(10):
        world.books(paris(10, 9), f"waits {number}")
    for number in range(5):
        world.books(paris(10, 10), f"far away {number}", time_zone="Pacific/Noumea")
    world.passes(paris(8, 23))  # 8h in Nouméa
    assert world.sent_at() == [paris(8, 23)] * 5
    world.passes(paris(9, 7, 50))
    assert len(world.sent_at()) == 5
    world.passes(paris(9, 8))
    assert len(world.sent_at()) == 15
    world.passes(paris(9, 8, 1))
    assert len(world.sent_at()) == 15


def test_since_when_one_is_due_that_nobody_writes(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders_module, "AT_ONCE", 2)
    world = make_world(quiet_hours="off")

    def due_since(now: datetime) -> datetime | None:
        return world.database.read_now(lambda connection: world.reminders.due_since(connection, now))

    starts_at = paris(20, 14)
    lead = world.reminders.lead
    assert due_since(starts_at - lead) is None
    for number in range(5):
        world.books(starts_at + number * timedelta(minutes=10), str(number))
    assert due_since(starts_at - lead - timedelta(minutes=1)) is None
    assert due_since(starts_at - lead + timedelta(minutes=15)) == starts_at - lead
    world.passes(starts_at - lead + timedelta(minutes=15))
    assert due_since(starts_at - lead + timedelta(minutes=15)) is None
    assert due_since(starts_at - lead + timedelta(hours=1)) == starts_at - lead + timedelta(minutes=20)


def test_one_that_was_made_lately_is_not_recalled(make_world: MakeWorld) -> None:
    world = make_world(reminder_hours=48)
    world.books(paris(10, 14))
    world.desk.run(update(appointments).values(created_at=paris(9, 9)))
    assert world.lives(paris(9, 9), paris(10, 14), timedelta(hours=1)) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        update(participations).values(status="excused"),
        update(participations).values(reminded_at=paris(8, 14)),
        update(participations).values(removed_at=paris(8, 14)),
        update(participations).values(send_reminder_notification=False),
        update(appointments).values(destroyed_at=paris(8, 14)),
        update(appointments).values(starts_at=paris(11, 14)),
    ],
)
def test_what_changed_since_it_was_found_is_seen(make_world: MakeWorld, meanwhile: Any) -> None:
    world = make_world(reminder_hours=48)
    world.books(paris(10, 14))
    found = world.finds(paris(8, 14))
    assert found.participation_ids == [1]
    world.desk.run(meanwhile)
    world.reminds(found, paris(8, 14))
    assert world.sent_at() == []


ASKED = update(participations).values(cancellation_requested_at=paris(8, 12))
ANSWERED = update(participations).values(cancellation_requested_at=None)


def test_while_its_source_is_asked_to_cancel_it_none_is_written(make_world: MakeWorld) -> None:
    world = make_world(reminder_hours=48)
    world.books(paris(10, 14))
    found = world.finds(paris(8, 14))
    world.desk.run(ASKED)
    world.reminds(found, paris(8, 14))
    world.passes(paris(8, 15))
    assert world.sent_at() == []
    assert world.database.read_now(lambda c: world.reminders.due_since(c, paris(8, 15))) is None
    world.desk.run(ANSWERED)  # it stands
    world.passes(paris(8, 16))
    assert world.sent_at() == [paris(8, 16)]


class TestReview:
    """A reminder that was written and could not leave at once."""

    @pytest.fixture
    def world(self, make_world: MakeWorld) -> World:
        world = make_world(reminder_hours=48)
        world.books(paris(10, 20))
        world.passes(paris(8, 20))
        assert len(world.sent_at()) == 1
        return world

    def test_it_may_go_by_day(self, world: World) -> None:
        assert world.reviews(paris(8, 20, 59)) == []
        assert world.reviews(paris(9, 8)) == []

    def test_it_waits_for_the_end_of_the_night(self, world: World) -> None:
        assert world.reviews(paris(8, 21)) == [Held(1, 1, paris(9, 8))]

    @pytest.mark.parametrize(
        "meanwhile",
        [
            update(participations).values(status="excused"),
            update(participations).values(reminded_at=None),  # it was moved, and needs a new reminder
            update(participations).values(reminded_at=paris(8, 20, 30)),  # it was moved and has a new reminder
            update(participations).values(removed_at=paris(8, 20, 30)),
            update(appointments).values(destroyed_at=paris(8, 20, 30)),
            update(appointments).values(starts_at=paris(9, 0)),
        ],
    )
    def test_it_does_not_leave_when_it_no_longer_holds(self, world: World, meanwhile: Any) -> None:
        world.desk.run(meanwhile)
        [verdict] = world.reviews(paris(8, 20, 50))
        assert isinstance(verdict, Refused)
        assert verdict.code == "overtaken"

    def test_it_waits_while_its_source_is_asked_to_cancel_it(self, world: World) -> None:
        world.desk.run(ASKED)
        assert world.reviews(paris(8, 20, 50)) == [Held(1, 1, paris(8, 20, 51))]
        world.desk.run(ANSWERED)
        assert world.reviews(paris(8, 20, 51)) == []

    def test_one_that_was_sent_again_by_an_agent_may_go(self, world: World) -> None:
        world.desk.run(update(outgoing_messages).values(created_at=paris(8, 20, 30)))
        assert world.reviews(paris(8, 20, 50)) == []

    def test_of_many_each_gets_its_own_verdict(self, world: World) -> None:
        world.books(paris(10, 20, 10), "2")
        world.passes(paris(8, 20, 10))
        world.desk.run(update(participations).where(participations.c.id == 1).values(status="excused"))
        assert [verdict.id for verdict in world.reviews(paris(8, 20, 50))] == [1]


class TestASharedTelephone:
    """People who are reached at the same number in the same appointment are reminded once."""

    @pytest.fixture
    def family(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
        """Three people with one telephone, although only two are looked at in one transaction."""
        monkeypatch.setattr(reminders_module, "AT_ONCE", 2)
        world = World(database)
        wanted = {"send_reminder_notification": True, "notify_by_sms": True, "notify_by_email": False}
        parts = tuple(participation(str(number), usager_external_id=str(number), **wanted) for number in range(3))
        world.books(paris(10, 20), collective=True, participations=parts)
        world.passes(paris(8, 20))
        return world

    def test_there_is_one_message_and_nobody_left(self, family: World) -> None:
        assert family.sent_at() == [paris(8, 20)]
        rows = family.desk.rows(select(participations.c.reminded_at))
        assert [row["reminded_at"] for row in rows] == [paris(8, 20)] * 3
        family.passes(paris(8, 20, 10))
        assert len(family.sent_at()) == 1

    def test_it_leaves_as_long_as_it_concerns_one_of_them(self, family: World) -> None:
        for number in ("0", "1"):
            assert family.reviews(paris(8, 20, 20)) == []
            own = participations.c.external_id == number
            family.desk.run(update(participations).where(own).values(status="excused"))
        assert family.reviews(paris(8, 20, 20)) == []
        family.desk.run(update(participations).values(status="excused"))
        [verdict] = family.reviews(paris(8, 20, 30))
        assert isinstance(verdict, Refused)


def test_a_shared_address_is_one_in_small_and_capital_letters(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one address get one reminder, and it leaves as long as it concerns one of them."""
    monkeypatch.setattr(reminders_module, "AT_ONCE", 1)
    world = World(database)
    wanted = {"send_reminder_notification": True, "notify_by_sms": False, "notify_by_email": True}
    addresses = ("sophie@exemple.fr", "Sophie@Exemple.fr")
    parts = tuple(participation(address, usager_external_id=address, email=address, **wanted) for address in addresses)
    world.books(paris(10, 20), collective=True, participations=parts)
    world.passes(paris(8, 20))
    assert world.sent_at("email") == [paris(8, 20)]
    world.desk.run(update(participations).where(participations.c.external_id == addresses[0]).values(status="excused"))
    assert world.reviews(paris(8, 20, 20), "email") == []


def test_both_engines_page_alike(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders_module, "AT_ONCE", 2)
    world = World(database, reminder_hours=36)
    for number in range(7):
        world.books(paris(10, 9 + number % 2), str(number), participations=_family(1 + number % 3))
    world.passes(paris(9, 9))
    assert len(world.sent_at()) == 13

    def left(connection: Connection) -> int:
        return len(connection.execute(select(participations.c.id).where(participations.c.reminded_at.is_(None))).all())

    assert database.read_now(left) == 0


def _family(size: int) -> tuple[ParticipationRecord, ...]:
    wanted = {"send_reminder_notification": True, "notify_by_sms": True, "notify_by_email": False}
    return tuple(participation(str(number), phone=f"+3361234567{number}", **wanted) for number in range(size))


@pytest.mark.anyio
async def test_one_that_cannot_be_written_holds_up_no_other(make_world: MakeWorld) -> None:
    world = make_world(quiet_hours="off")
    for number in range(3):
        world.books(paris(12, 14 + number), str(number))
    nowhere = update(appointments).where(appointments.c.external_id == "1").values(time_zone="Mars/Olympus")
    world.database.write_now(lambda connection: connection.execute(nowhere))
    work = reminding(world.database, world.reminders, lambda: paris(11, 12))
    for _ in range(2):
        with pytest.raises(ZoneInfoNotFoundError):
            await work.once()
    assert len(world.sent_at()) == 2
