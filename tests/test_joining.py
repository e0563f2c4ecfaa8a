"""Long messages in pieces: put together once, in any order, also after restarts, and handled without lost pieces."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from smsbot.app import Service
from smsbot.gateways.base import IncomingSms, MessagePiece
from smsbot.incoming.joining import WAITED_FOR, Joining
from smsbot.incoming.receiving import MessageHandler
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, incoming_pieces, seen_messages
from tests.appointments.records import Desk, appointment, participation

pytestmark = pytest.mark.anyio

PHONE, OTHER, OURS = "+33612345678", "+33687654321", "36105"
START = datetime(2027, 1, 4, 10, tzinfo=UTC)


class Town:
    """A service whose clock the tests control, and somebody with an appointment."""

    def __init__(self, database: Database) -> None:
        self.now = START
        self.desk = Desk(database)
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more", sender=OURS, mail_from="rdv@example.fr"
        )
        self.service = Service(settings, database, clock=lambda: self.now)
        record = appointment(starts_at=START + timedelta(days=3), participations=(participation(phone=PHONE),))
        self.desk.take(record, now=START)

    @property
    def joining(self) -> Joining:
        return self.service.joining

    async def takes(self, *pieces: IncomingSms) -> None:
        for piece in pieces:
            await self.joining.take(piece)

    def handled(self) -> list[tuple[str, str]]:
        """The handled messages with their outcomes, oldest first."""
        columns = incoming_messages.c
        query = select(columns.body, columns.outcome).order_by(columns.id)
        return [(row["body"], row["outcome"]) for row in self.desk.rows(query)]

    def waiting(self) -> int:
        return len(self.desk.rows(select(incoming_pieces)))


def piece(number: int, text: str, total: int = 3, reference: str = "171", **other: Any) -> IncomingSms:
    sender = other.pop("sender", PHONE)
    identifier = other.pop("identifier", f"{sender}-{reference}-{number}")
    return IncomingSms("agregat", identifier, sender, OURS, text, piece=MessagePiece(reference, number, total), **other)


PIECES = (piece(1, "Bonjour, je voudrais "), piece(2, "annuler "), piece(3, "mon rendez-vous"))
WHOLE = ("Bonjour, je voudrais annuler mon rendez-vous", "ask_letters")


async def test_in_any_order_and_again_and_again(database: Database) -> None:
    town = Town(database)
    for turn, order in enumerate(permutations((1, 2, 3))):
        texts = ("Bonjour, je voudrais ", "annuler ", "mon rendez-vous")
        own = {number: piece(number, texts[number - 1], reference=str(turn)) for number in (1, 2, 3)}
        await town.takes(*(own[number] for number in order[:2]))
        assert (len(town.handled()), town.waiting()) == (turn, 2)
        await town.takes(own[order[0]])  # one that comes again changes nothing
        await town.takes(own[order[2]], *own.values())
        assert (len(town.handled()), town.waiting()) == (turn + 1, 0)
        assert town.handled()[-1][0] == WHOLE[0]
    town.now += timedelta(days=2)
    await town.takes(own[2])
    await town.joining.once()
    assert (len(town.handled()), town.waiting()) == (6, 0)


async def test_pieces_that_come_at_once(database: Database) -> None:
    town = Town(database)
    others = [piece(number, f"{number} ", sender=OTHER, total=9) for number in range(1, 10)]
    await asyncio.gather(*(town.joining.take(one) for one in (*PIECES, *others, *PIECES)))
    assert sorted(town.handled()) == [("1 2 3 4 5 6 7 8 9 ", "no_appointment"), WHOLE]
    assert town.waiting() == 0


async def test_what_waits_in_vain_is_read_as_it_is_with_a_mark(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    await town.takes(PIECES[0], PIECES[2], piece(2, "annuler dup", total=4, reference="172"))
    town.now += WAITED_FOR - timedelta(seconds=1)
    await town.joining.once()
    assert (town.handled(), town.waiting()) == ([], 3)
    await town.takes(piece(1, "vite", total=2, reference="173"))  # of another message, which begins to wait now
    town.now += timedelta(seconds=1)
    with capture_logs() as logs:
        await town.joining.once()
    assert [body for body, _ in town.handled()] == ["Bonjour, je voudrais […]mon rendez-vous", "[…]annuler dup[…]"]
    assert town.waiting() == 1
    assert sum(log["event"] == "pieces of a message are missing" for log in logs) == 2
    await town.takes(PIECES[0])
    assert town.waiting() == 1, "it was read already"


async def test_a_yes_of_which_a_piece_is_missing_is_asked_again(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    arrived = IncomingSms("agregat", "1", PHONE, OURS, "annuler dup")
    await town.service.handler.handle(arrived)
    await town.takes(piece(1, "OUI", total=2))
    town.now += WAITED_FOR
    await town.joining.once()
    (_, first), (_, second) = town.handled()
    assert (first, second != "cancelled") == ("confirm", True)


async def test_what_is_whole_survives_the_end_of_its_process(database: Database) -> None:
    """The last piece was stored, and the process ended before the message was handled."""
    town = Town(database)

    class Ends(Exception):
        pass

    class Dying(MessageHandler):
        async def handle(self, *_: Any, **__: Any) -> None:
            raise Ends

    handler = town.service.handler
    dying = Joining(database, Dying(handler.reception, handler.answered_keyword, handler.clock), handler.clock)
    await dying.take(PIECES[1])
    await dying.take(PIECES[0])
    with pytest.raises(Ends):
        await dying.take(PIECES[2])
    assert (town.handled(), town.waiting()) == ([], 3)
    await town.takes(PIECES[2])  # the gateway had no answer, and repeats it
    assert (town.handled(), town.waiting()) == ([WHOLE], 0)
    assert len(town.desk.rows(select(seen_messages))) == 3


async def test_without_a_repetition_the_next_round_finds_it(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    await town.takes(*PIECES[:2])
    row = {column: value for column, value in town.desk.rows(select(incoming_pieces))[0].items() if column != "id"}
    last = row | {"gateway_message_id": "last", "number": 3, "body": "mon rendez-vous"}
    town.desk.run(incoming_pieces.insert().values(last))
    await town.joining.once()
    assert (town.handled(), town.waiting()) == ([WHOLE], 0)


async def test_the_same_piece_by_two_ids_counts_once(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    await town.takes(PIECES[0], piece(1, "Bonjour, je voudrais ", identifier="again"), *PIECES[1:])
    assert town.handled() == [WHOLE]
