"""Messages that a gateway lists instead of posting them: each is handled once, none is lost, and old ones are not
answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from smsbot.app import Service
from smsbot.gateways.base import Batch, IncomingSms, MalformedMessage, MessagePiece
from smsbot.gateways.gateway_records import RecordsOutOfReach
from smsbot.incoming.polling import OVERLAP, Polling, polling
from smsbot.runtime import HasToWait
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.seen import SEEN_FOR, forget_seen
from smsbot.store.tables import incoming_messages
from tests.appointments.records import Desk, appointment, participation

pytestmark = pytest.mark.anyio

PHONE, OURS = "+33612345678", "36105"
START = datetime(2027, 1, 4, 10, tzinfo=UTC)


@dataclass
class ListOfReplies:
    """A gateway's list, which shows all messages that ever came."""

    every: timedelta = timedelta(seconds=15)
    shown: list[IncomingSms] = field(default_factory=list)
    problems: list[MalformedMessage] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    is_away: bool = False

    async def listed(self, since: datetime) -> Batch[IncomingSms]:
        self.asked.append(since)
        if self.is_away:
            raise RecordsOutOfReach("The gateway's list of messages answered HTTP 503.")
        return Batch(list(self.shown), list(self.problems))

    def hears(self, text: str, **other: Any) -> None:
        identifier = other.pop("identifier", str(len(self.shown)))
        self.shown.append(IncomingSms("primo", identifier, PHONE, OURS, text, **other))


class Town:
    """A service whose clock the tests control, a gateway that is polled, and somebody with an appointment."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self.database = database
        self.replies = ListOfReplies()
        self.desk = Desk(database)
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more", sender=OURS, mail_from="rdv@example.fr"
        )
        self.service = Service(settings, database, clock=lambda: self.now)
        record = appointment(starts_at=START + timedelta(days=300), participations=(participation(phone=PHONE),))
        self.desk.take(record, now=START)

    @property
    def polling(self) -> Polling:
        return self.service.polling("primo", self.replies)

    async def polls(self, after: timedelta = timedelta(seconds=15)) -> int:
        self.now += after
        return await self.polling.once(self.database)

    def outcomes(self) -> list[str]:
        columns = incoming_messages.c
        return [row["outcome"] for row in self.desk.rows(select(columns.outcome).order_by(columns.id))]


async def test_each_is_handled_once_and_history_is_left_alone(database: Database) -> None:
    town = Town(database)
    town.replies.hears("ANNULER")
    assert [await town.polls(), await town.polls(), town.outcomes()] == [0, 0, []]
    for text in ("annuler", "dup"):
        town.replies.hears(text)
    assert [await town.polls(), await town.polls()] == [2, 0]
    town.replies.hears("OUI")
    assert await town.polls() == 1
    assert town.outcomes() == ["ask_letters", "confirm", "cancelled"]
    assert town.replies.asked[-1] == town.now - timedelta(seconds=15) - OVERLAP


async def test_an_id_is_remembered_for_as_long_as_it_is_listed(sqlite_database: Database) -> None:
    """A message that was erased or deleted here is not new, although the gateway lists it for a year."""
    town = Town(sqlite_database)
    await town.polls()
    town.replies.hears("annuler")
    assert await town.polls() == 1
    town.desk.run(incoming_messages.update().values(gateway_message_id="another"))
    for _ in range(4):
        assert await town.polls(after=SEEN_FOR - timedelta(days=1)) == 0
        town.desk.database.write_now(lambda connection: forget_seen(connection, town.now - SEEN_FOR))
    assert await town.polls() == 0
    town.replies.shown.clear()
    await town.polls(after=2 * SEEN_FOR)
    assert town.desk.database.write_now(lambda connection: forget_seen(connection, town.now - SEEN_FOR)) == 1


@pytest.mark.parametrize(
    ("pause", "written", "outcome"),
    [
        (timedelta(seconds=60), None, "cancelled"),
        (timedelta(seconds=61), None, "confirm_late"),  # it may be as old as the pause
        (timedelta(minutes=10), timedelta(seconds=5), "cancelled"),  # its time says that it is not
        (timedelta(seconds=15), timedelta(seconds=61), "confirm_late"),
        (timedelta(seconds=15), timedelta(seconds=45), "cancelled"),  # lists may be slow
    ],
)
async def test_an_old_yes_is_asked_again(
    sqlite_database: Database, pause: timedelta, written: timedelta | None, outcome: str
) -> None:
    town = Town(sqlite_database)
    await town.polls()
    town.replies.hears("annuler dup")
    await town.polls()
    at = None if written is None else town.now + pause - written
    town.replies.hears("OUI", written_at=at)
    await town.polls(after=pause)
    assert town.outcomes() == ["confirm", outcome]


async def test_what_could_not_be_stored_is_found_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(sqlite_database)
    await town.polls()
    town.replies.hears("annuler")
    reception = town.service.reception

    async def fails(_: object) -> None:
        raise OperationalError("", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(type(reception), "receive", lambda _self, arrived: fails(arrived))
        with pytest.raises(OperationalError):
            await town.polls()
    assert town.outcomes() == []
    assert await town.polls() == 1
    assert town.outcomes() == ["ask_letters"]


async def test_a_list_out_of_reach_is_waited_for(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    town.replies.is_away = True
    work = polling(town.database, town.polling)
    assert (work.name, work.every) == ("poll_primo", timedelta(seconds=15))
    with capture_logs() as logs, pytest.raises(HasToWait):
        await work.once()
    assert [log["event"] for log in logs] == ["messages cannot be polled"]


async def test_what_cannot_be_read_is_told_once_and_pieces_are_joined(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    await town.polls()
    town.replies.problems.append(MalformedMessage("identifier is missing."))
    for number, text in ((2, "dup"), (1, "annuler ")):
        town.replies.hears(text, piece=MessagePiece("171", number, 2))
    poll = town.polling
    with capture_logs() as logs:
        assert [await poll.once(town.database) for _ in range(3)] == [2, 0, 0]
    assert town.outcomes() == ["confirm"]
    unreadable = [log["reason"] for log in logs if log["event"] == "message of a list unreadable"]
    assert unreadable == ["identifier is missing."]
