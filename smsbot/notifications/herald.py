"""Tells usagers what has become of their appointments, by SMS and e-mail, by way of the outbox.

Everything is written in the transaction of what is told, so that nobody hears of what was not done. What is sent
unasked goes only where the participation asks for it, and by the channels that the usager accepts; the receipt of an
usager's own cancellation is not unasked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select

from smsbot.appointments.appointment import Participation
from smsbot.appointments.cancellation import Ended
from smsbot.appointments.terms import Terms, TermsBook
from smsbot.links import Links
from smsbot.messages.appointment_facts import EmailFacts
from smsbot.messages.brands import brand_of
from smsbot.messages.calendar import CalendarMethod
from smsbot.messages.email import EmailKind, EmailTexts
from smsbot.messages.email_addresses import parse_address
from smsbot.messages.sms import MOST_NOTIFICATION_SEGMENTS, SmsTexts
from smsbot.model import Actor, Status
from smsbot.notifications.wording import appointment_text, place_of, told_address
from smsbot.outbox.messages import Kind, OutgoingMessage, enqueue
from smsbot.policy import Policy
from smsbot.store.prepared import Prepared
from smsbot.store.tables import opt_outs


class News(StrEnum):
    """What can be told unasked: each is a template of that name in `templates/sms/` and in `templates/email/`."""

    CREATED = "created"
    MOVED = "moved"
    REMINDER = "reminder"
    CANCELLED_BY_SERVICE = "cancelled_by_service"
    CANCELLED_ON_REQUEST = "cancelled_on_request"
    CANCELLED_OTHERS = "cancelled_others"


@dataclass(frozen=True, slots=True)
class Senders:
    """What messages leave from, where nothing else is said: an SMS sender, whether it can be answered, an address with
    or without a name (`RDV <rdv@example.fr>`)."""

    sms: str
    two_way: bool
    mail: str

    @property
    def organiser(self) -> str:
        """The bare address of `mail`: what calendars know an organiser by."""
        return parse_address(self.mail).addr_spec


@dataclass(frozen=True, slots=True)
class Herald:
    """Writes receipts and news into the outbox."""

    sms_texts: SmsTexts
    email_texts: EmailTexts
    terms: TermsBook
    policy: Policy
    links: Links
    senders: Senders

    def ended(self, connection: Connection, ended: Ended) -> None:
        """Tell everybody concerned that their participation has ended; nobody, once the appointment has begun."""
        if ended.participations[0].appointment.starts_at <= ended.at:
            return
        by_usager = ended.canceller.by is Actor.USAGER
        if by_usager:
            self._receipt(connection, ended)
            news = News.CANCELLED_OTHERS
        else:
            on_request = ended.canceller.status is Status.EXCUSED
            news = News.CANCELLED_ON_REQUEST if on_request else News.CANCELLED_BY_SERVICE
        for participation in ended.participations[by_usager:]:
            told = _as_it_is_now(participation, ended.calendar_sequence)
            if by_usager:
                told = _without_ways_to(ended.participations[0], told)
            if told.send_lifecycle_notifications:
                self._tell(connection, told, news, "notification", ended.at, ended.canceller.word)

    def tell(self, connection: Connection, participation: Participation, news: News, now: datetime) -> None:
        """Tell one usager that their appointment is new, has moved, or is coming up, if they are to be told at all."""
        reminder = news is News.REMINDER
        wanted = participation.send_reminder_notification if reminder else participation.send_lifecycle_notifications
        if wanted:
            self._tell(connection, participation, news, "reminder" if reminder else "notification", now)

    def _receipt(self, connection: Connection, ended: Ended) -> None:
        if ended.participations[0].email:
            participation = _as_it_is_now(ended.participations[0], ended.calendar_sequence)
            terms = self.terms.of(participation)
            self._email(connection, participation, terms, EmailKind.RECEIPT, "receipt", ended.at)

    def _tell(
        self,
        connection: Connection,
        participation: Participation,
        news: News,
        kind: Kind,
        now: datetime,
        word: str | None = None,
    ) -> None:
        terms = self.terms.of(participation)
        if participation.phone and participation.notify_by_sms and not _opted_out(connection, participation.phone):
            self._sms(connection, participation, terms, news, kind, now, word)
        if participation.email and participation.notify_by_email:
            self._email(connection, participation, terms, EmailKind(news.value), kind, now, word)

    def _sms(
        self,
        connection: Connection,
        participation: Participation,
        terms: Terms,
        news: News,
        kind: Kind,
        now: datetime,
        word: str | None,
    ) -> None:
        cancellable = _is_cancellable(participation, terms, now)
        values = {
            "appointment": appointment_text(participation, terms),
            "telephone": terms.telephone,
            "rebook_url": terms.rebook_url,
            "link": self.links.url_for(participation.id) if cancellable else None,
            "two_way": self.senders.two_way if terms.sender is None else self.policy.channel(terms.sender).two_way,
            "cancellable": cancellable,
            "word": word,
        }
        sms = self.sms_texts.write(news.value, values, most_segments=MOST_NOTIFICATION_SEGMENTS)
        assert participation.phone is not None
        message = OutgoingMessage(
            channel="sms",
            kind=kind,
            recipient=participation.phone,
            sender=terms.sender or self.senders.sms,
            body=sms.body,
            segments=sms.segments,
            appointment_id=participation.appointment.id,
            participation_id=participation.id,
        )
        enqueue(connection, message, now)

    def _email(
        self,
        connection: Connection,
        participation: Participation,
        terms: Terms,
        email_kind: EmailKind,
        kind: Kind,
        now: datetime,
        word: str | None = None,
    ) -> None:
        is_coming = email_kind.calendar_method is CalendarMethod.PUBLISH
        can_still_cancel = is_coming and _is_cancellable(participation, terms, now)
        facts = replace(self._email_facts(participation, terms, now, can_still_cancel=can_still_cancel), word=word)
        content = self.email_texts.write(email_kind, facts)
        assert participation.email is not None
        message = OutgoingMessage(
            channel="email",
            kind=kind,
            recipient=participation.email,
            sender=self.senders.mail,
            subject=content.subject,
            body=content.text,
            html=content.html,
            calendar=content.calendar,
            calendar_method=content.calendar_method,
            appointment_id=participation.appointment.id,
            participation_id=participation.id,
        )
        enqueue(connection, message, now)

    def _email_facts(
        self, participation: Participation, terms: Terms, now: datetime, *, can_still_cancel: bool
    ) -> EmailFacts:
        appointment = participation.appointment
        organisation = appointment.organisation
        verticale = organisation.verticale if organisation else None
        brand = brand_of(verticale)
        name = self.policy.brand(verticale).name
        return EmailFacts(
            appointment=appointment_text(participation, terms),
            uuid=appointment.uuid,
            sequence=appointment.calendar_sequence,
            written_at=now,
            brand=brand if name is None else replace(brand, name=name),
            ends_at=appointment.ends_at,
            location=appointment.location_type,
            address=told_address(appointment),
            organisation=organisation.name if organisation and organisation.name != place_of(appointment) else None,
            first_name=participation.first_name,
            link=self.links.url_for(participation.id) if can_still_cancel else None,
            rebook=appointment.bookable_by_everyone,
            rebook_url=terms.rebook_url,
            organiser=self.senders.organiser,
        )


def _is_cancellable(participation: Participation, terms: Terms, now: datetime) -> bool:
    """Whether the usager could still cancel by SMS or link, so that the way out is worth telling."""
    return terms.refusal(participation.appointment.starts_at, now) is None


def _as_it_is_now(participation: Participation, calendar_sequence: int) -> Participation:
    return replace(participation, appointment=replace(participation.appointment, calendar_sequence=calendar_sequence))


def _without_ways_to(canceller: Participation, told: Participation) -> Participation:
    """Who cancels for one of two who share a telephone knows, and has their answer and receipt."""
    return replace(
        told,
        phone=told.phone if told.phone != canceller.phone else None,
        email=told.email if told.email != canceller.email else None,
    )


def _opted_out(connection: Connection, number: str) -> bool:
    return _OPT_OUT_OF.row(connection, {"number": number}) is not None


_OPT_OUT_OF = Prepared(select(opt_outs.c.number).where(opt_outs.c.number == bindparam("number")))
