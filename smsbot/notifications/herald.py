"""Tells usagers what has become of their appointments, by SMS and e-mail, by way of the outbox.

Everything is written in the transaction of what is told, so that nobody hears of what was not done. What is sent
unasked goes only where the participation asks for it, and by the channels that the usager accepts, and no SMS goes to a
number that takes none; the receipt of an usager's own cancellation is not unasked. Of one appointment a telephone hears
once and an e-mail address once, however many of its participants are reached there.

A connected source may write to usagers by itself. Then nothing unasked is written here, but one SMS, where
`smsbot.toml` wants it, that tells that our number can be answered. Where it is silent, what its records say of
notifications no longer tells what usagers want, because that is how it is made silent; `smsbot.toml` tells it instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, bindparam, select

from smsbot.appointments.appointment import Participation
from smsbot.appointments.cancellation import Ended
from smsbot.appointments.terms import Terms, TermsBook, appointment_text, told_address
from smsbot.messages.appointment_facts import EmailFacts, PersonalLink, brand_of
from smsbot.messages.email import EmailKind, EmailTexts
from smsbot.messages.email_addresses import parse_address
from smsbot.messages.sms import MOST_NOTIFICATION_SEGMENTS, MOST_SEGMENTS_WITH_A_WORD, SmsTexts
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.outbox.held_notices import release_notices, withdraw_notices
from smsbot.outbox.messages import Kind, OutgoingMessage, enqueue
from smsbot.policy import Policy
from smsbot.signing import Links
from smsbot.sources.phone_numbers import takes_sms
from smsbot.store.prepared import Prepared
from smsbot.store.tables import incoming_messages, opt_outs


class News(StrEnum):
    """What people are told unasked. Each has a template of its name in `templates/sms/` and `templates/email/`."""

    CREATED = "created"
    MOVED = "moved"
    REMINDER = "reminder"
    CANCELLED_BY_SERVICE = "cancelled_by_service"
    CANCELLED_ON_REQUEST = "cancelled_on_request"
    CANCELLED_OTHERS = "cancelled_others"
    STANDS_AGAIN = "stands_again"
    WORD = "word"  # an agent writes first


class Recall(StrEnum):
    """What recalls an appointment. Each has an SMS template of its name."""

    REMINDER = "reminder"
    TWO_WAY = "two_way"  # its source reminds of it, and we tell, by SMS alone, that our number can be answered


@dataclass(frozen=True, slots=True)
class Senders:
    """The usual senders: `sms`, whether people can answer it (`two_way`), and the address `mail`, with or without a
    name (`RDV <rdv@example.fr>`)."""

    sms: str
    two_way: bool
    mail: str

    @property
    def organiser(self) -> str:
        """The address in `mail` without a name: calendars identify the organiser by it."""
        return parse_address(self.mail).addr_spec


@dataclass(frozen=True, slots=True)
class SmsLine:
    """The telephone that an SMS goes to, our sender that it comes from, and whether people can answer this one."""

    recipient: str
    sender: str
    two_way: bool


@dataclass(frozen=True, slots=True)
class Ways:
    """What people would get: the SMS, the number of e-mails, and our ids of the participations that are reached."""

    sms: tuple[OutgoingMessage, ...]
    emails: int
    reached: frozenset[int]


@dataclass(frozen=True, slots=True)
class Herald:
    """Writes receipts and news into the outbox.

    `source_writes` says, by the names of the connected sources, whether each writes to usagers by itself.
    `take_back_within` is how long an usager may take back their own cancellation by SMS.
    """

    sms_texts: SmsTexts
    email_texts: EmailTexts
    terms: TermsBook
    policy: Policy
    links: Links
    senders: Senders
    source_writes: Mapping[str, bool] = field(default_factory=dict)
    take_back_within: timedelta = timedelta(0)

    def ended(self, connection: Connection, ended: Ended) -> None:
        """Tell all participants whose participation has ended. Once the appointment has begun, nobody is told."""
        if ended.participations[0].appointment.starts_at <= ended.at:
            return
        concerned = [_as_it_is_now(one, ended.calendar_sequence) for one in ended.participations]
        if ended.canceller.by is Actor.USAGER:
            self._receipt(connection, ended)
            concerned = [_without_ways_to(concerned[0], told) for told in concerned[1:]]
        wanted = [one for one in concerned if self._is_told(one)]
        canceller = ended.canceller
        due_at = ended.at + canceller.hold
        self._tell(connection, wanted, _news_of(canceller), "notification", ended.at, canceller.word, due_at)

    def withdraw(self, connection: Connection, appointment_id: int, at: datetime, now: datetime) -> bool:
        """Drop what `ended` has written at the moment `at`, if nothing of it can have left."""
        return withdraw_notices(connection, appointment_id, at, now)

    def release(self, connection: Connection, appointment_id: int, now: datetime) -> None:
        """Send what `ended` holds back of this appointment now."""
        release_notices(connection, appointment_id, now)

    def stands_again(self, connection: Connection, ended: Ended, now: datetime) -> None:
        """Tell those who were told of an usager's own cancellation that it was taken back, and confirm it by e-mail."""
        concerned = [_as_it_is_now(one, ended.calendar_sequence) for one in ended.participations]
        canceller = concerned[0]
        if canceller.email and not self._source_sends_receipt(canceller):
            self._email(connection, [canceller], self.terms.of(canceller), EmailKind.STANDS_AGAIN, "receipt", now)
        others = [_without_ways_to(canceller, told) for told in concerned[1:]]
        if others and not withdraw_notices(connection, canceller.appointment.id, ended.at, now):
            told = [one for one in others if self._is_told(one)]
            self._tell(connection, told, News.STANDS_AGAIN, "notification", now)

    def foretell(
        self, connection: Connection, concerned: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> list[OutgoingMessage]:
        """The SMS that people would get if an agent cancelled these participations in one appointment now.

        Nothing is written.
        """
        return list(self.foretell_ways(connection, concerned, canceller, now).sms)

    def foretell_ways(
        self, connection: Connection, concerned: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> Ways:
        """The same, with the e-mails and who would be reached."""
        if not concerned or concerned[0].appointment.starts_at <= now:
            return Ways((), 0, frozenset())
        wanted = [one for one in concerned if self._is_told(one)]
        return self._foretold(connection, wanted, _news_of(canceller), now, canceller.word)

    def foretell_word(
        self, connection: Connection, concerned: Sequence[Participation], word: str, now: datetime
    ) -> Ways:
        """What people would get if an agent wrote this word to them: see `write`."""
        return self._foretold(connection, concerned, News.WORD, now, word)

    def _foretold(
        self, connection: Connection, wanted: Sequence[Participation], news: News, now: datetime, word: str | None
    ) -> Ways:
        sms: list[OutgoingMessage] = []
        reached: set[int] = set()
        for together in _by_phone(wanted):
            message = self._sms_message(connection, together, news, "notification", now, word)
            if message is not None:
                sms.append(message)
                reached |= {one.id for one in together}
        by_email = _by_address(wanted)
        reached |= {one.id for together in by_email for one in together}
        return Ways(tuple(sms), len(by_email), frozenset(reached))

    def write(self, connection: Connection, concerned: Sequence[Participation], word: str, now: datetime) -> int:
        """Write to the people of these participations in one appointment what an agent wants to tell them.

        An agent decides about that, so it does not matter who is told of changes unasked; STOP and the channels that
        usagers accept do. Returns the number of messages.
        """
        return self._tell(connection, concerned, News.WORD, "notification", now, word)

    def tell(self, connection: Connection, concerned: Iterable[Participation], news: News, now: datetime) -> None:
        """Tell usagers that their appointment is new, has moved or is coming up, where they are told of it from here.

        `concerned` are participations in one appointment. People who share a telephone or an address get one message.
        """
        if news is not News.REMINDER:
            self._tell(connection, [one for one in concerned if self._is_told(one)], news, "notification", now)
            return
        recalled = {one.id: self.recall_of(one) for one in concerned}
        by_us = [one for one in concerned if recalled[one.id] is Recall.REMINDER]
        self._tell(connection, by_us, news, "reminder", now)
        for together in _by_phone(one for one in concerned if recalled[one.id] is Recall.TWO_WAY):
            self._sms(connection, together, Recall.TWO_WAY, "reminder", now)

    def recall_of(self, participation: Participation) -> Recall | None:
        """What is to recall the appointment to this usager; None for nothing from here."""
        writes = self.source_writes.get(participation.appointment.source)
        if writes is None:
            return Recall.REMINDER if participation.send_reminder_notification else None
        terms = self.terms.of(participation)
        if not writes:
            return Recall.REMINDER if terms.notify else None
        is_wanted = terms.announce_two_way and terms.may_be_cancelled and self._is_answered(terms)
        return Recall.TWO_WAY if is_wanted and participation.send_reminder_notification else None

    @property
    def silent_sources(self) -> frozenset[str]:
        """The connected sources that leave all notifications to us."""
        return frozenset(name for name, writes in self.source_writes.items() if not writes)

    def _is_told(self, participation: Participation) -> bool:
        """Whether this usager is told of changes unasked, from here."""
        writes = self.source_writes.get(participation.appointment.source)
        if writes is None:
            return participation.send_lifecycle_notifications
        return not writes and self.terms.of(participation).notify

    def _source_sends_receipt(self, participation: Participation) -> bool:
        writes = self.source_writes.get(participation.appointment.source, False)
        return writes and participation.send_lifecycle_notifications and participation.notify_by_email

    def _is_answered(self, terms: Terms) -> bool:
        """Whether people can answer what is sent to them unasked."""
        return self.senders.two_way if terms.sender is None else self.policy.channel(terms.sender).two_way

    def line_to(self, connection: Connection, participation: Participation) -> SmsLine | None:
        """The line to the participation's telephone; None where no SMS can be sent to it, or none after STOP."""
        phone, terms = participation.phone, self.terms.of(participation)
        if phone is None or not takes_sms(phone) or is_opted_out(connection, phone):
            return None
        return SmsLine(phone, terms.sender or self.senders.sms, self._is_answered(terms))

    def line_back(self, connection: Connection, incoming_id: int | None) -> SmsLine | None:
        """The line to whoever wrote this incoming message, from the number that they wrote to.

        None after STOP, and where the message is erased, since its person has asked for that.
        """
        row = connection.execute(_WRITTEN_ON, {"this": incoming_id}).one_or_none()
        if row is None or not row.from_number or is_opted_out(connection, row.from_number):
            return None
        return SmsLine(row.from_number, row.to_number, True)

    def answer_by_email(
        self, connection: Connection, participation: Participation, email_kind: EmailKind, now: datetime
    ) -> None:
        """Answer by e-mail what the participation's usager has asked for. It has an address."""
        self._email(connection, [participation], self.terms.of(participation), email_kind, "receipt", now)

    def _receipt(self, connection: Connection, ended: Ended) -> None:
        if ended.participations[0].email and not self._source_sends_receipt(ended.participations[0]):
            participation = _as_it_is_now(ended.participations[0], ended.calendar_sequence)
            terms = self.terms.of(participation)
            minutes = int(self.take_back_within / timedelta(minutes=1)) if self._is_undone_by_sms(ended) else None
            self._email(
                connection, [participation], terms, EmailKind.RECEIPT, "receipt", ended.at, take_back_minutes=minutes
            )

    def _is_undone_by_sms(self, ended: Ended) -> bool:
        """Whether the canceller can answer ERREUR: they have just written to us, and we decide by ourselves."""
        is_owned = ended.participations[0].appointment.source in self.source_writes
        return ended.canceller.via is Via.SMS and not is_owned and bool(self.take_back_within)

    def _tell(
        self,
        connection: Connection,
        concerned: Sequence[Participation],
        news: News,
        kind: Kind,
        now: datetime,
        word: str | None = None,
        due_at: datetime | None = None,
    ) -> int:
        """Write to all of them, by the channels that they accept. Returns the number of messages."""
        sms = [self._sms(connection, together, news, kind, now, word, due_at) for together in _by_phone(concerned)]
        by_email = _by_address(concerned)
        for together in by_email:
            terms = self.terms.of(together[0])
            self._email(connection, together, terms, EmailKind(news.value), kind, now, word, due_at)
        return sum(sms) + len(by_email)

    def _sms(
        self,
        connection: Connection,
        together: Sequence[Participation],
        template: News | Recall,
        kind: Kind,
        now: datetime,
        word: str | None = None,
        due_at: datetime | None = None,
    ) -> bool:
        """Write one SMS to people who share a telephone. False where none can be sent there, as after STOP."""
        message = self._sms_message(connection, together, template, kind, now, word)
        if message is not None:
            enqueue(connection, message, now, due_at=due_at)
        return message is not None

    def _sms_message(
        self,
        connection: Connection,
        together: Sequence[Participation],
        template: News | Recall,
        kind: Kind,
        now: datetime,
        word: str | None,
    ) -> OutgoingMessage | None:
        """The SMS to people who share a telephone; None where none can be sent there.

        A link leads to one participation only. So there is none where each of them has to be cancelled apart.
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
        return OutgoingMessage(
            channel="sms",
            kind=kind,
            recipient=line.recipient,
            sender=line.sender,
            body=sms.body,
            segments=sms.segments,
            appointment_id=participation.appointment.id,
            participation_id=participation.id,
        )

    def _email(
        self,
        connection: Connection,
        together: Sequence[Participation],
        terms: Terms,
        email_kind: EmailKind,
        kind: Kind,
        now: datetime,
        word: str | None = None,
        due_at: datetime | None = None,
        take_back_minutes: int | None = None,
    ) -> None:
        """Write one e-mail to people who share an address."""
        participation = together[0]
        can_still_cancel = email_kind.tells_of_coming and _is_cancellable(participation, terms, now)
        facts = self._email_facts(together, terms, now, can_still_cancel=can_still_cancel)
        facts = replace(facts, word=word, take_back_minutes=take_back_minutes)
        if email_kind.tells_of_failure:
            facts = replace(facts, rebook_url=None)  # it stands
        content = self.email_texts.write(email_kind, facts)
        assert participation.email is not None
        message = OutgoingMessage(
            channel="email",
            kind=kind,
            recipient=participation.email,
            sender=self.senders.mail,
            subject=content.subject,
            body=content.body,
            html=content.html,
            calendar=content.calendar,
            calendar_method=content.calendar_method,
            appointment_id=participation.appointment.id,
            participation_id=participation.id,
        )
        enqueue(connection, message, now, due_at=due_at)

    def _email_facts(
        self, together: Sequence[Participation], terms: Terms, now: datetime, *, can_still_cancel: bool
    ) -> EmailFacts:
        participation, appointment = together[0], together[0].appointment
        links = [PersonalLink(one.first_name, self.links.url_for(one.id)) for one in together]
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
            organisation=organisation.name if organisation and organisation.name != appointment.told_place else None,
            first_names=tuple(dict.fromkeys(one.first_name for one in together if one.first_name)),
            links=() if not can_still_cancel else tuple(links if _end_apart(together) else links[:1]),
            rebook=appointment.bookable_by_everyone,
            rebook_url=terms.rebook_url,
            organiser=self.senders.organiser,
        )


def _news_of(canceller: Canceller) -> News:
    """What people are told who have not cancelled themselves."""
    if canceller.by is Actor.USAGER:
        return News.CANCELLED_OTHERS
    return News.CANCELLED_ON_REQUEST if canceller.status is Status.EXCUSED else News.CANCELLED_BY_SERVICE


def _by_phone(concerned: Iterable[Participation]) -> Iterable[Sequence[Participation]]:
    """Those of these who take SMS, together with whom they share their telephone with."""
    by_phone: defaultdict[str, list[Participation]] = defaultdict(list)
    for one in concerned:
        if one.phone and one.notify_by_sms and takes_sms(one.phone):
            by_phone[one.phone].append(one)
    return by_phone.values()


def _by_address(concerned: Iterable[Participation]) -> list[list[Participation]]:
    """Those of these who take e-mails, together with whom they share their address with."""
    by_address: defaultdict[str, list[Participation]] = defaultdict(list)
    for one in concerned:
        if one.email and one.notify_by_email:
            by_address[one.email.casefold()].append(one)
    return list(by_address.values())


def _is_cancellable(participation: Participation, terms: Terms, now: datetime) -> bool:
    """Whether the usager can still cancel by SMS or link, so that messages should say how."""
    return terms.refusal(participation.appointment.starts_at, now) is None


def _end_apart(together: Sequence[Participation]) -> bool:
    """Whether these are several participations that are cancelled one by one, as in a collective appointment."""
    return len(together) > 1 and together[0].appointment.collective


def _as_it_is_now(participation: Participation, calendar_sequence: int) -> Participation:
    return replace(participation, appointment=replace(participation.appointment, calendar_sequence=calendar_sequence))


def _without_ways_to(canceller: Participation, told: Participation) -> Participation:
    """`told` without the canceller's own telephone and address: there they have the answer and the receipt already."""
    return replace(
        told,
        phone=told.phone if told.phone != canceller.phone else None,
        email=told.email if told.email != canceller.email else None,
    )


def is_opted_out(connection: Connection, number: str) -> bool:
    """Whether this number (E.164) has said STOP."""
    return _OPT_OUT_OF.row(connection, {"number": number}) is not None


_WRITTEN_ON = select(incoming_messages.c.from_number, incoming_messages.c.to_number).where(
    incoming_messages.c.id == bindparam("this")
)
_OPT_OUT_OF = Prepared(select(opt_outs.c.number).where(opt_outs.c.number == bindparam("number")))
