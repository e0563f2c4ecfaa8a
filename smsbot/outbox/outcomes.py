"""Records in the outbox what became of claimed messages, as delivery or a status callback reports it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, Update, bindparam, case, func, select, update
from sqlalchemy.types import TypeEngine

from smsbot.events import record_not_delivered
from smsbot.gateways.base import DeliveryStatus, Handed, StatusReport
from smsbot.outbox.delivery_status import Fate, fate_of, final_fate
from smsbot.outbox.messages import REFUSED, RESTING, SENDING, SENT, WAITING, Channel, Kind, topic
from smsbot.store.daily_counts import DELIVERIES, OUTGOING, REPEATS, count
from smsbot.store.database import signal
from smsbot.store.many import Given, Updates, is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, outgoing_messages


@dataclass(frozen=True, slots=True)
class Sent:
    """A gateway or mail server has taken the message, as `handed` says."""

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
    """The message was tried for long enough, or nobody knows whether it was taken. Operators see it."""

    id: int
    attempt: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The message is sent again at `due_at`.

    It was certainly not taken, unless `is_repetition`: then it may have been taken, and the repetition is counted.
    """

    id: int
    attempt: int
    code: str
    sentence: str
    due_at: datetime
    is_repetition: bool = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The gateway may have taken the message. At `due_at` smsbot looks into this. `gateway` is the one to ask."""

    id: int
    attempt: int
    code: str
    sentence: str
    due_at: datetime
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The message was claimed, but not sent. It waits until `due_at`, as if it had not been claimed."""

    id: int
    attempt: int
    due_at: datetime


Outcome: TypeAlias = Sent | Refused | Resting | Postponed | InDoubt | Held


def settle(connection: Connection, outcomes: Iterable[Outcome], now: datetime) -> None:
    """Record what became of claimed messages.

    A `Sent` always counts. The other outcomes count only for their own attempt: not if the message has been sent again
    since, and not if a status callback has shown that it was taken.
    """
    sent: dict[int, dict[str, object]] = {}
    finished: list[dict[str, object]] = []
    unfinished: list[dict[str, object]] = []
    held: list[dict[str, object]] = []
    for outcome in sorted(outcomes, key=lambda outcome: outcome.id):  # all processes lock rows in the same order
        if isinstance(outcome, Sent):
            handed = outcome.handed
            values = {"this": outcome.id, "by": handed.gateway, "as_id": handed.gateway_message_id, "now": now}
            sent.setdefault(outcome.id, values)
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
    for channel, kind, finished_at in _SETTLE_SENT.rows(connection, list(sent.values())):
        if finished_at == now:  # otherwise it was known before, and counted, that it was sent
            count(connection, OUTGOING, channel, kind, SENT, now=now)
    failed_ids = []
    for this, channel, kind, state, code in _SETTLE_FINISHED.rows_of_all(connection, finished):
        count(connection, OUTGOING, channel, kind, state, now=now)
        if fate_of(state, None, code).fate.is_failure:
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
        """The gateway's name, and the gateway's id of the message."""
        return self.report.gateway, self.report.gateway_message_id


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a status callback says of a message of ours to `recipient`.

    `last_word` is the final fate of the message, `DELIVERED` or `LOST`, if this callback was the first to say it.
    `code` is the gateway's reason.
    """

    outgoing_id: int
    recipient: str
    last_word: Fate | None
    code: str | None


def record_statuses(connection: Connection, reported: Sequence[Reported]) -> list[Recorded | None]:
    """Record status callbacks. No two may have the same gateway and gateway's id. Returns what each one says, or None
    if it is about no message of ours.

    Callbacks may come in any order and more than once, so a status replaces only one that is less far along. Any status
    shows that the gateway has the message. So a message that was waiting, in doubt or given up becomes sent.

    A message that was never given to a gateway is not matched: after a database is restored from a backup, new messages
    get ids that were used before. The gateway's id is looked up first, and our id only if the gateway's is unknown. A
    callback that is posted to the address of another message is still about the message with its gateway's id.
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
    written: dict[int, dict[str, object]] = {}
    lost: dict[int, datetime] = {}
    told: list[Recorded | None] = []
    for one, our_id in zip(reported, meant, strict=True):
        if our_id is None or our_id not in known:
            told.append(None)
            continue
        before = known[our_id]
        if before.state in (WAITING, SENDING):
            signal(connection, topic(before.channel))  # the recipient's next message may go
        if before.state != SENT:
            count(connection, OUTGOING, before.channel, before.kind, SENT, now=one.at)
        known[our_id] = after = before.after(one.report)
        if after.is_lost and not before.is_lost:
            lost[our_id] = one.at
        last_word = final_fate(after.status)
        if last_word is final_fate(before.status):
            last_word = None
        if last_word is not None:
            sender = after.sender.replace(" ", "_")
            count(connection, DELIVERIES, one.report.gateway, sender, last_word.value, now=one.at)
        told.append(Recorded(our_id, after.recipient, last_word, after.code))
        by, as_id = one.its_id
        values = {"by": by, "as_id": as_id, "status": after.status, "code": after.code, "now": one.at}
        first = written.get(our_id)  # two of the gateway's ids may be of one message: the first one stays recorded
        kept = {} if first is None else {name: first[name] for name in ("by", "as_id", "now")}
        written[our_id] = {"this": our_id, **values, **kept}
    _RECORD.run(connection, list(written.values()))
    if lost:
        record_not_delivered(connection, list(lost), max(lost.values()))
    return told


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database has of a message when a status callback comes."""

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
        return fate_of(self.state, self.status, self.code).fate is Fate.LOST

    def after(self, report: StatusReport) -> _Known:
        """The message after this callback."""
        code = self.code if self.state == SENT else None
        if report.status.rank > DeliveryStatus(self.status or DeliveryStatus.UNKNOWN).rank:
            return replace(self, state=SENT, status=report.status.value, code=report.error_code)
        return replace(self, state=SENT, code=code)


def known_ids(connection: Connection, gateway: str, gateway_message_ids: Collection[str]) -> set[str]:
    """The ids, among these ids of a gateway, that belong to sent messages of ours."""
    values = {"by": gateway, "ids": list(gateway_message_ids)}
    return set(connection.execute(_KNOWN_IDS, values).scalars())


_messages = outgoing_messages.c
_was_sent = _messages.state == SENT
_is_to_agents = _messages.kind == "agents"


def _is_sent(given: Given, **also: ColumnElement[object]) -> Update:
    """An UPDATE that makes the message sent. If it was sent before, the recorded values stay; otherwise its last
    failure is cleared.
    """
    return (
        update(outgoing_messages)
        .where(_messages.id == given("this"))
        .values(
            state=SENT,
            gateway=case((_was_sent, _messages.gateway), else_=given("by")),
            gateway_message_id=func.coalesce(_messages.gateway_message_id, given("as_id")),
            sent_at=case((_was_sent, _messages.sent_at), else_=given("now")),
            finished_at=case((_was_sent, _messages.finished_at), else_=given("now")),
            error=case((_was_sent, _messages.error)),
            body=case((_is_to_agents, ""), else_=_messages.body),
            html=case((_is_to_agents, None), else_=_messages.html),
            **also,
        )
    )


_OF_SENDING: dict[str, TypeEngine[Any]] = {"this": BigInteger(), "by": Text(), "as_id": Text(), "now": UtcDateTime()}
_SETTLE_SENT = Updates(
    lambda given: _is_sent(given, error_code=case((_was_sent, _messages.error_code))).returning(
        _messages.channel, _messages.kind, _messages.finished_at
    ),
    **_OF_SENDING,
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

_RECORD = Updates(
    lambda given: _is_sent(given, delivery_status=given("status"), error_code=given("code")),
    **_OF_SENDING,
    status=Text(),
    code=Text(),
)

_KNOWN_IDS = select(_messages.gateway_message_id).where(
    _messages.gateway_message_id.in_(bindparam("ids", expanding=True)), _messages.gateway == bindparam("by")
)
