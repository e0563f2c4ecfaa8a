"""Says whether a message was understood, from its recorded outcome: a table of all replies and all silences.

A message may be understood although it is wrong: three letters that fit nobody are understood, but "ok je verrai" as an
answer to OUI or NON is not. Some messages are not read at all: those of strangers, after STOP, or when all is locked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from smsbot.conversation.states import Event, Reply


class Comprehension(StrEnum):
    """Whether a message was understood."""

    UNDERSTOOD = "understood"
    NOT_UNDERSTOOD = "not_understood"
    NOT_READ = "not_read"


OF_REPLY: Mapping[Reply, Comprehension] = {
    Reply.ASK_LETTERS: Comprehension.UNDERSTOOD,
    Reply.EXPLAIN_LETTERS: Comprehension.NOT_UNDERSTOOD,
    Reply.WRONG_LETTERS: Comprehension.UNDERSTOOD,
    Reply.LOCKED: Comprehension.UNDERSTOOD,
    Reply.LETTERS_GIVEN_UP: Comprehension.NOT_UNDERSTOOD,
    Reply.OTHER_SCRIPT: Comprehension.UNDERSTOOD,
    Reply.CHOOSE: Comprehension.UNDERSTOOD,
    Reply.CHOOSE_AGAIN: Comprehension.NOT_UNDERSTOOD,
    Reply.CONFIRM: Comprehension.UNDERSTOOD,
    Reply.CONFIRM_AGAIN: Comprehension.NOT_UNDERSTOOD,
    Reply.CONFIRM_MOVED: Comprehension.UNDERSTOOD,
    Reply.CONFIRM_LATE: Comprehension.UNDERSTOOD,
    Reply.CANCELLED: Comprehension.UNDERSTOOD,
    Reply.REQUEST_REGISTERED: Comprehension.UNDERSTOOD,
    Reply.REQUEST_UNDER_WAY: Comprehension.UNDERSTOOD,
    Reply.KEPT: Comprehension.UNDERSTOOD,
    Reply.ABANDONED: Comprehension.UNDERSTOOD,
    Reply.DOUBT_GIVEN_UP: Comprehension.NOT_UNDERSTOOD,
    Reply.TOO_LATE: Comprehension.UNDERSTOOD,
    Reply.NOT_CANCELLABLE: Comprehension.UNDERSTOOD,
    Reply.ALREADY_CANCELLED: Comprehension.UNDERSTOOD,
    Reply.TAKE_BACK: Comprehension.UNDERSTOOD,
    Reply.TAKE_BACK_AGAIN: Comprehension.NOT_UNDERSTOOD,
    Reply.TAKING_BACK_UNDER_WAY: Comprehension.UNDERSTOOD,
    Reply.TAKEN_BACK: Comprehension.UNDERSTOOD,
    Reply.NOT_TAKEN_BACK: Comprehension.UNDERSTOOD,
    Reply.STAYS_CANCELLED: Comprehension.UNDERSTOOD,
    Reply.NO_APPOINTMENT: Comprehension.NOT_READ,
    Reply.HELP: Comprehension.UNDERSTOOD,
    Reply.COMING_NOTED: Comprehension.UNDERSTOOD,
    Reply.COMING_THANKED: Comprehension.UNDERSTOOD,
    Reply.OTHER_DATE: Comprehension.UNDERSTOOD,
    Reply.OUTSIDE_FLOW: Comprehension.NOT_UNDERSTOOD,
    Reply.EXPIRED: Comprehension.NOT_READ,
    Reply.STOPPED: Comprehension.UNDERSTOOD,
    Reply.RESTARTED: Comprehension.UNDERSTOOD,
}

OF_SILENCE: Mapping[Event, Comprehension] = {
    Event.STOP_QUIETLY: Comprehension.UNDERSTOOD,
    Event.START_QUIETLY: Comprehension.UNDERSTOOD,
    Event.GATEWAY_STOP: Comprehension.UNDERSTOOD,
    Event.GATEWAY_START: Comprehension.UNDERSTOOD,
    Event.GATEWAY_HELP: Comprehension.UNDERSTOOD,
    Event.THANKS: Comprehension.UNDERSTOOD,
    Event.ECHO: Comprehension.UNDERSTOOD,
    Event.YES_TO_SOURCE: Comprehension.UNDERSTOOD,
    Event.COMES_TO_WHICH: Comprehension.UNDERSTOOD,
    Event.OTHER_WORDS_AGAIN: Comprehension.NOT_UNDERSTOOD,
    Event.AFTER_STOP: Comprehension.NOT_READ,
    Event.TOO_MANY: Comprehension.NOT_READ,
    Event.REPEATS_ITSELF: Comprehension.NOT_READ,
    Event.NOT_THEIR_WORDS: Comprehension.NOT_READ,
    Event.UNANSWERABLE: Comprehension.NOT_READ,
    Event.STRANGER_AGAIN: Comprehension.NOT_READ,
    Event.FORMER_AGAIN: Comprehension.NOT_READ,
    Event.LOCKED_OUT_AGAIN: Comprehension.NOT_READ,
}

_BY_WORDS: Mapping[str, Comprehension] = {
    **{reply.value: how for reply, how in OF_REPLY.items()},
    **{event.value: how for event, how in OF_SILENCE.items()},
}


def comprehension_of(outcome: str, reason: str | None) -> Comprehension:
    """Whether the message with this `outcome` was understood. For a silence, `reason` says why smsbot was silent.

    Unknown outcomes and reasons, as of other versions, count as not read.
    """
    return _BY_WORDS.get(outcome if reason is None else reason, Comprehension.NOT_READ)


def is_stop(outcome: str, reason: str | None) -> bool:
    """Whether the message ended the SMS to an usager with a coming appointment.

    STOP from other numbers does not count.
    """
    return outcome == Reply.STOPPED.value or reason == Event.GATEWAY_STOP.value
