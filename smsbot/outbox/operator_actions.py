"""What operators can do with the outbox: list, show, send again, drop.

A message that is sent again is due now. It keeps its id, its text and its place among the recipient's messages. It gets
one more attempt. If that fails too, the message rests again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, exists, select, update

from smsbot.events import record_not_delivered
from smsbot.outbox.messages import REFUSED, RESTING, SENDING, SENT, UNASKED, WAITING, topic
from smsbot.problem import Problem
from smsbot.store.database import signal
from smsbot.store.tables import appointments, opt_outs, outgoing_messages, sender_limits

DROPPED = "dropped"
"""The `error_code` of a message that an operator has dropped."""

_messages = outgoing_messages.c


class MessageState(StrEnum):
    """The state of a message in the outbox; see `smsbot.outbox.messages`."""

    WAITING = WAITING
    SENDING = SENDING
    SENT = SENT
    REFUSED = REFUSED
    RESTING = RESTING


class Obstacle(StrEnum):
    """Why a message cannot be sent again or dropped: the words after the message's id in the sentence."""

    ON_ITS_WAY = "is on its way already"
    BEING_SENT = "is being sent at this moment"
    SENT = "has been sent"
    ENDED = "has been given up already"
    ERASED = "has been erased with its recipient's data"
    STOPPED = "is an SMS to somebody who wrote STOP"
    BEGUN = "is about an appointment that has begun"


class NoSuchMessage(Problem):
    """There are no messages with these ids in the outbox."""

    def __init__(self, ids: Sequence[int]) -> None:
        super().__init__(f"There is no message {', '.join(map(str, ids))} in the outbox: see smsbot outbox list.")
        self.ids = ids


class NotPossible(Problem):
    """Some of these messages cannot be sent again or dropped; `obstacles` has the reasons by id.

    Nothing was changed.
    """

    def __init__(self, obstacles: Mapping[int, Obstacle]) -> None:
        reasons = "; ".join(f"{this} {obstacle}" for this, obstacle in obstacles.items())
        super().__init__(f"Nothing has been done: {reasons}.")
        self.obstacles = obstacles


@dataclass(frozen=True, slots=True)
class Listed:
    """A message in brief, without personal data. Times are UTC. `code` and `sentence` describe its last failure."""

    id: int
    state: str
    channel: str
    kind: str
    created_at: datetime
    attempts: int
    code: str | None
    sentence: str | None


@dataclass(frozen=True, slots=True)
class RetriedAll:
    """How many resting messages are sent again, and how many are not, by the reason."""

    retried: int
    left: Mapping[Obstacle, int]


def list_messages(connection: Connection, state: MessageState, at_most: int) -> list[Listed]:
    """Up to `at_most` messages in this state, the oldest first."""
    columns = (
        _messages.id,
        _messages.state,
        _messages.channel,
        _messages.kind,
        _messages.created_at,
        _messages.attempts,
        _messages.error_code,
        _messages.error,
    )
    statement = select(*columns).where(_messages.state == state.value).order_by(_messages.id).limit(at_most)
    return [Listed(*row) for row in connection.execute(statement)]


def show_message(connection: Connection, this: int) -> Mapping[str, Any]:
    """The whole message by column name, including recipient and text. Raises NoSuchMessage."""
    row = connection.execute(select(outgoing_messages).where(_messages.id == this)).one_or_none()
    if row is None:
        raise NoSuchMessage([this])
    return row._asdict()


def retry(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Send these resting or refused messages again: all of them or none. Raises NoSuchMessage and NotPossible."""
    rows = _held(connection, ids)
    _refuse_if_any({row.id: _why_not_again(row, now) for row in rows})
    _send_again(connection, rows, now)


def retry_all_resting(connection: Connection, now: datetime) -> RetriedAll:
    """Send all resting messages again, except those that must not be sent any more (see `Obstacle`)."""
    rows = connection.execute(_with_circumstances(_messages.state == RESTING)).all()
    why_not = {row.id: _why_not_again(row, now) for row in rows}
    again = [row for row in rows if why_not[row.id] is None]
    _send_again(connection, again, now)
    return RetriedAll(len(again), Counter(obstacle for obstacle in why_not.values() if obstacle is not None))


def drop(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Drop these waiting or resting messages: all of them or none. Raises NoSuchMessage and NotPossible."""
    rows = _held(connection, ids)
    _refuse_if_any({row.id: _why_not_dropped(row, now) for row in rows})
    _write(connection, rows, state=REFUSED, error_code=DROPPED, error="Dropped by an operator.", finished_at=now)
    # Resting messages were recorded as not delivered when they came to rest.
    record_not_delivered(connection, [row.id for row in rows if row.state != RESTING], now)


def _held(connection: Connection, ids: Iterable[int]) -> Sequence[Row[Any]]:
    wanted = sorted(set(ids))
    rows = connection.execute(_with_circumstances(_messages.id.in_(wanted))).all()
    missing = sorted(set(wanted) - {row.id for row in rows})
    if missing:
        raise NoSuchMessage(missing)
    return rows


def _with_circumstances(these: ColumnElement[bool]) -> Any:
    """The messages that fulfil `these`, each with the facts that may forbid sending it.

    They are locked in the order that delivery uses too.
    """
    columns = (
        _messages.id,
        _messages.channel,
        _messages.kind,
        _messages.recipient,
        _messages.sender,
        _messages.state,
        _messages.due_at,
    )
    stopped = exists().where(opt_outs.c.number == _messages.recipient, _messages.channel == "sms").label("stopped")
    return (
        select(*columns, appointments.c.starts_at, stopped)
        .select_from(outgoing_messages.outerjoin(appointments))
        .where(these)
        .order_by(_messages.id)
        .with_for_update(of=outgoing_messages)
    )


def _why_not_again(row: Row[Any], now: datetime) -> Obstacle | None:
    if row.state in (WAITING, SENDING):
        return Obstacle.ON_ITS_WAY
    if row.state == SENT:
        return Obstacle.SENT
    if not row.recipient:
        return Obstacle.ERASED
    if row.stopped:
        return Obstacle.STOPPED
    return Obstacle.BEGUN if row.kind in UNASKED and row.starts_at is not None and row.starts_at <= now else None


def _why_not_dropped(row: Row[Any], now: datetime) -> Obstacle | None:
    if row.state == SENT:
        return Obstacle.SENT
    if row.state == REFUSED:
        return Obstacle.ENDED
    return Obstacle.BEING_SENT if row.state == SENDING and row.due_at > now else None


def _refuse_if_any(obstacles: Mapping[int, Obstacle | None]) -> None:
    standing = {this: obstacle for this, obstacle in obstacles.items() if obstacle is not None}
    if standing:
        raise NotPossible(standing)


def _send_again(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> None:
    """Make these messages due now, and end the pauses of their senders.

    The operator has repaired the cause before sending them again.
    """
    _write(connection, rows, state=WAITING, due_at=now, finished_at=None)
    for channel, sender in {(row.channel, row.sender) for row in rows}:
        connection.execute(_END_PAUSE, {"only": channel, "of": sender})


_END_PAUSE = (
    update(sender_limits)
    .where(sender_limits.c.channel == bindparam("only"), sender_limits.c.sender == bindparam("of"))
    .values(paused_until=None)
)


def _write(connection: Connection, rows: Sequence[Row[Any]], **values: object) -> None:
    """Change these messages and wake delivery, which may now send them or the messages behind them."""
    if rows:
        statement = update(outgoing_messages).where(_messages.id == bindparam("this")).values(values)
        connection.execute(statement, [{"this": row.id} for row in rows])
    for channel in {row.channel for row in rows}:
        signal(connection, topic(channel))
