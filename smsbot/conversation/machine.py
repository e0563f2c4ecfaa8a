"""The conversation: one message in, one step out. Pure: no clock, no database, no network.

`step(memory, text, facts, now)` reads the message in the light of the open question (`perceive`), looks the result up
in `table.TABLE`, and returns what to remember, what to say and what to do. Whoever calls it (`smsbot.turn`) loads the
facts and carries the effects out in the same transaction, so a step is only ever taken on facts that still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from smsbot.conversation.facts import LOCK, TRIES, Coming, Facts, Limits, Memory
from smsbot.conversation.letters import LettersKind, fold, read_letters
from smsbot.conversation.states import Deed, Event, Reply, State
from smsbot.conversation.table import TABLE
from smsbot.conversation.understanding import (
    Answer,
    Choice,
    Keyword,
    Opening,
    read_choice,
    read_confirmation,
    read_keyword,
    read_opening,
)

PAGE = 4  # appointments shown at once
DOUBTS = 2  # times a choice or a confirmation is asked again
EXPLANATIONS = 3  # times the letters are explained again
HELP_EVERY = timedelta(hours=1)
TOLD_RARELY_EVERY = timedelta(hours=24)  # the neutral text; the telephone number to someone locked out
REPLIES_AN_HOUR = 60  # nobody types so fast: beyond that it is a machine on the other side
ECHO = timedelta(hours=1)
EXPIRY = timedelta(hours=1)
EXPIRY_IS_TOLD_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Say:
    """A reply and what it speaks of: `about` is a participation, `options` are (number in the list, participation)."""

    reply: Reply
    about: int | None = None
    options: tuple[tuple[int, int], ...] = ()
    more: bool = False
    tries_left: int | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """What one wrong answer leaves on one participation."""

    participation_id: int
    wrong_answers: int
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """The one outcome of a message: `says`, or a silence whose reason is `reason`; and the deeds with their objects."""

    memory: Memory
    event: Event
    says: Say | None
    reason: str | None = None
    cancels: int | None = None
    locks: tuple[Lock, ...] = ()
    forgives: tuple[int, ...] = ()
    opts: bool | None = None  # True: out, False: in
    for_agents: bool = False


@dataclass(frozen=True, slots=True)
class _Perceived:
    event: Event
    about: Coming | None = None
    fits: tuple[Coming, ...] = ()


def step(memory: Memory, text: str, facts: Facts, now: datetime, *, expiry: timedelta = EXPIRY) -> Step:
    """Take one message. Every message has exactly one outcome; see `table` for all there are."""
    perceived = perceive(memory, text, facts, now, expiry)
    state = State.IDLE if _has_expired(memory, now, expiry) and perceived.event not in _LATE else memory.state
    move = TABLE[state][perceived.event]
    deeds = move.does
    locks = tuple(after_wrong_answer(facts.coming, now)) if Deed.COUNT_WRONG in deeds else ()
    after = _remember(memory, state, move.to, perceived, deeds, now)
    if move.says is not None:
        after = replace(after, limits=_count(after.limits, move.says, now))
    return Step(
        memory=after,
        event=perceived.event,
        says=_say(move.says, after, perceived, locks, facts, now) if move.says else None,
        reason=_reason(perceived.event, facts) if move.says is None else None,
        cancels=perceived.about.participation_id if Deed.CANCEL in deeds and perceived.about else None,
        locks=locks,
        forgives=tuple(fit.participation_id for fit in perceived.fits if fit.wrong_answers)
        if Deed.FORGET_WRONG in deeds
        else (),
        opts=True if Deed.OPT_OUT in deeds else False if Deed.OPT_IN in deeds else None,
        for_agents=Deed.KEEP_FOR_AGENTS in deeds,
    )


def after_wrong_answer(counted: Sequence[Coming], now: datetime) -> list[Lock]:
    """What a wrong answer leaves on each of `counted`: one more, and at three a lock for 24 hours.

    By SMS every coming participation of the number is counted, by link only its own. What is locked stays as it is.
    """
    locks = []
    for coming in counted:
        if not coming.is_locked(now):
            wrong_answers = coming.tries_used(now) + 1
            locks.append(Lock(coming.participation_id, wrong_answers, now + LOCK if wrong_answers >= TRIES else None))
    return locks


# What does a message amount to? --------------------------------------------------------------------------------------


def perceive(memory: Memory, text: str, facts: Facts, now: datetime, expiry: timedelta) -> _Perceived:
    """Read the message in the light of the open question and hold it against the facts."""
    keyword = facts.gateway_keyword or read_keyword(text)
    if facts.gateway_keyword is not None:
        return _Perceived(_BY_GATEWAY[facts.gateway_keyword])
    if keyword is Keyword.STOP and not _is_letters_after_all(memory, text, facts, now):
        unheard = facts.opted_out or not facts.coming  # strangers cannot make the bot spend: they are noted, not told
        return _Perceived(Event.STOP_QUIETLY if unheard else Event.STOP)
    if keyword is Keyword.START and facts.opted_out:
        return _Perceived(Event.START if facts.coming else Event.START_QUIETLY)
    if facts.opted_out:
        return _Perceived(Event.AFTER_STOP)
    if _replies_this_hour(memory.limits, now) >= REPLIES_AN_HOUR:
        return _Perceived(Event.TOO_MANY)
    if memory.state is State.IDLE or _has_expired(memory, now, expiry):
        return _perceive_idle(memory, text, keyword, facts, now)
    if facts.coming and all(coming.is_locked(now) for coming in facts.coming):
        return _locked_out(memory, now)
    return _PERCEIVE[memory.state](memory, text, facts, now)


_LATE = (Event.LATE_ANSWER, Event.LATE_WORDS)
_BY_GATEWAY = {
    Keyword.STOP: Event.GATEWAY_STOP,
    Keyword.START: Event.GATEWAY_START,
    Keyword.HELP: Event.GATEWAY_HELP,
}


def _perceive_idle(memory: Memory, text: str, keyword: Keyword | None, facts: Facts, now: datetime) -> _Perceived:
    opening = read_opening(text)
    ended_lately = memory.ended_at is not None and now - memory.ended_at < TOLD_RARELY_EVERY
    if opening.meaning is Opening.THANKS and (facts.coming or ended_lately):
        return _Perceived(Event.THANKS)
    if _is_recent(memory.cancelled_at, now, ECHO) and read_confirmation(text) is Answer.YES:
        return _Perceived(Event.ECHO)
    if not facts.coming:
        silent = facts.stranger_silence or _is_recent(memory.limits.neutral_at, now, TOLD_RARELY_EVERY)
        if facts.is_former:
            return _Perceived(Event.FORMER_AGAIN if silent else Event.FORMER)
        return _Perceived(Event.STRANGER_AGAIN if silent else Event.STRANGER)
    open_ones = _unlocked(facts, now)
    if not open_ones:
        return _locked_out(memory, now)
    if opening.meaning is Opening.CANCEL:
        if not any(coming.is_cancellable(now) for coming in open_ones):
            soonest = open_ones[0]
            event = Event.ASKS_IN_VAIN if not soonest.may_be_cancelled else Event.ASKS_TOO_LATE
            return _Perceived(event, soonest)
        given = _letters_given(opening.letters, open_ones, facts, now) if opening.letters else None
        return given or _Perceived(Event.ASKS_TO_CANCEL)
    if keyword is Keyword.HELP:
        return _Perceived(Event.HELP)
    if memory.state is not State.IDLE and memory.asked_at and now - memory.asked_at < EXPIRY_IS_TOLD_FOR:
        return _Perceived(Event.LATE_ANSWER if _is_answer(memory.state, text, open_ones) else Event.LATE_WORDS)
    told = _is_recent(memory.limits.help_at, now, HELP_EVERY)
    return _Perceived(Event.OTHER_WORDS_AGAIN if told else Event.OTHER_WORDS)


def _perceive_letters(memory: Memory, text: str, facts: Facts, now: datetime) -> _Perceived:
    if not facts.coming:
        return _Perceived(Event.NOTHING_LEFT)
    open_ones = _unlocked(facts, now)
    given = _letters_given(text, open_ones, facts, now)
    if given is not None:
        return given
    if len(text.split()) > 1 and read_confirmation(text) is Answer.NO:
        return _Perceived(Event.GIVES_UP)  # but a bare NON may be a try at the letters: it is explained again
    explained = memory.doubts >= EXPLANATIONS
    return _Perceived(Event.NO_LETTERS_AGAIN if explained else Event.NO_LETTERS, open_ones[0])


def _perceive_choice(memory: Memory, text: str, facts: Facts, now: datetime) -> _Perceived:
    choice = read_choice(text)
    if choice.meaning is Choice.NUMBER and choice.number is not None and 1 <= choice.number <= len(memory.offered):
        return _chosen(memory, memory.offered[choice.number - 1], facts, now)
    still = tuple(coming for coming in facts.coming if coming.participation_id in memory.offered)
    if not still:
        return _Perceived(Event.GONE)
    if choice.meaning is Choice.NO:
        return _Perceived(Event.GIVES_UP)
    if choice.meaning is Choice.MORE and len(memory.offered) > PAGE:
        return _Perceived(Event.MORE)
    return _Perceived(_doubt(memory), still[0])


def _chosen(memory: Memory, participation_id: int, facts: Facts, now: datetime) -> _Perceived:
    coming = _find(participation_id, facts)
    if coming is None:
        return _Perceived(Event.GONE)
    if coming.is_locked(now):
        return _locked_out(memory, now)
    if not coming.may_be_cancelled:
        return _Perceived(Event.BARRED, coming)
    return _Perceived(Event.TOO_LATE if coming.is_late(now) else Event.CHOOSES, coming)


def _perceive_confirmation(memory: Memory, text: str, facts: Facts, now: datetime) -> _Perceived:
    coming = _find(memory.chosen, facts)
    if coming is None:
        began = memory.chosen_starts_at is not None and memory.chosen_starts_at <= now
        return _Perceived(Event.TOO_LATE if began else Event.GONE)
    if coming.is_locked(now):
        return _locked_out(memory, now)
    answer = read_confirmation(text)
    if answer is Answer.NO:
        return _Perceived(Event.NO, coming)
    if coming.starts_at != memory.chosen_starts_at:
        return _Perceived(Event.MOVED, coming)  # the yes was to another time
    if answer is Answer.UNCLEAR:
        return _Perceived(_doubt(memory), coming)
    if not coming.may_be_cancelled:
        return _Perceived(Event.BARRED, coming)
    if coming.is_late(now):
        return _Perceived(Event.TOO_LATE, coming)
    return _Perceived(Event.OLD_YES if facts.written_long_ago else Event.YES, coming)


_PERCEIVE: dict[State, Callable[[Memory, str, Facts, datetime], _Perceived]] = {
    State.LETTERS: _perceive_letters,
    State.CHOICE: _perceive_choice,
    State.CONFIRMATION: _perceive_confirmation,
}


def _letters_given(text: str, open_ones: tuple[Coming, ...], facts: Facts, now: datetime) -> _Perceived | None:
    """What the letters in `text` fit; None where there are none. What is locked is as if it did not exist."""
    reading = read_letters(text, [coming.names for coming in open_ones])
    if reading.kind is LettersKind.NONE:
        return None
    if reading.kind is LettersKind.WRONG:
        all_locked = all(lock.locked_until for lock in after_wrong_answer(open_ones, now))
        return _Perceived(Event.WRONG_THIRD if all_locked else Event.WRONG, open_ones[0])
    fits = tuple(open_ones[index] for index in reading.fits)
    if not any(fit.is_cancellable(now) for fit in fits):
        return _Perceived(Event.FITS_BARRED if not fits[0].may_be_cancelled else Event.FITS_TOO_LATE, fits[0], fits)
    return _Perceived(Event.FITS_ONE if len(fits) == 1 else Event.FITS_SEVERAL, fits[0], fits)


def _is_letters_after_all(memory: Memory, text: str, facts: Facts, now: datetime) -> bool:
    """END is a word for STOP, and the letters of Mme Endelin, who was just asked for them. STOP is always STOP."""
    if memory.state is not State.LETTERS or fold(text) == "STOP":
        return False
    return read_letters(text, [coming.names for coming in _unlocked(facts, now)]).kind is LettersKind.RIGHT


def _is_answer(state: State, text: str, open_ones: tuple[Coming, ...]) -> bool:
    """Does this answer the question that has expired (and so need no agent)?"""
    if state is State.LETTERS:
        one_word = len(text.split()) == 1
        return one_word or read_letters(text, [coming.names for coming in open_ones]).kind is LettersKind.RIGHT
    if state is State.CHOICE:
        return read_choice(text).meaning is not Choice.OTHER
    return read_confirmation(text) is not Answer.UNCLEAR


def _locked_out(memory: Memory, now: datetime) -> _Perceived:
    told = _is_recent(memory.limits.locked_at, now, TOLD_RARELY_EVERY)
    return _Perceived(Event.LOCKED_OUT_AGAIN if told else Event.LOCKED_OUT)


def _doubt(memory: Memory) -> Event:
    return Event.DOUBT_AGAIN if memory.doubts >= DOUBTS else Event.DOUBT


def _unlocked(facts: Facts, now: datetime) -> tuple[Coming, ...]:
    return tuple(coming for coming in facts.coming if not coming.is_locked(now))


def _find(participation_id: int | None, facts: Facts) -> Coming | None:
    return next((coming for coming in facts.coming if coming.participation_id == participation_id), None)


def _has_expired(memory: Memory, now: datetime, expiry: timedelta) -> bool:
    return memory.state is not State.IDLE and not _is_recent(memory.asked_at, now, expiry)


def _is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    return at is not None and now - at < within


def _replies_this_hour(limits: Limits, now: datetime) -> int:
    return limits.replies if _is_recent(limits.replies_since, now, timedelta(hours=1)) else 0


# What follows from it? -----------------------------------------------------------------------------------------------


def _remember(
    memory: Memory, state: State, to: State, perceived: _Perceived, deeds: tuple[Deed, ...], now: datetime
) -> Memory:
    """The memory after a move; what belongs to another question than the one now open is forgotten."""
    ended_at, cancelled_at = memory.ended_at, memory.cancelled_at
    if to is State.IDLE:
        if memory.state is not State.IDLE:
            ended_at = now
        if Deed.CANCEL in deeds:
            cancelled_at = now
        return Memory(ended_at=ended_at, cancelled_at=cancelled_at, limits=memory.limits)
    same_question = state is to
    after = Memory(
        state=to,
        asked_at=memory.asked_at if perceived.event in (Event.TOO_MANY, Event.GATEWAY_HELP) else now,
        doubts=memory.doubts + (Deed.COUNT_DOUBT in deeds) if same_question else 0,
        ended_at=ended_at,
        cancelled_at=cancelled_at,
        limits=memory.limits,
    )
    if to is State.CHOICE:
        if not same_question:
            return replace(after, offered=tuple(fit.participation_id for fit in perceived.fits))
        pages = -(-len(memory.offered) // PAGE)
        page = (memory.page + (Deed.TURN_PAGE in deeds)) % pages
        return replace(after, offered=memory.offered, page=page)
    if to is State.CONFIRMATION:
        if perceived.about is None:  # nothing new was asked
            return replace(after, chosen=memory.chosen, chosen_starts_at=memory.chosen_starts_at)
        return replace(after, chosen=perceived.about.participation_id, chosen_starts_at=perceived.about.starts_at)
    return after


def _count(limits: Limits, reply: Reply, now: datetime) -> Limits:
    told = {_TOLD_RARELY[reply]: now} if reply in _TOLD_RARELY else {}
    replies = _replies_this_hour(limits, now)
    since = limits.replies_since if replies else now
    return replace(limits, replies=replies + 1, replies_since=since, **told)


_TOLD_RARELY = {Reply.OUTSIDE_FLOW: "help_at", Reply.NO_APPOINTMENT: "neutral_at", Reply.LOCKED: "locked_at"}


def _say(
    reply: Reply, after: Memory, perceived: _Perceived, locks: tuple[Lock, ...], facts: Facts, now: datetime
) -> Say:
    about = perceived.about.participation_id if perceived.about else None
    if reply in (Reply.CHOOSE, Reply.CHOOSE_AGAIN):
        there = {coming.participation_id for coming in facts.coming}
        page = list(enumerate(after.offered, start=1))[after.page * PAGE : (after.page + 1) * PAGE]
        shown = tuple((number, one) for number, one in page if one in there)
        return Say(reply, about, shown, more=len(after.offered) > PAGE)
    if reply is Reply.WRONG_LETTERS:
        return Say(reply, about, tries_left=max(TRIES - lock.wrong_answers for lock in locks))
    return Say(reply, about)


def _reason(event: Event, facts: Facts) -> str:
    if event in (Event.STRANGER_AGAIN, Event.FORMER_AGAIN) and facts.stranger_silence:
        return facts.stranger_silence
    return event.value
