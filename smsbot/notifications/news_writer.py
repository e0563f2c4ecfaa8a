"""Writes the SMS and e-mails about appointments: their recipient, their sender, and their text.

Nothing is put into the outbox here. `herald` decides who is told what, and enqueues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select

from smsbot.appointments.appointment import Participation
from smsbot.appointments.terms import Terms, TermsBook, appointment_text, told_address
from smsbot.messages.appointment_facts import EmailFacts, PersonalLink, brand_of
from smsbot.messages.email import EmailKind, EmailTexts
from smsbot.messages.email_addresses import parse_address
from smsbot.messages.sms import MOST_NOTIFICATION_SEGMENTS, MOST_SEGMENTS_WITH_A_WORD, Sms, SmsTexts
from smsbot.outbox.messages import Kind, OutgoingMessage
from smsbot.outbox.stop_list import is_opted_out
from smsbot.policy import Policy
from smsbot.signing import Links
from smsbot.store.tables import incoming_messages


class News(StrEnum):
    """What people are told unasked. Each has a template with its name in `templates/sms/` and `templates/email/`."""

    CREATED = "created"
    MOVED = "moved"
    REMINDER = "reminder"
    CANCELLED_BY_SERVICE = "cancelled_by_service"
    CANCELLED_ON_REQUEST = "cancelled_on_request"
    CANCELLED_OTHERS = "cancelled_others"
    STANDS_AGAIN = "stands_again"
    WORD = "word"  # an agent writes first


class Recall(StrEnum):
    """The messages that remind of an appointment. Each has an SMS template with its name."""

    REMINDER = "reminder"
    TWO_WAY = "two_way"  # the source sends the reminder, and our SMS only says that our number can be answered


@dataclass(frozen=True, slots=True)
class Senders:
    """The usual senders: `sms`, whether people can answer it (`two_way`), and the address `mail`, with or without a
    name (`RDV <rdv@example.fr>`).
    """

    sms: str
    two_way: bool
    mail: str

    @property
    def organiser(self) -> str:
        """The address in `mail` without a name: calendars identify the organiser by it."""
        return parse_address(self.mail).addr_spec


@dataclass(frozen=True, slots=True)
class SmsLine:
    """The telephone (E.164) that an SMS goes to, our sender, and whether people can answer this sender."""

    recipient: str
    sender: str
    two_way: bool

    def message(self, sms: Sms, kind: Kind, about: Participation, *, in_reply_to: int | None = None) -> OutgoingMessage:
        """This SMS about a participation, ready for the outbox. `in_reply_to` is our id of the message it answers."""
        return OutgoingMessage(
            channel="sms",
            kind=kind,
            recipient=self.recipient,
            sender=self.sender,
            body=sms.body,
            segments=sms.segments,
            in_reply_to=in_reply_to,
            appointment_id=about.appointment.id,
            participation_id=about.id,
        )


@dataclass(frozen=True, slots=True)
class NewsWriter:
    """Writes messages about appointments, ready for the outbox."""

    sms_texts: SmsTexts
    email_texts: EmailTexts
    terms: TermsBook
    policy: Policy
    links: Links
    senders: Senders

    def line_to(self, connection: Connection, participation: Participation) -> SmsLine | None:
        """The line to the participation's telephone; None where it takes no SMS, or has sent STOP."""
        phone, terms = participation.phone, self.terms.of(participation)
        if phone is None or not participation.takes_sms or is_opted_out(connection, phone):
            return None
        return SmsLine(phone, terms.sender or self.senders.sms, self.is_answered(terms))

    def line_back(self, connection: Connection, incoming_id: int | None) -> SmsLine | None:
        """The line to the telephone that wrote this incoming message, from the number that it was sent to.

        None after STOP, and where the message was erased.
        """
        row = connection.execute(_WRITTEN_ON, {"this": incoming_id}).one_or_none()
        if row is None or not row.from_number or is_opted_out(connection, row.from_number):
            return None
        return SmsLine(row.from_number, row.to_number, True)

    def is_answered(self, terms: Terms) -> bool:
        """Whether people can answer the unasked messages that are sent to them."""
        return self.senders.two_way if terms.sender is None else self.policy.channel(terms.sender).two_way

    def sms(
        self,
        connection: Connection,
        together: Sequence[Participation],
        template: News | Recall,
        kind: Kind,
        now: datetime,
        word: str | None,
    ) -> OutgoingMessage | None:
        """The SMS to people who share the telephone of the first; None where no SMS can be sent there.

        A link leads to one participation only. So the SMS has no link if each of them has to be cancelled separately.
        """
        participation = together[0]
        line = self.line_to(connection, participation)
        if line is None:
            return None
        terms = self.terms.of(participation)
        cancellable = _is_cancellable(participation, terms, now)
        link = self.links.url_for(participation.id) if cancellable and not _end_apart(together) else None
        values = {
            "appointment": appointment_text(participation, terms),
            "telephone": terms.telephone,
            "rebook_url": terms.rebook_url,
            "link": link,
            "two_way": line.two_way,
            "cancellable": cancellable,
            "word": word,
        }
        most = MOST_SEGMENTS_WITH_A_WORD if word else MOST_NOTIFICATION_SEGMENTS
        if template is News.REMINDER:
            asks = terms.ask_to_announce and cancellable and line.two_way
            sms = self.sms_texts.write_reminder(values, asks=asks)
        else:
            sms = self.sms_texts.write(template.value, values, most_segments=most)
        return line.message(sms, kind, participation)

    def email(
        self,
        together: Sequence[Participation],
        email_kind: EmailKind,
        kind: Kind,
        now: datetime,
        word: str | None = None,
        take_back_minutes: int | None = None,
    ) -> OutgoingMessage:
        """The e-mail to people who share the address of the first. The first must have one."""
        participation, terms = together[0], self.terms.of(together[0])
        can_still_cancel = email_kind.tells_of_coming and _is_cancellable(participation, terms, now)
        facts = self._email_facts(together, terms, now, can_still_cancel=can_still_cancel)
        facts = replace(facts, word=word, take_back_minutes=take_back_minutes)
        if email_kind.tells_of_failure:
            facts = replace(facts, rebook_url=None)  # the appointment stands
        content = self.email_texts.write(email_kind, facts)
        assert participation.email is not None
        return OutgoingMessage(
            channel="email",
            kind=kind,
            recipient=participation.email,
            sender=self.senders.mail,
            subject=content.subject,
            body=content.body,
            html=content.html,
            calendar=content.calendar,
            calendar_method=content.calendar_method,
            reply_to=self.terms.brand_words(participation.appointment).reply_to,
            appointment_id=participation.appointment.id,
            participation_id=participation.id,
        )

    def _email_facts(
        self, together: Sequence[Participation], terms: Terms, now: datetime, *, can_still_cancel: bool
    ) -> EmailFacts:
        participation, appointment = together[0], together[0].appointment
        links = [PersonalLink(one.first_name, self.links.url_for(one.id)) for one in together]
        organisation = appointment.organisation
        words = self.terms.brand_words(appointment)
        return EmailFacts(
            appointment=appointment_text(participation, terms),
            uuid=appointment.uuid,
            sequence=appointment.calendar_sequence,
            written_at=now,
            brand=words.over(brand_of(appointment.verticale)),
            contact=words.contact,
            ends_at=appointment.ends_at,
            location=appointment.location_type,
            address=told_address(appointment),
            organisation=organisation.name if organisation and organisation.name != appointment.told_place else None,
            first_names=tuple(dict.fromkeys(one.first_name for one in together if one.first_name)),
            links=() if not can_still_cancel else tuple(links if _end_apart(together) else links[:1]),
            rebook=appointment.bookable_by_everyone,
            rebook_url=terms.rebook_url,
            organiser=self.senders.organiser,
        )


def _is_cancellable(participation: Participation, terms: Terms, now: datetime) -> bool:
    """Whether the usager can still cancel by SMS or link, so that messages have to say how."""
    return terms.refusal(participation.appointment.starts_at, now) is None


def _end_apart(together: Sequence[Participation]) -> bool:
    """Whether these are several participations that are cancelled one by one, as in a collective appointment."""
    return len(together) > 1 and together[0].appointment.collective


_WRITTEN_ON = select(incoming_messages.c.from_number, incoming_messages.c.to_number).where(
    incoming_messages.c.id == bindparam("this")
)
