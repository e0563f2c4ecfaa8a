"""The calendar part of an e-mail: RFC 5545 objects, exchanged as RFC 5546 says.

Only METHOD:PUBLISH and METHOD:CANCEL are ever written. A REQUEST would let the usager's calendar offer a "Non" that
cancels nothing (RDV Service Public, #1662), so there is no ATTENDEE to answer either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

import icalendar

_PRODUCT = "-//smsbot//smsbot//FR"
_IN_A_MAILTO = "@:!$'()*+,"
"""Signs of an address that need no percent-encoding in a mailto: URI (RFC 6068, 2)."""


class CalendarMethod(StrEnum):
    """What the calendar should do with the event: add or update it, or remove it."""

    PUBLISH = "PUBLISH"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One version of an appointment as calendars know it. Datetimes are aware; they are written in UTC.

    `uid` stays the same for the life of the appointment and `sequence` grows with each change that is told.
    `organiser` is an e-mail address, bare, its name being `organiser_name`: calendars take a CANCEL from the one that
    published. `summary`, `location` and `organiser_name` are told on one line.
    """

    uid: str
    sequence: int
    written_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    summary: str
    location: str | None = None
    organiser: str | None = None
    organiser_name: str | None = None


def calendar_text(event: CalendarEvent, method: CalendarMethod) -> str:
    """The iCalendar object for `event`: lines folded, ended by CRLF."""
    status = icalendar.STATUS.CONFIRMED if method is CalendarMethod.PUBLISH else icalendar.STATUS.CANCELLED
    component = icalendar.Event.new(
        uid=event.uid,
        sequence=event.sequence,
        stamp=event.written_at.astimezone(UTC),
        start=event.starts_at.astimezone(UTC),
        end=event.ends_at.astimezone(UTC) if event.ends_at and event.ends_at > event.starts_at else None,
        summary=event.summary,
        location=event.location or None,
        status=status,
        organizer=_organiser(event),
    )
    calendar = icalendar.Calendar()
    for name, value in (("prodid", _PRODUCT), ("version", "2.0"), ("method", method)):
        calendar.add(name, value)
    calendar.add_component(component)
    octets: bytes = calendar.to_ical()
    return octets.decode()


def _organiser(event: CalendarEvent) -> icalendar.vCalAddress | None:
    if not event.organiser:
        return None
    return icalendar.vCalAddress.new(f"mailto:{quote(event.organiser, _IN_A_MAILTO)}", cn=event.organiser_name)
