"""One incoming message, in one database transaction.

    load what the phone may touch  ->  ask the conversation  ->  claim the message id  ->  write the effects

Claiming inserts the message with its outcome, so it comes after the conversation has answered. If the id was claimed
before, nothing is written. Before the commit nothing has happened, and after it nothing can be lost. The conversation
is pure (`smsbot.conversation`); this module reads and writes the database for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Text, bindparam, delete, func, literal_column, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from smsbot.appointments.announcing import announce
from smsbot.appointments.appointment import Participation, coming_of_phone, last_of_phone, participation_of
from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.locks import count_wrong_answer, forget_wrong_answers
from smsbot.appointments.requests import register_for
from smsbot.appointments.terms import Terms, TermsBook, appointment_text, coming_of
from smsbot.conversation.facts import Facts, Memory
from smsbot.conversation.machine import Say, Step, step
from smsbot.conversation.memory import from_json, merge_limits, to_json
from smsbot.conversation.states import Reply
from smsbot.gateways.base import IncomingSms
from smsbot.inbox.alerts import URGENT
from smsbot.messages.fitting import is_told_in_a_reply
from smsbot.messages.sms import SmsTexts
from smsbot.model import Actor, Canceller, Via
from smsbot.outbox.delivery_status import Fate, delivery_of
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.sources.phone_numbers import is_premium
from smsbot.store.database import Database, serialise, signal
from smsbot.store.prepared import Prepared, upserting
from smsbot.store.tables import UtcDateTime, conversations, incoming_messages, opt_outs, outgoing_messages
from smsbot.understanding import Keyword
from smsbot.understanding.topics import Topic

SILENCE = "silence"
SHORTEST_SENT_BACK = 24  # characters
SENT_LATELY = timedelta(days=7)
FAILED = "could not be handled"
"""The reason of the silence where a turn failed because of a mistake in the program."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who gets answers, so that nobody can make us spend without limit.

    Only numbers that begin with one of `prefixes` and are not premium get answers, and each at most `most_to_one_a_day`
    within 24 hours. Numbers without an appointment get the neutral text, all together at most `neutral_texts_a_day`
    times.
    """

    prefixes: tuple[str, ...]
    neutral_texts_a_day: int
    most_to_one_a_day: int = 60

    def why_not(self, phone: str) -> str | None:
        """Why this number (E.164) gets no answer; None where it may get one."""
        if not phone.startswith(self.prefixes):
            return "a country that gets no text"
        return "a number at a premium rate" if is_premium(phone) else None


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The outcome of a message: the name of the reply, or None and the reason of the silence."""

    reply: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Handles messages, each in one transaction."""

    door: Door
    terms: TermsBook
    texts: SmsTexts
    answering: Answering
    expiry: timedelta
    main_sender: Callable[[str], str] = str
    """The sender whose conversations a number of ours belongs to (`Policy.main_sender`)."""

    def take(
        self,
        connection: Connection,
        message: IncomingSms,
        now: datetime,
        keyword: Keyword | None = None,
        *,
        written_long_ago: bool = False,
    ) -> TurnOutcome | None:
        """Handle `message`. If its id was claimed before, nothing changes and None is returned.

        `keyword` is a STOP, START or HELP that the gateway has answered itself. `written_long_ago` is True where the
        message arrived long after it was written. Messages from one telephone are handled one after the other;
        different telephones do not wait for each other.
        """
        phone = message.from_number
        serialise(connection, f"phone:{phone}")
        remembered = self._memory(connection, message)
        coming = {one.id: one for one in coming_of_phone(connection, phone, now)}
        terms = {one.id: self.terms.of(one) for one in coming.values()}
        last = None if coming else last_of_phone(connection, phone)
        lately = _sent_lately(connection, message, now) if coming or _may_be_ours(message) else []
        facts = Facts(
            coming=tuple(
                coming_of(
                    one,
                    terms[one.id],
                    _reminded_at(one, lately),
                    asks_its_source=self.door.asks_the_source(one.appointment),
                )
                for one in coming.values()
            ),
            is_former=last is not None,
            opted_out=remembered.opted_out,
            gateway_keyword=keyword,
            written_long_ago=written_long_ago,
            stranger_silence=None if coming else self._stranger_silence(connection, phone, now),
            unanswerable=self.answering.why_not(phone),
            sent_lately=tuple(sent.body for sent in lately) if _may_be_ours(message) else (),
            just_reminded=bool(lately) and any(lately[0].recalls(one) for one in coming.values()),
            answers_a_day=self.answering.most_to_one_a_day,
        )
        taken = step(remembered.memory, message.body, facts, now, expiry=self.expiry)
        about = _about(connection, taken, coming) or last
        outcome = taken.says.reply.value if taken.says else SILENCE
        incoming_id = _claim(
            connection, message, outcome, taken.reason, about, now, for_agents=taken.for_agents, topic=taken.topic
        )
        if incoming_id is None:
            return None
        self._do(connection, message, incoming_id, taken, remembered, coming, now, by_stranger=about is None)
        if taken.says is None:
            return TurnOutcome(None, taken.reason)
        sms = self.texts.write(taken.says.reply.value, self._values(taken.says, about, coming, terms))
        enqueue(
            connection,
            OutgoingMessage(
                channel="sms",
                kind="reply",
                recipient=phone,
                sender=message.to_number,
                body=sms.body,
                segments=sms.segments,
                in_reply_to=incoming_id,
                appointment_id=about.appointment.id if about else None,
                participation_id=about.id if about else None,
                listed_appointment_ids=_listed(taken.says, coming),
            ),
            now,
        )
        return TurnOutcome(taken.says.reply.value)

    def record_failure(self, connection: Connection, message: IncomingSms, now: datetime) -> TurnOutcome | None:
        """Record a message whose turn has failed. Nothing is answered, and agents find it in their inbox.

        Like `take` it claims the message's id, so a repetition changes nothing and gives None.
        """
        phone = message.from_number
        serialise(connection, f"phone:{phone}")
        coming = coming_of_phone(connection, phone, now)
        about = coming[0] if coming else last_of_phone(connection, phone)
        claimed = _claim(connection, message, SILENCE, FAILED, about, now, for_agents=True)
        return None if claimed is None else TurnOutcome(None, FAILED)

    # What the step is taken on ----------------------------------------------------------------------------------------

    def _memory(self, connection: Connection, message: IncomingSms) -> _Remembered:
        rows = _REMEMBERED.rows(connection, {"phone": message.from_number})
        memories = {our_number: from_json(memory) for our_number, memory, _ in rows if our_number is not None}
        ours = self.main_sender(message.to_number)
        here = memories.get(ours, Memory())
        if len(memories) > 1 or (memories and ours not in memories):
            here = replace(here, limits=merge_limits(memory.limits for memory in memories.values()))
        return _Remembered(here, opted_out=rows[0][2] is not None)

    def _stranger_silence(self, connection: Connection, phone: str, now: datetime) -> str | None:
        if why := self.answering.why_not(phone):
            return f"no coming appointment, and {why}"
        [[told]] = _NEUTRAL_TEXTS.rows(connection, {"since": now - timedelta(hours=24)})
        used_up = told >= self.answering.neutral_texts_a_day
        return "no coming appointment, and the day's neutral texts are used up" if used_up else None

    # What follows from it ---------------------------------------------------------------------------------------------

    def _do(
        self,
        connection: Connection,
        message: IncomingSms,
        incoming_id: int,
        taken: Step,
        remembered: _Remembered,
        coming: Mapping[int, Participation],
        now: datetime,
        *,
        by_stranger: bool,
    ) -> None:
        phone = message.from_number
        if taken.memory != remembered.memory:
            _remember(connection, phone, self.main_sender(message.to_number), taken.memory, now)
        count_wrong_answer(connection, taken.locks, Via.SMS, now)
        forget_wrong_answers(connection, taken.forgives)
        announce(connection, taken.announces, Via.SMS, now)
        if taken.topic is Topic.LATE:
            signal(connection, URGENT)
        if taken.opts_out:
            _OPT_OUT.run(connection, {"number": phone, "opted_out_at": now, "by_stranger": by_stranger})
        elif taken.opts_in:
            connection.execute(delete(opt_outs).where(opt_outs.c.number == phone))
        if taken.says is not None and taken.says.reply in _TELL_OF_REQUESTS:
            asked = {one.appointment.id for one in coming.values() if one.cancellation_requested_at is not None}
            register_for(connection, asked, phone, now)
        ended = taken.requests if taken.cancels is None else taken.cancels
        if ended is not None:
            canceller = Canceller(Actor.USAGER, Via.SMS, in_reply_to=incoming_id)
            verdict = self.door.end(connection, coming[ended], canceller, now)
            # The rows were read, and locked, in this very transaction.
            if verdict is not (Verdict.REQUESTED if taken.cancels is None else Verdict.CANCELLED):
                raise RuntimeError(f"the cancellation decided on was not made: {verdict}")

    def _values(
        self,
        says: Say,
        about: Participation | None,
        coming: Mapping[int, Participation],
        terms_of_coming: Mapping[int, Terms],
    ) -> dict[str, object]:
        """All values that a template in `templates/sms/` may use."""
        terms = (terms_of_coming.get(about.id) or self.terms.of(about)) if about else None
        return {
            "appointment": appointment_text(about, terms, named=about.id in says.named) if about and terms else None,
            "telephone": terms.telephone if terms else None,
            "warning": terms.warning if terms else None,
            "hours": terms.notice / timedelta(hours=1) if terms else None,
            "email": about is not None and about.email is not None,
            "rebook": terms is not None and terms.rebook_url is not None,
            "booking_address": _booking_address(terms_of_coming),
            "is_passed_on": about is not None and about.appointment.organisation is not None,
            "tries_left": says.tries_left,
            "options": [
                (number, appointment_text(coming[one], terms_of_coming[one], named=one in says.named))
                for number, one in says.options
            ],
            "more": says.more,
        }


async def receive(
    database: Database,
    turn: Turn,
    message: IncomingSms,
    now: datetime,
    keyword: Keyword | None,
    *,
    written_long_ago: bool = False,
) -> TurnOutcome | None:
    """Handle a message in a transaction of its own; see `Turn.take`.

    Where the turn fails because of a mistake in the program, this is recorded as a silence for agents: the same message
    would fail again each time the gateway repeats it. Raises `SQLAlchemyError` where the database is the cause, because
    another try can then succeed.
    """
    try:
        return await database.write(
            lambda connection: turn.take(connection, message, now, keyword, written_long_ago=written_long_ago)
        )
    except Exception as error:
        if isinstance(error, SQLAlchemyError) and not isinstance(error, _ABOUT_THE_MESSAGE):
            raise
        logger.exception("message could not be handled", gateway_message_id=message.gateway_message_id)
    return await database.write(lambda connection: turn.record_failure(connection, message, now))


_TELL_OF_REQUESTS = (Reply.REQUEST_REGISTERED, Reply.REQUEST_UNDER_WAY)

# Other errors of the database are about the database itself, not about this message.
_ABOUT_THE_MESSAGE = (DataError, IntegrityError)


@dataclass(frozen=True, slots=True)
class _Remembered:
    memory: Memory
    opted_out: bool


_phone = select(bindparam("phone", type_=Text).label("number")).subquery()
_REMEMBERED = Prepared(
    select(conversations.c.our_number, conversations.c.memory, opt_outs.c.opted_out_at).select_from(
        _phone.outerjoin(conversations, conversations.c.usager_number == _phone.c.number).outerjoin(
            opt_outs, opt_outs.c.number == _phone.c.number
        )
    )
)
_NEUTRAL_TEXTS = Prepared(
    select(func.count()).where(
        # The values are written out, so that the partial index is used.
        incoming_messages.c.outcome == literal_column(f"'{Reply.NO_APPOINTMENT.value}'"),
        incoming_messages.c.received_at > bindparam("since"),
    )
)


_SENT_LATELY = Prepared(
    select(
        outgoing_messages.c.body,
        outgoing_messages.c.kind,
        outgoing_messages.c.appointment_id,
        outgoing_messages.c.created_at,
        outgoing_messages.c.state,
        outgoing_messages.c.delivery_status,
    )
    .where(
        outgoing_messages.c.recipient == bindparam("phone"),
        outgoing_messages.c.channel == "sms",
        outgoing_messages.c.created_at > bindparam("since", type_=UtcDateTime()),
    )
    .order_by(outgoing_messages.c.id.desc())
    .limit(8)
)
_CLAIM = upserting(
    incoming_messages,
    (
        "gateway",
        "gateway_message_id",
        "received_at",
        "from_number",
        "to_number",
        "body",
        "outcome",
        "reason",
        "for_agents",
        "topic",
        "organisation_id",
    ),
    lambda insert: insert.on_conflict_do_nothing(index_elements=["gateway", "gateway_message_id"]).returning(
        incoming_messages.c.id
    ),
)
_REMEMBER = upserting(
    conversations,
    ("usager_number", "our_number", "memory", "updated_at"),
    lambda insert: insert.on_conflict_do_update(
        index_elements=["usager_number", "our_number"],
        set_={"memory": insert.excluded.memory, "updated_at": insert.excluded.updated_at},
    ),
)
_OPT_OUT = upserting(
    opt_outs, ("number", "opted_out_at", "by_stranger"), lambda insert: insert.on_conflict_do_nothing()
)


def _listed(says: Say, coming: Mapping[int, Participation]) -> tuple[int, ...]:
    """Our ids of the appointments that the reply lists to choose from, each once."""
    return tuple(sorted({coming[one].appointment.id for _, one in says.options}))


def _about(connection: Connection, taken: Step, coming: Mapping[int, Participation]) -> Participation | None:
    """The participation that the reply is about, for its telephone number and date."""
    if taken.about is None:
        return None
    if taken.about in coming:
        return coming[taken.about]
    gone = participation_of(connection, taken.about)  # just cancelled, or begun
    return gone or next(iter(coming.values()), None)


@dataclass(frozen=True, slots=True)
class _SentLately:
    """An SMS that we sent to this telephone in the last days. `written_at` is when it was enqueued (UTC)."""

    body: str
    kind: str
    appointment_id: int | None
    written_at: datetime
    state: str
    delivery_status: str | None

    def recalls(self, participation: Participation) -> bool:
        """Whether it is a reminder of this participation's appointment as it is now, and not before a move."""
        return (
            self.kind == "reminder"
            and self.appointment_id == participation.appointment.id
            and participation.reminded_at is not None
            and self.written_at >= participation.reminded_at
            and delivery_of(self.state, self.delivery_status, None).fate in (Fate.SENT, Fate.DELIVERED)
        )


def _sent_lately(connection: Connection, message: IncomingSms, now: datetime) -> list[_SentLately]:
    """The SMS that this number got from us in the last days, newest first."""
    since = now - SENT_LATELY
    rows = _SENT_LATELY.rows(connection, {"phone": message.from_number, "since": since})
    return [_SentLately(*row) for row in rows]


def _may_be_ours(message: IncomingSms) -> bool:
    """Whether it is long enough to be an SMS of ours that is sent back."""
    return len(message.body) >= SHORTEST_SENT_BACK


def _reminded_at(participation: Participation, lately: Sequence[_SentLately]) -> datetime | None:
    return next((sent.written_at for sent in lately if sent.recalls(participation)), None)


def _booking_address(terms_of_coming: Mapping[int, Terms]) -> str | None:
    """Where to book again, if it is the same for all their appointments and a reply has room for it."""
    urls = {terms.rebook_url for terms in terms_of_coming.values()}
    url = urls.pop() if len(urls) == 1 else None
    return url if url is not None and is_told_in_a_reply(url) else None


def _claim(
    connection: Connection,
    message: IncomingSms,
    outcome: str,
    reason: str | None,
    about: Participation | None,
    now: datetime,
    *,
    for_agents: bool,
    topic: Topic | None = None,
) -> int | None:
    """Insert the message and return our id of it; None where its id was claimed before."""
    organisation = about.appointment.organisation if about else None
    values = {
        "gateway": message.gateway,
        "gateway_message_id": message.gateway_message_id,
        "received_at": now,
        "from_number": message.from_number,
        "to_number": message.to_number,
        "body": message.body,
        "outcome": outcome,
        "reason": reason,
        "for_agents": for_agents,
        "topic": topic,
        "organisation_id": organisation.id if organisation else None,
    }
    claimed = _CLAIM.row(connection, values)
    return None if claimed is None else int(claimed[0])


def _remember(connection: Connection, phone: str, our_number: str, memory: Memory, now: datetime) -> None:
    values = {
        "usager_number": phone,
        "our_number": our_number,
        "memory": to_json(memory),
        "updated_at": now,
    }
    _REMEMBER.run(connection, values)
