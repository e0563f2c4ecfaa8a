from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.email import CalendarEvent, CalendarMethod, calendar_text
from smsbot.messages.fitting import one_line
from tests.lines import every_line

EVENT = CalendarEvent(
    uid="7f0c1a52-1d0e-4b6c-9a3e-5f0c7a9b1c2d",
    sequence=2,
    written_at=datetime(2025, 5, 1, 8, 0, 30, 999, tzinfo=UTC),
    starts_at=datetime(2025, 5, 12, 14, 30, tzinfo=timezone(timedelta(hours=2))),
    ends_at=datetime(2025, 5, 12, 13, 0, tzinfo=UTC),
    summary="RDV",
    location="Mairie de Lyon, 1 place de la Comédie; hall B\\2",
    organiser="rdv@example.org",
    organiser_name="RDV Solidarités",
)


def parsed(text: str) -> tuple[icalendar.Component, icalendar.Component]:
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    assert calendar.errors == event.errors == []
    return calendar, event


@every_line(("method", "status"), [(CalendarMethod.CANCEL, "CANCELLED"), (CalendarMethod.PUBLISH, "CONFIRMED")])
def test_what_a_calendar_reads(method: CalendarMethod, status: str) -> None:
    text = calendar_text(EVENT, method)
    calendar, event = parsed(text)
    assert calendar["METHOD"] == method
    assert calendar["VERSION"] == "2.0"
    assert event["UID"] == EVENT.uid
    assert event["SEQUENCE"] == 2
    assert event["STATUS"] == status
    assert event["SUMMARY"] == "RDV"
    assert event["LOCATION"] == EVENT.location
    assert event["ORGANIZER"] == "mailto:rdv@example.org"
    assert event["ORGANIZER"].params["CN"] == "RDV Solidarités"
    assert "ATTENDEE" not in event
    lines = text.split("\r\n")
    assert "DTSTAMP:20250501T080030Z" in lines
    assert "DTSTART:20250512T123000Z" in lines
    assert "DTEND:20250512T130000Z" in lines


@every_line(
    ("address", "told"),
    [
        ("rdv+lyon@example.org", "mailto:rdv+lyon@example.org"),
        ("é@example.org", "mailto:%C3%A9@example.org"),
        ("a%b?c=d@example.org", "mailto:a%25b%3Fc%3Dd@example.org"),
    ],
)
def test_the_organiser_is_a_mailto_address_of_rfc_6068(address: str, told: str) -> None:
    _, event = parsed(calendar_text(replace(EVENT, organiser=address), CalendarMethod.PUBLISH))
    assert event["ORGANIZER"] == told


@every_line("ends_at", [None, EVENT.starts_at, EVENT.starts_at - timedelta(hours=1)])
def test_an_end_that_is_none_is_left_out(ends_at: datetime | None) -> None:
    text = calendar_text(replace(EVENT, ends_at=ends_at, organiser=None, location=None), CalendarMethod.PUBLISH)
    _, event = parsed(text)
    assert not {"DTEND", "ORGANIZER", "LOCATION"} & event.keys()


@given(summary=st.text(max_size=500).map(one_line), location=st.text(max_size=500).map(one_line))
def test_whatever_the_names_the_lines_are_those_of_the_rfc(summary: str, location: str) -> None:
    text = calendar_text(replace(EVENT, summary=summary, location=location), CalendarMethod.CANCEL)
    lines = text.removesuffix("\r\n").split("\r\n")
    assert all(len(line.encode()) <= 75 and min(line) >= " " for line in lines)
    _, event = parsed(text)
    assert event.get("LOCATION", "") == location
    assert event.get("SUMMARY", "") == summary
