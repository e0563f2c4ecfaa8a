"""The state of messages at this moment: what waits, what is stuck, what came and left today. No personal data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, TypeAlias, get_args

from sqlalchemy import Column, ColumnElement, Connection, Select, TextClause, and_, case, func, or_, select, text

from smsbot.outbox.delivery_status import Fate
from smsbot.outbox.messages import SENDING, WAITING, Channel, Kind
from smsbot.store.daily_counts import DELIVERIES, INCOMING, OUTGOING, REPEATS, counted_on_day_of
from smsbot.store.tables import incoming_messages, outgoing_messages

Counts: TypeAlias = dict[tuple[str, ...], float]
"""Numbers by the values of their labels."""

_CHANNELS: tuple[str, ...] = get_args(Channel)
_KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Present:
    """The state at one moment. "Today" began at midnight in Paris.

    `unfinished` and `finished_today` are by channel, kind and state; `resting` and `oldest_seconds` by channel and
    kind; `in_doubt` and `repeats_today` by channel; `received_today` by outcome; `deliveries_today` by gateway, sender
    and fate (what the gateway said last).

    `oldest_seconds` is the age of the oldest message that should have left. Messages for later, such as a reminder at
    night, do not count. `in_doubt` counts messages of which it is not known whether the last attempt sent them.
    `repeats_today` counts messages that may have been sent twice.

    What happened today was counted when it happened (`smsbot.store.daily_counts`). The rest is read from the indexes of
    unfinished messages.
    """

    unfinished: Counts
    oldest_seconds: Counts
    in_doubt: Counts
    resting: Counts
    repeats_today: Counts
    finished_today: Counts
    received_today: Counts
    deliveries_today: Counts
    in_inbox: int


def at_present(connection: Connection, now: datetime) -> Present:
    """The state of messages at `now`."""
    unfinished, in_doubt = _zeros(_CHANNELS, _KINDS, (WAITING, SENDING)), _zeros(_CHANNELS)
    oldest = _zeros(_CHANNELS, _KINDS)
    for row in connection.execute(_unfinished(now)):
        unfinished[row.channel, row.kind, row.state] = row.messages
        in_doubt[(row.channel,)] += row.in_doubt
        if row.oldest is not None:
            key = row.channel, row.kind
            oldest[key] = max(oldest[key], (now - row.oldest).total_seconds())
    return Present(
        unfinished=unfinished,
        oldest_seconds=oldest,
        in_doubt=in_doubt,
        resting=_zeros(_CHANNELS, _KINDS) | _counted(connection, _BY_KIND, _RESTING),
        repeats_today=_zeros(_CHANNELS) | _today(connection, now, REPEATS),
        finished_today=_today(connection, now, OUTGOING),
        received_today=_today(connection, now, INCOMING),
        deliveries_today=_deliveries(connection, now),
        in_inbox=connection.execute(_IN_INBOX).scalar_one(),
    )


def oldest_due(connection: Connection, now: datetime) -> dict[str, datetime]:
    """For each channel, since when its oldest due message has been due (UTC); `now` where none is due.

    This uses only the indexes of the queue, so it may be called every few seconds.
    """
    oldest = dict.fromkeys(_CHANNELS, now)
    for state in (_IS_WAITING, _IS_SENDING):
        due = select(_outgoing.channel, func.min(_outgoing.due_at)).where(state).group_by(_outgoing.channel)
        for channel, due_at in connection.execute(due):
            oldest[channel] = min(oldest[channel], due_at)
    return oldest


_outgoing, _incoming = outgoing_messages.c, incoming_messages.c
_BY_KIND = (_outgoing.channel, _outgoing.kind)
_BY_STATE = (*_BY_KIND, _outgoing.state)

# These conditions are written out, not bound. Otherwise the engines do not use the partial indexes.
_UNFINISHED = text("outgoing_messages.state IN ('waiting', 'sending')")
_IS_WAITING = text("outgoing_messages.state = 'waiting'")
_IS_SENDING = text("outgoing_messages.state = 'sending'")  # if it is due, its attempt did not end in time
_RESTING = text("outgoing_messages.state = 'resting'")
_IN_INBOX = (
    select(func.count())
    .select_from(incoming_messages)
    .where(
        _incoming.for_agents,
        _incoming.organisation_id.is_not(None),  # messages about no organisation are in no inbox
        _incoming.handled_at.is_(None),
    )
)


def _unfinished(now: datetime) -> Select[Any]:
    is_late = or_(_outgoing.due_at <= now, _outgoing.attempts > 0)
    in_doubt = and_(_outgoing.state == SENDING, or_(_outgoing.due_at <= now, _outgoing.error_code.is_not(None)))
    return (
        select(
            *_BY_STATE,
            func.count().label("messages"),
            func.min(case((is_late, _outgoing.created_at))).label("oldest"),
            func.sum(case((in_doubt, 1), else_=0)).label("in_doubt"),
        )
        .where(_UNFINISHED)
        .group_by(*_BY_STATE)
    )


def _zeros(*labels: tuple[str, ...]) -> Counts:
    """Zero for each of these labels, because a missing number raises no alert."""
    return dict.fromkeys(product(*labels), 0.0)


def _today(connection: Connection, now: datetime, what: str) -> Counts:
    return {labels: float(number) for labels, number in counted_on_day_of(connection, now, what).items()}


def _deliveries(connection: Connection, now: datetime) -> Counts:
    """Deliveries of today, with a zero where a sender has only one fate, so that the two fates can be compared."""
    counted = _today(connection, now, DELIVERIES)
    senders = {(gateway, sender) for gateway, sender, _ in counted}
    fates = (Fate.DELIVERED.value, Fate.LOST.value)
    return {(*one, fate): 0.0 for one in senders for fate in fates} | counted


def _counted(connection: Connection, keys: tuple[Column[Any], ...], these: ColumnElement[bool] | TextClause) -> Counts:
    rows = connection.execute(select(*keys, func.count()).where(these).group_by(*keys))
    return {tuple(row[:-1]): row[-1] for row in rows}
