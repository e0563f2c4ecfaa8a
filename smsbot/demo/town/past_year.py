"""Writes the two years before as they are after the retention period: rows without personal data, for the figures.

The numbers are made up and always the same. They grow a little, as for a service that becomes known. Of a hundred
appointments eight are cancelled, of a hundred SMS three do not arrive, and most messages are understood at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

from sqlalchemy import Connection, insert, select

from smsbot.conversation.states import Reply
from smsbot.figures.results import Month
from smsbot.gateways.base import DeliveryStatus
from smsbot.model import DEFAULT_SOURCE, Actor, LocationType, Status, Via
from smsbot.policy.values import TWILIO
from smsbot.store.tables import appointments, incoming_messages, outgoing_messages, participations

MONTHS = 23
_LEADS = [timedelta(hours=hours) for hours in (30, 5, 80, 3, 52, 200, 20, 26, 100, 44)]
_WAYS = (Via.SMS, Via.SMS, Via.SMS, Via.LINK, Via.SMS, Via.CONSOLE, Via.SMS, Via.WEBHOOK, Via.LINK, Via.SMS)
_AGENTS_WAYS = (Via.CONSOLE, Via.WEBHOOK)
_PLACES = ("Maison des solidarités", "Maison des solidarités", "Mairie annexe")

# One of so many appointments is cancelled, missed, announced or asked about; one of so many messages does not arrive.
_CANCELLED, _MISSED, _ANNOUNCED, _ASKED_ABOUT, _LOST = 12, 19, 5, 33, 33

_CANCELLING = (Reply.ASK_LETTERS, Reply.CONFIRM, Reply.CANCELLED)
_NOT_AT_ONCE = (Reply.ASK_LETTERS, Reply.EXPLAIN_LETTERS, Reply.CONFIRM, Reply.CONFIRM_AGAIN, Reply.CANCELLED)
_HANDLED_AFTER = [timedelta(minutes=minutes) for minutes in (12, 25, 8, 95, 40, 18, 300, 31)]


def write_past_year(connection: Connection, organisation_id: int, now: datetime) -> None:
    """Write the appointments, and the messages about them."""
    past = list(_past(now))
    connection.execute(insert(appointments), [one.appointment(organisation_id) for one in past])
    columns = appointments.c
    theirs = select(columns.external_id, columns.id).where(columns.external_id.startswith("past-"))
    ids = {row.external_id: row.id for row in connection.execute(theirs)}
    connection.execute(insert(participations), [one.participation(ids[one.external_id]) for one in past])
    received = [message for one in past for message in one.received(organisation_id)]
    connection.execute(insert(incoming_messages), received)
    sent = [message for one in past for message in one.sent(ids[one.external_id])]
    connection.execute(insert(outgoing_messages), sent)


@dataclass(frozen=True, slots=True)
class _PastAppointment:
    """One appointment. `way` is how it was cancelled, `lead` before its start; `way` is None if it was not."""

    number: int
    starts_at: datetime
    way: Via | None
    lead: timedelta

    @property
    def external_id(self) -> str:
        return f"past-{self.number}"

    @property
    def status(self) -> Status:
        if self.way is not None:
            return Status.REVOKED if self.way in _AGENTS_WAYS else Status.EXCUSED
        return Status.NOSHOW if self.number % _MISSED == 0 else Status.SEEN

    def appointment(self, organisation_id: int) -> dict[str, Any]:
        return {
            "source": DEFAULT_SOURCE,
            "external_id": self.external_id,
            "organisation_id": organisation_id,
            "uuid": self.external_id,
            "starts_at": self.starts_at,
            "status": self.status.value,
            "collective": False,
            "place_name": _PLACES[self.number // 5 % len(_PLACES)],
            "location_type": LocationType.PUBLIC_OFFICE.value,
            "bookable_by_everyone": False,
            "changed_at": self.starts_at,
        }

    def participation(self, appointment_id: int) -> dict[str, Any]:
        is_announced = self.way is None and self.number % _ANNOUNCED == 0
        by = None if self.way is None else Actor.AGENT if self.way in _AGENTS_WAYS else Actor.USAGER
        return {
            "appointment_id": appointment_id,
            "source": DEFAULT_SOURCE,
            "external_id": "1",
            "status": self.status.value,
            "cancelled_at": self.starts_at - self.lead if self.way else None,
            "cancelled_by": by and by.value,
            "cancelled_way": self.way and self.way.value,
            "announced_at": self.starts_at - timedelta(days=1) if is_announced else None,
            "surnames": [],
            "first_names": [],
            "notify_by_sms": True,
            "notify_by_email": True,
            "send_lifecycle_notifications": True,
            "send_reminder_notification": True,
            "erased_at": self.starts_at,
        }

    def received(self, organisation_id: int) -> Iterator[dict[str, Any]]:
        """What the person wrote: to cancel, to say that they will come, or to ask something that an agent answers."""
        replies: tuple[Reply, ...] = ()
        if self.way is Via.SMS:
            replies = _NOT_AT_ONCE if self.number // _CANCELLED % 6 == 0 else _CANCELLING
        elif self.way is None and self.number % _ANNOUNCED == 0:
            replies = (Reply.COMING_NOTED,)
        elif self.number % _ASKED_ABOUT == 0:
            replies = (Reply.OUTSIDE_FLOW,)
        at = self.starts_at - max(self.lead, timedelta(hours=20))
        handled_after = _HANDLED_AFTER[self.number // _ASKED_ABOUT % len(_HANDLED_AFTER)]
        for index, reply in enumerate(replies):
            is_for_agents = reply is Reply.OUTSIDE_FLOW
            yield {
                "gateway": TWILIO,
                "gateway_message_id": f"{self.external_id}.{index}",
                "received_at": at,
                "from_number": "",
                "to_number": "",
                "body": "",
                "outcome": reply.value,
                "for_agents": is_for_agents,
                "handled_at": at + handled_after if is_for_agents else None,
                "organisation_id": organisation_id,
            }

    def sent(self, appointment_id: int) -> Iterator[dict[str, Any]]:
        """The notification that it was made, and a reminder; by e-mail as well if there is an address."""
        told = (("sms", "notification", 10), ("email", "notification", 10), ("sms", "reminder", 2))
        for index, (channel, kind, days) in enumerate(told):
            if channel == "email" and self.number % 2:
                continue
            is_sms, is_lost = channel == "sms", (2 * self.number + index // 2) % _LOST == 0
            at = self.starts_at - timedelta(days=days)
            arrived = DeliveryStatus.UNDELIVERED if is_lost else DeliveryStatus.DELIVERED
            yield {
                "channel": channel,
                "kind": kind,
                "recipient": "",
                "sender": "",
                "body": "",
                "segments": (2 if self.number % 10 == 0 else 1) if is_sms else None,
                "appointment_id": appointment_id,
                "created_at": at,
                "state": "refused" if is_lost and not is_sms else "sent",
                "delivery_status": arrived.value if is_sms else None,
                "due_at": at,
            }


def _past(now: datetime) -> Iterator[_PastAppointment]:
    leads, ways, number = cycle(_LEADS), cycle(_WAYS), 0
    for back in range(MONTHS, 0, -1):
        month = Month(now.year, now.month).plus(-back)
        for each in range(70 + 2 * (MONTHS - back) + 9 * (back % 3)):
            number += 1
            starts_at = now.replace(year=month.year, month=month.number, day=each % 28 + 1)
            is_cancelled = number % _CANCELLED == 0
            yield _PastAppointment(number, starts_at, next(ways) if is_cancelled else None, next(leads))
