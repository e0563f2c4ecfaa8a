"""Which messages go next: conversations before the mass, nobody's senders held up by another's.

The messages of a channel wait in lanes, two for each sender: one for conversations, one for the mass of notifications
and reminders. Each sender has its own slots, its own rate and its own pauses, so that one whose gateway is slow or asks
for patience keeps no other waiting. Conversations go first, and even when they would fill everything the mass gets its
share; the mass for its part never takes the last quarter of the slots, so that a reply finds one at once. What waits
before somebody's reply, to the same number, goes in the reply's lane.

Rates and pauses stand in the database and hold for all processes together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Integer, Text, and_, bindparam, exists, or_, select, text, update

from smsbot.outbox.messages import CLOCKS_DIFFER, SENDING, UNASKED, WAITING, Channel, ClaimedMessage, Lane
from smsbot.outbox.rates import allowance
from smsbot.rules.rate_limit import Allowance
from smsbot.store.database import serialise
from smsbot.store.prepared import Prepared, Row, upserting
from smsbot.store.tables import UtcDateTime, outgoing_messages, sender_limits

MASS_AT_LEAST = 1 / 8
"""Of what a sender may send while conversations would take it all."""
MASS_AT_MOST = 3 / 4
"""Of a sender's slots."""
MOST_MASS_DOUBTS = 16
"""With so many messages of a sender's mass in doubt its gateway is in trouble, and no more are put at risk."""
MOST_DOUBTS = 32
"""Looked into at the same time by one process, for each channel; those of conversations first."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one process may still begin on a channel.

    `slots` is how many sends each sender may have under way, `busy` how many it has, by sender and lane; `looking` is
    how many doubts are being looked into. `rate` tells a sender's limit in messages a second, None for none; `draw`
    gives numbers from 0 up to 1.
    """

    slots: int
    busy: Mapping[tuple[str, Lane], int]
    looking: int
    rate: Callable[[str], float | None]
    draw: Callable[[], float]

    def free(self, sender: str) -> int:
        return max(self.slots - sum(self.busy.get((sender, lane), 0) for lane in Lane), 0)

    def free_for_mass(self, sender: str) -> int:
        return max(max(int(self.slots * MASS_AT_MOST), 1) - self.busy.get((sender, Lane.MASS), 0), 0)


@dataclass(slots=True)
class Claimed:
    """The messages taken, and when to look again because a pause or a rate lets more go; None: nothing waits for it."""

    messages: list[ClaimedMessage] = field(default_factory=list)
    again_at: datetime | None = None

    def look_again(self, at: datetime) -> None:
        self.again_at = at if self.again_at is None else min(self.again_at, at)


def claim(
    connection: Connection, channel: Channel, now: datetime, room: Capacity, *, lease: datetime, doubt_lease: datetime
) -> Claimed:
    """Take what there is room for: messages to send until `lease`, and doubts to look into until `doubt_lease`."""
    claimed = Claimed()
    senders, has_doubts = _what_waits(connection, channel, now)
    if has_doubts and room.looking < MOST_DOUBTS:
        claimed.messages += _claim_doubts(connection, channel, now, doubt_lease, MOST_DOUBTS - room.looking)
    if {lane for sender in senders for lane in sender.lanes} == set(Lane) and _take_along(connection, channel):
        senders, _ = _what_waits(connection, channel, now)
    rows = [row for sender in senders for row in _next_of(connection, channel, sender, now, room, claimed)]
    if rows:
        connection.execute(_CLAIM, {"ids": [row[_ID] for row in rows], "now": now, "lease": lease})
    claimed.messages += (_to_send(row, now) for row in rows)
    return claimed


def pause(connection: Connection, channel: Channel, senders: Mapping[str, datetime], now: datetime) -> None:
    """Let nothing leave from these senders, by whatever process, until the moment beside each.

    A pause that was asked for in the future, when a clock was wrong, holds nobody up.
    """
    for sender, until in sorted(senders.items()):
        values = {"channel": channel, "sender": sender, "paused_until": until, "paused_at": now}
        _PAUSE.run(connection, values)


@dataclass(slots=True)
class _Sender:
    """A sender for whom messages wait, in which lanes, and what is known of it."""

    name: str
    paused_until: datetime | None
    lanes: set[Lane] = field(default_factory=set)
    mass_doubts: int = 0


def _what_waits(connection: Connection, channel: Channel, now: datetime) -> tuple[Sequence[_Sender], bool]:
    """The senders for whom messages wait, by name, which is one order of locks for everyone; and are there doubts?"""
    senders: dict[str, _Sender] = {}
    has_doubts = False
    values = {"only": channel, "now": now, "future": now + CLOCKS_DIFFER}
    for lane, name, mass_doubts, paused_until in _WHAT_WAITS.rows(connection, values):
        if name is None:
            has_doubts = True
            continue
        sender = senders.setdefault(name, _Sender(name, paused_until))
        sender.lanes.add(Lane(lane))
        sender.mass_doubts = max(sender.mass_doubts, mass_doubts)
    return [senders[name] for name in sorted(senders)], has_doubts


def _claim_doubts(
    connection: Connection, channel: Channel, now: datetime, lease: datetime, at_most: int
) -> list[ClaimedMessage]:
    rows = _DOUBTS.rows(connection, {"only": channel, "now": now, "at_most": at_most})
    if rows:
        connection.execute(_CLAIM_DOUBTS, {"ids": [row[_ID] for row in rows], "lease": lease})
    return [_claimed(row, in_doubt=True) for row in rows]


def _take_along(connection: Connection, channel: Channel) -> bool:
    """Let what stands in the mass before somebody's reply go in the reply's lane; whether there was any."""
    ids = connection.execute(_BEFORE_REPLIES, {"only": channel}).scalars().all()
    if ids:
        connection.execute(_TAKE_ALONG, {"ids": ids})
    return bool(ids)


def _next_of(
    connection: Connection, channel: Channel, sender: _Sender, now: datetime, room: Capacity, claimed: Claimed
) -> list[Row]:
    """What one sender may send now. Its rate is noted as used; `claimed` is told when more may go."""
    if sender.paused_until is not None and sender.paused_until > now:
        claimed.look_again(sender.paused_until)
        return []
    free, per_second = room.free(sender.name), room.rate(sender.name)
    if not free or per_second is None:
        return _due(connection, channel, sender, now, free, room)
    allowed = _allowance(connection, channel, sender.name, now, per_second)
    rows = _due(connection, channel, sender, now, min(free, allowed.number), room)
    free_at = allowed.free_at_after(len(rows))
    if rows:
        _USE_RATE.run(connection, {"channel": channel, "sender": sender.name, "free_at": free_at})
    if len(rows) == allowed.number:
        claimed.look_again(free_at)
    return rows


def _allowance(
    connection: Connection, channel: Channel, sender: str, now: datetime, per_second: float
) -> Allowance[datetime]:
    serialise(connection, f"rate:{channel}:{sender}")
    free_at = connection.execute(_FREE_AT, {"only": channel, "sender": sender}).scalar_one_or_none()
    return allowance(free_at, now, per_second)


def _due(
    connection: Connection, channel: Channel, sender: _Sender, now: datetime, at_most: int, room: Capacity
) -> list[Row]:
    """Up to `at_most` messages of one sender, conversations first; the mass gets what they leave, or else its share."""

    def due(lane: Lane, number: int) -> Sequence[Row]:
        if number <= 0 or lane not in sender.lanes:
            return ()
        values = {"only": channel, "lane": lane.value, "sender": sender.name, "now": now, "at_most": number}
        return _DUE.rows(connection, values)

    first = due(Lane.CONVERSATION, at_most)
    share = int(at_most * MASS_AT_LEAST + room.draw())
    left = min(max(share, at_most - len(first)), at_most, room.free_for_mass(sender.name))
    mass = due(Lane.MASS, left) if sender.mass_doubts < MOST_MASS_DOUBTS else ()
    return [*first[: at_most - len(mass)], *mass]


def _to_send(row: Row, now: datetime) -> ClaimedMessage:
    """As `_CLAIM` leaves it."""
    fields = list(row)
    fields[_ATTEMPT] += 1
    fields[_ATTEMPTED_AT], fields[_GATEWAY] = now, None
    return _claimed(fields, in_doubt=False)


def _claimed(row: Row, *, in_doubt: bool) -> ClaimedMessage:
    """The columns come in the order of the fields."""
    fields = [*row, in_doubt]
    fields[_LANE] = Lane(fields[_LANE])
    return ClaimedMessage(*fields)


_messages = outgoing_messages.c
_earlier = outgoing_messages.alias("earlier")
_reply = outgoing_messages.alias("reply")

# Written out, not bound: only so do both engines see that the partial indexes serve.
_IS_WAITING = text("outgoing_messages.state = 'waiting'")
_IS_BEING_SENT = text("outgoing_messages.state = 'sending'")
_EARLIER_UNFINISHED = text("earlier.state IN ('waiting', 'sending')")

# Who lets others of the same recipient pass: a reminder that waits for a later moment, everybody; and what nobody waits
# for, whatever somebody does wait for, while it is not taken or its own sender is in trouble.
_IS_FOR_LATER = and_(_earlier.c.state == WAITING, _earlier.c.due_at > bindparam("now"))
_HAS_FAILED = or_(_earlier.c.error_code.is_not(None), _earlier.c.attempts > 1)
_IS_PAUSED = exists().where(
    sender_limits.c.channel == _earlier.c.channel,
    sender_limits.c.sender == _earlier.c.sender,
    sender_limits.c.paused_until > bindparam("now"),
)
_LETS_PASS = or_(
    and_(_earlier.c.kind == "reminder", _IS_FOR_LATER),
    and_(
        and_(*(_messages.kind != kind for kind in UNASKED)),
        or_(*(_earlier.c.kind == kind for kind in UNASKED)),
        or_(_IS_FOR_LATER, and_(_earlier.c.sender != _messages.sender, or_(_HAS_FAILED, _IS_PAUSED))),
    ),
)

_FIELDS = tuple(name for name in ClaimedMessage.__dataclass_fields__ if name != "in_doubt")
_COLUMNS = [_messages["attempts" if name == "attempt" else name] for name in _FIELDS]
_ID, _LANE, _ATTEMPT, _ATTEMPTED_AT, _GATEWAY = map(_FIELDS.index, ("id", "lane", "attempt", "attempted_at", "gateway"))

# Leaps from one sender to the next in the index of what waits, however many messages each has there; the last row says
# that there are doubts to look into.
_WHAT_WAITS = Prepared(
    text(
        """
        WITH RECURSIVE conversation (sender) AS (
            SELECT min(sender) FROM outgoing_messages WHERE state = 'waiting' AND channel = :only AND lane = 0
            UNION ALL
            SELECT (
                SELECT min(following.sender) FROM outgoing_messages AS following
                WHERE following.state = 'waiting' AND following.channel = :only AND following.lane = 0
                    AND following.sender > conversation.sender
            ) FROM conversation WHERE conversation.sender IS NOT NULL
        ), mass (sender) AS (
            SELECT min(sender) FROM outgoing_messages WHERE state = 'waiting' AND channel = :only AND lane = 1
            UNION ALL
            SELECT (
                SELECT min(following.sender) FROM outgoing_messages AS following
                WHERE following.state = 'waiting' AND following.channel = :only AND following.lane = 1
                    AND following.sender > mass.sender
            ) FROM mass WHERE mass.sender IS NOT NULL
        ), waiting (lane, sender, mass_doubts) AS (
            SELECT 0, sender, 0 FROM conversation WHERE sender IS NOT NULL
            UNION ALL
            SELECT 1, sender, (
                SELECT count(*) FROM outgoing_messages AS doubtful
                WHERE doubtful.state = 'sending' AND doubtful.channel = :only AND doubtful.sender = mass.sender
                    AND doubtful.lane = 1 AND doubtful.error_code IS NOT NULL
            ) FROM mass WHERE sender IS NOT NULL
        )
        SELECT waiting.lane, waiting.sender, waiting.mass_doubts, sender_limits.paused_until
        FROM waiting LEFT JOIN sender_limits
            ON sender_limits.channel = :only AND sender_limits.sender = waiting.sender
                AND sender_limits.paused_at <= :future
        UNION ALL
        SELECT NULL, NULL, NULL, NULL WHERE EXISTS (
            SELECT 1 FROM outgoing_messages WHERE state = 'sending' AND channel = :only AND due_at <= :now
        )
        """
    )
    .bindparams(
        bindparam("only", type_=Text()),
        bindparam("now", type_=UtcDateTime()),
        bindparam("future", type_=UtcDateTime()),
    )
    .columns(lane=Integer(), sender=Text(), mass_doubts=Integer(), paused_until=UtcDateTime())
)

# SQLite has one writer at a time and SQLAlchemy leaves FOR UPDATE out for it; PostgreSQL passes over what another
# process is just claiming. That is all the difference there is between the engines.
_DUE = Prepared(
    select(*_COLUMNS)
    .where(
        _IS_WAITING,
        _messages.channel == bindparam("only"),
        _messages.lane == bindparam("lane"),
        _messages.sender == bindparam("sender"),
        _messages.due_at <= bindparam("now"),
        ~exists().where(
            _EARLIER_UNFINISHED,
            _earlier.c.channel == _messages.channel,
            _earlier.c.recipient == _messages.recipient,
            _earlier.c.id < _messages.id,
            ~_LETS_PASS,
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
        attempted_at=bindparam("now"),
        due_at=bindparam("lease"),
        gateway=None,
        error_code=None,
        error=None,
    )
)

_DOUBTS = Prepared(
    select(*_COLUMNS)
    .where(_IS_BEING_SENT, _messages.channel == bindparam("only"), _messages.due_at <= bindparam("now"))
    .order_by(_messages.lane, _messages.due_at, _messages.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_CLAIM_DOUBTS = (
    update(outgoing_messages)
    .where(_messages.id.in_(bindparam("ids", expanding=True)))
    .values(due_at=bindparam("lease"))
)

_BEFORE_REPLIES = (
    select(_earlier.c.id)
    .where(
        text("reply.state = 'waiting'"),
        _reply.c.channel == bindparam("only"),
        _reply.c.lane == Lane.CONVERSATION.value,
        _EARLIER_UNFINISHED,
        _earlier.c.channel == _reply.c.channel,
        _earlier.c.recipient == _reply.c.recipient,
        _earlier.c.id < _reply.c.id,
        _earlier.c.state == WAITING,
        _earlier.c.lane == Lane.MASS.value,
    )
    .order_by(_earlier.c.id)
)
_TAKE_ALONG = (
    update(outgoing_messages)
    .where(_messages.id.in_(bindparam("ids", expanding=True)))
    .values(lane=Lane.CONVERSATION.value)
)

_limits = sender_limits.c
_FREE_AT = select(_limits.free_at).where(_limits.channel == bindparam("only"), _limits.sender == bindparam("sender"))
_USE_RATE = upserting(
    sender_limits,
    ("channel", "sender", "free_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["channel", "sender"], set_={"free_at": insert.excluded.free_at}
    ),
)
_PAUSE = upserting(
    sender_limits,
    ("channel", "sender", "paused_until", "paused_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["channel", "sender"],
        set_={"paused_until": insert.excluded.paused_until, "paused_at": insert.excluded.paused_at},
    ),
)
