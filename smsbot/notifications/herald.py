"""Tells usagers about their appointments by SMS and e-mail, through the outbox.

Messages are written in the transaction of the act that they are about, so that nobody hears of what was not done.
Unasked messages are written only if the participation asks for them, and by the channels that the usager accepts. The
receipt of an usager's own cancellation is no unasked message. A telephone or an e-mail address gets one message about
an appointment, however many of its participants are reached there. `news_writer` writes the messages.

A connected source may write to usagers itself. Then only one unasked SMS is written here, if `smsbot.toml` says so: it
says that our number can be answered. To silence a source, its operators switch the notifications off in its records.
Then the records no longer say which usagers want to be told, and `smsbot.toml` says it for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from smsbot.appointments.appointment import Participation
from smsbot.appointments.audit import note_each
from smsbot.appointments.cancellation import Ended
from smsbot.messages.email import EmailKind
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.notifications.news_writer import News, NewsWriter, Recall
from smsbot.outbox.held_notices import release_notices, withdraw_notices
from smsbot.outbox.messages import Kind, OutgoingMessage, enqueue


@dataclass(frozen=True, slots=True)
class Ways:
    """What people would get: the SMS and the number of e-mails. `reached` are our ids of those who get a message."""

    sms: tuple[OutgoingMessage, ...]
    emails: int
    reached: frozenset[int]


@dataclass(frozen=True, slots=True)
class Herald:
    """Writes receipts and news into the outbox.

    `source_writes` says for each connected source, by name, whether it writes to usagers itself.
    `take_back_within` is how long an usager may take back their own cancellation by SMS.
    """

    writer: NewsWriter
    source_writes: Mapping[str, bool] = field(default_factory=dict)
    take_back_within: timedelta = timedelta(0)

    def ended(self, connection: Connection, ended: Ended) -> None:
        """Tell all people whose participation has ended. Once the appointment has begun, nobody is told."""
        if ended.participations[0].appointment.starts_at <= ended.at:
            return
        concerned = [_as_it_is_now(one, ended.calendar_sequence) for one in ended.participations]
        if ended.canceller.by is Actor.USAGER:
            self._receipt(connection, ended)
            concerned = [_without_ways_to(concerned[0], other) for other in concerned[1:]]
        wanted = [one for one in concerned if self.is_told(one)]
        canceller = ended.canceller
        due_at = ended.at + canceller.hold
        self._tell(connection, wanted, _news_of(canceller), "notification", ended.at, canceller.word, due_at)

    def withdraw(self, connection: Connection, appointment_id: int, at: datetime, now: datetime) -> bool:
        """Drop the messages that `ended` has written at `at`, if none of them can have left. Returns whether it did."""
        return withdraw_notices(connection, appointment_id, at, now)

    def release(self, connection: Connection, appointment_id: int, now: datetime) -> None:
        """Send the messages of `ended` about this appointment that are held back."""
        release_notices(connection, appointment_id, now)

    def stands_again(self, connection: Connection, ended: Ended, now: datetime) -> None:
        """Tell people who were told of an usager's own cancellation that it was taken back. Confirm it by e-mail."""
        concerned = [_as_it_is_now(one, ended.calendar_sequence) for one in ended.participations]
        own = concerned[0]
        if own.email and not self._source_sends_receipt(own):
            self.answer_by_email(connection, own, EmailKind.STANDS_AGAIN, now)
        others = [_without_ways_to(own, other) for other in concerned[1:]]
        if others and not withdraw_notices(connection, own.appointment.id, ended.at, now):
            told = [one for one in others if self.is_told(one)]
            self._tell(connection, told, News.STANDS_AGAIN, "notification", now)

    def foretell(
        self, connection: Connection, concerned: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> list[OutgoingMessage]:
        """The SMS that people would get if an agent cancelled these participations in one appointment now.

        Nothing is written to the outbox.
        """
        return list(self.foretell_ways(connection, concerned, canceller, now).sms)

    def foretell_ways(
        self, connection: Connection, concerned: Sequence[Participation], canceller: Canceller, now: datetime
    ) -> Ways:
        """The same, with the number of e-mails and the people who would be reached."""
        if not concerned or concerned[0].appointment.starts_at <= now:
            return Ways((), 0, frozenset())
        wanted = [one for one in concerned if self.is_told(one)]
        return self._foretold(connection, wanted, _news_of(canceller), now, canceller.word)

    def foretell_word(
        self, connection: Connection, concerned: Sequence[Participation], word: str, now: datetime
    ) -> Ways:
        """What people would get if an agent wrote this text to them: see `write`."""
        return self._foretold(connection, concerned, News.WORD, now, word)

    def _foretold(
        self, connection: Connection, wanted: Sequence[Participation], news: News, now: datetime, word: str | None
    ) -> Ways:
        sms: list[OutgoingMessage] = []
        reached: set[int] = set()
        for together in _by_phone(wanted):
            message = self.writer.sms(connection, together, news, "notification", now, word)
            if message is not None:
                sms.append(message)
                reached |= {one.id for one in together}
        by_email = _by_address(wanted)
        reached |= {one.id for together in by_email for one in together}
        return Ways(tuple(sms), len(by_email), frozenset(reached))

    def write(
        self,
        connection: Connection,
        concerned: Sequence[Participation],
        word: str,
        now: datetime,
        *,
        agent: str | None,
        via: Via,
    ) -> int:
        """Write an agent's text to the people of these participations in one appointment.

        `agent` is the agent's e-mail address, for the audit; None for the operator of the service.

        It goes also to people who want no unasked messages about changes, because an agent has decided to write. STOP,
        and the channels that usagers accept, are respected. Returns the number of messages.
        """
        number = self._tell(connection, concerned, News.WORD, "notification", now, word)
        if number:
            about = [(one.appointment.id, one.id) for one in concerned]
            note_each(connection, now, "written_to", Actor.AGENT, via, about, agent=agent)
        return number

    def tell(self, connection: Connection, concerned: Iterable[Participation], news: News, now: datetime) -> None:
        """Tell usagers that their appointment is new, has moved or is coming up, if we and not its source tell them.

        `concerned` are participations in one appointment. People who share a telephone or an address get one message.
        """
        if news is not News.REMINDER:
            self._tell(connection, [one for one in concerned if self.is_told(one)], news, "notification", now)
            return
        recalled = {one.id: self.recall_of(one) for one in concerned}
        by_us = [one for one in concerned if recalled[one.id] is Recall.REMINDER]
        self._tell(connection, by_us, news, "reminder", now)
        for together in _by_phone(one for one in concerned if recalled[one.id] is Recall.TWO_WAY):
            self._sms(connection, together, Recall.TWO_WAY, "reminder", now)

    def recall_of(self, participation: Participation) -> Recall | None:
        """Which message from us reminds this usager of the appointment; None where none does."""
        writes = self.source_writes.get(participation.appointment.source)
        if writes is None:
            return Recall.REMINDER if participation.send_reminder_notification else None
        terms = self.writer.terms.of(participation)
        if not writes:
            return Recall.REMINDER if terms.notify else None
        is_wanted = terms.announce_two_way and terms.may_be_cancelled and self.writer.is_answered(terms)
        return Recall.TWO_WAY if is_wanted and participation.send_reminder_notification else None

    def is_told(self, participation: Participation) -> bool:
        """Whether we tell this usager of changes unasked."""
        writes = self.source_writes.get(participation.appointment.source)
        if writes is None:
            return participation.send_lifecycle_notifications
        return not writes and self.writer.terms.of(participation).notify

    @property
    def silent_sources(self) -> frozenset[str]:
        """The connected sources that leave all notifications to us."""
        return frozenset(name for name, writes in self.source_writes.items() if not writes)

    def _source_sends_receipt(self, participation: Participation) -> bool:
        writes = self.source_writes.get(participation.appointment.source, False)
        return writes and participation.send_lifecycle_notifications and participation.notify_by_email

    def answer_by_email(
        self, connection: Connection, participation: Participation, email_kind: EmailKind, now: datetime
    ) -> None:
        """Answer a request of the participation's usager by e-mail. The participation must have an address."""
        enqueue(connection, self.writer.email([participation], email_kind, "receipt", now), now)

    def _receipt(self, connection: Connection, ended: Ended) -> None:
        if ended.participations[0].email and not self._source_sends_receipt(ended.participations[0]):
            participation = _as_it_is_now(ended.participations[0], ended.calendar_sequence)
            minutes = int(self.take_back_within / timedelta(minutes=1)) if self._is_undone_by_sms(ended) else None
            receipt = self.writer.email(
                [participation], EmailKind.RECEIPT, "receipt", ended.at, take_back_minutes=minutes
            )
            enqueue(connection, receipt, ended.at)

    def _is_undone_by_sms(self, ended: Ended) -> bool:
        """Whether the canceller can answer ERREUR, because they have just cancelled by SMS."""
        return ended.canceller.via is Via.SMS and bool(self.take_back_within)

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
            message = self.writer.email(together, EmailKind(news.value), kind, now, word)
            enqueue(connection, message, now, due_at=due_at)
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
        message = self.writer.sms(connection, together, template, kind, now, word)
        if message is not None:
            enqueue(connection, message, now, due_at=due_at)
        return message is not None


def _news_of(canceller: Canceller) -> News:
    """The news for people who have not cancelled themselves."""
    if canceller.by is Actor.USAGER:
        return News.CANCELLED_OTHERS
    return News.CANCELLED_ON_REQUEST if canceller.status is Status.EXCUSED else News.CANCELLED_BY_SERVICE


def _by_phone(concerned: Iterable[Participation]) -> Iterable[Sequence[Participation]]:
    """Those of `concerned` who take SMS, in groups that share a telephone."""
    by_phone: defaultdict[str, list[Participation]] = defaultdict(list)
    for one in concerned:
        if one.phone and one.accepts_sms:
            by_phone[one.phone].append(one)
    return by_phone.values()


def _by_address(concerned: Iterable[Participation]) -> list[list[Participation]]:
    """Those of `concerned` who take e-mails, in groups that share an address."""
    by_address: defaultdict[str, list[Participation]] = defaultdict(list)
    for one in concerned:
        if one.email and one.accepts_email:
            by_address[one.email.lower()].append(one)
    return list(by_address.values())


def _as_it_is_now(participation: Participation, calendar_sequence: int) -> Participation:
    return replace(participation, appointment=replace(participation.appointment, calendar_sequence=calendar_sequence))


def _without_ways_to(own: Participation, other: Participation) -> Participation:
    """`other` without the telephone and address of `own`, whose usager gets the answer and the receipt already."""
    return replace(
        other,
        phone=None if own.phone and other.is_told_at("sms", own.phone) else other.phone,
        email=None if own.email and other.is_told_at("email", own.email) else other.email,
    )
