"""Loads what a turn needs to know of the telephones that write: appointments, conversation, STOP, what we sent.

All of it is read in one round trip to the database, for all telephones of a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection, bindparam, func, select

from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import COMING_OF_PHONES, coming_by_phone, last_of_phone
from smsbot.appointments.taking_back_requests import cancellations_of_usagers
from smsbot.appointments.terms import Terms, TermsBook
from smsbot.conversation.memory import Memory, memory_from_json, merge_limits
from smsbot.inbox.threads import WAITING
from smsbot.incoming.message_claims import Arrived
from smsbot.made_often import made_often
from smsbot.model import Actor, Status
from smsbot.outbox.delivery_status import Fate, fate_of
from smsbot.outbox.stop_list import OPTED_OUT_AMONG
from smsbot.store.database import serialising
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, in_one_journey
from smsbot.store.tables import UtcDateTime, conversations, incoming_messages, outgoing_messages

SENT_LATELY = timedelta(days=7)
MOST_SENT_LATELY = 8
"""How many of the last SMS to a telephone are looked at."""
SHORTEST_SENT_BACK = 24
"""A message with fewer characters is not compared with what we sent."""
CANCELLED_LATELY = timedelta(hours=24)
"""An usager who takes a cancellation back too late is told so within this time. Later, there is no appointment."""


@dataclass(frozen=True, slots=True)
class SentReminder:
    """A reminder by SMS that we sent to this telephone in the last days.

    `written_at` is when it was enqueued (UTC). `later` is how many SMS were written to the telephone after it.
    """

    appointment_id: int | None
    written_at: datetime
    state: str
    delivery_status: str | None
    later: int

    def recalls(self, participation: Participation) -> bool:
        """Whether it is a reminder of this participation's appointment as it is now, and not before a move."""
        return (
            self.appointment_id == participation.appointment.id
            and participation.reminded_at is not None
            and self.written_at >= participation.reminded_at
            and fate_of(self.state, self.delivery_status, None).fate in (Fate.SENT, Fate.DELIVERED)
        )


@made_often
@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a telephone.

    `coming` are its participations to come, and `terms` are their terms. `cancelled` are participations to come that
    their usager has cancelled lately or has requested to cancel. All are by our id of the participation. `last` is the
    last participation that it had, if none is to come. `reminders` are the reminders among the last SMS to it, the
    newest first. `sent_lately` are the texts of the last SMS to it, if its message is long enough to be one of them.
    `has_put_off` says that agents have put off messages of it.
    """

    coming: Mapping[int, Participation]
    cancelled: Mapping[int, Participation]
    terms: Mapping[int, Terms]
    last: Participation | None
    memory: Memory
    opted_out: bool
    reminders: Sequence[SentReminder]
    sent_lately: tuple[str, ...]
    has_put_off: bool

    def reminded_at(self, participation: Participation) -> datetime | None:
        """When a reminder by SMS told this telephone of the participation's appointment (UTC); None for never."""
        return next((sent.written_at for sent in self.reminders if sent.recalls(participation)), None)

    @property
    def was_just_reminded(self) -> bool:
        """Whether the last SMS to it is a reminder of one of its participations to come."""
        last = [sent for sent in self.reminders if sent.later == 0]
        return any(sent.recalls(one) for sent in last for one in self.coming.values())


def load_known(
    connection: Connection, arrived: Sequence[Arrived], terms: TermsBook, main_sender: Callable[[str], str]
) -> dict[str, Known]:
    """What is known of each telephone that wrote one of these messages. Its rows are locked in this transaction.

    `main_sender` gives, for one of our numbers, the sender under which its conversations are stored.
    """
    first = min(one.at for one in arrived)
    phones, since = {"phones": [one.phone for one in arrived]}, {"since": first - SENT_LATELY}
    may_be_ours = {"phones": [one.phone for one in arrived if len(one.message.body) >= SHORTEST_SENT_BACK]}
    locks = serialising(connection, (f"phone:{one.phone}" for one in arrived))
    found = in_one_journey(
        connection,
        *locks,
        (COMING_OF_PHONES, phones | {"now": first, "cancelled_after": first - CANCELLED_LATELY}),
        (_REMEMBERED, phones),
        (OPTED_OUT_AMONG, phones),
        (_REMINDERS, phones | since),
        (_PUT_OFF, phones),
        *([(_SENT_LATELY, may_be_ours | since)] if may_be_ours["phones"] else []),
    )
    coming, remembered, opted_out, reminded, put_off, *sent = found[len(locks) :]
    coming_there = coming_by_phone(coming)
    memories: dict[str, dict[str, Memory]] = {}
    for phone, our_number, memory in remembered:
        memories.setdefault(phone, {})[our_number] = memory_from_json(memory)
    stopped = {phone for [phone] in opted_out}
    with_put_off = {phone for [phone] in put_off}
    reminders: dict[str, list[SentReminder]] = {}
    for phone, *columns in reminded:
        reminders.setdefault(phone, []).append(SentReminder(*columns))
    texts: dict[str, list[str]] = {}
    for phone, text in chain.from_iterable(sent):
        texts.setdefault(phone, []).append(text)
    requested = _requested_by_usagers(connection, coming_there)
    known = {}
    for one in arrived:
        phone = one.phone
        there = [part for part in coming_there.get(phone, ()) if part.appointment.starts_at > one.at]
        still = {part.id: part for part in there if part.is_active}
        known[phone] = Known(
            coming=still,
            cancelled={part.id: part for part in there if part.id in requested or _is_cancelled_lately(part, one.at)},
            terms={part.id: terms.of(part) for part in still.values()},
            last=None if still else last_of_phone(connection, phone),
            memory=_memory(memories.get(phone, {}), main_sender(one.message.to_number)),
            opted_out=phone in stopped,
            reminders=[sent for sent in reminders.get(phone, ()) if sent.later < MOST_SENT_LATELY],
            sent_lately=tuple(texts.get(phone, ())[:MOST_SENT_LATELY]),
            has_put_off=phone in with_put_off,
        )
    return known


def _requested_by_usagers(
    connection: Connection, by_phone: Mapping[str | None, Sequence[Participation]]
) -> frozenset[int]:
    """Those of these participations whose cancellation their usager has requested, or is taking back, at a source that
    has not answered yet.
    """
    there = [part for parts in by_phone.values() for part in parts if part.is_active]
    asked = {part.id for part in there if part.cancellation_requested_at is not None}
    taken_back = {part.id for part in there if part.taking_back_requested_at is not None}
    return cancellations_of_usagers(connection, asked) | taken_back


def _is_cancelled_lately(participation: Participation, now: datetime) -> bool:
    """Whether its usager has cancelled it so lately that they may take it back, or hear that this is too late."""
    is_theirs = participation.status is Status.EXCUSED and participation.cancelled_by == Actor.USAGER.value
    is_late = participation.cancelled_at is None or now - participation.cancelled_at >= CANCELLED_LATELY
    return is_theirs and not is_late and bool(participation.surnames)  # not of a person who was erased


def _memory(memories: Mapping[str, Memory], our_number: str) -> Memory:
    """The memory of the conversation with this number of ours, with the limits of all our numbers together."""
    here = memories.get(our_number, Memory())
    if len(memories) > 1 or (memories and our_number not in memories):
        here = replace(here, limits=merge_limits(memory.limits for memory in memories.values()))
    return here


_REMEMBERED = Prepared(
    select(conversations.c.usager_number, conversations.c.our_number, conversations.c.memory).where(
        is_one_of(conversations.c.usager_number, "phones")
    )
)
_PUT_OFF = Prepared(
    select(incoming_messages.c.from_number).where(
        is_one_of(incoming_messages.c.from_number, "phones"),
        WAITING,
        incoming_messages.c.comes_back_at.is_not(None),
    )
)
_SMS_LATELY = (
    is_one_of(outgoing_messages.c.recipient, "phones"),
    outgoing_messages.c.channel == "sms",
    outgoing_messages.c.created_at > bindparam("since", type_=UtcDateTime()),
)
_SENT_LATELY = Prepared(
    select(outgoing_messages.c.recipient, outgoing_messages.c.body)
    .where(*_SMS_LATELY)
    .order_by(outgoing_messages.c.id.desc())
)
_later = outgoing_messages.alias("later")
_REMINDERS = Prepared(
    select(
        outgoing_messages.c.recipient,
        outgoing_messages.c.appointment_id,
        outgoing_messages.c.created_at,
        outgoing_messages.c.state,
        outgoing_messages.c.delivery_status,
        select(func.count())
        .where(
            _later.c.recipient == outgoing_messages.c.recipient,
            _later.c.channel == "sms",
            _later.c.id > outgoing_messages.c.id,
        )
        .scalar_subquery(),
    )
    .where(*_SMS_LATELY, outgoing_messages.c.kind == "reminder")
    .order_by(outgoing_messages.c.id.desc())
)
