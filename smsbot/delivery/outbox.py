"""The outbox: messages written in the transaction of what caused them, and their way out of it.

    waiting ──claim──> sending ──taken────────────> sent       a status callback may say so first
       ^                  │ ────refused for good──> refused
       └─certainly not────┤ ────out of time───────> resting    in sight of operators and agents
         taken            └─in doubt: stays `sending`, and is claimed again when due

A claim is a lease: `due_at` of a message that is being sent is the moment from which its sender counts as dead, and
the message as in doubt. At any moment at most one message of a recipient and channel is on its way, the oldest that is
not finished, so messages leave in the order they were written, whatever has to be retried. Everything here runs in
the caller's transaction and is safe to run in many processes at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy import Connection, Text, bindparam, case, exists, func, select, text, update

from smsbot.gateways.base import DeliveryStatus, StatusReport
from smsbot.store.database import signal
from smsbot.store.tables import UtcDateTime, outgoing_messages

Channel: TypeAlias = Literal["sms", "email"]
Kind: TypeAlias = Literal["reply", "receipt", "notification", "reminder"]

WAITING = "waiting"
SENDING = "sending"
SENT = "sent"
REFUSED = "refused"
RESTING = "resting"


def topic(channel: Channel) -> str:
    """What `store.database.signal` says when there may be something new to send on a channel."""
    return f"outgoing {channel}"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to be sent: an SMS has a `body`, an e-mail also a `subject` and perhaps `html` and a `calendar`."""

    channel: Channel
    kind: Kind
    recipient: str
    sender: str
    body: str
    subject: str | None = None
    html: str | None = None
    calendar: str | None = None
    segments: int | None = None
    appointment_id: int | None = None
    participation_id: int | None = None
    in_reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that is this process's to send until its lease ends.

    `attempt` counts from 1. `in_doubt` says that the gateway may have it already, from an attempt whose end nobody saw.
    """

    id: int
    channel: Channel
    kind: Kind
    recipient: str
    sender: str
    subject: str | None
    body: str
    html: str | None
    calendar: str | None
    created_at: datetime
    attempt: int
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway or mail server has taken it; `gateway_message_id` is its id there."""

    id: int
    attempt: int
    gateway: str
    gateway_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be taken."""

    id: int
    attempt: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Resting:
    """It was tried for as long as it was worth it."""

    id: int
    attempt: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """It is tried again at `due_at`; `in_doubt` where the gateway may have taken it for all that."""

    id: int
    attempt: int
    code: str
    sentence: str
    due_at: datetime
    in_doubt: bool


Outcome: TypeAlias = Sent | Refused | Resting | Postponed


def enqueue(connection: Connection, message: OutgoingMessage, now: datetime, *, due_at: datetime | None = None) -> int:
    """Write one message, to be sent once this transaction is committed and not before `due_at`; gives its id."""
    values = {
        "channel": message.channel,
        "kind": message.kind,
        "recipient": message.recipient,
        "sender": message.sender,
        "subject": message.subject,
        "body": message.body,
        "html": message.html,
        "calendar": message.calendar,
        "segments": message.segments,
        "appointment_id": message.appointment_id,
        "participation_id": message.participation_id,
        "in_reply_to": message.in_reply_to,
        "created_at": now,
        "state": WAITING,
        "due_at": due_at or now,
    }
    key = connection.execute(_INSERT, values).inserted_primary_key
    assert key is not None
    signal(connection, topic(message.channel))
    return int(key[0])


def claim(
    connection: Connection, channel: Channel, now: datetime, *, at_most: int, lease_until: datetime
) -> list[ClaimedMessage]:
    """Take up to `at_most` messages that are due, the longest due first; others cannot until `lease_until`."""
    if at_most <= 0:
        return []
    rows = connection.execute(_DUE, {"only": channel, "now": now, "at_most": at_most}).all()
    if rows:
        connection.execute(_CLAIM, {"ids": [row.id for row in rows], "lease_until": lease_until})
    return [
        ClaimedMessage(
            id=row.id,
            channel=row.channel,
            kind=row.kind,
            recipient=row.recipient,
            sender=row.sender,
            subject=row.subject,
            body=row.body,
            html=row.html,
            calendar=row.calendar,
            created_at=row.created_at,
            attempt=row.attempts + 1,
            in_doubt=row.state == SENDING,
        )
        for row in rows
    ]


def settle(connection: Connection, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Write down what became of claimed messages.

    That one was taken is always believed. The rest counts only for the attempt it is about: not if the message has been
    claimed again since, nor if a status callback has shown that it was taken after all.
    """
    sent: list[dict[str, object]] = []
    finished: list[dict[str, object]] = []
    postponed: list[dict[str, object]] = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.id):  # one order of row locks for everyone
        if isinstance(outcome, Sent):
            sent.append({"this": outcome.id, "by": outcome.gateway, "as_id": outcome.gateway_message_id, "now": now})
            continue
        failed = {
            "this": outcome.id,
            "attempt": outcome.attempt,
            "with_code": outcome.code,
            "with_sentence": outcome.sentence,
        }
        if isinstance(outcome, Postponed):
            new_state = SENDING if outcome.in_doubt else WAITING
            postponed.append(failed | {"new_state": new_state, "due": outcome.due_at})
        else:
            new_state = REFUSED if isinstance(outcome, Refused) else RESTING
            finished.append(failed | {"new_state": new_state, "now": now})
    for statement, rows in ((_SETTLE_SENT, sent), (_SETTLE_FINISHED, finished), (_SETTLE_POSTPONED, postponed)):
        if rows:
            connection.execute(statement, rows)


def record_status(connection: Connection, report: StatusReport, now: datetime) -> bool:
    """Write down a status callback; False where it names no message of ours.

    Callbacks come in any order and repeat themselves: a status replaces only one that is less far along. Whatever it
    says, the gateway has the message, so one that was waiting, in doubt or given up for lost is sent.
    """
    row = None
    if report.outgoing_id is not None:
        row = connection.execute(_REPORTED, {"this": report.outgoing_id}).one_or_none()
    if row is None:
        its = {"by": report.gateway, "as_id": report.gateway_message_id}
        row = connection.execute(_REPORTED_BY_GATEWAY_ID, its).first()
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


_messages = outgoing_messages.c
_earlier = outgoing_messages.alias("earlier")

# Written out, not bound: only so do both engines see that the partial indexes serve.
_UNFINISHED = text("outgoing_messages.state IN ('waiting', 'sending')")
_EARLIER_UNFINISHED = text("earlier.state IN ('waiting', 'sending')")

_INSERT = outgoing_messages.insert()

# SQLite has one writer at a time and SQLAlchemy leaves FOR UPDATE out for it; PostgreSQL passes over what another
# process is just claiming. That is all the difference there is between the engines.
_DUE = (
    select(
        _messages.id,
        _messages.channel,
        _messages.kind,
        _messages.recipient,
        _messages.sender,
        _messages.subject,
        _messages.body,
        _messages.html,
        _messages.calendar,
        _messages.created_at,
        _messages.attempts,
        _messages.state,
    )
    .where(
        _UNFINISHED,
        _messages.channel == bindparam("only"),
        _messages.due_at <= bindparam("now"),
        ~exists().where(
            _EARLIER_UNFINISHED,
            _earlier.c.channel == _messages.channel,
            _earlier.c.recipient == _messages.recipient,
            _earlier.c.id < _messages.id,
        ),
    )
    .order_by(_messages.due_at, _messages.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True, of=outgoing_messages)
)

_CLAIM = (
    update(outgoing_messages)
    .where(_messages.id.in_(bindparam("ids", expanding=True)))
    .values(
        state=SENDING,
        attempts=_messages.attempts + 1,
        repeats=_messages.repeats + case((_messages.state == SENDING, 1), else_=0),
        due_at=bindparam("lease_until"),
    )
)

_now = bindparam("now", type_=UtcDateTime())
_was_sent = _messages.state == SENT

# Of a message that is sent, what it was first known to be stays; of any other, its last failure is forgotten.
_SENT_VALUES = {
    "state": SENT,
    "gateway": func.coalesce(_messages.gateway, bindparam("by", type_=Text())),
    "gateway_message_id": func.coalesce(_messages.gateway_message_id, bindparam("as_id", type_=Text())),
    "sent_at": case((_was_sent, _messages.sent_at), else_=_now),
    "finished_at": case((_was_sent, _messages.finished_at), else_=_now),
    "error": case((_was_sent, _messages.error)),
}

_SETTLE_SENT = (
    update(outgoing_messages)
    .where(_messages.id == bindparam("this"))
    .values(**_SENT_VALUES, error_code=case((_was_sent, _messages.error_code)))
)

_SAME_ATTEMPT = (
    _messages.id == bindparam("this"),
    _messages.state == SENDING,
    _messages.attempts == bindparam("attempt"),
)

_SETTLE_FINISHED = (
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(
        state=bindparam("new_state"),
        error_code=bindparam("with_code"),
        error=bindparam("with_sentence"),
        finished_at=bindparam("now"),
    )
)

_SETTLE_POSTPONED = (
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(
        state=bindparam("new_state"),
        error_code=bindparam("with_code"),
        error=bindparam("with_sentence"),
        due_at=bindparam("due"),
    )
)

_reported_columns = (
    _messages.id,
    _messages.channel,
    _messages.state,
    _messages.delivery_status,
    _messages.error_code,
)
_REPORTED = select(*_reported_columns).where(_messages.id == bindparam("this")).with_for_update()
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
