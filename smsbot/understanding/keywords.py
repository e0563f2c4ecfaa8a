"""Reads STOP, START and HELP: the words that telecom rules reserve, and what people write instead.

They count only if the whole message means them: "Stop, n'annulez pas" is no opt-out. The reserved words are Twilio's
("Twilio support for opt-out keywords") and their French forms, without CANCEL and YES, which the conversation needs.
"""

from __future__ import annotations

from enum import StrEnum

from smsbot.understanding.grammar import grammar, row, signs
from smsbot.understanding.spelling import plain
from smsbot.understanding.words import read


class Keyword(StrEnum):
    """A reserved word."""

    STOP = "stop"
    START = "start"
    HELP = "help"


def read_keyword(text: str) -> Keyword | None:
    """The keyword that this message is, or asks for in other words; None for all other messages."""
    if plain(text.strip(_SIGNS)) in _STOP_ALONE:
        return Keyword.STOP
    reading = read(text)
    if not _MAY_ASK.search(signs(reading.tokens)):
        return None
    names = row(reading)
    for keyword, patterns in _ASKED_FOR.items():
        if any(pattern.search(names) for pattern in patterns) and not _NOT_ASKED_FOR[keyword].search(names):
            return keyword
    if _ABOUT_THE_APPOINTMENT.search(names):
        return None
    for keyword, pattern in _ALONE.items():
        if pattern.search(names):
            return keyword
    return None


_SIGNS = " .!\n\"'"
# A message without one of these asks for no keyword.
_MAY_ASK = grammar(r"STOP|START|HELP|CALLHELP|SMS|CEASE|RECEIVE|SEND|RESUME|AGAIN|REMOVE|PICK|DO")
_STOP_ALONE = {"end", "quit", "revoke", "desinscription", "desinscrire"}  # ordinary words within a sentence
_ABOUT_THE_APPOINTMENT = grammar(
    r"CANCEL|ORDER|DROP|CANCELLATION|ALMOST|FREE|REFUSAL|thing|MOVE|KEEP|ATTEND|COME|absent|DELAY"
)
_BESIDE = "around|OKAY|YES|AND"
# The word, with nothing around it that would change its meaning.
_ALONE = {
    Keyword.START: grammar(
        rf"^ ({_BESIDE}|SMS|THE|OF|FILLER|I|WANT|AGAIN)* START ({_BESIDE}|SMS|THE|OF|TO|A|YOU|FILLER)* $"
    ),
    Keyword.STOP: grammar(
        rf"^ ({_BESIDE})* STOP+ ({_BESIDE}|STOP|SMS|THE|OF|YOU|A|TO|NUMBER|FOR|ALL|FILLER|I)* $"
        rf"|^ ({_BESIDE}|I|WANT|FOR|MUST)* STOP ({_BESIDE}|I|YOU|OF|THE|SMS|FILLER|RECEIVE|SEND|NUMBER)* $"
    ),
    Keyword.HELP: grammar(
        rf"^ ({_BESIDE}|I|QUESTION|OF|THE|MUST|WANT|HAVE|YOU|CANYOU|FILLER)*"
        rf" HELP ({_BESIDE}|I|YOU|QUESTION|FILLER|HELP)* CALLHELP? ({_BESIDE}|QUESTION)* $"
        r"|CALLHELP"  # "comment ça marche"
    ),
}
# They want no more SMS, whatever they say about the appointment: "je veux plus recevoir vos sms, je garde le rdv",
# "annulez les sms, pas le rdv", "rayez mon numéro de votre fichier"
_ASKED_FOR = {
    Keyword.START: tuple(
        grammar(pattern)
        for pattern in (
            r"RESUME (I|YOU|TO|the|OF|A|FILLER|POLITE)* (SMS|RECEIVE)",
            r"(AGREE|WANT|CANYOU) (FILLER|I|TO|A|AGAIN|OF)* RECEIVE .* (AGAIN|SMS)",
            r"(AGREE|WANT) (FILLER|I|THE|A|OF)* AGAIN",
            r"(CANCEL|ORDER|REMOVE) (the|OF)* STOP",
        )
    ),
    Keyword.STOP: tuple(
        grammar(pattern)
        for pattern in (
            r"(STOP|CEASE|REMOVE|CANCEL|ORDER) (I|YOU|the|OF|TO|A|ALL|FILLER|SEND|PICK|INTRO|LIST)* SMS",
            r"REMOVE MY PICK (OF (the)* (LIST|SMS|UNKNOWN|ORDINARY|TOPIC))? (?= $|pause|polite|CLOSING|OF)",
            r"NE NOMORE (I|YOU|OF)* SEND|NOMORE BE SEND|(SEND|DO|AGREE|TELL) NOMORE .* SMS|SMS (COMMA|PERIOD)? STOP",
            r"CEASE (OF|TO|I|YOU|THE|FILLER)* SEND",
            r"(WANT|I|^|pause|polite|THANKS) NOMORE (I|OF|YOU|the|CAN|NOT|ALL|RECEIVE|SEND|NUMBER)* SMS",
            r"NE? I? WANT? NOMORE (I|OF|YOU|THE|CAN)* (RECEIVE|SEND) .* (SMS|OF YOU)",
            r"NE I? (SEND|DO) NOMORE|SEND (NOMORE|NOT) .* SMS|NOT (I|OF|YOU|THE)* SEND .* SMS",
            r"REMOVE I? (OF|TO) THE (?= $|pause|polite)",  # "retirez-moi de là"
            r"^ STOP PERIOD .* SMS",
        )
    ),
}
_NOT_ASKED_FOR = {
    # a complaint is never read as START
    Keyword.START: grammar(
        r"(NOT|NE) (I|YOU|WANT|MUST|GO|CAN|FILLER|AGAIN)* (RECEIVE|WANT)|NOT WANT|STOP SMS|ASK"
        r"|NOMORE (WANT|I WANT)|CEASE|WANT NOT|WANT NOMORE"
    ),
    Keyword.STOP: grammar(
        r"(STOP|CEASE) (THE|FILLER)* NOT|NE (I|THE)* (STOP|CEASE)|NOT (STOP|CEASE)|NE .* NOT .* SMS"
        r"|IF|QUESTION|ASK|MORE|RESUME|GOT|AGAIN|FAMILY|HEDGE|^ around* (YES|OKAY|AGREE)"
        r"|(HAVE|HAD|BEEN) (I|THE|FILLER|SAY|TELL|WANT)* (STOP|CEASE|REMOVE|CANCEL)"
        r"|(CANCEL|ORDER|REMOVE) THIS"  # "annulez cet envoi": which one?
    ),
}
