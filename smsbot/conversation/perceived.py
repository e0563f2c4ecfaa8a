"""What a message means for the conversation, and the checks that several states need to find it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smsbot.conversation.facts import Coming, Facts, one_of_each
from smsbot.conversation.memory import Memory
from smsbot.conversation.states import Event
from smsbot.made_often import made_often
from smsbot.rules.deadline import Refusal
from smsbot.rules.lock import after_wrong_answer
from smsbot.understanding import named_at_once
from smsbot.understanding.letters_given import LettersKind, read_letters

TOLD_RARELY_EVERY = timedelta(hours=24)  # the neutral text; the telephone number to someone locked out


@made_often
@dataclass(frozen=True, slots=True)
class Perceived:
    """What a message means, compared with the facts.

    `about` is the participation that the reply speaks of, where the event has one. `fits` are those that the letters
    fit, soonest first. `named` are the ids of those that a request has named ("annulez jeudi").
    """

    event: Event
    about: Coming | None = None
    fits: tuple[Coming, ...] = ()
    named: tuple[int, ...] = ()


def letters_given(text: str, open_ones: tuple[Coming, ...], named: tuple[int, ...], now: datetime) -> Perceived | None:
    """What the letters in `text` fit; None where there are none. `open_ones` are the participations without a lock.

    Where the letters fit several, the one that the request has named is meant (`named` are ids). A participation whose
    cancellation was requested before is not offered again.
    """
    reading = read_letters(text, [coming.names for coming in open_ones])
    if reading.kind is LettersKind.NONE:
        return None
    if reading.kind is LettersKind.OTHER_SCRIPT:
        return Perceived(Event.OTHER_SCRIPT, open_ones[0])
    if reading.kind is LettersKind.WRONG:
        all_locked = all(lock.locked_until for lock in after_wrong_answer(open_ones, now))
        return Perceived(Event.WRONG_THIRD if all_locked else Event.WRONG, open_ones[0], named=named)
    fits = tuple(open_ones[index] for index in reading.fits)
    named_fits = tuple(fit for fit in fits if fit.id in named) or fits
    left = tuple(fit for fit in fits if not fit.is_requested)
    if all(fit.is_requested for fit in named_fits):
        taken_back = named_fits[0].is_taking_back_requested
        return Perceived(Event.TAKING_BACK_REQUESTED if taken_back else Event.FITS_REQUESTED, named_fits[0], fits)
    meant = one_of_each(fit for fit in left if fit.id in named)
    choices = meant if len(meant) == 1 else one_of_each(left)
    if refusal := refused(choices, now):
        return Perceived(_FITS[refusal], choices[0], fits)
    return Perceived(Event.FITS_ONE if len(choices) == 1 else Event.FITS_SEVERAL, choices[0], fits)


_FITS = {Refusal.BARRED: Event.FITS_BARRED, Refusal.TOO_LATE: Event.FITS_TOO_LATE}


def named_by(text: str, facts: Facts, now: datetime) -> tuple[int, ...]:
    """The ids of the participations that a request names. Locked ones count too, so that nobody learns of the lock."""
    if len(facts.coming) == 1:
        return ()
    places = named_at_once(text, [facts.asked(one, now) for one in facts.coming])
    return tuple(facts.coming[place].id for place in sorted(places))


def refused(ones: Sequence[Coming], now: datetime) -> Refusal | None:
    """Why the soonest of these may not be cancelled; None where one of them may be."""
    refusals = [coming.refusal(now) for coming in ones]
    return refusals[0] if all(refusals) else None


def locked_out(memory: Memory, now: datetime) -> Perceived:
    """The event where everything is locked. The usager is told so once within a day; then the bot is silent."""
    told = is_recent(memory.limits.locked_at, now, TOLD_RARELY_EVERY)
    return Perceived(Event.LOCKED_OUT_AGAIN if told else Event.LOCKED_OUT)


def is_recent(at: datetime | None, now: datetime, within: timedelta) -> bool:
    """Whether `at` is less than `within` ago; never where it is None."""
    return at is not None and now - at < within
