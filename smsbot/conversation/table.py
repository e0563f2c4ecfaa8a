"""Every transition of the conversation, as a table you can read and draw.

A message is first *read* (`understanding`), then compared with the facts. This gives one `Event`
(`perceiving.perceive`). All the rest is in this table: where the conversation goes, what is said and what is done.
`docs/conversation.md` draws it; a test keeps the drawing true.

The rules that it keeps:

- Only a yes to the question that was just asked cancels something. The question is only asked after the right letters.
  A yes that reached us long after it was written cancels nothing.
- A cancellation by an usager is taken back only by the same kind of yes, and only while nobody else has changed it.
- Every message has one outcome: a reply, or a silence with its reason.
- A question is asked again twice, and the letters are explained three times. Then the telephone number is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smsbot.conversation.states import Deed, Event, Reply, State


@dataclass(frozen=True, slots=True)
class Move:
    """Where the conversation goes, what is said and done. `says` is None for a silence; its reason is the event."""

    to: State
    says: Reply | None = None
    does: tuple[Deed, ...] = ()


_IDLE, _LETTERS, _CHOICE, _CONFIRMATION = State.IDLE, State.LETTERS, State.CHOICE, State.CONFIRMATION
_TAKING_BACK = State.TAKING_BACK

# These end any open question: STOP wins in every state.
EVERYWHERE: Mapping[Event, Move] = {
    Event.STOP: Move(_IDLE, Reply.STOPPED, (Deed.OPT_OUT,)),
    Event.STOP_QUIETLY: Move(_IDLE, None, (Deed.OPT_OUT,)),
    Event.START: Move(_IDLE, Reply.RESTARTED, (Deed.OPT_IN,)),
    Event.START_QUIETLY: Move(_IDLE, None, (Deed.OPT_IN,)),
    Event.GATEWAY_STOP: Move(_IDLE, None, (Deed.OPT_OUT,)),
    Event.GATEWAY_START: Move(_IDLE, None, (Deed.OPT_IN,)),
    # The bot says nothing to these; agents may want to, by e-mail or on the telephone.
    Event.AFTER_STOP: Move(_IDLE, None, (Deed.KEEP_FOR_AGENTS,)),
    Event.UNANSWERABLE: Move(_IDLE, None, (Deed.KEEP_FOR_AGENTS,)),
    Event.LOCKED_OUT: Move(_IDLE, Reply.LOCKED, (Deed.KEEP_FOR_AGENTS,)),
    Event.LOCKED_OUT_AGAIN: Move(_IDLE, None, (Deed.KEEP_FOR_AGENTS,)),
}

# The three letters are given, as an answer or together with the request ("ANNULER DUP").
_LETTERS_GIVEN: Mapping[Event, Move] = {
    Event.FITS_ONE: Move(_CONFIRMATION, Reply.CONFIRM, (Deed.FORGET_WRONG,)),
    Event.FITS_SEVERAL: Move(_CHOICE, Reply.CHOOSE, (Deed.FORGET_WRONG,)),
    Event.FITS_TOO_LATE: Move(_IDLE, Reply.TOO_LATE, (Deed.FORGET_WRONG,)),
    Event.FITS_BARRED: Move(_IDLE, Reply.NOT_CANCELLABLE, (Deed.FORGET_WRONG,)),
    Event.FITS_REQUESTED: Move(_IDLE, Reply.REQUEST_REGISTERED, (Deed.FORGET_WRONG,)),
    Event.TAKING_BACK_REQUESTED: Move(_IDLE, Reply.TAKING_BACK_UNDER_WAY, (Deed.FORGET_WRONG,)),
    Event.WRONG: Move(_LETTERS, Reply.WRONG_LETTERS, (Deed.COUNT_WRONG,)),
    Event.WRONG_THIRD: Move(_IDLE, Reply.LOCKED, (Deed.COUNT_WRONG,)),
    # Such letters can be neither right nor wrong. Agents see the message, and whom it is about.
    Event.OTHER_SCRIPT: Move(_IDLE, Reply.OTHER_SCRIPT, (Deed.KEEP_FOR_AGENTS,)),
}

# What a message can mean when no question is open.
_OPENING: Mapping[Event, Move] = {
    Event.ASKS_TO_CANCEL: Move(_LETTERS, Reply.ASK_LETTERS),
    Event.ASKS_TOO_LATE: Move(_IDLE, Reply.TOO_LATE),
    Event.ASKS_IN_VAIN: Move(_IDLE, Reply.NOT_CANCELLABLE),
    # Until the source has answered, the letters are not asked for. So the reply tells neither day nor hour.
    Event.ASKS_AGAIN: Move(_IDLE, Reply.REQUEST_UNDER_WAY),
    Event.WORDS_WHILE_REQUESTED: Move(_IDLE, Reply.REQUEST_UNDER_WAY, (Deed.KEEP_FOR_AGENTS,)),
    Event.HELP: Move(_IDLE, Reply.HELP),
    Event.THANKS: Move(_IDLE),
    Event.ECHO: Move(_IDLE),
    # Before the letters are given, the reply may only tell what a reminder has told this telephone already.
    Event.COMES: Move(_IDLE, Reply.COMING_NOTED, (Deed.ANNOUNCE,)),
    Event.COMES_UNTOLD: Move(_IDLE, Reply.COMING_THANKED, (Deed.ANNOUNCE,)),
    Event.COMES_TO_WHICH: Move(_IDLE),
    Event.COMES_WHILE_REQUESTED: Move(_IDLE, Reply.REQUEST_UNDER_WAY, (Deed.KEEP_FOR_AGENTS,)),
    # If the letters were not given in this conversation, the reply tells neither day nor name.
    Event.TAKES_BACK: Move(_TAKING_BACK, Reply.TAKE_BACK),
    Event.TAKES_BACK_LATE: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
    Event.WORDS_WHILE_TAKING_BACK: Move(_IDLE, Reply.TAKING_BACK_UNDER_WAY, (Deed.KEEP_FOR_AGENTS,)),
    Event.OTHER_DATE: Move(_IDLE, Reply.OTHER_DATE, (Deed.KEEP_FOR_AGENTS,)),
    Event.OTHER_WORDS: Move(_IDLE, Reply.OUTSIDE_FLOW, (Deed.KEEP_FOR_AGENTS,)),
    Event.OTHER_WORDS_AGAIN: Move(_IDLE, None, (Deed.KEEP_FOR_AGENTS,)),
    Event.STRANGER: Move(_IDLE, Reply.NO_APPOINTMENT),
    Event.STRANGER_AGAIN: Move(_IDLE),
    # The same reply as to a stranger, but the agents who know the number see the message.
    Event.FORMER: Move(_IDLE, Reply.NO_APPOINTMENT, (Deed.KEEP_FOR_AGENTS,)),
    Event.FORMER_AGAIN: Move(_IDLE, None, (Deed.KEEP_FOR_AGENTS,)),
}

# The question has expired. Only a new request opens a conversation again.
_EXPIRED: Mapping[Event, Move] = {
    Event.LATE_ANSWER: Move(_IDLE, Reply.EXPIRED),
    Event.LATE_WORDS: Move(_IDLE, Reply.EXPIRED, (Deed.KEEP_FOR_AGENTS,)),
}

# What may have happened to the chosen appointment since the question was asked.
_OVERTAKEN: Mapping[Event, Move] = {
    Event.TOO_LATE: Move(_IDLE, Reply.TOO_LATE),
    Event.BARRED: Move(_IDLE, Reply.NOT_CANCELLABLE),
    Event.GONE: Move(_IDLE, Reply.ALREADY_CANCELLED),
    Event.REQUESTED: Move(_IDLE, Reply.REQUEST_REGISTERED),
    Event.TAKING_BACK_REQUESTED: Move(_IDLE, Reply.TAKING_BACK_UNDER_WAY),
}


def _unmoved(state: State) -> Mapping[Event, Move]:
    """Silences that leave the question open."""
    return {
        Event.GATEWAY_HELP: Move(state),
        Event.TOO_MANY: Move(state, None, (Deed.KEEP_FOR_AGENTS,)),
        Event.REPEATS_ITSELF: Move(state),
        Event.NOT_THEIR_WORDS: Move(state),
    }


TABLE: Mapping[State, Mapping[Event, Move]] = {
    State.IDLE: {
        **EVERYWHERE,
        **_unmoved(_IDLE),
        **_OPENING,
        **_LETTERS_GIVEN,
    },
    State.LETTERS: {
        **EVERYWHERE,
        **_unmoved(_LETTERS),
        **_EXPIRED,
        **_LETTERS_GIVEN,
        Event.NO_LETTERS: Move(_LETTERS, Reply.EXPLAIN_LETTERS, (Deed.COUNT_DOUBT,)),
        Event.NO_LETTERS_AGAIN: Move(_IDLE, Reply.LETTERS_GIVEN_UP),
        Event.GIVES_UP: Move(_IDLE, Reply.ABANDONED),
        Event.NOTHING_LEFT: Move(_IDLE, Reply.NO_APPOINTMENT),
    },
    State.CHOICE: {
        **EVERYWHERE,
        **_unmoved(_CHOICE),
        **_EXPIRED,
        **_OVERTAKEN,
        Event.CHOOSES: Move(_CONFIRMATION, Reply.CONFIRM),
        Event.MORE: Move(_CHOICE, Reply.CHOOSE, (Deed.TURN_PAGE,)),
        Event.GIVES_UP: Move(_IDLE, Reply.ABANDONED),
        Event.DOUBT: Move(_CHOICE, Reply.CHOOSE_AGAIN, (Deed.COUNT_DOUBT,)),
        Event.DOUBT_AGAIN: Move(_IDLE, Reply.DOUBT_GIVEN_UP, (Deed.KEEP_FOR_AGENTS,)),
    },
    State.CONFIRMATION: {
        **EVERYWHERE,
        **_unmoved(_CONFIRMATION),
        **_EXPIRED,
        **_OVERTAKEN,
        Event.MOVED: Move(_CONFIRMATION, Reply.CONFIRM_MOVED),
        Event.YES: Move(_IDLE, Reply.CANCELLED, (Deed.CANCEL,)),
        # Nobody is told that it is cancelled before its source has said so: `smsbot.connected.carrying` answers then.
        Event.YES_TO_SOURCE: Move(_IDLE, None, (Deed.REQUEST,)),
        Event.OLD_YES: Move(_CONFIRMATION, Reply.CONFIRM_LATE),
        Event.NO: Move(_IDLE, Reply.KEPT),
        Event.DOUBT: Move(_CONFIRMATION, Reply.CONFIRM_AGAIN, (Deed.COUNT_DOUBT,)),
        Event.DOUBT_AGAIN: Move(_IDLE, Reply.DOUBT_GIVEN_UP, (Deed.KEEP_FOR_AGENTS,)),
    },
    State.TAKING_BACK: {
        **EVERYWHERE,
        **_unmoved(_TAKING_BACK),
        Event.LATE_ANSWER: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
        Event.LATE_WORDS: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
        Event.GONE: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
        Event.TOO_LATE: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
        Event.MOVED: Move(_TAKING_BACK, Reply.TAKE_BACK),
        Event.STANDS: Move(_IDLE, Reply.TAKEN_BACK),
        Event.TAKING_BACK_REQUESTED: Move(_IDLE, Reply.TAKING_BACK_UNDER_WAY),
        Event.YES: Move(_IDLE, Reply.TAKEN_BACK, (Deed.TAKE_BACK,)),
        # As with a cancellation, nobody is told that it stands before its source has said so.
        Event.YES_TO_SOURCE: Move(_IDLE, None, (Deed.REQUEST_TAKING_BACK,)),
        Event.OLD_YES: Move(_TAKING_BACK, Reply.TAKE_BACK_AGAIN),
        Event.NO: Move(_IDLE, Reply.STAYS_CANCELLED),
        Event.ASKS_AGAIN: Move(_IDLE, Reply.REQUEST_UNDER_WAY),
        Event.WORDS_WHILE_REQUESTED: Move(_IDLE, Reply.REQUEST_UNDER_WAY, (Deed.KEEP_FOR_AGENTS,)),
        Event.DOUBT: Move(_TAKING_BACK, Reply.TAKE_BACK_AGAIN, (Deed.COUNT_DOUBT,)),
        Event.DOUBT_AGAIN: Move(_IDLE, Reply.NOT_TAKEN_BACK, (Deed.KEEP_FOR_AGENTS,)),
    },
}
