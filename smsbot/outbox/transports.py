"""The two ways out: SMS through telecom gateways, e-mail through an SMTP server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from smsbot.gateways.base import Handed, OutgoingSms
from smsbot.gateways.failover import Failover, Rate, unlimited
from smsbot.gateways.gateway_records import Records, RecordsOutOfReach
from smsbot.instants import to_microseconds
from smsbot.messages.email import to_message
from smsbot.outbox.messages import Channel, ClaimedMessage
from smsbot.outbox.smtp import Mailer

LookUp = Callable[[ClaimedMessage, timedelta], Awaitable[Sequence[Handed]]]
"""Finds messages that gateways took during the last `timedelta` and that may be this message, the oldest first.

Raises `RecordsOutOfReach`, or `LookedUpInPart` if only some gateways could be asked.
"""


class LookedUpInPart(RecordsOutOfReach):
    """Some gateways could not be asked. `found` is what the others have.

    `final` is True if one of the gateways keeps no records. Then it does not help to ask again.
    """

    def __init__(self, found: Sequence[Handed], sentence: str, *, final: bool) -> None:
        super().__init__(sentence)
        self.found = found
        self.final = final


@dataclass(frozen=True, slots=True)
class Transport:
    """How the messages of one channel leave.

    `send` raises the errors of `smsbot.gateways.base`, and takes at most `send_seconds`. Each sender may have `slots`
    sends under way at once, and at most `rate(sender)` sends per second. `look_up` finds out about doubts; None if the
    channel has no records. `reports` is whether status callbacks arrive.
    """

    channel: Channel
    send: Callable[[ClaimedMessage], Awaitable[Handed]]
    slots: int
    send_seconds: float
    rate: Rate = unlimited
    look_up: LookUp | None = None
    reports: bool = False


def by_gateways(
    failover: Failover,
    records: Mapping[str, Records],
    rate: Rate = unlimited,
    *,
    slots: int = 64,
    send_seconds: float = 20.0,
) -> Transport:
    """SMS through the gateways of each sender. `records` has the records of the gateways that keep them, by name.

    A reply leaves only from a sender whose answers reach us.
    """

    async def send(message: ClaimedMessage) -> Handed:
        return await failover.send(_sms(message), answerable=_is_reply(message), rate=rate)

    async def look_up(message: ClaimedMessage, within: timedelta) -> Sequence[Handed]:
        maybe = failover.gateways_of(message.sender, answerable=_is_reply(message))
        names = {message.gateway} if message.gateway else set(maybe)
        found: list[Handed] = []
        problem: RecordsOutOfReach | None = None
        for name in sorted(names & records.keys()):
            try:
                found += [Handed(name, taken) for taken in await records[name].taken(_sms(message), within)]
            except RecordsOutOfReach as error:
                problem = error
        if problem is not None:
            raise LookedUpInPart(found, problem.sentence, final=False)
        if silent := sorted(names - records.keys()):
            sentence = f"The gateway {silent[0]} keeps no records that smsbot can read."
            raise LookedUpInPart(found, sentence, final=True)
        return found

    return Transport("sms", send, slots, send_seconds, rate, look_up if records else None, reports=True)


def by_mail(mailer: Mailer, *, slots: int = 8) -> Transport:
    """E-mail through an SMTP server."""

    async def send(message: ClaimedMessage) -> Handed:
        identifier = mail_message_id(message)
        await mailer.send(to_message(message, identifier), message.recipient)
        return Handed(mailer.name, identifier)

    return Transport("email", send, slots, mailer.longest_send)


def mail_message_id(message: ClaimedMessage) -> str:
    """The Message-ID of an e-mail (RFC 5322, 3.6.4).

    It is the same for each attempt, so that repeated messages can be recognised.
    """
    domain = message.sender.rpartition("@")[2].rstrip("> ")
    return f"<outgoing-{message.id}.{to_microseconds(message.created_at)}@{domain or 'localhost'}>"


def _is_reply(message: ClaimedMessage) -> bool:
    return message.kind == "reply"


def _sms(message: ClaimedMessage) -> OutgoingSms:
    return OutgoingSms(message.id, message.sender, message.recipient, message.body)
