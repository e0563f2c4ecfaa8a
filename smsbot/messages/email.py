"""Writes every e-mail of the bot: the words of one template, as plain text and as HTML, with a calendar part.

It also makes the MIME message: multipart/alternative with plain text, HTML and calendar (RFC 2046, RFC 6047).

The calendar part has RFC 5545 objects, exchanged as RFC 5546 says. Only METHOD:PUBLISH and METHOD:CANCEL are used. With
REQUEST the usager's calendar would offer a "Non" that cancels nothing (RDV Service Public, #1662). For the same reason
there is no ATTENDEE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

import icalendar
import jinja2

from smsbot.messages.appointment_facts import DEFAULT_LABEL, EmailFacts
from smsbot.messages.email_addresses import parse_address
from smsbot.messages.fitting import one_line, told_first_name

CALENDAR_PRODUCT = "-//smsbot//smsbot//FR"
_IN_A_MAILTO = "@:!$'()*+,"
"""Characters of an address that need no percent-encoding in a mailto: URI (RFC 6068, 2)."""


class CalendarMethod(StrEnum):
    """What the calendar should do with the event: add or update it, or remove it."""

    PUBLISH = "PUBLISH"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One version of an appointment for calendars. Datetimes are aware; they are written in UTC.

    `uid` never changes for an appointment, and `sequence` grows with each change that is sent. `organiser` is a bare
    e-mail address, and `organiser_name` its name: calendars accept a CANCEL only from the organiser that published.
    `summary`, `location` and `organiser_name` are single lines.
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
    """The iCalendar object for `event`, with folded lines that end with CRLF."""
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
    for name, value in (("prodid", CALENDAR_PRODUCT), ("version", "2.0"), ("method", method)):
        calendar.add(name, value)
    calendar.add_component(component)
    octets: bytes = calendar.to_ical()
    return octets.decode()


def _organiser(event: CalendarEvent) -> icalendar.vCalAddress | None:
    if not event.organiser:
        return None
    return icalendar.vCalAddress.new(f"mailto:{quote(event.organiser, _IN_A_MAILTO)}", cn=event.organiser_name)


class EmailKind(StrEnum):
    """The kinds of e-mails. The words of each are in `templates/email/<kind>.txt`."""

    RECEIPT = "receipt"  # the usager has cancelled
    CREATED = "created"
    MOVED = "moved"
    REMINDER = "reminder"
    CANCELLED_BY_SERVICE = "cancelled_by_service"
    CANCELLED_ON_REQUEST = "cancelled_on_request"
    CANCELLED_OTHERS = "cancelled_others"  # another participant of an individual appointment has cancelled
    WORD = "word"  # an agent writes first
    STANDS_AGAIN = "stands_again"  # an usager's cancellation was a mistake
    # The usager's request to cancel was not carried out
    REQUEST_REFUSED = "request_refused"
    REQUEST_MOVED = "request_moved"
    REQUEST_HELD = "request_held"
    REQUEST_GONE = "request_gone"
    REQUEST_GIVEN_UP = "request_given_up"

    @property
    def tells_of_coming(self) -> bool:
        """Whether it is about a coming appointment, so that it says how to cancel it."""
        return self in (EmailKind.CREATED, EmailKind.MOVED, EmailKind.REMINDER, EmailKind.STANDS_AGAIN, EmailKind.WORD)

    @property
    def tells_of_failure(self) -> bool:
        """Whether it says that the appointment was not cancelled although its usager asked for it."""
        return self.value.startswith("request_")

    @property
    def calendar_method(self) -> CalendarMethod:
        return CalendarMethod.CANCEL if self in _GONE else CalendarMethod.PUBLISH


_GONE = (
    EmailKind.RECEIPT,
    EmailKind.CANCELLED_BY_SERVICE,
    EmailKind.CANCELLED_ON_REQUEST,
    EmailKind.CANCELLED_OTHERS,
    EmailKind.REQUEST_GONE,
)


@dataclass(frozen=True, slots=True)
class EmailContent:
    """The content of an e-mail, with the names of the outbox's columns.

    `calendar_method` is the METHOD in `calendar`. The content type repeats it (RFC 6047, 2.4).
    """

    subject: str
    body: str
    html: str
    calendar: str
    calendar_method: str


class KeptEmail(Protocol):
    """An e-mail as the outbox has it: everything that is sent except the Message-ID.

    `sender` and `recipient` are addresses, with or without a name ("RDV Solidarités <rdv@example.org>"). `created_at`
    is aware.
    """

    @property
    def sender(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def body(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def calendar(self) -> str | None: ...
    @property
    def calendar_method(self) -> str | None: ...
    @property
    def reply_to(self) -> str | None: ...


class EmailTexts:
    """The e-mails of `templates/email/`, read and compiled once.

    The words of each kind are blocks in its template. Both layouts, `_layout.txt` and `_layout.html`, print these
    blocks, so the two can never say different things.
    """

    def __init__(self, environment: jinja2.Environment) -> None:
        self._words = {kind: environment.get_template(f"email/{kind}.txt") for kind in EmailKind}
        self._text = environment.get_template("email/_layout.txt")
        self._html = environment.get_template("email/_layout.html")

    def write(self, kind: EmailKind, facts: EmailFacts) -> EmailContent:
        """The e-mail of this kind about `facts`, always with a calendar part."""
        facts = _on_one_line(facts)
        words = self._words[kind].make_module({"facts": facts, "appointment": facts.appointment})
        values = {"facts": facts, "appointment": facts.appointment, "words": words}
        event = CalendarEvent(
            uid=facts.uuid,
            sequence=facts.sequence,
            written_at=facts.written_at,
            starts_at=facts.appointment.starts_at,
            ends_at=facts.ends_at,
            summary=facts.appointment.label,
            location=_block(words, "where"),
            organiser=facts.organiser,
            organiser_name=facts.brand.name,
        )
        return EmailContent(
            subject=_block(words, "subject"),
            body=self._text.render(values),
            html=self._html.render(values),
            calendar=calendar_text(event, kind.calendar_method),
            calendar_method=kind.calendar_method,
        )


def _block(words: object, name: str) -> str:
    return one_line(str(getattr(words, name)))


def _on_one_line(facts: EmailFacts) -> EmailFacts:
    """`facts` in a safe form: no text has line ends or control characters, and no first name is a web address."""
    appointment = replace(
        facts.appointment,
        label=one_line(facts.appointment.label) or DEFAULT_LABEL,
        place=one_line(facts.appointment.place or "") or None,
    )
    return replace(
        facts,
        appointment=appointment,
        uuid=one_line(facts.uuid),
        address=one_line(facts.address or "") or None,
        organisation=one_line(facts.organisation or "") or None,
        contact=one_line(facts.contact or "") or None,
        first_names=tuple(filter(None, map(told_first_name, facts.first_names))),
        links=tuple(replace(link, first_name=told_first_name(link.first_name)) for link in facts.links),
        word=one_line(facts.word or "") or None,
    )


def to_message(email: KeptEmail, message_id: str) -> EmailMessage:
    """The MIME message of an e-mail, with all headers. `message_id` includes its angle brackets.

    A domain outside ASCII is written in IDNA; a local part outside ASCII needs a server with SMTPUTF8. A header says
    that a program wrote the e-mail, so that no autoresponder answers (RFC 3834).

    Raises `ValueError` if the sender or the recipient is not an address. No value can add a header.
    """
    addresses = [parse_address(email.sender), parse_address(email.recipient)]
    is_ascii = all(address.addr_spec.isascii() for address in addresses)
    message = EmailMessage(SMTP if is_ascii else SMTPUTF8)
    message["From"], message["To"] = addresses
    if email.reply_to is not None:
        message["Reply-To"] = parse_address(email.reply_to)
    message["Subject"] = one_line(email.subject or "")
    message["Date"] = email.created_at
    message["Message-ID"] = one_line(message_id)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(email.body, cte="quoted-printable")
    if email.html is not None:
        message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    if email.calendar is not None and email.calendar_method is not None:
        method = {"method": email.calendar_method}
        message.add_alternative(email.calendar, subtype="calendar", cte="base64", params=method)
    return message
