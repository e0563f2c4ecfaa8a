"""Which gateways are asked about a doubt, the result if some cannot answer, and which messages a limit holds back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from smsbot.gateways.base import Handed, OutgoingSms, SendLater
from smsbot.gateways.failover import Failover
from smsbot.gateways.gateway_records import ReadBack, Records, RecordsOutOfReach
from smsbot.outbox import transports as ways
from smsbot.outbox.delivery import Delivery
from smsbot.outbox.messages import ClaimedMessage, OutgoingMessage, enqueue
from smsbot.outbox.transports import LookedUpInPart, by_gateways
from smsbot.policy import SendingRoute
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from tests.gateways.test_failover import Scripted
from tests.outbox.test_doubt import message
from tests.supervised import supervised

pytestmark = pytest.mark.anyio

LIMITED = "+33600000001"
WITHIN = timedelta(minutes=1)
WAYS = [
    SendingRoute("aggregator", "36123", two_way=True),
    SendingRoute("second", "36105", two_way=True),
    SendingRoute("twilio", "36106", two_way=True),
    SendingRoute("one-way", "RdvSoli", two_way=False),
]


class Kept:
    """Records with these ids. None means that they cannot be reached."""

    def __init__(self, ids: Sequence[str] | None) -> None:
        self.ids = ids

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        assert (message.body, within) == ("Bonjour", WITHIN)
        if self.ids is None:
            raise RecordsOutOfReach("The list cannot be reached.")
        return self.ids

    async def received(self, number: str, since: datetime) -> ReadBack:
        raise NotImplementedError


async def looked_up(records: dict[str, Records], gateway: str | None = None) -> tuple[list[str], bool | None]:
    """The ids found and, if some gateways could not answer, whether that is final."""
    doubtful = message(gateway=gateway)
    way = by_gateways(Failover({}, lambda _: WAYS), records)
    assert way.look_up is not None
    try:
        return [handed.gateway_message_id for handed in await way.look_up(doubtful, WITHIN)], None
    except LookedUpInPart as part:
        return [handed.gateway_message_id for handed in part.found], part.final


@pytest.mark.parametrize(
    ("records", "gateway", "expected"),
    [
        ({"twilio": ["SM1"]}, "twilio", (["SM1"], None)),
        ({"twilio": []}, "twilio", ([], None)),
        ({"twilio": ["SM1"]}, None, (["SM1"], True)),  # found, although the others keep no records
        ({"twilio": []}, None, ([], True)),
        ({"twilio": ["SM1"]}, "aggregator", ([], True)),
        ({"aggregator": None, "twilio": ["SM1"]}, None, (["SM1"], False)),  # found, although another cannot be reached
        ({"aggregator": None, "twilio": []}, None, ([], False)),
        ({"twilio": None}, None, ([], False)),
        ({"aggregator": [], "second": ["b"], "twilio": ["a"]}, None, (["b", "a"], None)),
        ({"one-way": ["x"], "twilio": []}, None, ([], True)),  # a reply never leaves by this gateway
    ],
)
async def test_who_has_records_is_asked_whoever_has_none(
    records: dict[str, list[str] | None], gateway: str | None, expected: tuple[list[str], bool | None]
) -> None:
    assert await looked_up({name: Kept(ids) for name, ids in records.items()}, gateway) == expected


async def test_what_is_found_names_its_gateway() -> None:
    way = by_gateways(Failover({}, lambda _: WAYS[2:3]), {"twilio": Kept(["SM1"])})
    assert way.look_up is not None
    assert await way.look_up(message(gateway=None), WITHIN) == [Handed("twilio", "SM1")]


async def test_the_rate_holds_for_who_stands_in() -> None:
    first, second = Scripted("aggregator"), Scripted("second")
    first.failure = SendLater("closed", "For the day.", 3600.0)
    asked: list[str] = []

    def rate(sender: str) -> float | None:
        asked.append(sender)
        return 0.2

    failover = Failover({"aggregator": first, "second": second}, lambda _: WAYS[:2], clock=lambda: 0.0)
    way = by_gateways(failover, {}, rate)

    async def send(one: ClaimedMessage) -> str:
        return (await way.send(one)).gateway

    assert await send(message()) == "second"
    with pytest.raises(SendLater):
        await send(message())
    assert second.tries == 1
    assert "36105" in asked


@pytest.mark.parametrize(("only_this_message", "others_wait"), [(True, False), (False, True)])
async def test_a_limit_on_one_recipient_keeps_back_no_other(
    sqlite_database: Database, only_this_message: bool, others_wait: bool
) -> None:
    limit = SendLater("1241", "It limits the messages.", 600.0, only_this_message=only_this_message)
    tried: list[str] = []

    async def send(one: ClaimedMessage) -> Handed:
        tried.append(one.recipient)
        if one.recipient == LIMITED:
            raise limit
        return Handed("vonage", one.recipient)

    async def put(recipient: str, sender: str = "36123") -> int:
        one = OutgoingMessage("sms", "reply", recipient, sender, "Bonjour")
        return await sqlite_database.write(lambda connection: enqueue(connection, one, datetime.now(UTC)))

    async def finished(*these: int) -> None:
        where = outgoing_messages.c.id.in_(these)
        query = select(outgoing_messages.c.id).where(where, outgoing_messages.c.error_code.is_(None))
        async with asyncio.timeout(30):
            query = query.where(outgoing_messages.c.state != "sent")
            while await sqlite_database.read(lambda connection: connection.execute(query).first()):
                await asyncio.sleep(0.01)

    delivery = Delivery(sqlite_database, ways.Transport("sms", send, slots=4, send_seconds=5.0))
    async with supervised(*delivery.works()):
        await finished(await put(LIMITED))
        other = await put("+33600000002")
        await finished(*([] if others_wait else [other]), await put("+33600000003", "36999"))
    assert ("+33600000002" in tried) is not others_wait
