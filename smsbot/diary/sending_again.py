"""Sends a failed message again: the same text, to where the person is reached now.

A message that is no longer true is not sent again: a reminder of an appointment that was cancelled, the time of one
that was moved, anything about one that has begun. A question of the bot is not sent again either, because its
conversation is over. What an agent wrote may always be sent again.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, exists, func, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, outgoing_within_reach
from smsbot.appointments.audit import note
from smsbot.gateways import twilio, vonage
from smsbot.model import Actor, Via
from smsbot.outbox.delivery_status import fate_of, was_sent_again
from smsbot.outbox.messages import enqueue, written_again
from smsbot.store.database import serialise
from smsbot.store.tables import appointments, opt_outs, outgoing_messages, participations


class Hindrance(StrEnum):
    """Why a message cannot be sent again."""

    NOT_FAILED = "not_failed"  # it has not failed, or was sent again before
    OVER = "over"  # it is no longer true, or no longer of use
    STOPPED = "stopped"  # the number has sent STOP
    NEVER = "never"  # nothing can arrive at its number or address, and the person has no other one
    UNREACHABLE = "unreachable"  # the person no longer has a number, or an address


NEVER_ARRIVES = (
    twilio.NEVER_ARRIVES | vonage.NEVER_ARRIVES | {"address"}
)  # "address" is the mail client's code for an invalid address
"""Codes of failures that sending again cannot change."""


def send_again(connection: Connection, agent: Agent, message_id: int, now: datetime) -> Hindrance | None:
    """Write the message once more, or return why it cannot be. Raises OutOfReach."""
    serialise(connection, f"sent again:{message_id}")
    statement = select(outgoing_messages, *columns()).select_from(joined())
    this = (outgoing_messages.c.id == message_id) & outgoing_within_reach(agent)
    row = connection.execute(statement.where(this)).mappings().one_or_none()
    if row is None:
        raise OutOfReach("no such message")
    hindrance = hindrance_of(row, now)
    if hindrance is not None:
        return hindrance
    enqueue(connection, written_again(row, _recipient(row), agent.id), now)
    note(
        connection,
        now,
        "sent_again",
        Actor.AGENT,
        Via.CONSOLE,
        agent=agent.email,
        appointment_id=row["appointment_id"],
        participation_id=row["participation_id"],
    )
    return None


def hindrance_of(row: RowMapping, now: datetime) -> Hindrance | None:
    """Why this row of `outgoing_messages`, selected with `columns`, cannot be sent again; None if it can."""
    if row["was_sent_again"]:
        return Hindrance.NOT_FAILED
    if not fate_of(row["state"], row["delivery_status"], row["error_code"]).fate.is_failure:
        return Hindrance.NOT_FAILED
    if row["agent_id"] is None and (row["kind"] == "reply" or _is_over(row, now)):
        return Hindrance.OVER
    if not _recipient(row):
        return Hindrance.UNREACHABLE
    if row["error_code"] in NEVER_ARRIVES and _recipient(row) == row["recipient"]:
        return Hindrance.NEVER
    return Hindrance.STOPPED if row["channel"] == "sms" and row["stopped_at"] is not None else None


def columns() -> tuple[ColumnElement[Any], ...]:
    """The columns that `hindrance_of` needs besides the message's own. They come from `joined`."""
    return (
        was_sent_again().label("was_sent_again"),
        _was_followed().label("was_followed"),
        participations.c.phone.label("phone_now"),
        participations.c.email.label("email_now"),
        participations.c.cancelled_at,
        participations.c.removed_at,
        appointments.c.starts_at,
        appointments.c.destroyed_at,
        opt_outs.c.opted_out_at.label("stopped_at"),
    )


def joined() -> FromClause:
    """`outgoing_messages` joined with what each message is about, where that still exists."""
    number = func.coalesce(participations.c.phone, outgoing_messages.c.recipient)
    return (
        outgoing_messages.outerjoin(participations)
        .outerjoin(appointments, appointments.c.id == outgoing_messages.c.appointment_id)
        .outerjoin(opt_outs, opt_outs.c.number == number)
    )


_follower = outgoing_messages.alias("follower")


def _was_followed() -> ColumnElement[bool]:
    """A condition in SQL: the usager was later told something newer, such as another time or the cancellation."""
    return exists(
        select(_follower.c.id).where(
            _follower.c.appointment_id == outgoing_messages.c.appointment_id,
            _follower.c.participation_id == outgoing_messages.c.participation_id,
            _follower.c.channel == outgoing_messages.c.channel,
            _follower.c.kind != "reply",
            _follower.c.id > outgoing_messages.c.id,
            _follower.c.body != outgoing_messages.c.body,
        )
    )


def _is_over(row: RowMapping, now: datetime) -> bool:
    is_there = row["destroyed_at"] is None and row["removed_at"] is None
    if not is_there or row["was_followed"] or (row["starts_at"] is not None and row["starts_at"] <= now):
        return True
    return row["cancelled_at"] is not None and bool(row["cancelled_at"] > row["created_at"])


def _recipient(row: RowMapping) -> str:
    """Where the person is reached now. A message that is about no participation goes where it went before."""
    if row["participation_id"] is None:
        return str(row["recipient"])
    return row["phone_now" if row["channel"] == "sms" else "email_now"] or ""
