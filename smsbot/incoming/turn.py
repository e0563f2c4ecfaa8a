"""Handles one incoming message in one database transaction. Messages that wait at the same time share one.

    load what the phone may touch  ->  ask the conversation  ->  claim the message id  ->  write the effects

Claiming inserts the message with its outcome, so it comes after the conversation has answered. If the id was claimed
before, nothing is written. Before the commit nothing has happened, and after it nothing can be lost. The conversation
is pure (`smsbot.conversation`); this module reads and writes the database for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select

from smsbot.appointments.announcing import announce
from smsbot.appointments.appointment import Participation
from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.locks import count_wrong_answer, forget_wrong_answers
from smsbot.appointments.participation_queries import participation_of
from smsbot.appointments.requests import insist, note_registered_for
from smsbot.appointments.terms import TermsBook, coming_of
from smsbot.appointments.undoing import ask_to_stand_again, stand_again
from smsbot.conversation.facts import Facts
from smsbot.conversation.machine import Say, Step, step
from smsbot.conversation.memory import memory_to_json
from smsbot.conversation.states import Event, Reply
from smsbot.events import EventType, record_message_for_agents, record_stop
from smsbot.inbox.alerts import URGENT
from smsbot.inbox.handling import bring_back_of
from smsbot.incoming.known import Known, load_known
from smsbot.incoming.message_claims import Arrived, MessageClaim, claim_incoming
from smsbot.incoming.reply_values import reply_values
from smsbot.made_often import made_often
from smsbot.messages.sms import SmsTexts
from smsbot.model import Actor, Canceller, Via
from smsbot.outbox.messages import OutgoingMessage, enqueue_all
from smsbot.phone_numbers import is_premium
from smsbot.store.database import signal
from smsbot.store.many import Inserts
from smsbot.store.prepared import Prepared, upserting
from smsbot.store.tables import conversations, incoming_messages, opt_outs
from smsbot.understanding.topics import Topic

SILENCE = "silence"
FAILED = "could not be handled"
"""The reason of a silence where the turn failed because of a mistake in the program."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Who gets answers, so that nobody can make us send SMS without limit.

    Only numbers that begin with one of `prefixes` and are not premium get answers, each at most `most_to_one_a_day`
    within 24 hours. Numbers without an appointment get the neutral text, all together at most `neutral_texts_a_day`
    times within 24 hours.
    """

    prefixes: tuple[str, ...]
    neutral_texts_a_day: int
    most_to_one_a_day: int = 60

    def why_not(self, phone: str) -> str | None:
        """Why this number (E.164) gets no answer; None where it may get one."""
        if not phone.startswith(self.prefixes):
            return "a country that gets no text"
        return "a number at a premium rate" if is_premium(phone) else None


@made_often
@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The outcome of a message: the name of the reply, or None and the reason of the silence."""

    reply: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Handles messages, each in one transaction. Several messages that wait share one."""

    door: Door
    terms: TermsBook
    texts: SmsTexts
    answering: Answering
    expiry: timedelta
    main_sender: Callable[[str], str] = str
    """Gives, for one of our numbers, the sender under which its conversations are stored (`Policy.main_sender`)."""
    take_back_within: timedelta = timedelta(0)
    """How long after their cancellation usagers may take it back."""

    def take_together(self, connection: Connection, arrived: Sequence[Arrived]) -> list[TurnOutcome | None]:
        """Handle these messages and return the outcome of each. No two may come from one telephone.

        If the id of a message was claimed before, it changes nothing and its outcome is None. Messages from one
        telephone are handled one after the other, in all processes. If two telephones have an appointment in common,
        the second message is handled after the effects of the first are written.
        """
        known = load_known(connection, arrived, self.terms, self.main_sender)
        apart, later = _without_common_appointments(arrived, known)
        neutral_texts = 0
        steps = []
        for one in apart:
            taken = self._decide(connection, one, known[one.phone], neutral_texts)
            neutral_texts += taken.step.says is not None and taken.step.says.reply is Reply.NO_APPOINTMENT
            steps.append(taken)
        outcomes = dict(zip((one.phone for one in apart), self._write(connection, steps), strict=True))
        if later:
            after = self.take_together(connection, later)
            outcomes |= dict(zip((one.phone for one in later), after, strict=True))
        return [outcomes[one.phone] for one in arrived]

    def record_failure(self, connection: Connection, arrived: Arrived) -> TurnOutcome | None:
        """Record a message whose turn has failed. It is not answered, and agents find it in their inbox.

        Like `take_together`, this claims the message's id, so a repetition changes nothing and gives None.
        """
        known = load_known(connection, [arrived], self.terms, self.main_sender)[arrived.phone]
        about = next(iter(known.coming.values()), known.last)
        claimed = claim_incoming(connection, [MessageClaim(arrived, SILENCE, FAILED, about, for_agents=True)])
        for incoming_id in claimed.values():
            _tell_of_message(connection, incoming_id, about, arrived.at)
        return TurnOutcome(None, FAILED) if claimed else None

    def _decide(self, connection: Connection, arrived: Arrived, known: Known, neutral_texts: int) -> _Taken:
        """The step of one message. `neutral_texts` are those that this transaction sends already."""
        coming = known.coming
        facts = Facts(
            coming=tuple(
                coming_of(
                    one,
                    known.terms[one.id],
                    known.reminded_at(one),
                    asks_its_source=self.door.asks_the_source(one.appointment),
                )
                for one in coming.values()
            ),
            cancelled=tuple(
                coming_of(one, self.terms.of(one), asks_its_source=self.door.asks_the_source(one.appointment))
                for one in sorted(known.cancelled.values(), key=_cancelled_at, reverse=True)
                if self.take_back_within
            ),
            take_back_within=self.take_back_within,
            is_former=known.last is not None,
            opted_out=known.opted_out,
            gateway_keyword=arrived.keyword,
            written_long_ago=arrived.written_long_ago,
            stranger_silence=None if coming else self._stranger_silence(connection, arrived, neutral_texts),
            unanswerable=self.answering.why_not(arrived.phone),
            sent_lately=known.sent_lately,
            just_reminded=known.was_just_reminded,
            answers_a_day=self.answering.most_to_one_a_day,
        )
        taken = step(known.memory, arrived.message.body, facts, arrived.at, expiry=self.expiry)
        return _Taken(arrived, known, taken, _about(connection, taken, known) or known.last)

    def _stranger_silence(self, connection: Connection, arrived: Arrived, neutral_texts: int) -> str | None:
        if why := self.answering.why_not(arrived.phone):
            return f"no coming appointment, and {why}"
        [[before]] = _NEUTRAL_TEXTS.rows(connection, {"since": arrived.at - timedelta(hours=24)})
        used_up = before + neutral_texts >= self.answering.neutral_texts_a_day
        return "no coming appointment, and the day's neutral texts are used up" if used_up else None

    # What follows from it ---------------------------------------------------------------------------------------------

    def _write(self, connection: Connection, steps: Sequence[_Taken]) -> list[TurnOutcome | None]:
        """Write the effects of these steps. Returns the outcome of each."""
        claimed = claim_incoming(connection, [one.claim for one in steps])
        memories: list[dict[str, object]] = []
        replies: list[OutgoingMessage] = []
        outcomes: list[TurnOutcome | None] = []
        for one in steps:
            incoming_id = claimed.get(one.arrived.key)
            if incoming_id is None:
                outcomes.append(None)
                continue
            self._do(connection, one, incoming_id)
            if one.step.memory != one.known.memory:
                memories.append(self._remembered(one))
            if one.step.says is None:
                outcomes.append(TurnOutcome(None, one.step.reason))
                continue
            replies.append(self._reply(connection, one, one.step.says, incoming_id))
            outcomes.append(TurnOutcome(one.step.says.reply.value))
        self._cancel(connection, [one for one in steps if one.arrived.key in claimed])
        enqueue_all(connection, replies, max(one.arrived.at for one in steps), after=[(_REMEMBER, memories)])
        return outcomes

    def _do(self, connection: Connection, one: _Taken, incoming_id: int) -> None:
        taken, now = one.step, one.arrived.at
        count_wrong_answer(connection, taken.locks, Via.SMS, now)
        forget_wrong_answers(connection, taken.forgives)
        announce(connection, taken.announces, Via.SMS, now)
        if taken.topic is Topic.LATE and taken.for_agents:
            signal(connection, URGENT)
        if taken.opts_out:
            values = {"number": one.arrived.phone, "opted_out_at": now, "by_stranger": one.about is None}
            if _OPT_OUT.run(connection, values) == 1:
                record_stop(connection, EventType.STOPPED, incoming_id, one.arrived.phone, now)
        elif taken.opts_in:
            stopped = delete(opt_outs).where(opt_outs.c.number == one.arrived.phone)
            if connection.execute(stopped).rowcount == 1:
                record_stop(connection, EventType.RESUMED, incoming_id, one.arrived.phone, now)
        if taken.for_agents:
            _tell_of_message(connection, incoming_id, one.about, now)
        if one.known.has_put_off and taken.event is not Event.NOT_THEIR_WORDS:
            bring_back_of(connection, [one.arrived.phone])
        if taken.says is not None and taken.says.reply in _TELL_OF_REQUESTS:
            theirs = one.known.coming.values()
            asked = {each.appointment.id for each in theirs if each.cancellation_requested_at is not None}
            note_registered_for(connection, asked, one.arrived.phone, now)
            insist(connection, asked, now)
        if taken.says is not None and taken.says.reply is Reply.TAKING_BACK_UNDER_WAY:
            taken_back = one.known.cancelled.values()
            asked = {each.appointment.id for each in taken_back if each.taking_back_requested_at is not None}
            note_registered_for(connection, asked, one.arrived.phone, now)
        if taken.says is not None and taken.says.reply in _TELL_OF_CANCELLATIONS and one.about is not None:
            self.door.learnt(connection, one.about, now)
        if taken.takes_back is not None and not stand_again(
            connection, self.door.announcer, one.known.cancelled[taken.takes_back], Via.SMS, now
        ):
            raise RuntimeError("the cancellation was not taken back")
        if taken.requests_taking_back is not None:
            meant = one.known.cancelled[taken.requests_taking_back]
            canceller = Canceller(Actor.USAGER, Via.SMS, in_reply_to=incoming_id)
            if not ask_to_stand_again(connection, meant, canceller, now):
                raise RuntimeError("the source was not asked to take the cancellation back")
        if taken.requests is not None:
            canceller = Canceller(Actor.USAGER, Via.SMS, in_reply_to=incoming_id)
            _check(self.door.end(connection, one.known.coming[taken.requests], canceller, now), Verdict.REQUESTED)

    def _cancel(self, connection: Connection, steps: Sequence[_Taken]) -> None:
        """Cancel what these steps cancel, at the time of the first of their messages."""
        cancelled = [
            (one.known.coming[one.step.cancels], one.arrived.at) for one in steps if one.step.cancels is not None
        ]
        if cancelled:
            canceller, now = Canceller(Actor.USAGER, Via.SMS), min(at for _, at in cancelled)
            for verdict in self.door.end_each(connection, [one for one, _ in cancelled], canceller, now):
                _check(verdict, Verdict.CANCELLED)

    def _remembered(self, one: _Taken) -> dict[str, object]:
        return {
            "usager_number": one.arrived.phone,
            "our_number": self.main_sender(one.arrived.message.to_number),
            "memory": memory_to_json(one.step.memory),
            "updated_at": one.arrived.at,
        }

    def _reply(self, connection: Connection, one: _Taken, says: Say, incoming_id: int) -> OutgoingMessage:
        about = one.about
        values = reply_values(connection, says, about, one.known, self.terms, may_take_back=bool(self.take_back_within))
        sms = self.texts.write(says.reply.value, values)
        return OutgoingMessage(
            channel="sms",
            kind="reply",
            recipient=one.arrived.phone,
            sender=one.arrived.message.to_number,
            body=sms.body,
            segments=sms.segments,
            in_reply_to=incoming_id,
            appointment_id=about.appointment.id if about else None,
            participation_id=about.id if about else None,
            listed_appointment_ids=_listed(says, one.known.coming),
        )


def _check(verdict: Verdict, decided: Verdict) -> None:
    """Raises RuntimeError if the door did not do what was decided. It always should, because the rows were locked."""
    if verdict is not decided:
        raise RuntimeError(f"the cancellation was not made: {verdict}")


def _tell_of_message(connection: Connection, incoming_id: int, about: Participation | None, now: datetime) -> None:
    appointment_id, participation_id = (about.appointment.id, about.id) if about is not None else (None, None)
    record_message_for_agents(connection, incoming_id, appointment_id, participation_id, now)


_TELL_OF_CANCELLATIONS = (Reply.ALREADY_CANCELLED, Reply.NO_APPOINTMENT)
_TELL_OF_REQUESTS = (Reply.REQUEST_REGISTERED, Reply.REQUEST_UNDER_WAY)


@made_often
@dataclass(frozen=True, slots=True)
class _Taken:
    """The step that was taken on a message, and the participation that it is about."""

    arrived: Arrived
    known: Known
    step: Step
    about: Participation | None

    @property
    def claim(self) -> MessageClaim:
        taken = self.step
        outcome = taken.says.reply.value if taken.says else SILENCE
        return MessageClaim(self.arrived, outcome, taken.reason, self.about, taken.for_agents, taken.topic)


_NEUTRAL_TEXTS = Prepared(
    select(func.count()).where(
        # The values are written out, so that the partial index is used.
        incoming_messages.c.outcome == literal_column(f"'{Reply.NO_APPOINTMENT.value}'"),
        incoming_messages.c.received_at > bindparam("since"),
    )
)
_REMEMBER = Inserts(
    conversations,
    "usager_number",
    "our_number",
    "memory",
    "updated_at",
    conflict="ON CONFLICT (usager_number, our_number)"
    " DO UPDATE SET memory = excluded.memory, updated_at = excluded.updated_at",
)
_OPT_OUT = upserting(
    opt_outs, ("number", "opted_out_at", "by_stranger"), lambda insert: insert.on_conflict_do_nothing()
)


def _listed(says: Say, coming: Mapping[int, Participation]) -> tuple[int, ...]:
    """Our ids of the appointments that the reply offers as a choice, each once."""
    return tuple(sorted({coming[one].appointment.id for _, one in says.options}))


def _cancelled_at(participation: Participation) -> datetime:
    """When it was cancelled, else when its source was asked to cancel it or to take that back (UTC)."""
    asked_at = participation.cancellation_requested_at or participation.taking_back_requested_at
    moment = participation.cancelled_at or asked_at
    assert moment is not None
    return moment


def _about(connection: Connection, taken: Step, known: Known) -> Participation | None:
    """The participation that the reply is about, for its telephone number and date."""
    if taken.about is None:
        return None
    found = known.coming.get(taken.about) or known.cancelled.get(taken.about)
    if found is not None:
        return found
    gone = participation_of(connection, taken.about)  # cancelled, or begun
    return gone or next(iter(known.coming.values()), None)


def _without_common_appointments(
    arrived: Sequence[Arrived], known: Mapping[str, Known]
) -> tuple[list[Arrived], list[Arrived]]:
    """The messages of telephones that have no appointment in common, and the rest."""
    apart: list[Arrived] = []
    later: list[Arrived] = []
    appointments: set[int] = set()
    for one in arrived:
        there = known[one.phone]
        theirs = {part.appointment.id for part in (*there.coming.values(), *there.cancelled.values())}
        if appointments.isdisjoint(theirs):
            appointments |= theirs
            apart.append(one)
        else:
            later.append(one)
    return apart, later
