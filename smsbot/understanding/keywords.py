"""STOP, START and HELP: the words that telecom rules reserve, and what people write instead.

They count when they are the message, not when they occur in one: "Stop, n'annulez pas" is no opt-out. The reserved
words are Twilio's ("Twilio support for opt-out keywords") but for CANCEL and YES, which the conversation needs, and
their French forms.
"""

from __future__ import annotations

from enum import StrEnum

from smsbot.understanding.grammar import grammar, row
from smsbot.understanding.spelling import plain
from smsbot.understanding.words import read


class Keyword(StrEnum):
    """A reserved word."""

    STOP = "stop"
    START = "start"
    HELP = "help"


def read_keyword(text: str) -> Keyword | None:
    """The reserved word that this message is, if it is one."""
    if plain(text.strip(_SIGNS)) in _STOP_ALONE:
        return Keyword.STOP
    names = row(read(text))
    if _ABOUT_THE_APPOINTMENT.search(names):
        return None
    for keyword, patterns in _KEYWORDS.items():
        if any(pattern.search(names) for pattern in patterns):
            return keyword
    return None


_SIGNS = " .!\n\"'"
_STOP_ALONE = {"end", "quit", "revoke", "desinscription", "desinscrire"}  # ordinary words within a sentence
_ABOUT_THE_APPOINTMENT = grammar(
    r"CANCEL|ORDER|DROP|CANCELLATION|ALMOST|FREE|REFUSAL|thing|MOVE|KEEP|ATTEND|COME|absent|DELAY"
)
_BESIDE = "around|OKAY|YES|AND"
_KEYWORDS = {
    keyword: tuple(grammar(pattern) for pattern in patterns)
    for keyword, patterns in {
        Keyword.START: (
            rf"^ ({_BESIDE}|SMS|THE|OF|FILLER|I|WANT|AGAIN)* START ({_BESIDE}|SMS|THE|OF|TO|A|YOU|FILLER)* $",
            # "remettez-moi les sms", "je veux bien recevoir à nouveau"
            r"AGAIN (I|YOU|TO|THE|OF|A|FILLER)* SMS",
            r"(AGREE|WANT) .* RECEIVE .* AGAIN",
            r"AGREE FILLER* RECEIVE (AGAIN|THE|OF|YOU|FILLER)* SMS",
            r"AGAIN (OF|THE)? RECEIVE",
        ),
        Keyword.STOP: (
            rf"^ ({_BESIDE})* STOP+ ({_BESIDE}|STOP|SMS|THE|OF|YOU|A|TO|NUMBER|FOR|ALL|FILLER|I)* $",
            rf"^ ({_BESIDE}|I|WANT|FOR|MUST)* STOP ({_BESIDE}|I|YOU|OF|THE|SMS|FILLER|RECEIVE|SEND|NUMBER)* $",
            r"STOP .* SMS",
            # "arrêtez de m'envoyer des sms", "je ne veux plus recevoir vos messages", "plus de sms svp"
            r"CEASE (OF|TO|I|YOU|THE|FILLER|SEND)* (SMS|SEND)",
            r"NOMORE (I|OF|YOU|THE|CAN)* (RECEIVE|SEND) .* (SMS|OF YOU)",
            r"NOT (I|OF|YOU|THE)* SEND .* SMS",
            r"(^|pause|HELLO|WANT|I) NOMORE (OF|THE|YOU|THIS)* SMS",
            r"SEND (NOMORE|NOT) .* SMS",
            r"NE I? SEND NOMORE",
            r"REMOVE I? (OF|TO) (THE|YOU|OF)* (SMS|LIST (OF|THE|YOU)* SMS)",
        ),
        Keyword.HELP: (
            rf"^ ({_BESIDE}|I|QUESTION|OF|THE|MUST|WANT|HAVE|YOU|CANYOU|FILLER)*"
            rf" HELP ({_BESIDE}|I|YOU|QUESTION|FILLER|HELP)* CALLHELP? ({_BESIDE}|QUESTION)* $",
            r"CALLHELP",  # "comment ça marche"
        ),
    }.items()
}
