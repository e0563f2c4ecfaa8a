"""Messages that came while smsbot was not running: a real service on both engines, and Twilio's stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from smsbot.app import Service
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.gateways.base import IncomingSms
from smsbot.gateways.gateway_records import ReadBack, RecordsOutOfReach
from smsbot.gateways.http import Http, open_http
from smsbot.gateways.twilio import TwilioGateway
from smsbot.gateways.twilio_lookup import TwilioRecords
from smsbot.incoming import catch_up as module
from smsbot.incoming.catch_up import FIRST_START, OVERLAP, TRIED_FOR, CatchUp, catching_up
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.receiving import LEFT_TO_WEBHOOKS
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import caught_up, incoming_messages, outgoing_messages, participations
from tests.appointments.records import Desk, appointment, participation
from tests.supervised import supervised

pytestmark = pytest.mark.anyio

OURS, PHONE, OTHER = "+33937000000", "+33612345678", "+33687654321"
NOBODY_LISTENS = "http://127.0.0.1:9/webhooks/twilio/sms"
AT_ONCE = timedelta(0)


class Town:
    """A service with an appointment for each of two phones, and Twilio's stand-in."""

    def __init__(self, database: Database, twilio: TwilioStandIn, http: Http, **settings: Any) -> None:
        self.database = database
        self.twilio = twilio
        self.desk = Desk(database)
        values = {
            "secret_key": "a secret of the tests, of 32 bytes or more",
            "twilio_account_sid": twilio.account_sid,
            "twilio_auth_token": twilio.auth_token,
            "sender": OURS,
            "mail_from": "rdv@example.fr",
        }
        self.service = Service(ServiceSettings.exactly(**values | settings), database)
        self.gateway = TwilioGateway(
            twilio.account_sid, twilio.auth_token, public_url="http://x", http=http, api_url=twilio.url
        )
        starts_at = datetime.now(UTC) + timedelta(days=3)
        for number, phone in enumerate((PHONE, OTHER)):
            record = appointment(str(number), starts_at=starts_at, participations=(participation(phone=phone),))
            self.desk.take(record, now=datetime.now(UTC))

    @property
    def catch_up(self) -> CatchUp:
        return self.service.catching_up("twilio", self.gateway.records)

    async def is_missed(self, body: str, *, from_: str = PHONE, to: str = OURS, ago: timedelta = AT_ONCE) -> str:
        """Somebody writes while smsbot is not running. Returns the message's id."""
        await asyncio.wrap_future(self.twilio.receive(NOBODY_LISTENS, from_=from_, to=to, text=body))
        newest = list(self.twilio._by_sid.values())[-1]
        newest.created_at -= ago
        return newest.sid

    async def arrives(self, body: str, *, sid: str = "SMnow", from_: str = PHONE, to: str = OURS) -> str | None:
        """The same, by the webhook. Returns the name of the reply."""
        arrived = Arrived(IncomingSms("twilio", sid, from_, to, body), datetime.now(UTC))
        outcome = await self.service.reception.receive(arrived)
        return outcome.reply if outcome else "handled before"

    async def catches_up(self, left_to_webhooks: timedelta = AT_ONCE) -> int:
        return await self.catch_up.once(self.database, left_to_webhooks=left_to_webhooks)

    def outcomes(self) -> list[tuple[str, str]]:
        """The messages in the order in which they were handled, with their outcomes."""
        query = select(incoming_messages.c.body, incoming_messages.c.outcome).order_by(incoming_messages.c.id)
        return [(row["body"], row["outcome"]) for row in self.desk.rows(query)]

    def is_cancelled(self) -> bool:
        query = select(participations.c.status).where(participations.c.phone == PHONE)
        return [row["status"] for row in self.desk.rows(query)] != ["unknown"]

    def caught_up_until(self, number: str = OURS) -> datetime:
        query = select(caught_up.c.until).where(caught_up.c.number == number)
        until: datetime = self.desk.rows(query)[0]["until"]
        return until

    def set_caught_up(self, until: datetime, number: str = OURS) -> None:
        """As if smsbot had been running for a year, and had last read the records at `until`."""
        since = datetime.now(UTC) - timedelta(days=365)
        self.desk.run(caught_up.delete().where(caught_up.c.number == number))
        self.desk.run(caught_up.insert().values(gateway="twilio", number=number, since=since, until=until))


MakeTown = Callable[..., Town]


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


@pytest.fixture
def town(database: Database, twilio: TwilioStandIn, http: Http) -> Town:
    town = Town(database, twilio, http)
    town.set_caught_up(datetime.now(UTC))
    return town


@pytest.fixture
def make_town(sqlite_database: Database, twilio: TwilioStandIn, http: Http) -> MakeTown:
    def make(**settings: Any) -> Town:
        town = Town(sqlite_database, twilio, http, **settings)
        town.set_caught_up(datetime.now(UTC))
        town.set_caught_up(datetime.now(UTC), FIRST_START)
        return town

    return make


async def test_what_is_missing_is_handled_in_its_order_once(town: Town) -> None:
    await town.is_missed("ANNULER", ago=timedelta(minutes=3))
    await town.is_missed("dup", ago=timedelta(minutes=2))
    await town.is_missed("annuler", from_=OTHER, ago=timedelta(minutes=1))
    assert await town.catches_up() == 3
    assert sorted(town.outcomes()) == [("ANNULER", "ask_letters"), ("annuler", "ask_letters"), ("dup", "confirm")]
    assert town.outcomes().index(("ANNULER", "ask_letters")) < town.outcomes().index(("dup", "confirm"))
    replies = town.desk.rows(select(outgoing_messages.c.sender, outgoing_messages.c.kind))
    assert replies == [{"sender": OURS, "kind": "reply"}] * 3
    assert await town.catches_up() == 0
    assert len(town.outcomes()) == 3


async def test_an_old_yes_is_asked_again_and_not_carried_out(town: Town) -> None:
    await town.arrives("annuler dup")
    sid = await town.is_missed("OUI", ago=timedelta(minutes=2))
    assert await town.catches_up() == 1
    assert town.outcomes()[-1] == ("OUI", "confirm_late")
    assert not town.is_cancelled()
    assert await town.arrives("OUI", sid=sid) == "handled before"
    assert not town.is_cancelled()
    assert await town.arrives("oui", sid="SMnew") == "cancelled"
    assert town.is_cancelled()


async def test_an_old_yes_does_nothing_where_it_was_said_again_meanwhile(town: Town) -> None:
    await town.arrives("annuler dup")
    await town.is_missed("oui", ago=timedelta(minutes=2))
    assert await town.arrives("oui", sid="SMagain") == "cancelled"
    await town.catches_up()
    assert town.outcomes()[-1] == ("oui", "silence")


async def test_what_its_webhook_handed_over_is_not_touched(town: Town) -> None:
    sid = await town.is_missed("annuler")
    assert await town.arrives("annuler", sid=sid) == "ask_letters"
    assert await town.catches_up() == 0


async def test_a_young_message_is_left_to_its_webhook(make_town: MakeTown) -> None:
    town = make_town()
    await town.is_missed("annuler")
    await town.is_missed("annuler", from_=OTHER, ago=LEFT_TO_WEBHOOKS + timedelta(seconds=5))
    assert await town.catches_up(LEFT_TO_WEBHOOKS) == 1
    assert await town.catches_up(AT_ONCE) == 1


async def test_everything_since_it_was_last_read_is(make_town: MakeTown) -> None:
    town = make_town()
    town.set_caught_up(datetime.now(UTC) - timedelta(days=3))
    await town.is_missed("annuler", ago=timedelta(days=2))
    await town.is_missed("before that", ago=timedelta(days=4))
    assert await town.catches_up() == 1
    assert town.outcomes() == [("annuler", "ask_letters")]
    assert abs(town.caught_up_until() - datetime.now(UTC)) < timedelta(seconds=30)


async def test_what_came_before_the_very_first_start_is_never_answered(make_town: MakeTown) -> None:
    town = make_town()
    town.desk.run(caught_up.delete())
    for ago in (OVERLAP + timedelta(minutes=1), timedelta(minutes=1), timedelta(seconds=2)):
        await town.is_missed("annuler", ago=ago)
    assert await town.catches_up() == 0
    assert await town.catches_up() == 0
    await town.is_missed("annuler", from_=OTHER)
    assert await town.catches_up() == 1


async def test_what_cannot_be_read_is_read_the_next_time(make_town: MakeTown) -> None:
    town = make_town()
    await town.catches_up()
    last = town.caught_up_until()
    await town.is_missed("annuler", ago=timedelta(minutes=1))
    right, town.twilio._authorization = town.twilio._authorization, "another"
    with pytest.raises(RecordsOutOfReach):
        await town.catches_up()
    assert town.caught_up_until() == last
    town.twilio._authorization = right
    assert await town.catches_up() == 1


async def test_a_database_that_fails_is_no_reason_to_forget(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make_town()
    await town.catches_up()
    last = town.caught_up_until()
    await town.is_missed("annuler", ago=timedelta(minutes=1))

    def full(*_arguments: Any, **_more: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patched:
        patched.setattr("smsbot.incoming.turn.enqueue_all", full)
        with pytest.raises(OperationalError):
            await town.catches_up()
    assert (town.caught_up_until(), town.outcomes()) == (last, [])
    assert await town.catches_up() == 1


async def test_a_mistake_with_one_message_keeps_nobody_else_waiting(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make_town()

    def stumbling(message: IncomingSms) -> None:
        if message.body == "bad":
            raise ZeroDivisionError

    monkeypatch.setitem(vars(town.service), "handler", replace(town.service.handler, answered_keyword=stumbling))
    await town.is_missed("bad")
    await town.is_missed("annuler")
    await town.is_missed("annuler", from_=OTHER)
    with capture_logs() as logs:
        assert await town.catches_up() == 2
    assert town.outcomes() == [("annuler", "ask_letters")] * 2
    assert PHONE not in str(logs)
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["message not handled"]


async def test_what_a_mistake_of_ours_kept_from_being_handled_is_handled_once_it_is_mended(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make_town()
    town.set_caught_up(datetime.now(UTC) - timedelta(days=3))

    def mistaken(_message: IncomingSms) -> None:
        raise ZeroDivisionError

    await town.is_missed("too long ago", ago=TRIED_FOR + OVERLAP + timedelta(minutes=1))
    await town.is_missed("annuler", ago=TRIED_FOR - timedelta(minutes=1))
    with monkeypatch.context() as patched:
        patched.setitem(vars(town.service), "handler", replace(town.service.handler, answered_keyword=mistaken))
        for _ in range(2):
            assert await town.catches_up() == 0
    assert await town.catches_up() == 1
    assert town.outcomes() == [("annuler", "ask_letters")]
    assert abs(town.caught_up_until() - datetime.now(UTC)) < timedelta(seconds=30)


async def test_a_number_that_cannot_be_read_keeps_no_other_waiting(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = make_town(sender="36105")
    await town.arrives("annuler", from_=OTHER, to="36200")
    await town.is_missed("annuler", to="36200")
    received = TwilioRecords.received

    async def some(records: TwilioRecords, number: str, since: datetime) -> ReadBack:
        if number == "36105":
            raise RecordsOutOfReach("Twilio's list of messages could not be read.")
        return await received(records, number, since)

    monkeypatch.setattr(TwilioRecords, "received", some)
    with pytest.raises(RecordsOutOfReach):
        await town.catches_up()
    assert town.outcomes() == [("annuler", "ask_letters")] * 2


async def test_a_clock_that_was_ahead_when_a_number_was_new_hides_nothing_for_long(make_town: MakeTown) -> None:
    town = make_town()
    town.set_caught_up(datetime.now(UTC) + timedelta(days=300))
    await town.is_missed("annuler", ago=timedelta(minutes=1))
    assert await town.catches_up() == 0
    assert await town.catches_up() == 1


async def test_thousands_after_some_days_are_handled_once_and_in_their_order(
    make_town: MakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsbot.gateways.twilio_lookup.PAGE_SIZE", 100)
    town = make_town()
    town.set_caught_up(datetime.now(UTC) - timedelta(days=4))
    phones = [f"+336990{number:05}" for number in range(40)]
    for minute in range(1200):
        message = town.twilio._new_message(
            "inbound", from_=phones[minute % 40], to=OURS, body=f"n° {minute}", status="received"
        )
        message.created_at -= timedelta(days=3) - timedelta(minutes=minute)
        town.twilio._by_sid[message.sid] = message
    assert await town.catches_up() == 1200
    handled = [int(body.removeprefix("n° ")) for body, _ in town.outcomes()]
    assert sorted(handled) == list(range(1200))
    of_phones = [[number for number in handled if number % 40 == phone] for phone in range(40)]
    assert of_phones == [sorted(of_phone) for of_phone in of_phones]
    assert await town.catches_up() == 0


async def test_words_that_the_gateway_answers_are_known_here_too(make_town: MakeTown, tmp_path: Any) -> None:
    config = tmp_path / "smsbot.toml"
    config.write_text(f'[channels."{OURS}"]\nstop_handled_by = "gateway"\n')
    town = make_town(config=config)
    await town.is_missed("CANCEL")
    await town.catches_up()
    assert town.outcomes() == [("CANCEL", "silence")]


async def test_several_processes_do_it_once(town: Town) -> None:
    for number in range(10):
        await town.is_missed(f"annuler {number}", from_=PHONE if number % 2 else OTHER)
    await asyncio.gather(*(town.catches_up() for _ in range(3)))
    assert len(town.outcomes()) == 10


class TestNumbers:
    async def test_those_that_settings_and_file_name(self, make_town: MakeTown, tmp_path: Any) -> None:
        config = tmp_path / "smsbot.toml"
        config.write_text(
            '[channels.36105]\ngateways = ["twilio", { gateway = "vonage", sender = "36106" }]\n'
            '[channels.36107]\ngateways = ["vonage"]\n'
            '[motifs.7]\nsender = "36108"\n[organisations.1]\nsender = "RdvSoli"\n'
        )
        town = make_town(config=config)
        assert town.service.policy.numbers_received_by("twilio") == {OURS, "36105", "36108"}
        assert town.service.policy.numbers_received_by("vonage") == {"36106", "36107"}

    async def test_those_of_a_messaging_service_are_known_once_somebody_has_written_to_them(
        self, make_town: MakeTown
    ) -> None:
        town = make_town(sender="MG" + "0" * 32, sender_two_way=True)
        assert town.service.policy.numbers_received_by("twilio") == set()
        await town.is_missed("annuler", to="36200", ago=timedelta(minutes=1))
        assert await town.catches_up() == 0
        await town.arrives("annuler", from_=OTHER, to="36200")
        assert await town.catches_up() == 1

    async def test_messages_to_other_numbers_of_the_account_are_none_of_ours(self, make_town: MakeTown) -> None:
        town = make_town()
        await town.is_missed("annuler", to="+33937999999")
        assert await town.catches_up() == 0


async def test_it_begins_at_once_and_goes_on(make_town: MakeTown, monkeypatch: pytest.MonkeyPatch) -> None:
    town = make_town()
    monkeypatch.setattr(module, "EVERY", timedelta(seconds=0.05))
    monkeypatch.setattr(module, "LEFT_TO_WEBHOOKS", timedelta(seconds=-1))
    await town.is_missed("annuler")
    right, town.twilio._authorization = town.twilio._authorization, "another"
    with capture_logs() as logs:
        async with supervised(catching_up(town.database, town.catch_up)), asyncio.timeout(20):
            while not any(log["event"] == "missed messages cannot be looked for" for log in logs):
                await asyncio.sleep(0.01)
            town.twilio._authorization = right
            while not town.outcomes():
                await asyncio.sleep(0.01)
            await town.is_missed("dup")
            while len(town.outcomes()) < 2:
                await asyncio.sleep(0.01)
    assert town.outcomes() == [("annuler", "ask_letters"), ("dup", "confirm")]
    assert any(log["event"] == "messages came while nobody was listening" for log in logs)
