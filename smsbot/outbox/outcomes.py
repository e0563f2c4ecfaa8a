"""What became of claimed messages, as delivery or a status callback tells it, written into the outbox."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import structlog
from sqlalchemy import Connection, Text, bindparam, case, func, select, update

from smsbot.events.recording import record_not_delivered
from smsbot.gateways.base import DeliveryStatus, Handed, StatusReport
from smsbot.logs import about
from smsbot.outbox.delivery_status import Fate, delivery_of, final_fate
from smsbot.outbox.messages import REFUSED, RESTING, SENDING, SENT, WAITING, Channel, Kind, topic
from smsbot.store.daily_counts import DELIVERIES, OUTGOING, REPEATS, count
from smsbot.store.database import signal
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, outgoing_messages

logger = structlog.get_logger(__name__)


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
    for channel, kind, finished_at in _SETTLE_SENT.rows_of_all(connection, sent):
        if finished_at == now:  # else it was known to be sent before
            count(connection, OUTGOING, channel, kind, SENT, now=now)
    failed_ids = []
    for this, channel, kind, state, code in _SETTLE_FINISHED.rows_of_all(connection, finished):
        count(connection, OUTGOING, channel, kind, state, now=now)
        if delivery_of(state, None, code).fate.is_failure:
            failed_ids.append(this)
    record_not_delivered(connection, failed_ids, now)
    for [channel] in _SETTLE_UNFINISHED.rows_of_all(connection, [one for one in unfinished if one["repetitions"]]):
        count(connection, REPEATS, channel, now=now)
    _SETTLE_UNFINISHED.run_all(connection, [one for one in unfinished if not one["repetitions"]])
    _HOLD.run_all(connection, held)


@dataclass(frozen=True, slots=True)
class Reported:
    """A status callback, and when it came (UTC)."""

    report: StatusReport
    at: datetime

    @property
    def its_id(self) -> tuple[str, str]:
        """The gateway, and its id for the message."""
        return self.report.gateway, self.report.gateway_message_id


def record_statuses(connection: Connection, reported: Sequence[Reported]) -> list[bool]:
    """Write down status callbacks, no two with the same id of a gateway. Returns which of them name a message of ours.

    Callbacks may arrive in any order and more than once, so a status replaces only one that is less far along. Any
    status shows that the gateway has the message, so a message that was waiting, in doubt or given up becomes sent.

    A message that was never given to a gateway is not meant by any callback: after a database was restored from a
    backup, new messages get ids that were used before. The gateway's own id is looked up first, and ours only where it
    is unknown, because a callback that is posted to the address of another message is still about its own.
    """
    known: dict[int, _Known] = {}
    our_ids: dict[tuple[str, str], int] = {}
    for gateway, its_id, *columns in _BY_GATEWAY_IDS.rows(connection, {"ids": [one.its_id[1] for one in reported]}):
        message = _Known(*columns)
        known[our_ids.setdefault((gateway, its_id), message.id)] = message
    others = {one.report.outgoing_id for one in reported if one.its_id not in our_ids} - {None}
    for row in _BY_OUR_IDS.rows(connection, {"ids": list(others)}) if others else ():
        known[row[0]] = _Known(*row)
    meant = [our_ids.get(one.its_id, one.report.outgoing_id) for one in reported]
    written: list[dict[str, object]] = []
    lost: dict[int, datetime] = {}
    for one, our_id in zip(reported, meant, strict=True):
        if our_id is None or our_id not in known:
            continue
        before = known[our_id]
        if before.state in (WAITING, SENDING):
            signal(connection, topic(before.channel))  # the recipient's next message may go
        if before.state != SENT:
            count(connection, OUTGOING, before.channel, before.kind, SENT, now=one.at)
        known[our_id] = after = before.after(one.report)
        if after.is_lost and not before.is_lost:
            lost[our_id] = one.at
        _count_final(connection, before, after, one)
        by, as_id = one.its_id
        values = {"by": by, "as_id": as_id, "status": after.status, "code": after.code, "now": one.at}
        written.append({"this": our_id, **values})
    _RECORD.run_all(connection, written)
    if lost:
        record_not_delivered(connection, list(lost), max(lost.values()))
    return [our_id in known for our_id in meant]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a message when a status callback comes."""

    id: int
    channel: Channel
    kind: Kind
    state: str
    status: str | None
    code: str | None
    sender: str
    recipient: str

    @property
    def is_lost(self) -> bool:
        return delivery_of(self.state, self.status, self.code).fate is Fate.LOST

    def after(self, report: StatusReport) -> _Known:
        """What is known after this callback."""
        code = self.code if self.state == SENT else None
        if report.status.rank > DeliveryStatus(self.status or DeliveryStatus.UNKNOWN).rank:
            return replace(self, state=SENT, status=report.status.value, code=report.error_code)
        return replace(self, state=SENT, code=code)


def _count_final(connection: Connection, before: _Known, after: _Known, one: Reported) -> None:
    """Count, and log, what has become of the message at last, where this callback is the first to say so."""
    fate = final_fate(after.status)
    if fate is None or fate is final_fate(before.status):
        return
    gateway = one.report.gateway
    count(connection, DELIVERIES, gateway, after.sender.replace(" ", "_"), fate.value, now=one.at)
    with about(after.recipient):
        logger.info("delivery reported", outgoing_id=after.id, gateway=gateway, fate=fate.value, code=after.code)


def known_ids(connection: Connection, gateway: str, gateway_message_ids: Collection[str]) -> set[str]:
    """Those of these ids of a gateway that belong to messages of ours which are known to be sent."""
    values = {"by": gateway, "ids": list(gateway_message_ids)}
    return set(connection.execute(_KNOWN_IDS, values).scalars())


_messages = outgoing_messages.c
_now = bindparam("now", type_=UtcDateTime())
_was_sent = _messages.state == SENT
_is_to_agents = _messages.kind == "agents"

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
    .returning(_messages.channel, _messages.kind, _messages.finished_at)
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
    .returning(_messages.id, _messages.channel, _messages.kind, _messages.state, _messages.error_code)
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
    .returning(_messages.channel)
)

_HOLD = Prepared(
    update(outgoing_messages)
    .where(*_SAME_ATTEMPT)
    .values(state=WAITING, attempts=_messages.attempts - 1, attempted_at=bindparam("ended"), due_at=bindparam("due"))
)

_reported_columns = (
    _messages.id,
    _messages.channel,
    _messages.kind,
    _messages.state,
    _messages.delivery_status,
    _messages.error_code,
    _messages.sender,
    _messages.recipient,
)
_BY_OUR_IDS = Prepared(
    select(*_reported_columns)
    .where(is_one_of(_messages.id, "ids"), _messages.channel == "sms", _messages.attempts > 0)
    .order_by(_messages.id)
    .with_for_update()
)
_BY_GATEWAY_IDS = Prepared(
    select(_messages.gateway, _messages.gateway_message_id, *_reported_columns)
    .where(is_one_of(_messages.gateway_message_id, "ids"))
    .order_by(_messages.id)
    .with_for_update()
)

_RECORD = Prepared(
    update(outgoing_messages)
    .where(_messages.id == bindparam("this"))
    .values(**_SENT_VALUES, delivery_status=bindparam("status"), error_code=bindparam("code"))
)

_KNOWN_IDS = select(_messages.gateway_message_id).where(
    _messages.gateway_message_id.in_(bindparam("ids", expanding=True)), _messages.gateway == bindparam("by")
)
