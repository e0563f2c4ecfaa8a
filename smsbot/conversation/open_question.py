"""What a message means as an answer to the open question: letters, a choice, a yes or a no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from smsbot.conversation.facts import Coming, Facts
from smsbot.conversation.memory import Memory
from smsbot.conversation.perceived import Perceived, letters_given, locked_out, named_by
from smsbot.conversation.states import Event, State
from smsbot.rules.deadline import Refusal
from smsbot.rules.letters import fold
from smsbot.rules.lock import is_locked
from smsbot.understanding import (
    Answer,
    Choice,
    ChoiceReading,
    read_choice,
    read_confirmation,
    read_taking_back,
)
from smsbot.understanding.letters_given import LettersKind, read_letters

PAGE = 4  # appointments shown at once
PAGE_WITH_NAMES = 3  # the same, where first names need room in the SMS
DOUBTS = 2  # how often a choice or a confirmation is asked again
EXPLANATIONS = 3  # how often the letters are explained again


def perceive_answer(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    """What the message means as an answer to the question of `memory.state`, which is open."""
    if memory.state is State.TAKING_BACK:
        return _perceive_taking_back(memory, text, facts, now)
    if facts.coming and all(is_locked(coming, now) for coming in facts.coming):
        return locked_out(memory, now)
    return _READERS[memory.state](memory, text, facts, now)


def is_letters_after_all(memory: Memory, text: str, facts: Facts, now: datetime) -> bool:
    """Whether a word that means STOP gives the letters: END for somebody called Endelin. STOP itself never does."""
    if memory.state is not State.LETTERS or fold(text) == "STOP":
        return False
    return read_letters(text, [coming.names for coming in facts.unlocked(now)]).kind is LettersKind.RIGHT


def is_late_answer(memory: Memory, text: str, facts: Facts, now: datetime) -> bool:
    """Whether this answers the question that has expired. If so, no agent has to read it."""
    if memory.state is State.LETTERS:
        one_word = len(text.split()) == 1
        names = [coming.names for coming in facts.unlocked(now)]
        return one_word or read_letters(text, names).kind is LettersKind.RIGHT
    if memory.state is State.CHOICE:
        return _choice(memory, text, facts, now).meaning is not Choice.OTHER
    if memory.state is State.TAKING_BACK:
        return read_taking_back(text) is not Answer.UNCLEAR
    return read_confirmation(text) is not Answer.UNCLEAR


def page_length(offered: Sequence[int], facts: Facts) -> int:
    """How many of a list are shown at once."""
    return PAGE if facts.needing_first_names().isdisjoint(offered) else PAGE_WITH_NAMES


def _perceive_taking_back(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    meant = next((one for one in facts.cancelled if one.id == memory.chosen), None)
    if meant is None:
        # The appointment may stand again by now: an agent changed it, or its source refused to cancel it.
        stands = next((one for one in facts.coming if one.id == memory.chosen and not one.is_requested), None)
        return Perceived(Event.GONE if stands is None else Event.STANDS, stands)
    if meant.starts_at <= now:
        return Perceived(Event.TOO_LATE, meant)
    if is_locked(meant, now):
        return locked_out(memory, now)
    if meant.is_taking_back_requested:
        return Perceived(Event.TAKING_BACK_REQUESTED, meant)
    is_told = meant.id == memory.cancelled
    beside = [facts.asked(other, now) for other in facts.coming if other.ends_as != meant.ends_as]
    answer = read_taking_back(text, facts.asked(meant, now) if is_told else None, beside=beside if is_told else ())
    if answer is Answer.NO:  # if it is only requested, we must not say that it stays cancelled
        return Perceived(Event.ASKS_AGAIN if meant.is_requested else Event.NO, meant)
    if meant.starts_at != memory.chosen_starts_at:
        return Perceived(Event.MOVED, meant)
    if answer is Answer.UNCLEAR:
        doubt = _doubt(memory)
        is_last = doubt is Event.DOUBT_AGAIN and meant.is_requested
        return Perceived(Event.WORDS_WHILE_REQUESTED if is_last else doubt, meant)
    if facts.written_long_ago:
        return Perceived(Event.OLD_YES, meant)
    return Perceived(Event.YES_TO_SOURCE if meant.asks_its_source else Event.YES, meant)


def _perceive_letters(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    if not facts.coming:
        return Perceived(Event.NOTHING_LEFT)
    open_ones = facts.unlocked(now)
    named = named_by(text, facts, now) or memory.named
    given = letters_given(text, open_ones, named, now)
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
        return locked_out(memory, now)
    if coming.is_requested:
        return Perceived(Event.TAKING_BACK_REQUESTED if coming.is_taking_back_requested else Event.REQUESTED, coming)
    refusal = coming.refusal(now)
    return Perceived(_MEANWHILE[refusal] if refusal else Event.CHOOSES, coming)


def _perceive_confirmation(memory: Memory, text: str, facts: Facts, now: datetime) -> Perceived:
    coming = _find(memory.chosen, facts)
    if coming is None:
        began = memory.chosen_starts_at is not None and memory.chosen_starts_at <= now
        return Perceived(Event.TOO_LATE if began else Event.GONE)
    if is_locked(coming, now):
        return locked_out(memory, now)
    if coming.is_requested:
        return Perceived(Event.TAKING_BACK_REQUESTED if coming.is_taking_back_requested else Event.REQUESTED, coming)
    beside = [facts.asked(other, now) for other in facts.coming if other.ends_as != coming.ends_as]
    answer = read_confirmation(text, facts.asked(coming, now), beside=beside)
    if answer is Answer.NO:
        return Perceived(Event.NO, coming)
    refusal = coming.refusal(now)
    if coming.starts_at != memory.chosen_starts_at:  # the answer was about another time
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


_MEANWHILE = {Refusal.BARRED: Event.BARRED, Refusal.TOO_LATE: Event.TOO_LATE}


def _doubt(memory: Memory) -> Event:
    return Event.DOUBT_AGAIN if memory.doubts >= DOUBTS else Event.DOUBT


def _find(participation_id: int | None, facts: Facts) -> Coming | None:
    return next((coming for coming in facts.coming if coming.id == participation_id), None)
