"""Every e-mail the bot writes: the words of one template, laid out as plain text and as HTML, and a calendar part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import jinja2

from smsbot.messages.appointment_facts import DEFAULT_LABEL, EmailFacts
from smsbot.messages.calendar import CalendarEvent, CalendarMethod, calendar_text
from smsbot.messages.first_names import told_first_name
from smsbot.messages.fitting import one_line


class EmailKind(StrEnum):
    """The e-mails there are, each with its words in `templates/email/<kind>.txt`."""

    RECEIPT = "receipt"  # of the usager's own cancellation
    CREATED = "created"
    MOVED = "moved"
    REMINDER = "reminder"
    CANCELLED_BY_SERVICE = "cancelled_by_service"
    CANCELLED_ON_REQUEST = "cancelled_on_request"
    CANCELLED_OTHERS = "cancelled_others"  # by another participant of an individual appointment

    @property
    def calendar_method(self) -> CalendarMethod:
        coming = (EmailKind.CREATED, EmailKind.MOVED, EmailKind.REMINDER)
        return CalendarMethod.PUBLISH if self in coming else CalendarMethod.CANCEL


@dataclass(frozen=True, slots=True)
class EmailContent:
    """An e-mail without sender and recipient: the outbox stores it, and `mime.to_message` makes it ready to send.

    `calendar_method` is the METHOD that `calendar` declares: the content type repeats it (RFC 6047, 2.4).
    """

    subject: str
    text: str
    html: str
    calendar: str | None = None
    calendar_method: CalendarMethod | None = None


class EmailTexts:
    """The e-mails of `templates/email/`, read and compiled once.

    The words of each kind are said once, in its template, as blocks that both layouts, `_layout.txt` and
    `_layout.html`, print: the two can never say different things.
    """

    def __init__(self, environment: jinja2.Environment) -> None:
        self._words = {kind: environment.get_template(f"email/{kind}.txt") for kind in EmailKind}
        self._text = environment.get_template("email/_layout.txt")
        self._html = environment.get_template("email/_layout.html")

    def write(self, kind: EmailKind, facts: EmailFacts) -> EmailContent:
        """The e-mail `kind` about `facts`, always with its calendar part."""
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
            text=self._text.render(values),
            html=self._html.render(values),
            calendar=calendar_text(event, kind.calendar_method),
            calendar_method=kind.calendar_method,
        )


def _block(words: object, name: str) -> str:
    return one_line(str(getattr(words, name)))


def _on_one_line(facts: EmailFacts) -> EmailFacts:
    """`facts` made safe: no name has line ends or control characters, and no first name is a web address."""
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
        first_names=tuple(filter(None, map(told_first_name, facts.first_names))),
        links=tuple(replace(link, first_name=told_first_name(link.first_name)) for link in facts.links),
        word=one_line(facts.word or "") or None,
    )
