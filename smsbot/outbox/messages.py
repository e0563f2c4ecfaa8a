"""The outbox: messages written in the transaction of what caused them, and their way out of it.

                                  ┌────── not taken after all, or sent again and counted
                                  v                                      │
    waiting ──claim (`claim`)──> sending ──nobody saw its end──> (doubt)─┤
       ^                          │  taken, or a status callback says so ┴─> sent
       └─certainly not taken──────┤  refused for good ─────────────────────> refused
                                  └─ out of time, or in doubt for good ────> resting   in sight of operators and agents

A claim is a lease. While a message is being sent, `due_at` is the moment from which the process that sends it counts as
dead. From then on, or as soon as that process says so, the message is in doubt: the gateway may have taken it. It stays
`sending`, and the process that claims it next looks into the doubt (`doubt`) instead of sending it again.

Messages to one recipient on one channel leave one at a time, in the order in which they were written, also when one has
to be retried. `claim` has the only exceptions: a reminder that is due later holds up nothing, and a reply does not wait
for an unasked message that could not be sent.

Everything here runs in the caller's transaction and is safe to run in many processes at once.

A message may be a list to choose from: a telephone is often shared, and whoever writes from it is asked which
appointment is meant. The appointments in it may belong to several organisations, and an organisation may read it only
where all of them are its own. So it is noted which appointments a message lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, bindparam, exists, or_, text, update

from smsbot.appointments.erasure import ERASED
from smsbot.made_often import made_often
from smsbot.store.database import signal
from smsbot.store.many import Inserts, InsertsWithRows, insert_together
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, appointments, listed_appointments, outgoing_messages

Channel: TypeAlias = Literal["sms", "email", "webhook"]
Kind: TypeAlias = Literal["reply", "receipt", "notification", "reminder", "agents", "event"]
"""Why a message is written.

`agents` is for messages to agents, not to usagers: links to choose a password, and news of messages that need an
answer. Their content is not kept once they were sent, because it is of no use afterwards and a link is a key.
`event` is for other systems, by webhook. Its body is the position of the event: what is told is read when it leaves.
"""

WAITING = "waiting"
SENDING = "sending"
SENT = "sent"
REFUSED = "refused"
RESTING = "resting"

OVERTAKEN = "overtaken"
"""The `error_code` of a message that was not sent because its content was no longer true."""

OPTED_OUT = "opted_out"
"""The `error_code` of a message that was not sent because its recipient has written STOP since."""

WITHDRAWN = (ERASED, OVERTAKEN, OPTED_OUT)
"""The `error_code`s of messages that were not sent on purpose. They are no failures."""

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of the machines at one database may differ. A moment further ahead comes from a wrong clock."""
_LONGER_THAN_A_LEASE = timedelta(minutes=3)


class Lane(IntEnum):
    """Conversations, where somebody waits for an answer, or the mass of notifications and reminders."""

    CONVERSATION = 0
    MASS = 1


LANES: dict[Kind, Lane] = {
    "reply": Lane.CONVERSATION,
    "receipt": Lane.CONVERSATION,
    "notification": Lane.MASS,
    "reminder": Lane.MASS,
    "agents": Lane.CONVERSATION,
    "event": Lane.CONVERSATION,
}

UNASKED: tuple[Kind, ...] = ("notification", "reminder")
"""The kinds of messages that nobody waits for."""


def topic(channel: Channel) -> str:
    """The topic of `store.database.signal` that tells of something new to send on this channel."""
    return f"outgoing {channel}"


@made_often
@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent. An SMS has a `body`; an e-mail has a `subject` too, and perhaps `html` and a `calendar`.

    Answers to an e-mail go to `reply_to`, None for its `sender`.

    `agent_id` is the agent who wrote it or had it sent again, None for what smsbot writes itself.
    `listed_appointment_ids` are the appointments that the text lists, where it is a list to choose from.
    """

    channel: Channel
    kind: Kind
    recipient: str
    sender: str
    body: str
    subject: str | None = None
    html: str | None = None
    calendar: str | None = None
    calendar_method: str | None = None
    reply_to: str | None = None
    segments: int | None = None
    appointment_id: int | None = None
    participation_id: int | None = None
    in_reply_to: int | None = None
    agent_id: int | None = None
    listed_appointment_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that belongs to this process until its lease ends. It is to be sent or, where `in_doubt`, looked into.

    `attempt` counts from 1 and began at `attempted_at`. `repeats` counts the earlier attempts that may have been taken
    too. `gateway` is where the doubt arose, None where the process that sent it died before it could tell. `lane` is
    the one that the message is in now (see `claim`).
    """

    id: int
    channel: Channel
    lane: Lane
    kind: Kind
    recipient: str
    sender: str
    subject: str | None
    body: str
    html: str | None
    calendar: str | None
    calendar_method: str | None
    reply_to: str | None
    participation_id: int | None
    created_at: datetime
    attempt: int
    attempted_at: datetime
    repeats: int
    gateway: str | None
    in_doubt: bool


def enqueue(connection: Connection, message: OutgoingMessage, now: datetime, *, due_at: datetime | None = None) -> int:
    """Write a message into the outbox and return its id.

    It is sent once this transaction is committed, and not before `due_at`, which is `now` by default.
    """
    [outgoing_id] = enqueue_all(connection, [message], now, due_at=due_at)
    return outgoing_id


def enqueue_all(
    connection: Connection,
    messages: Sequence[OutgoingMessage],
    now: datetime,
    *,
    due_at: datetime | None = None,
    after: Sequence[InsertsWithRows] = (),
) -> list[int]:
    """`enqueue` for any number of messages; their ids, in their order.

    The rows of `after` are written just before, in the same journey to PostgreSQL.
    """
    rows = [
        {
            **{name: getattr(message, name) for name in _KEPT},
            "created_at": now,
            "state": WAITING,
            "lane": LANES[message.kind].value,
            "due_at": due_at or now,
        }
        for message in messages
    ]
    *_, written = insert_together(connection, *after, (_INSERT, rows))
    ids = [int(outgoing_id) for [outgoing_id] in written]
    for outgoing_id, message in zip(ids, messages, strict=True):
        note_listed(connection, outgoing_id, message.listed_appointment_ids)
        signal(connection, topic(message.channel))
    return ids


def written_again(row: RowMapping, recipient: str, agent_id: int) -> OutgoingMessage:
    """The message of a row of `outgoing_messages` once more, for an agent (our id) who sends it again to `recipient`.

    It is no list to choose from: a list is a reply of the bot, and those are never sent again.
    """
    return OutgoingMessage(**{name: row[name] for name in _REPEATED}, recipient=recipient, agent_id=agent_id)


def make_up_for_clock(connection: Connection, now: datetime) -> None:
    """Make messages due now that a wrong clock wrote, tried or postponed in the future; else they would wait until
    then.
    """
    future, no_lease = now + CLOCKS_DIFFER, now + _LONGER_THAN_A_LEASE
    connection.execute(_FROM_THE_FUTURE, {"now": now, "future": future, "no_lease": no_lease})


_KEPT = tuple(field.name for field in fields(OutgoingMessage) if field.name != "listed_appointment_ids")
"""The fields of a message that are columns of `outgoing_messages`, under the same names."""

_REPEATED = tuple(name for name in _KEPT if name not in ("recipient", "agent_id"))

_messages = outgoing_messages.c
_now = bindparam("now", type_=UtcDateTime())
_future = bindparam("future", type_=UtcDateTime())

_INSERT = Inserts(
    outgoing_messages,
    *_KEPT,
    "created_at",
    "state",
    "lane",
    "due_at",
    returning=("id",),
)

_FROM_THE_FUTURE = (
    update(outgoing_messages)
    .where(
        text("outgoing_messages.state IN ('waiting', 'sending')"),
        or_(
            _messages.created_at > _future,
            _messages.attempted_at > _future,
            and_(_messages.state == SENDING, _messages.due_at > bindparam("no_lease", type_=UtcDateTime())),
        ),
    )
    .values(due_at=_now, attempted_at=_now)
)


def note_listed(connection: Connection, outgoing_message_id: int, appointment_ids: Iterable[int]) -> None:
    """Note that this outgoing message lists these appointments (our ids)."""
    _INSERT_LISTED.run_all(connection, [{"this": outgoing_message_id, "listed": each} for each in appointment_ids])


def lists_appointments_outside(organisation_ids: Sequence[int] | Select[Any]) -> ColumnElement[bool]:
    """A condition on `outgoing_messages`: the text lists an appointment of none of these organisations (our ids)."""
    is_outside = _listed.c.organisation_id.is_(None) | _listed.c.organisation_id.not_in(organisation_ids)
    return exists().where(
        listed_appointments.c.outgoing_message_id == outgoing_messages.c.id,
        _listed.c.id == listed_appointments.c.appointment_id,
        is_outside,
    )


_listed = appointments.alias("listed")
_INSERT_LISTED = Prepared(
    listed_appointments.insert().values(outgoing_message_id=bindparam("this"), appointment_id=bindparam("listed"))
)
