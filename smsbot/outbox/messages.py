"""The outbox: messages are written in the transaction that causes them, and leave it like this:

                                  ┌────── not taken after all, or sent again and counted
                                  v                                      │
    waiting ──claim (`claim`)──> sending ──no answer───────────> (doubt)─┤
       ^                          │  taken, or a status callback says so ┴─> sent
       └─certainly not taken──────┤  refused for good ─────────────────────> refused
                                  └─ out of time, or in doubt for good ────> resting   shown to operators and agents

A claim is a lease. While a message is being sent, `due_at` is when its process counts as dead. After that time, or as
soon as the process reports it, the message is in doubt: the gateway may have taken it. It stays `sending`. The next
process that claims it looks into the doubt (`doubt`) and does not simply send it again.

Messages to one recipient on one channel leave one at a time, in the order in which they were written, even if one has
to be tried again. `claim` makes the only exceptions: a reminder that is due later does not hold up other messages, and
a reply does not wait for a notification or reminder that could not be sent.

Everything here runs in the caller's transaction. Many processes may do it at once.

A message may be a list of appointments: several people may share a telephone, and the bot then asks which appointment
is meant. The appointments may belong to several organisations. An organisation may read the message only if all of them
are its own. So the outbox records which appointments a message lists.
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

`agents` is for messages to agents: links to choose a password, and alerts that messages wait for an answer. Their text
is deleted when they have been sent, because nobody needs it any more and a link is as good as a password. `event` is
for other systems, by webhook. Its body is the position of the event; its content is read when it is sent.
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
"""The `error_code`s of messages that were withdrawn on purpose. They do not count as failures."""

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the clocks of the machines on one database may differ. A time further ahead comes from a wrong clock."""
_LONGER_THAN_A_LEASE = timedelta(minutes=3)


class Lane(IntEnum):
    """The two queues: conversations, where somebody waits for an answer, and the mass: notifications and reminders."""

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
"""The kinds of messages that nobody has asked for and nobody waits for."""


def topic(channel: Channel) -> str:
    """The topic of `store.database.signal` for new messages on this channel."""
    return f"outgoing {channel}"


@made_often
@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent. An SMS has a `body`; an e-mail also has a `subject`, and perhaps `html` and a `calendar`.

    Answers to an e-mail go to `reply_to`; None means the `sender`. `agent_id` is the agent who wrote the message or
    sent it again; None for a message that smsbot writes itself. `listed_appointment_ids` (our ids) are the
    appointments in the text, if it is a list to choose from.
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
    """A message that belongs to this process until its lease ends. It must be sent or, if `in_doubt`, looked into.

    `attempt` counts from 1 and began at `attempted_at`. `repeats` counts the earlier attempts that the gateway may have
    taken too. `gateway` is where the doubt arose; None if the sending process died before it could record that. `lane`
    is the lane that the message is in now (see `claim`).
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

    It is sent after this transaction is committed, and not before `due_at`, which is `now` by default.
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
    """`enqueue` for any number of messages. Returns their ids, in the order of the messages.

    The rows in `after` are written just before, in the same round trip to PostgreSQL.
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
    """A copy of the message in this row of `outgoing_messages`, which an agent (our id) sends again to `recipient`.

    It never lists appointments: a list is a reply of the bot, and agents cannot send those again.
    """
    return OutgoingMessage(**{name: row[name] for name in _REPEATED}, recipient=recipient, agent_id=agent_id)


def make_up_for_clock(connection: Connection, now: datetime) -> None:
    """Make messages due now if a wrong clock wrote, tried or postponed them in the future. Otherwise they would wait
    for that time.
    """
    future, no_lease = now + CLOCKS_DIFFER, now + _LONGER_THAN_A_LEASE
    connection.execute(_FROM_THE_FUTURE, {"now": now, "future": future, "no_lease": no_lease})


_KEPT = tuple(field.name for field in fields(OutgoingMessage) if field.name != "listed_appointment_ids")
"""The fields of a message that are also columns of `outgoing_messages`."""

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
    """Record that this outgoing message lists these appointments (our ids)."""
    _INSERT_LISTED.run_all(connection, [{"this": outgoing_message_id, "listed": each} for each in appointment_ids])


def lists_appointments_outside(organisation_ids: Sequence[int] | Select[Any]) -> ColumnElement[bool]:
    """An SQL condition on `outgoing_messages`: the text lists an appointment outside these organisations (our ids)."""
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
