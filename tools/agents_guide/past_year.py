"""The eleven months before, as they are left once the retention period is over: rows without persons, for the figures.

The numbers are made up and always the same. They grow a little, as those of a service do that people get to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from sqlalchemy import Connection

from smsbot.conversation.states import Reply
from smsbot.figures.results import Month
from smsbot.gateways.base import DeliveryStatus
from smsbot.model import DEFAULT_SOURCE, Actor, LocationType, Status, Via
from smsbot.policy.values import TWILIO
from smsbot.store.tables import appointments, incoming_messages, outgoing_messages, participations

MONTHS = 11
_LEADS = [timedelta(hours=hours) for hours in (30, 5, 80, 3, 52, 200, 20, 26, 100, 44)]
_WAYS = (Via.SMS, Via.SMS, Via.SMS, Via.LINK, Via.SMS, Via.CONSOLE, Via.SMS, Via.WEBHOOK, Via.LINK, Via.SMS)
_AGENTS_WAYS = (Via.CONSOLE, Via.WEBHOOK)
_RECEIVED = (
    *[Reply.ASK_LETTERS, Reply.CONFIRM, Reply.CANCELLED, Reply.KEPT, Reply.TOO_LATE] * 4,
    *[Reply.OUTSIDE_FLOW, Reply.CONFIRM_AGAIN, Reply.NO_APPOINTMENT, Reply.STOPPED],
)


def write_past_year(connection: Connection, organisation_id: int, now: datetime) -> None:
    """A cancellation, some messages and their fate for every place that was given up."""
    _write(connection, organisation_id, list(_cancellations(now)))


def _cancellations(now: datetime) -> Iterator[tuple[datetime, timedelta, Via]]:
    """When, how long before the appointment, by which way."""
    ways, leads = cycle(_WAYS), cycle(_LEADS)
    for back in range(MONTHS, 0, -1):
        month = Month(now.year, now.month).plus(-back)
        for number in range(14 + 2 * (MONTHS - back) + 5 * (back % 3)):
            at = now.replace(year=month.year, month=month.number, day=number % 28 + 1)
            yield at, next(leads), next(ways)


def _write(connection: Connection, organisation_id: int, cancellations: list[tuple[datetime, timedelta, Via]]) -> None:
    for number, (at, lead, way) in enumerate(cancellations):
        appointment = appointments.insert().values(_appointment(organisation_id, number, at + lead))
        key = connection.execute(appointment).inserted_primary_key
        assert key is not None
        connection.execute(participations.insert().values(_participation(int(key[0]), at, way)))
        received = islice(cycle(_RECEIVED), 3 * number, 3 * number + 3)
        for index, reply in enumerate(received):
            connection.execute(
                incoming_messages.insert().values(_incoming(organisation_id, f"{number}.{index}", at, reply))
            )
        for index in range(5):
            connection.execute(outgoing_messages.insert().values(_outgoing(int(key[0]), 5 * number + index, at)))


def _appointment(organisation_id: int, number: int, starts_at: datetime) -> dict[str, Any]:
    return {
        "source": DEFAULT_SOURCE,
        "external_id": f"past-{number}",
        "organisation_id": organisation_id,
        "uuid": f"past-{number}",
        "starts_at": starts_at,
        "status": Status.EXCUSED.value,
        "collective": False,
        "location_type": LocationType.PUBLIC_OFFICE.value,
        "bookable_by_everyone": False,
        "changed_at": starts_at,
    }


def _participation(appointment_id: int, at: datetime, way: Via) -> dict[str, Any]:
    by_agent = way in _AGENTS_WAYS
    return {
        "appointment_id": appointment_id,
        "source": DEFAULT_SOURCE,
        "external_id": "1",
        "status": (Status.REVOKED if by_agent else Status.EXCUSED).value,
        "cancelled_at": at,
        "cancelled_by": (Actor.AGENT if by_agent else Actor.USAGER).value,
        "cancelled_way": way.value,
        "surnames": [],
        "first_names": [],
        "notify_by_sms": True,
        "notify_by_email": True,
        "send_lifecycle_notifications": True,
        "send_reminder_notification": True,
        "erased_at": at,
    }


def _incoming(organisation_id: int, message_id: str, at: datetime, reply: Reply) -> dict[str, Any]:
    return {
        "gateway": TWILIO,
        "gateway_message_id": f"past-{message_id}",
        "received_at": at,
        "from_number": "",
        "to_number": "",
        "body": "",
        "outcome": reply.value,
        "for_agents": False,
        "organisation_id": organisation_id,
    }


def _outgoing(appointment_id: int, number: int, at: datetime) -> dict[str, Any]:
    """Of five, three are SMS, every other one of two segments; of fifty, one does not arrive."""
    is_sms, is_lost = number % 5 < 3, number % 50 in (7, 34)
    arrived = DeliveryStatus.UNDELIVERED if is_lost else DeliveryStatus.DELIVERED
    return {
        "channel": "sms" if is_sms else "email",
        "kind": "notification",
        "recipient": "",
        "sender": "",
        "body": "",
        "segments": 1 + number % 2 if is_sms else None,
        "appointment_id": appointment_id,
        "created_at": at,
        "state": "refused" if is_lost and not is_sms else "sent",
        "delivery_status": arrived.value if is_sms else None,
        "due_at": at,
    }
