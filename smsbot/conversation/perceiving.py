"""What does a message amount to? It is read in the light of the open question and held against the facts.

The result is one `Event`, with the participations that it is about: a row and a line of `table.TABLE`, from which
everything else follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from smsbot.conversation.facts import Coming, Facts, one_of_each
from smsbot.conversation.memory import Memory
from smsbot.conversation.states import Event, State
from smsbot.rules.deadline import Refusal
from smsbot.rules.letters import fold
from smsbot.rules.lock import after_wrong_answer, is_locked
from smsbot.understanding import (
    Answer,
    Choice,
    ChoiceReading,
    Keyword,
    Opening,
    named_at_once,
    read_choice,
    read_confirmation,
    read_keyword,
    read_opening,
    read_taking_back,
    takes_back,
)
from smsbot.understanding.letters_given import LettersKind, read_letters
from smsbot.understanding.moments import Asked
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.topics import Topic, is_bare_yes, read_topic

PAGE = 4  # appointments shown at once
PAGE_WITH_NAMES = 3  # where first names need the room
DOUBTS = 2  # times a choice or a confirmation is asked again
EXPLANATIONS = 3  # times the letters are explained again
HELP_EVERY = timedelta(hours=1)
TOLD_RARELY_EVERY = timedelta(hours=24)  # the neutral text; the telephone number to someone locked out
SAID_IN_A_ROW = 5  # times the same text is answered: what goes on repeating itself is a machine
ECHO = timedelta(hours=1)
REMINDER_IS_FRESH_FOR = timedelta(days=3)
EXPIRY_IS_TOLD_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Perceived:
    """What a message amounts to. `about` is the participation that the reply speaks of, where the event has one;
    `fits` are those that the letters fit, soonest first; `named` those that a request has named ("annulez jeudi"), by
    id."""

    event: Event
    about: Coming | None = None
    fits: tuple[Coming, ...] = ()
    named: tuple[int, ...] = ()


def perceive(memory: Memory, text: str, facts: Facts, now: datetime, expiry: timedelta) -> tuple[State, Perceived]:
    """In which state the message is taken, and what it amounts to there.

    A question that was left alone for longer than `expiry` is no longer open, except to be told so.
    """
    is_open = memory.state is not State.IDLE and _is_recent(memory.asked_at, now, expiry)
    message = set_aside(text, facts.sent_lately)
    if message.is_nobodys and facts.gateway_keyword is None:
        return memory.state, Perceived(Event.NOT_THEIR_WORDS)
    repeats = memory.limits.times_said(text, now)
    text = message.words
    keyword = read_keyword(text)
    perceived = _perceive_always(memory, text, keyword, facts, now, repeats)
    if perceived is None:
        if is_open:
            perceived = _perceive_answer(memory, text, facts, now)
        else:
            perceived = _perceive_idle(memory, text, keyword, facts, now)
    stays = is_open or perceived.event in (Event.LATE_ANSWER, Event.LATE_WORDS)
    return memory.state if stays else State.IDLE, perceived


def _perceive_always(
    memory: Memory, text: str, keyword: Keyword | None, facts: Facts, now: datetime, repeats: int
) -> Perceived | None:
    """What comes before any question; None where the message has to be read.

    `repeats` is how often this very message came in a row and was answered.
    """
    if facts.gateway_keyword is not None:
        return Perceived(_BY_GATEWAY[facts.gateway_keyword])
    if keyword is Keyword.STOP and not _is_letters_after_all(memory, text, facts, now):
        # Strangers, and numbers that get no SMS, cannot make the bot spend: they are noted, not told.
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
    if _is_recent(memory.cancelled_at, now, ECHO) and read_confirmation(text) is Answer.YES:
        asked = next((one for one in facts.coming if one.is_requested), None)
        return Perceived(Event.ECHO) if asked is None else Perceived(Event.ASKS_AGAIN, asked)
    if not facts.coming:
        silent = facts.stranger_silence or _is_recent(memory.limits.neutral_at, now, TOLD_RARELY_EVERY)
        if facts.is_former:
            return Perceived(Event.FORMER_AGAIN if silent else Event.FORMER)
        return Perceived(Event.STRANGER_AGAIN if silent else Event.STRANGER)
    open_ones = _unlocked(facts, now)
    if not open_ones:
        return _locked_out(memory, now)
    left = tuple(one for one in open_ones if not one.is_requested)
    if opening.meaning is Opening.CANCEL:
        if not left:
            return Perceived(Event.ASKS_AGAIN, open_ones[0])
        if left == open_ones and (refusal := _refused(open_ones, now)):
            return Perceived(_ASKS[refusal], open_ones[0])
        named = _named(text, facts, now)
        given = _letters_given(opening.letters, open_ones, named, now) if opening.letters else None
        return given or Perceived(Event.ASKS_TO_CANCEL, named=named)
    if keyword is Keyword.HELP:
        return Perceived(Event.HELP)
    if keyword is Keyword.START:
        return Perceived(Event.START)  # it says that SMS are sent, which is so
    if not left:
        told = _is_recent(memory.limits.help_at, now, HELP_EVERY)
        return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.WORDS_WHILE_REQUESTED, open_ones[0])
    if memory.state is not State.IDLE and memory.asked_at and now - memory.asked_at < EXPIRY_IS_TOLD_FOR:
        return Perceived(Event.LATE_ANSWER if _is_answer(memory, text, facts, now) else Event.LATE_WORDS)
    if _topic(text, facts, now) is Topic.OTHER_DATE:
        told = _is_recent(memory.limits.other_date_at, now, HELP_EVERY)
        return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.OTHER_DATE, open_ones[0])
    told = _is_recent(memory.limits.help_at, now, HELP_EVERY)
    return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.OTHER_WORDS)


def may_cancel(facts: Facts, now: datetime) -> bool:
    """Whether one of the coming appointments can still be cancelled by a reply."""
    return any(one.refusal(now) is None and not one.is_requested for one in _unlocked(facts, now))


def topic_for_agents(text: str, facts: Facts, now: datetime) -> Topic:
    """What agents are told that a message is about. They may know what the telephone was not told."""
    return read_topic(text, [facts.asked(one, now) for one in facts.coming], facts.sent_lately)


def _topic(text: str, facts: Facts, now: datetime) -> Topic:
    """What a message is about, for what is answered. It is held against nothing but what the telephone was reminded of:
    else a guess at the day would be answered differently from a wrong one."""
    told = [_told(one, facts, now) for one in facts.coming if one.reminded_at is not None]
    return read_topic(text, told, facts.sent_lately)


def _told(one: Coming, facts: Facts, now: datetime) -> Asked:
    """What a reminder has told of it, and a message may name: no first name."""
    return replace(facts.asked(one, now), first_names=())


def _announced(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived | None:
    """Somebody says that they come; None for anything else, and where it cannot hold.

    To an appointment that they were reminded of lately, where that is a single one, else to the only one. A bare yes
    says so only where a reminder is what they were sent last.
    """
    if memory.state is not State.IDLE and _is_recent(memory.asked_at, now, EXPIRY_IS_TOLD_FOR):
        return None
    is_yes = facts.just_reminded and not facts.written_long_ago and is_bare_yes(text)
    if not is_yes and _topic(text, facts, now) is not Topic.COMING:
        return None
    lately = [one for one in facts.coming if _is_recent(one.reminded_at, now, REMINDER_IS_FRESH_FOR)]
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


def _taken_back(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived | None:
    """Somebody takes back what they cancelled lately; None for anything else.

    "Je viens" says so only where there is no other appointment that it may be about. So does anything once it is too
    late to take it back.
    """
    meant = next((one for one in facts.cancelled if not is_locked(one, now)), None)
    if meant is None or facts.unanswerable is not None:
        return None
    is_meant = takes_back(text) or (not facts.coming and _topic(text, facts, now) is Topic.COMING)
    if not is_meant:
        return None
    is_in_time = _is_recent(meant.cancelled_at, now, facts.take_back_within) and meant.starts_at > now
    if is_in_time and not meant.asks_its_source:
        return Perceived(Event.TAKES_BACK, meant)
    if facts.coming:
        return None
    told = _is_recent(memory.limits.help_at, now, HELP_EVERY)
    return Perceived(Event.OTHER_WORDS_AGAIN if told else Event.TAKES_BACK_LATE, meant)


def _perceive_taking_back(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    meant = next((one for one in facts.cancelled if one.id == memory.chosen), None)
    if meant is None or meant.starts_at <= now:
        return Perceived(Event.GONE if meant is None else Event.TOO_LATE, meant)
    if is_locked(meant, now):
        return _locked_out(memory, now)
    is_told = meant.id == memory.cancelled
    beside = [facts.asked(other, now) for other in facts.coming if other.ends_as != meant.ends_as]
    answer = read_taking_back(text, facts.asked(meant, now) if is_told else None, beside=beside if is_told else ())
    if answer is Answer.NO:
        return Perceived(Event.NO, meant)
    if meant.starts_at != memory.chosen_starts_at:
        return Perceived(Event.MOVED, meant)
    if answer is Answer.UNCLEAR:
        return Perceived(_doubt(memory), meant)
    return Perceived(Event.OLD_YES if facts.written_long_ago else Event.YES, meant)


def _perceive_answer(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    if memory.state is State.TAKING_BACK:
        return _perceive_taking_back(memory, text, facts, now)
    if facts.coming and all(is_locked(coming, now) for coming in facts.coming):
        return _locked_out(memory, now)
    return _READERS[memory.state](memory, text, facts, now)


def _perceive_letters(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    if not facts.coming:
        return Perceived(Event.NOTHING_LEFT)
    open_ones = _unlocked(facts, now)
    named = _named(text, facts, now) or memory.named
    given = _letters_given(text, open_ones, named, now)
    if given is not None:
        return given
    if len(text.split()) > 1 and read_confirmation(text) is Answer.NO:
        return Perceived(Event.GIVES_UP)  # but a bare NON may be a try at the letters: it is explained again
    explained = memory.doubts >= EXPLANATIONS
    return Perceived(Event.NO_LETTERS_AGAIN if explained else Event.NO_LETTERS, open_ones[0], named=named)


def _perceive_choice(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    choice = _choice(memory, text, facts, now)
    if choice.meaning is Choice.NUMBER and choice.number is not None and 1 <= choice.number <= len(memory.offered):
        return _chosen(memory, memory.offered[choice.number - 1], facts, now)
    still = tuple(coming for coming in facts.coming if coming.id in memory.offered)
    if not still:
        return Perceived(Event.GONE)
    if choice.meaning is Choice.NO:
        return Perceived(Event.GIVES_UP)
    if choice.meaning is Choice.MORE and len(memory.offered) > page_length(memory.offered, facts):
        return Perceived(Event.MORE)
    return Perceived(_doubt(memory), still[0])


def _choice(memory: Memory, text: str, facts: Facts, now: datetime) -> ChoiceReading:
    by_id = {coming.id: coming for coming in facts.coming}
    offered = [facts.asked(by_id[one], now) if one in by_id else None for one in memory.offered]
    length = page_length(memory.offered, facts)
    first = memory.page * length + 1
    return read_choice(text, offered, range(first, min(first + length, len(offered) + 1)))


def _chosen(memory: Memory, participation_id: int, facts: Facts, now: datetime) -> Perceived:
    coming = _find(participation_id, facts)
    if coming is None:
        return Perceived(Event.GONE)
    if is_locked(coming, now):
        return _locked_out(memory, now)
    if coming.is_requested:
        return Perceived(Event.REQUESTED, coming)
    refusal = coming.refusal(now)
    return Perceived(_MEANWHILE[refusal] if refusal else Event.CHOOSES, coming)


def _perceive_confirmation(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    coming = _find(memory.chosen, facts)
    if coming is None:
        began = memory.chosen_starts_at is not None and memory.chosen_starts_at <= now
        return Perceived(Event.TOO_LATE if began else Event.GONE)
    if is_locked(coming, now):
        return _locked_out(memory, now)
    if coming.is_requested:
        return Perceived(Event.REQUESTED, coming)
    beside = [facts.asked(other, now) for other in facts.coming if other.ends_as != coming.ends_as]
    answer = read_confirmation(text, facts.asked(coming, now), beside=beside)
    if answer is Answer.NO:
        return Perceived(Event.NO, coming)
    refusal = coming.refusal(now)
    if coming.starts_at != memory.chosen_starts_at:  # whatever was answered, it was to another time
        return Perceived(_MEANWHILE[refusal] if refusal else Event.MOVED, coming)
    if answer is Answer.UNCLEAR:
        return Perceived(_doubt(memory), coming)
    if refusal:
        return Perceived(_MEANWHILE[refusal], coming)
    if facts.written_long_ago:
        return Perceived(Event.OLD_YES, coming)
    return Perceived(Event.YES_TO_SOURCE if coming.asks_its_source else Event.YES, coming)


_READERS: dict[State, Callable[[Memory, str, Facts, datetime], Perceived]] = {
    State.LETTERS: _perceive_letters,
    State.CHOICE: _perceive_choice,
    State.CONFIRMATION: _perceive_confirmation,
}


def _letters_given(text: str, open_ones: tuple[Coming, ...], named: tuple[int, ...], now: datetime) -> Perceived | None:
    """What the letters in `text` fit; None where there are none. What is locked is as if it did not exist.

    Where they fit several, the one of them that the request has named is meant. What was requested to be cancelled
    before is not asked about again.
    """
    reading = read_letters(text, [coming.names for coming in open_ones])
    if reading.kind is LettersKind.NONE:
        return None
    if reading.kind is LettersKind.WRONG:
        all_locked = all(lock.locked_until for lock in after_wrong_answer(open_ones, now))
        return Perceived(Event.WRONG_THIRD if all_locked else Event.WRONG, open_ones[0], named=named)
    fits = tuple(open_ones[index] for index in reading.fits)
    named_fits = tuple(fit for fit in fits if fit.id in named) or fits
    left = tuple(fit for fit in fits if not fit.is_requested)
    if all(fit.is_requested for fit in named_fits):
        return Perceived(Event.FITS_REQUESTED, named_fits[0], fits)
    meant = one_of_each(fit for fit in left if fit.id in named)
    choices = meant if len(meant) == 1 else one_of_each(left)
    if refusal := _refused(choices, now):
        return Perceived(_FITS[refusal], choices[0], fits)
    return Perceived(Event.FITS_ONE if len(choices) == 1 else Event.FITS_SEVERAL, choices[0], fits)


def _named(text: str, facts: Facts, now: datetime) -> tuple[int, ...]:
    """The participations that a request names, by id. Locked ones too: nothing tells that they are."""
    if len(facts.coming) == 1:
        return ()
    places = named_at_once(text, [facts.asked(one, now) for one in facts.coming])
    return tuple(facts.coming[place].id for place in sorted(places))


def _is_letters_after_all(memory: Memory, text: str, facts: Facts, now: datetime) -> bool:
    """END is a word for STOP, and the letters of Mme Endelin, who was just asked for them. STOP is always STOP."""
    if memory.state is not State.LETTERS or fold(text) == "STOP":
        return False
    return read_letters(text, [coming.names for coming in _unlocked(facts, now)]).kind is LettersKind.RIGHT


def _is_answer(memory: Memory, text: str, facts: Facts, now: datetime) -> bool:
    """Does this answer the question that has expired (and so need no agent)?"""
    if memory.state is State.LETTERS:
        one_word = len(text.split()) == 1
        names = [coming.names for coming in _unlocked(facts, now)]
        return one_word or read_letters(text, names).kind is LettersKind.RIGHT
    if memory.state is State.CHOICE:
        return _choice(memory, text, facts, now).meaning is not Choice.OTHER
    if memory.state is State.TAKING_BACK:
        return read_taking_back(text) is not Answer.UNCLEAR
    return read_confirmation(text) is not Answer.UNCLEAR


def _refused(ones: Sequence[Coming], now: datetime) -> Refusal | None:
    """Why the soonest may not be cancelled, where none of them may be."""
    refusals = [coming.refusal(now) for coming in ones]
    return refusals[0] if all(refusals) else None


_ASKS = {Refusal.BARRED: Event.ASKS_IN_VAIN, Refusal.TOO_LATE: Event.ASKS_TOO_LATE}
_FITS = {Refusal.BARRED: Event.FITS_BARRED, Refusal.TOO_LATE: Event.FITS_TOO_LATE}
_MEANWHILE = {Refusal.BARRED: Event.BARRED, Refusal.TOO_LATE: Event.TOO_LATE}


def _locked_out(memory: Memory, now: datetime) -> Perceived:
    told = _is_recent(memory.limits.locked_at, now, TOLD_RARELY_EVERY)
    return Perceived(Event.LOCKED_OUT_AGAIN if told else Event.LOCKED_OUT)


def _doubt(memory: Memory) -> Event:
    return Event.DOUBT_AGAIN if memory.doubts >= DOUBTS else Event.DOUBT


def _unlocked(facts: Facts, now: datetime) -> tuple[Coming, ...]:
    return tuple(coming for coming in facts.coming if not is_locked(coming, now))


def _find(participation_id: int | None, facts: Facts) -> Coming | None:
    return next((coming for coming in facts.coming if coming.id == participation_id), None)


def _is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    return at is not None and now - at < within


def page_length(offered: Sequence[int], facts: Facts) -> int:
    """How many of a list are shown at once."""
    return PAGE if facts.needing_first_names().isdisjoint(offered) else PAGE_WITH_NAMES
