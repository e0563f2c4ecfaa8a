"""Finds what a message means: it is read as an answer to the open question, and compared with the facts.

The result is one `Event`, with the participations that it is about. State and event together select a move in
`table.TABLE`, and the move decides everything else. `open_question` reads the answers to a question that is open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from smsbot.conversation.facts import Coming, Facts, one_of_each
from smsbot.conversation.memory import Memory
from smsbot.conversation.open_question import is_late_answer, is_letters_after_all, perceive_answer
from smsbot.conversation.perceived import (
    TOLD_RARELY_EVERY,
    Perceived,
    is_recent,
    letters_given,
    locked_out,
    named_by,
    refused,
)
from smsbot.conversation.states import Event, State
from smsbot.rules.deadline import Refusal
from smsbot.rules.lock import is_locked
from smsbot.understanding import (
    Answer,
    Keyword,
    Opening,
    read_confirmation,
    read_keyword,
    read_opening,
    takes_back,
)
from smsbot.understanding.moments import Asked
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.topics import Topic, is_bare_yes, read_topic

HELP_EVERY = timedelta(hours=1)
SAID_IN_A_ROW = 5  # how often the same text is answered; only a machine repeats it more often
ECHO = timedelta(hours=1)
REMINDER_IS_FRESH_FOR = timedelta(days=3)
EXPIRY_IS_TOLD_FOR = timedelta(hours=24)


def perceive(memory: Memory, text: str, facts: Facts, now: datetime, expiry: timedelta) -> tuple[State, Perceived]:
    """Read a message. Returns the state for which it was read, and what it means there.

    A question that was not answered within `expiry` is closed. An answer that comes later is told so.
    """
    is_open = memory.state is not State.IDLE and is_recent(memory.asked_at, now, expiry)
    message = set_aside(text, facts.sent_lately)
    if message.is_nobodys and facts.gateway_keyword is None:
        return memory.state, Perceived(Event.NOT_THEIR_WORDS)
    repeats = memory.limits.times_said(text, now)
    text = message.words
    keyword = read_keyword(text)
    perceived = _perceive_always(memory, text, keyword, facts, now, repeats)
    if perceived is None:
        if is_open:
            perceived = perceive_answer(memory, text, facts, now)
        else:
            perceived = _perceive_idle(memory, text, keyword, facts, now)
    stays = is_open or perceived.event in (Event.LATE_ANSWER, Event.LATE_WORDS)
    return memory.state if stays else State.IDLE, perceived


def _perceive_always(
    memory: Memory, text: str, keyword: Keyword | None, facts: Facts, now: datetime, repeats: int
) -> Perceived | None:
    """What is the same whichever question is open; None where the message has to be read.

    `repeats` is how often this message came in a row and was answered.
    """
    if facts.gateway_keyword is not None:
        return Perceived(_BY_GATEWAY[facts.gateway_keyword])
    if keyword is Keyword.STOP and not is_letters_after_all(memory, text, facts, now):
        # STOP from strangers and from numbers that get no SMS is recorded but not answered: each SMS costs money.
        unheard = facts.opted_out or not facts.coming or facts.unanswerable
        return Perceived(Event.STOP_QUIETLY if unheard else Event.STOP)
    if keyword is Keyword.START and facts.opted_out:
        heard = facts.coming and not facts.unanswerable
        return Perceived(Event.START if heard else Event.START_QUIETLY)
    if facts.opted_out:
        return Perceived(Event.AFTER_STOP)
    if facts.unanswerable is not None and facts.coming:
        return Perceived(Event.UNANSWERABLE)
    if repeats >= SAID_IN_A_ROW:
        return Perceived(Event.REPEATS_ITSELF)
    if memory.limits.replies_today(now) >= facts.answers_a_day:
        return Perceived(Event.TOO_MANY)
    return None


_BY_GATEWAY = {
    Keyword.STOP: Event.GATEWAY_STOP,
    Keyword.START: Event.GATEWAY_START,
    Keyword.HELP: Event.GATEWAY_HELP,
}


def _perceive_idle(memory: Memory, text: str, keyword: Keyword | None, facts: Facts, now: datetime) -> Perceived:
    opening = read_opening(text, [facts.asked(one, now) for one in facts.coming])
    if opening.meaning is not Opening.CANCEL and (taken_back := _taken_back(memory, text, facts, now)) is not None:
        return taken_back
    if opening.meaning is not Opening.CANCEL and (announced := _announced(memory, text, facts, now)) is not None:
        return announced
    ended_lately = memory.ended_at is not None and now - memory.ended_at < TOLD_RARELY_EVERY
    if opening.meaning is Opening.THANKS and (facts.coming or ended_lately):
        return Perceived(Event.THANKS)
    if (waits := _while_taking_back(memory, text, facts, now)) is not None:
        return waits
    if is_recent(memory.cancelled_at, now, ECHO) and read_confirmation(text) is Answer.YES:
        asked = next((one for one in facts.coming if one.is_requested), None)
        return Perceived(Event.ECHO) if asked is None else Perceived(Event.ASKS_AGAIN, asked)
    if not facts.coming:
        silent = facts.stranger_silence or is_recent(memory.limits.neutral_at, now, TOLD_RARELY_EVERY)
        if facts.is_former:
            return Perceived(Event.FORMER_AGAIN if silent else Event.FORMER)
        return Perceived(Event.STRANGER_AGAIN if silent else Event.STRANGER)
    open_ones = facts.unlocked(now)
    if not open_ones:
        return locked_out(memory, now)
    left = tuple(one for one in open_ones if not one.is_requested)
    if opening.meaning is Opening.CANCEL:
        if not left:
            return Perceived(Event.ASKS_AGAIN, open_ones[0])
        if left == open_ones and (refusal := refused(open_ones, now)):
            return Perceived(_ASKS[refusal], open_ones[0])
        named = named_by(text, facts, now)
        given = letters_given(opening.letters, open_ones, named, now) if opening.letters else None
        return given or Perceived(Event.ASKS_TO_CANCEL, named=named)
    if keyword is Keyword.HELP:
        return Perceived(Event.HELP)
    if keyword is Keyword.START:
        return Perceived(Event.START)  # the reply says that they get SMS, which is true
    if not left:
        told = is_recent(memory.limits.help_at, now, HELP_EVERY)
        return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.WORDS_WHILE_REQUESTED, open_ones[0])
    late = memory.state is not State.IDLE and is_recent(memory.asked_at, now, EXPIRY_IS_TOLD_FOR)
    stands = next((one for one in facts.coming if one.id == memory.chosen), None)
    if late and memory.state is State.TAKING_BACK and stands is not None:
        late = False  # the replies to late words would say that it stays cancelled
        if stands.is_requested:
            return Perceived(Event.WORDS_WHILE_REQUESTED, stands)
    if late:
        return Perceived(Event.LATE_ANSWER if is_late_answer(memory, text, facts, now) else Event.LATE_WORDS)
    if _topic(text, facts, now) is Topic.OTHER_DATE:
        told = is_recent(memory.limits.other_date_at, now, HELP_EVERY)
        return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.OTHER_DATE, open_ones[0])
    told = is_recent(memory.limits.help_at, now, HELP_EVERY)
    return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.OTHER_WORDS)


_ASKS = {Refusal.BARRED: Event.ASKS_IN_VAIN, Refusal.TOO_LATE: Event.ASKS_TOO_LATE}


def may_cancel(facts: Facts, now: datetime) -> bool:
    """Whether one of the coming appointments can still be cancelled by a reply."""
    return any(one.refusal(now) is None and not one.is_requested for one in facts.unlocked(now))


def topic_for_agents(text: str, facts: Facts, now: datetime) -> Topic:
    """What agents are told that a message is about. They may know what the telephone was not told."""
    return read_topic(text, [facts.asked(one, now) for one in facts.coming], facts.sent_lately)


def _topic(text: str, facts: Facts, now: datetime) -> Topic:
    """What a message is about, where the reply depends on it.

    It is compared only with what the telephone was reminded of. Otherwise the reply would show whether a guess at the
    day was right.
    """
    told = [_told(one, facts, now) for one in facts.coming if one.reminded_at is not None]
    return read_topic(text, told, facts.sent_lately)


def _told(one: Coming, facts: Facts, now: datetime) -> Asked:
    """What a message may name `one` by, after a reminder has told of it: no first name."""
    return replace(facts.asked(one, now), first_names=())


def _announced(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived | None:
    """The event where somebody says that they come. None for other messages, and where no appointment can be meant.

    They mean the one appointment that they were reminded of lately, or else their only one. A bare yes counts only
    where the last SMS to them was a reminder.
    """
    if memory.state is not State.IDLE and is_recent(memory.asked_at, now, EXPIRY_IS_TOLD_FOR):
        return None
    is_yes = facts.just_reminded and not facts.written_long_ago and is_bare_yes(text)
    if not is_yes and _topic(text, facts, now) is not Topic.COMING:
        return None
    lately = [one for one in facts.coming if is_recent(one.reminded_at, now, REMINDER_IS_FRESH_FOR)]
    fitting = [one for one in lately if is_yes or read_topic(text, (_told(one, facts, now),)) is Topic.COMING]
    choices = one_of_each(fitting if is_yes else fitting or facts.coming)
    if len(choices) > 1:
        return Perceived(Event.COMES_TO_WHICH)
    if not choices or is_locked(choices[0], now):
        return None
    meant = choices[0]
    if meant.is_requested:
        return Perceived(Event.COMES_WHILE_REQUESTED, meant)
    fits = tuple(one for one in facts.coming if one.ends_as == meant.ends_as)
    return Perceived(Event.COMES if meant.reminded_at else Event.COMES_UNTOLD, meant, fits)


def _while_taking_back(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived | None:
    """The event for any message while a source is asked to take the only cancellation back. None in other cases."""
    meant = next((one for one in facts.cancelled if one.is_taking_back_requested and not is_locked(one, now)), None)
    if meant is None or any(one.ends_as != meant.ends_as for one in facts.coming):
        return None
    if read_confirmation(text) is Answer.YES:
        return Perceived(Event.TAKING_BACK_REQUESTED, meant)
    told = is_recent(memory.limits.help_at, now, HELP_EVERY)
    return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.WORDS_WHILE_TAKING_BACK, meant)


def _taken_back(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived | None:
    """The event where somebody takes back what they cancelled lately. None for other messages.

    "Je viens" counts only where there is no other appointment that it can be about. When it is too late to take the
    cancellation back, this is true for all wordings.
    """
    meant = next((one for one in facts.cancelled if not is_locked(one, now)), None)
    if meant is None or facts.unanswerable is not None:
        return None
    others = [one for one in facts.coming if one.ends_as != meant.ends_as]
    is_meant = takes_back(text) or (not others and _topic(text, facts, now) is Topic.COMING)
    if not is_meant:
        return None
    if meant.is_taking_back_requested:
        return Perceived(Event.TAKING_BACK_REQUESTED, meant)
    if is_recent(meant.cancelled_at, now, facts.take_back_within) and meant.starts_at > now:
        return Perceived(Event.TAKES_BACK, meant)
    if facts.coming:
        return None
    told = is_recent(memory.limits.help_at, now, HELP_EVERY)
    return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.TAKES_BACK_LATE, meant)
