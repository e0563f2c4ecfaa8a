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
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Text, and_, bindparam, case, func, or_, select, text, update

from smsbot.appointments.erasure import ERASED
from smsbot.gateways.base import DeliveryStatus, Handed, StatusReport
from smsbot.outbox.listed_appointments import note_listed
from smsbot.store.database import signal
from smsbot.store.prepared import Prepared, inserting
from smsbot.store.tables import UtcDateTime, outgoing_messages

Channel: TypeAlias = Literal["sms", "email"]
Kind: TypeAlias = Literal["reply", "receipt", "notification", "reminder", "agents"]
"""Why a message is written.

`agents` is for messages to agents, not to usagers: links to choose a password, and news of messages that need an
answer. Their content is not kept once they were sent, because it is of no use afterwards and a link is a key.
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
}

UNASKED: tuple[Kind, ...] = ("notification", "reminder")
"""The kinds of messages that nobody waits for."""


def topic(channel: Channel) -> str:
    """The topic of `store.database.signal` that tells of something new to send on this channel."""
    return f"outgoing {channel}"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent. An SMS has a `body`; an e-mail has a `subject` too, and perhaps `html` and a `calendar`.

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
    participation_id: int | None
    created_at: datetime
    attempt: int
    attempted_at: datetime
    repeats: int
    gateway: str | None
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A gateway or mail server has taken the message."""

    id: int
    attempt: int
    handed: Handed


@dataclass(frozen=True, slots=True)
class Refused:
    """The message will never be taken."""

    id: int
    attempt: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Resting:
    """The message was tried long enough, or nobody can tell whether it was taken. Operators see it."""

    id: int
    attempt: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The message is sent again at `due_at`.

    It was certainly not taken; otherwise `is_repetition` is set, and the repetition is counted.
    """

    id: int
    attempt: int
    code: str
    sentence: str
    due_at: datetime
    is_repetition: bool = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The gateway may have taken the message. This is looked into at `due_at`; `gateway` is the one that can tell."""

    id: int
    attempt: int
    code: str
    sentence: str
    due_at: datetime
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The message was claimed, but its sending was not begun. It waits until `due_at` as if nobody had claimed it."""

    id: int
    attempt: int
    due_at: datetime


Outcome: TypeAlias = Sent | Refused | Resting | Postponed | InDoubt | Held


def enqueue(connection: Connection, message: OutgoingMessage, now: datetime, *, due_at: datetime | None = None) -> int:
    """Write a message into the outbox and return its id.

    It is sent once this transaction is committed, and not before `due_at`, which is `now` by default.
    """
    values = {
        "channel": message.channel,
        "kind": message.kind,
        "recipient": message.recipient,
        "sender": message.sender,
        "subject": message.subject,
        "body": message.body,
        "html": message.html,
        "calendar": message.calendar,
        "calendar_method": message.calendar_method,
        "segments": message.segments,
        "appointment_id": message.appointment_id,
        "participation_id": message.participation_id,
        "in_reply_to": message.in_reply_to,
        "agent_id": message.agent_id,
        "created_at": now,
        "state": WAITING,
        "lane": LANES[message.kind].value,
        "due_at": due_at or now,
    }
    written = _INSERT.row(connection, values)
    assert written is not None
    outgoing_id = int(written[0])
    note_listed(connection, outgoing_id, message.listed_appointment_ids)
    signal(connection, topic(message.channel))
    return outgoing_id


def settle(connection: Connection, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Write down what became of claimed messages.

    An outcome `Sent` is always believed. The others count only for the attempt that they are about: not if the message
    has been sent again since, and not if a status callback has shown that it was taken.
    """
    sent: list[dict[str, object]] = []
    finished: list[dict[str, object]] = []
    unfinished: list[dict[str, object]] = []
    held: list[dict[str, object]] = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.id):  # one order of row locks for everyone
        if isinstance(outcome, Sent):
            handed = outcome.handed
            sent.append({"this": outcome.id, "by": handed.gateway, "as_id": handed.gateway_message_id, "now": now})
            continue
        if isinstance(outcome, Held):
            held.append({"this": outcome.id, "attempt": outcome.attempt, "due": outcome.due_at, "ended": now})
            continue
        failed = {
            "this": outcome.id,
            "attempt": outcome.attempt,
            "with_code": outcome.code,
            "with_sentence": outcome.sentence,
        }
        if isinstance(outcome, Postponed):
            again = {"new_state": WAITING, "due": outcome.due_at, "repetitions": int(outcome.is_repetition)}
            unfinished.append(failed | again | {"doubted": None, "ended": now})
        elif isinstance(outcome, InDoubt):
            doubt = {"new_state": SENDING, "due": outcome.due_at, "repetitions": 0}
            unfinished.append(failed | doubt | {"doubted": outcome.gateway, "ended": None})
        else:
            new_state = REFUSED if isinstance(outcome, Refused) else RESTING
            finished.append(failed | {"new_state": new_state, "now": now})
    _SETTLE_SENT.run_all(connection, sent)
    _SETTLE_FINISHED.run_all(connection, finished)
    _SETTLE_UNFINISHED.run_all(connection, unfinished)
    _HOLD.run_all(connection, held)


def record_status(connection: Connection, report: StatusReport, now: datetime) -> bool:
    """Write down a status callback. Returns False where it names no message of ours.

    Callbacks may arrive in any order and more than once, so a status replaces only one that is less far along. Any
    status shows that the gateway has the message, so a message that was waiting, in doubt or given up becomes sent.

    A message that was never given to a gateway is not meant by any callback: after a database was restored from a
    backup, new messages get ids that were used before. The gateway's own id is looked up first, and ours only where it
    is unknown, because a callback that is posted to the address of another message is still about its own.
    """
    its = {"by": report.gateway, "as_id": report.gateway_message_id}
    row = connection.execute(_REPORTED_BY_GATEWAY_ID, its).first()
    if row is None and report.outgoing_id is not None:
        row = connection.execute(_REPORTED, {"this": report.outgoing_id}).one_or_none()
    if row is None:
        return False
    if row.state in (WAITING, SENDING):
        signal(connection, topic(row.channel))  # the recipient's next message may go
    known = DeliveryStatus(row.delivery_status) if row.delivery_status else DeliveryStatus.UNKNOWN
    status, code = row.delivery_status, row.error_code if row.state == SENT else None
    if report.status.rank > known.rank:
        status, code = report.status.value, report.error_code
    connection.execute(
        _RECORD,
        {
            "this": row.id,
            "by": report.gateway,
            "as_id": report.gateway_message_id,
            "status": status,
            "code": code,
            "now": now,
        },
    )
    return True


def known_ids(connection: Connection, gateway: str, gateway_message_ids: Collection[str]) -> set[str]:
    """Those of these ids of a gateway that belong to messages of ours which are known to be sent."""
    values = {"by": gateway, "ids": list(gateway_message_ids)}
    return set(connection.execute(_KNOWN_IDS, values).scalars())


def make_up_for_clock(connection: Connection, now: datetime) -> None:
    """Make messages due now that a wrong clock wrote, tried or postponed in the future; else they would wait until
    then.
    """
    future, no_lease = now + CLOCKS_DIFFER, now + _LONGER_THAN_A_LEASE
    connection.execute(_FROM_THE_FUTURE, {"now": now, "future": future, "no_lease": no_lease})


_messages = outgoing_messages.c
_now = bindparam("now", type_=UtcDateTime())
_future = bindparam("future", type_=UtcDateTime())
_was_sent = _messages.state == SENT
_is_to_agents = _messages.kind == "agents"

_INSERT = Prepared(
    inserting(
        outgoing_messages,
        "channel",
        "kind",
        "recipient",
        "sender",
        "subject",
        "body",
        "html",
        "calendar",
        "calendar_method",
        "segments",
        "appointment_id",
        "participation_id",
        "in_reply_to",
        "agent_id",
        "created_at",
        "state",
        "lane",
        "due_at",
    ).returning(outgoing_messages.c.id)
)

# A message that is already sent keeps what was noted first. For any other, the last failure is cleared.
_SENT_VALUES = {
    "state": SENT,
    "gateway": case((_was_sent, _messages.gateway), else_=bindparam("by", type_=Text())),
    "gateway_message_id": func.coalesce(_messages.gateway_message_id, bindparam("as_id", type_=Text())),
    "sent_at": case((_was_sent, _messages.sent_at), else_=_now),
    "finished_at": case((_was_sent, _messages.finished_at), else_=_now),
    "error": case((_was_sent, _messages.error)),
    "body": case((_is_to_agents, ""), else_=_messages.body),
    "html": case((_is_to_agents, None), else_=_messages.html),
}

_SETTLE_SENT = Prepared(
    update(outgoing_messages)
    .where(_messages.id == bindparam("this"))
    .values(**_SENT_VALUES, error_code=case((_was_sent, _messages.error_code)))
)

_SAME_ATTEMPT = (
    _messages.id == bindparam("this"),
    _messages.state == SENDING,
    _messages.attempts == bindparam("attempt"),
)

_SETTLE_FINISHED = Prepared(
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(
        state=bindparam("new_state"),
        error_code=bindparam("with_code"),
        error=bindparam("with_sentence"),
        finished_at=bindparam("now"),
    )
)

_SETTLE_UNFINISHED = Prepared(
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(
        state=bindparam("new_state"),
        error_code=bindparam("with_code"),
        error=bindparam("with_sentence"),
        gateway=bindparam("doubted"),
        repeats=_messages.repeats + bindparam("repetitions"),
        attempted_at=func.coalesce(bindparam("ended", type_=UtcDateTime()), _messages.attempted_at),
        due_at=bindparam("due"),
    )
)

_HOLD = Prepared(
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(state=WAITING, attempts=_messages.attempts - 1, attempted_at=bindparam("ended"), due_at=bindparam("due"))
)

_reported_columns = (
    _messages.id,
    _messages.channel,
    _messages.state,
    _messages.delivery_status,
    _messages.error_code,
)
_REPORTED = (
    select(*_reported_columns)
    .where(_messages.id == bindparam("this"), _messages.channel == "sms", _messages.attempts > 0)
    .with_for_update()
)
_REPORTED_BY_GATEWAY_ID = (
    select(*_reported_columns)
    .where(_messages.gateway_message_id == bindparam("as_id"), _messages.gateway == bindparam("by"))
    .with_for_update()
)

_RECORD = (
    update(outgoing_messages)
    .where(_messages.id == bindparam("this"))
    .values(**_SENT_VALUES, delivery_status=bindparam("status"), error_code=bindparam("code"))
)

_KNOWN_IDS = select(_messages.gateway_message_id).where(
    _messages.gateway_message_id.in_(bindparam("ids", expanding=True)), _messages.gateway == bindparam("by")
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
