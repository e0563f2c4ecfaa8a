"""The vocabulary of the machine: where a conversation can be, what can happen in it, what is said and done."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Which question is open."""

    IDLE = "idle"
    LETTERS = "letters"
    CHOICE = "choice"
    CONFIRMATION = "confirmation"


class Event(StrEnum):
    """What a message amounts to, once it has been read in its state and held against the facts."""

    # any time
    STOP = "stop"
    STOP_QUIETLY = "stop, a second time or from a stranger"
    START = "start"
    START_QUIETLY = "start from a stranger"
    GATEWAY_STOP = "gateway took stop"
    GATEWAY_START = "gateway took start"
    GATEWAY_HELP = "gateway took help"
    AFTER_STOP = "writes after stop"
    TOO_MANY = "too many replies today"
    NOT_THEIR_WORDS = "no word of the person"
    REPEATS_ITSELF = "the same text again and again"
    UNANSWERABLE = "a number that gets no SMS"
    # nothing open
    STRANGER = "no coming appointment"
    STRANGER_AGAIN = "no coming appointment, silence due"
    FORMER = "no coming appointment any more"
    FORMER_AGAIN = "no coming appointment any more, silence due"
    LOCKED_OUT = "all locked"
    LOCKED_OUT_AGAIN = "all locked, already told"
    ASKS_TO_CANCEL = "asks to cancel"
    ASKS_TOO_LATE = "asks to cancel, all too late"
    ASKS_IN_VAIN = "asks to cancel, all barred"
    HELP = "asks for help"
    THANKS = "thanks"
    ECHO = "yes again after the cancellation"
    COMES = "says that they come"
    COMES_UNTOLD = "says that they come, and no reminder told when"
    COMES_TO_WHICH = "says that they come, and it cannot be told to which"
    OTHER_DATE = "wants another date"
    OTHER_WORDS = "other words"
    OTHER_WORDS_AGAIN = "other words, help told this hour"
    LATE_ANSWER = "answers an expired question"
    LATE_WORDS = "other words to an expired question"
    # the letters
    FITS_ONE = "letters fit one"
    FITS_SEVERAL = "letters fit several"
    FITS_TOO_LATE = "letters fit, all too late"
    FITS_BARRED = "letters fit, all barred"
    WRONG = "wrong letters"
    WRONG_THIRD = "wrong letters, now locked"
    NO_LETTERS = "no letters"
    NO_LETTERS_AGAIN = "no letters, a fourth time"
    GIVES_UP = "gives up"
    NOTHING_LEFT = "nothing left to cancel"
    # the choice and the confirmation
    CHOOSES = "chooses"
    MORE = "wants the rest of the list"
    YES = "yes"
    OLD_YES = "yes, but written long ago"
    NO = "no"
    DOUBT = "in doubt"
    DOUBT_AGAIN = "in doubt, a third time"
    TOO_LATE = "meanwhile too late"
    BARRED = "may not be cancelled this way"
    GONE = "meanwhile cancelled"
    MOVED = "meanwhile moved"


class Reply(StrEnum):
    """What is said: each is a template of that name in `templates/sms/`."""

    ASK_LETTERS = "ask_letters"
    EXPLAIN_LETTERS = "explain_letters"
    WRONG_LETTERS = "wrong_letters"
    LOCKED = "locked"
    LETTERS_GIVEN_UP = "letters_given_up"
    CHOOSE = "choose"
    CHOOSE_AGAIN = "choose_again"
    CONFIRM = "confirm"
    CONFIRM_AGAIN = "confirm_again"
    CONFIRM_MOVED = "confirm_moved"
    CONFIRM_LATE = "confirm_late"
    CANCELLED = "cancelled"
    KEPT = "kept"
    ABANDONED = "abandoned"
    DOUBT_GIVEN_UP = "doubt_given_up"
    TOO_LATE = "too_late"
    NOT_CANCELLABLE = "not_cancellable"
    ALREADY_CANCELLED = "already_cancelled"
    NO_APPOINTMENT = "no_appointment"
    HELP = "help"
    COMING_NOTED = "coming_noted"
    COMING_THANKED = "coming_thanked"
    OTHER_DATE = "other_date"
    OUTSIDE_FLOW = "outside_flow"
    EXPIRED = "expired"
    STOPPED = "stopped"
    RESTARTED = "restarted"


class Deed(StrEnum):
    """What a transition does besides speaking."""

    CANCEL = "cancel"
    COUNT_WRONG = "count wrong answer"
    FORGET_WRONG = "forget wrong answers"
    COUNT_DOUBT = "count doubt"
    TURN_PAGE = "turn page"
    ANNOUNCE = "announce coming"
    KEEP_FOR_AGENTS = "keep for agents"
    OPT_OUT = "opt out"
    OPT_IN = "opt in"
