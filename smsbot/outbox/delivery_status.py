"""What became of an outgoing message, in the words that agents see.

Two columns have it: `state` is how far the outbox has come, and `delivery_status` is what the gateway reported later.
This module makes one word of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from smsbot.appointments.erasure import ERASED
from smsbot.gateways.base import DeliveryStatus
from smsbot.outbox.messages import OPTED_OUT, OVERTAKEN, REFUSED, RESTING, SENDING, SENT, WAITING, WITHDRAWN
from smsbot.store.tables import outgoing_messages

_LOST = (DeliveryStatus.UNDELIVERED.value, DeliveryStatus.FAILED.value, DeliveryStatus.CANCELED.value)
_ARRIVED = (DeliveryStatus.DELIVERED.value, DeliveryStatus.READ.value)


class Fate(StrEnum):
    """What became of a message, in one word.

    `LOST`: the gateway took the message, and it did not arrive. `REFUSED`: the gateway did not take it. `RESTING`: it
    was tried for long enough. An e-mail never gets beyond `SENT`, because nobody reports whether it arrived.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    LOST = "lost"
    REFUSED = "refused"
    RESTING = "resting"
    ERASED = "erased"  # withdrawn, because the recipient's data was erased
    OVERTAKEN = "overtaken"  # withdrawn, because its text was no longer true
    OPTED_OUT = "opted_out"  # withdrawn, because the recipient wrote STOP before it was sent

    @property
    def is_sent(self) -> bool:
        """Whether a gateway or mail server has taken it. Then it is paid for, whether it arrives or not."""
        return self in (Fate.SENT, Fate.DELIVERED, Fate.LOST)

    @property
    def is_under_way(self) -> bool:
        return self in (Fate.WAITING, Fate.SENDING)

    @property
    def is_failure(self) -> bool:
        return self in (Fate.LOST, Fate.REFUSED, Fate.RESTING)


@dataclass(frozen=True, slots=True)
class MessageFate:
    """What became of a message, and `code`: the reason of the gateway or mail server, if it gave one."""

    fate: Fate
    code: str | None


def final_fate(status: str | None) -> Fate | None:
    """`DELIVERED` or `LOST` if this status of a gateway is a final one; otherwise None."""
    if status in _LOST:
        return Fate.LOST
    return Fate.DELIVERED if status in _ARRIVED else None


def fate_of(state: str, delivery_status: str | None, error_code: str | None) -> MessageFate:
    """What became of a message, from the values of these three columns."""
    if state == REFUSED and error_code in _WITHDRAWN:
        return MessageFate(_WITHDRAWN[error_code], None)
    if state != SENT:
        return MessageFate(_UNSENT[state], error_code)
    if delivery_status in _LOST:
        return MessageFate(Fate.LOST, error_code)
    return MessageFate(Fate.DELIVERED if delivery_status in _ARRIVED else Fate.SENT, error_code)


_WITHDRAWN = {ERASED: Fate.ERASED, OVERTAKEN: Fate.OVERTAKEN, OPTED_OUT: Fate.OPTED_OUT}
_UNSENT = {WAITING: Fate.WAITING, SENDING: Fate.SENDING, REFUSED: Fate.REFUSED, RESTING: Fate.RESTING}

_columns = outgoing_messages.c
_later = outgoing_messages.alias("later")


def has_failed() -> ColumnElement[bool]:
    """`Fate.is_failure` as an SQL condition on `outgoing_messages`."""
    was_given_up = _columns.state.in_((REFUSED, RESTING)) & func.coalesce(_columns.error_code, "").not_in(WITHDRAWN)
    return was_given_up | _columns.delivery_status.in_(_LOST)


def was_sent_again() -> ColumnElement[bool]:
    """An SQL condition on `outgoing_messages`: the same text was written to the same person again later.

    The later message may have gone to another number of that person.
    """
    same_matter = or_(
        _later.c.appointment_id == _columns.appointment_id,
        and_(_columns.appointment_id.is_(None), _later.c.recipient == _columns.recipient),
    )
    same_text = (
        _later.c.id > _columns.id,
        _later.c.channel == _columns.channel,
        _later.c.participation_id.is_not_distinct_from(_columns.participation_id),
        _later.c.body == _columns.body,
    )
    return exists(select(_later.c.id).where(same_matter, *same_text))
