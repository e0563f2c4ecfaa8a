"""Chooses which messages are sent next. Replies go before reminders, and no sender waits for another.

The messages of a channel wait in lanes. Each sender has two lanes: one for conversations, and one for the mass, which
is notifications and reminders. Each sender also has its own slots, its own rate and its own pauses, so a sender with a
slow gateway does not hold up the others.

Conversations go first. The mass gets a small share even while conversations could use all the slots. It never takes the
last quarter of the slots, so that a reply finds a free slot at once. If a message of the mass was written before a
reply to the same number, it must arrive before the reply, so it moves to the reply's lane.

Rates and pauses are in the database (`sender_limits`) and apply to all processes together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Integer, Text, and_, bindparam, exists, or_, select, text, update

from smsbot.outbox.messages import CLOCKS_DIFFER, SENDING, UNASKED, WAITING, Channel, ClaimedMessage, Lane
from smsbot.outbox.pacing import shared_allowance, use_rate
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, RowValues
from smsbot.store.tables import UtcDateTime, outgoing_messages, sender_limits

MASS_AT_LEAST = 1 / 8
"""The mass gets at least this share of what a sender may send."""
MASS_AT_MOST = 3 / 4
"""The mass gets at most this share of a sender's slots."""
MOST_MASS_DOUBTS = 16
"""If so many messages of a sender's mass are in doubt, its gateway is in trouble, and no more of its mass is sent."""
MOST_DOUBTS = 32
"""One process looks into so many doubts of a channel at the same time. Doubts of conversations come first."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one process may still begin on a channel.

    `slots` is how many sends each sender may have under way, and `busy` is how many it has, by sender and lane.
    `looking` is how many doubts are being looked into. `rate` returns a sender's limit in messages per second, or None
    for no limit. `draw` returns a random number x with 0 <= x < 1.
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
    """The messages that were claimed.

    `again_at` is when a pause ends or a rate allows more messages; None if no message waits for that.
    """

    messages: list[ClaimedMessage] = field(default_factory=list)
    again_at: datetime | None = None

    def look_again(self, at: datetime) -> None:
        self.again_at = at if self.again_at is None else min(self.again_at, at)


def claim_outgoing(
    connection: Connection, channel: Channel, now: datetime, room: Capacity, *, lease: datetime, doubt_lease: datetime
) -> Claimed:
    """Claim as many due messages as `room` allows: messages to send, and messages in doubt.

    The messages to send belong to this process until `lease`, and the doubts until `doubt_lease`. After that any
    process may claim them.
    """
    claimed = Claimed()
    senders, has_doubts = _what_waits(connection, channel, now)
    if has_doubts and room.looking < MOST_DOUBTS:
        claimed.messages += _claim_doubts(connection, channel, now, doubt_lease, MOST_DOUBTS - room.looking)
    if {lane for sender in senders for lane in sender.lanes} == set(Lane) and _take_along(connection, channel):
        senders, _ = _what_waits(connection, channel, now)
    rows = [row for sender in senders for row in _next_of(connection, channel, sender, now, room, claimed)]
    if rows:
        _CLAIM.run(connection, {"ids": [row[_ID] for row in rows], "now": now, "lease": lease})
    claimed.messages += (_to_send(row, now) for row in rows)
    return claimed


@dataclass(slots=True)
class _Sender:
    """A sender with waiting messages: their lanes, its pause, and how many messages of its mass are in doubt."""

    name: str
    paused_until: datetime | None
    lanes: set[Lane] = field(default_factory=set)
    mass_doubts: int = 0


def _what_waits(connection: Connection, channel: Channel, now: datetime) -> tuple[Sequence[_Sender], bool]:
    """The senders with waiting messages, and whether there are doubts to look into.

    The senders are sorted by name, so that all processes lock them in the same order.
    """
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
        _CLAIM_DOUBTS.run(connection, {"ids": [row[_ID] for row in rows], "lease": lease})
    return [_claimed(row, in_doubt=True) for row in rows]


def _take_along(connection: Connection, channel: Channel) -> bool:
    """Move messages of the mass that must arrive before a reply into its lane. Returns whether there were any."""
    ids = [this for [this] in _BEFORE_REPLIES.rows(connection, {"only": channel})]
    if ids:
        _TAKE_ALONG.run(connection, {"ids": ids})
    return bool(ids)


def _next_of(
    connection: Connection, channel: Channel, sender: _Sender, now: datetime, room: Capacity, claimed: Claimed
) -> list[RowValues]:
    """What one sender may send now. Records the use of its rate, and in `claimed` when it may send more."""
    if sender.paused_until is not None and sender.paused_until > now:
        claimed.look_again(sender.paused_until)
        return []
    free, per_second = room.free(sender.name), room.rate(sender.name)
    if not free or per_second is None:
        return _due(connection, channel, sender, now, free, room)
    allowed = shared_allowance(connection, channel, sender.name, now, per_second)
    rows = _due(connection, channel, sender, now, min(free, allowed.number), room)
    free_at = allowed.free_at_after(len(rows))
    if rows:
        use_rate(connection, channel, sender.name, free_at)
    if len(rows) == allowed.number:
        claimed.look_again(free_at)
    return rows


def _due(
    connection: Connection, channel: Channel, sender: _Sender, now: datetime, at_most: int, room: Capacity
) -> list[RowValues]:
    """Up to `at_most` messages of one sender, conversations first.

    The mass gets the rest, and at least its share.
    """

    def due(lane: Lane, number: int) -> Sequence[RowValues]:
        if number <= 0 or lane not in sender.lanes:
            return ()
        values = {"only": channel, "lane": lane.value, "sender": sender.name, "now": now, "at_most": number}
        return _DUE.rows(connection, values)

    first = due(Lane.CONVERSATION, at_most)
    share = int(at_most * MASS_AT_LEAST + room.draw())
    left = min(max(share, at_most - len(first)), at_most, room.free_for_mass(sender.name))
    mass = due(Lane.MASS, left) if sender.mass_doubts < MOST_MASS_DOUBTS else ()
    return [*first[: at_most - len(mass)], *mass]


def _to_send(row: RowValues, now: datetime) -> ClaimedMessage:
    """The message with the values that `_CLAIM` has written to the database."""
    fields = list(row)
    fields[_ATTEMPT] += 1
    fields[_ATTEMPTED_AT], fields[_GATEWAY] = now, None
    return _claimed(fields, in_doubt=False)


def _claimed(row: RowValues, *, in_doubt: bool) -> ClaimedMessage:
    """The message in a row, whose columns are in the order of the fields of `ClaimedMessage`."""
    fields = [*row, in_doubt]
    fields[_LANE] = Lane(fields[_LANE])
    return ClaimedMessage(*fields)


_messages = outgoing_messages.c
_earlier = outgoing_messages.alias("earlier")
_reply = outgoing_messages.alias("reply")

# The states are constants in the text: with parameters the engines do not use the partial indexes.
_IS_WAITING = text("outgoing_messages.state = 'waiting'")
_IS_BEING_SENT = text("outgoing_messages.state = 'sending'")
_EARLIER_UNFINISHED = text("earlier.state IN ('waiting', 'sending')")

# Messages to one recipient leave in the order in which they were written. There are two exceptions. A reminder that is
# due later does not hold up any message. A notification or reminder (`UNASKED`) does not hold up a message of another
# kind while it is due later, or while its own sender fails or pauses.
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

# Steps from one sender to the next in the index of waiting messages, without reading all messages of each sender. A
# last row without a sender means that there are doubts to look into.
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

# PostgreSQL skips rows that another process is claiming at this moment. SQLite has only one writer at a time, so
# SQLAlchemy omits FOR UPDATE there.
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

_CLAIM = Prepared(
    update(outgoing_messages)
    .where(is_one_of(_messages.id, "ids"))
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
_CLAIM_DOUBTS = Prepared(
    update(outgoing_messages).where(is_one_of(_messages.id, "ids")).values(due_at=bindparam("lease"))
)

_BEFORE_REPLIES = Prepared(
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
_TAKE_ALONG = Prepared(
    update(outgoing_messages).where(is_one_of(_messages.id, "ids")).values(lane=Lane.CONVERSATION.value)
)
