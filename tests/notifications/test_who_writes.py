"""Whether the connected source or we write to its usagers, according to the outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.app import Service
from smsbot.appointments.cancellation import Ended
from smsbot.appointments.participation_queries import participations_of
from smsbot.model import Actor, Canceller, MotifRecord, Status, Via
from smsbot.notifications.news_writer import News
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
STARTS_AT = NOW + timedelta(days=1)
PHONE, OTHER, MAIL = "+33612345678", "+33600000002", "sophie@exemple.fr"
BY_USAGER, BY_AGENT = Canceller(Actor.USAGER, Via.SMS), Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED)
FLAGS = ("send_lifecycle_notifications", "send_reminder_notification", "notify_by_sms", "notify_by_email")
UNASKED = [News.CREATED, News.MOVED, News.REMINDER]


class World:
    """An appointment of Sophie and Paul at a connected source, and the messages about it."""

    def __init__(
        self, database: Database, folder: Path, *, notifies: bool, policy: str = "", motif: str = "77"
    ) -> None:
        self.database, self.desk = database, Desk(database)
        config = folder / "smsbot.toml"
        config.write_text(policy)
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more",
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token="token",
            sender="+33937000000",
            mail_from="rdv@example.fr",
            quiet_hours="off",
            config=config,
            rdvsp_url="https://rdv.example.fr",
            rdvsp_client_id="id",
            rdvsp_client_secret="secret",
            rdvsp_notifies=notifies,
        )
        self.service, self.motif = Service(settings, database), motif

    def books(self, source: str = "rdvsp", made_at: datetime | None = None, **flags: Any) -> None:
        said = dict.fromkeys(FLAGS, True) | flags
        people = participation("500", **said), participation("501", phone=OTHER, email=None, **said)
        motif = MotifRecord(self.motif, "5")
        record = appointment(starts_at=STARTS_AT, ends_at=None, participations=people, motif=motif, created_at=made_at)
        self.desk.take(record, now=NOW, source=source)
        self.source = source

    def tells(self, news: News) -> list[tuple[str, str]]:
        herald = self.service.herald
        there = self.there()
        self.database.write_now(lambda connection: herald.tell(connection, there, news, NOW))
        return self.written()

    def ends(self, canceller: Canceller) -> list[tuple[str, str]]:
        herald, ended = self.service.herald, Ended(tuple(self.there()), canceller, NOW, 1)
        self.database.write_now(lambda connection: herald.ended(connection, ended))
        return self.written()

    def reminds(self, now: datetime = NOW) -> list[str]:
        """The SMS that one search for due reminders writes."""
        reminders = self.service.reminders
        due = self.database.read_now(lambda connection: reminders.due(connection, now))
        self.database.write_now(lambda connection: reminders.remind(connection, due.participation_ids, now))
        return [body for kind, body in self.bodies() if kind == "reminder"]

    def there(self) -> list[Any]:
        number = self.desk.appointment(source=self.source)["id"]
        return self.database.read_now(lambda connection: participations_of(connection, number))

    def written(self) -> list[tuple[str, str]]:
        rows = self.desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))
        return [(row["kind"], row["recipient"]) for row in rows]

    def bodies(self) -> list[tuple[str, str]]:
        by_sms = select(outgoing_messages).where(outgoing_messages.c.channel == "sms")
        return [(row["kind"], row["body"]) for row in self.desk.rows(by_sms.order_by(outgoing_messages.c.id))]


NOTIFIED = "[organisations.12]\nnotify = true\n"
ALL = [("notification", PHONE), ("notification", OTHER), ("notification", MAIL)]
FLAGS_OFF: dict[str, Any] = {"send_lifecycle_notifications": False, "send_reminder_notification": False}


# The source writes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", UNASKED)
@pytest.mark.parametrize("policy", ["", NOTIFIED])
def test_where_the_source_writes_nothing_unasked_leaves_from_here(
    sqlite_database: Database, tmp_path: Path, news: News, policy: str
) -> None:
    world = World(sqlite_database, tmp_path, notifies=True, policy=policy)
    world.books()
    assert world.tells(news) == []


@pytest.mark.parametrize("canceller", [BY_USAGER, BY_AGENT])
def test_its_own_cancellations_are_told_by_it(sqlite_database: Database, tmp_path: Path, canceller: Canceller) -> None:
    world = World(sqlite_database, tmp_path, notifies=True)
    world.books()
    assert world.ends(canceller) == []


@pytest.mark.parametrize("flag", ["send_lifecycle_notifications", "notify_by_email"])
def test_the_receipt_leaves_from_here_where_the_source_sends_none(
    sqlite_database: Database, tmp_path: Path, flag: str
) -> None:
    world = World(sqlite_database, tmp_path, notifies=True)
    flags: dict[str, Any] = {flag: False}
    world.books(**flags)
    assert world.ends(BY_USAGER) == [("receipt", MAIL)]


def test_another_source_is_told_as_ever(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=True)
    world.books("a file")
    assert world.tells(News.CREATED) == ALL
    assert world.ends(BY_USAGER)[len(ALL) :] == [("receipt", MAIL), ("notification", OTHER)]


# One SMS says that our number can be answered

TWO_WAY = "[organisations.12]\nannounce_two_way = true\n"
INVITATION = "Pour votre RDV du mardi 5 janvier à 10h00 (Mairie), vous pouvez répondre à ce numéro. Pour annuler, "


def test_one_sms_says_that_our_number_can_be_answered(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=True, policy=TWO_WAY)
    world.books(made_at=NOW - timedelta(minutes=5))  # also if it was made after the time for a reminder
    invited = world.reminds()
    assert len(invited) == 2
    assert {body[: len(INVITATION)] for body in invited} == {INVITATION}
    assert world.written() == [("reminder", PHONE), ("reminder", OTHER)]
    assert world.reminds(NOW + timedelta(hours=1)) == invited
    assert world.ends(BY_USAGER)[2:] == []


@pytest.mark.parametrize(
    ("policy", "flags"),
    [
        ("", {}),
        (NOTIFIED, {}),
        ("[organisations.12]\nannounce_two_way = true\n[motifs.77]\nannounce_two_way = false\n", {}),
        ("[organisations.12]\nannounce_two_way = true\nmay_be_cancelled = false\n", {}),
        (TWO_WAY, {"send_reminder_notification": False}),
        (TWO_WAY, {"notify_by_sms": False}),
    ],
)
def test_who_is_not_invited(sqlite_database: Database, tmp_path: Path, policy: str, flags: dict[str, Any]) -> None:
    world = World(sqlite_database, tmp_path, notifies=True, policy=policy)
    world.books(**flags)
    assert world.reminds() == []
    assert world.written() == []


def test_too_late_to_cancel_nobody_is_invited(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=True, policy=TWO_WAY)
    world.books()
    assert world.reminds(STARTS_AT - timedelta(hours=4)) == []


# The source is silent -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", UNASKED)
def test_where_it_is_silent_we_write_whatever_its_record_says(
    sqlite_database: Database, tmp_path: Path, news: News
) -> None:
    world = World(sqlite_database, tmp_path, notifies=False, policy=NOTIFIED)
    world.books(**FLAGS_OFF)
    kind = "reminder" if news is News.REMINDER else "notification"
    assert world.tells(news) == [(kind, recipient) for _, recipient in ALL]


def test_a_silent_source_s_reminders_are_found(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=False, policy=NOTIFIED)
    world.books(**FLAGS_OFF)
    assert [body.partition(" :")[0] for body in world.reminds()] == ["Rappel", "Rappel"]
    assert len(world.reminds(NOW + timedelta(minutes=1))) == 2


@pytest.mark.parametrize(
    ("policy", "motif"),
    [
        ("", "77"),  # smsbot.toml does not say that we notify
        ("[organisations.13]\nnotify = true\n", "77"),
        (f"{NOTIFIED}[motifs.78]\nnotify = false\n", "78"),  # not visible there
    ],
)
def test_what_is_not_listed_stays_unmentioned(
    sqlite_database: Database, tmp_path: Path, policy: str, motif: str
) -> None:
    world = World(sqlite_database, tmp_path, notifies=False, policy=policy, motif=motif)
    world.books()
    for news in UNASKED:
        assert world.tells(news) == []
    assert world.reminds() == []
    assert world.ends(BY_AGENT) == []
    assert world.ends(BY_USAGER) == [("receipt", MAIL)]
    done = world.desk.rows(select(participations.c.reminded_at))
    assert all(row["reminded_at"] is not None for row in done)  # looked at only once, not every minute


def test_where_it_is_silent_cancellations_are_told_from_here(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=False, policy=NOTIFIED)
    world.books(**FLAGS_OFF)
    assert world.ends(BY_USAGER) == [("receipt", MAIL), ("notification", OTHER)]
    assert world.ends(BY_AGENT)[2:] == ALL


def test_what_the_usager_wants_still_counts(sqlite_database: Database, tmp_path: Path) -> None:
    world = World(sqlite_database, tmp_path, notifies=False, policy=NOTIFIED)
    world.books(notify_by_sms=False)
    assert world.tells(News.CREATED) == [("notification", MAIL)]
