"""STOP, START and HELP: the words that telecom rules reserve, and what people write instead.

They count when they are the message, not when they occur in one: "Stop, n'annulez pas" is no opt-out. The reserved
words are Twilio's (support article "Twilio support for opt-out keywords") but for CANCEL and YES, which the conversation
needs, and their French forms.
"""

from __future__ import annotations

from enum import StrEnum

from smsbot.conversation.grammar import grammar, row
from smsbot.conversation.reading import plain, read


class Keyword(StrEnum):
    """A reserved word."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_BARE = {"end": Keyword.STOP, "quit": Keyword.STOP, "revoke": Keyword.STOP, "desinscription": Keyword.STOP, "desinscrire": Keyword.STOP}

_AROUND = "HELLO|PLEASE|THANKS|POLITE|CLOSING|COMMA|PERIOD|OKAY|YES|AND"
_ABOUT_THE_APPOINTMENT = grammar(
    r"CANCEL|ORDER|DROP|CANCELLATION|ALMOST|FREE|REFUSAL|APPOINTMENT|SLOT|MOVE|KEEP|ATTEND|COME|ABSENT|DELAY"
)
_START = (
    grammar(rf"^ ({_AROUND}|SMS|THE|OF|FILLER|I|WANT|AGAIN)* START ({_AROUND}|SMS|THE|OF|TO|A|YOU|FILLER)* $"),
    grammar(r"AGAIN (I|YOU|TO|THE|OF|A|FILLER)* (THE|OF|YOU)* SMS"),
    grammar(r"(AGREE|WANT) .* RECEIVE (.*)? AGAIN"),
    grammar(r"AGAIN (OF|THE)? RECEIVE"),
    grammar(r"(AGREE) (FILLER)* RECEIVE (AGAIN|THE|OF|YOU|FILLER)* SMS"),
)
_STOP = (
    grammar(rf"^ ({_AROUND})* STOP+ ({_AROUND}|STOP|SMS|THE|OF|YOU|A|TO|NUMBER|FOR|ALL|FILLER|I)* $"),
    grammar(rf"^ ({_AROUND}|I|WANT|FOR|MUST)* STOP ({_AROUND}|I|YOU|OF|THE|SMS|FILLER|RECEIVE|SEND|NUMBER)* $"),
    grammar(r"STOP .* SMS"),
    grammar(r"CEASE (OF|TO|I|YOU|THE|FILLER|SEND)* (SMS|SEND)"),
    grammar(r"NOMORE (I|OF|YOU|THE|CAN)* (RECEIVE|SEND) (.*)? (SMS|OF YOU)"),
    grammar(r"NOT (I|OF|YOU|THE)* SEND (.*)? SMS"),
    grammar(r"(^|pause|HELLO|WANT|I) NOMORE (OF|THE|YOU|THIS)* SMS"),
    grammar(r"REMOVE I? (OF|TO) (THE|YOU|OF)* (SMS|LIST (OF|THE|YOU)* SMS)"),
    grammar(r"SEND (NOMORE|NOT) (.*)? SMS"),
    grammar(r"NE I? SEND NOMORE"),
)
_HELP = (
    grammar(rf"^ ({_AROUND}|I|QUESTION|OF|THE|MUST|WANT|HAVE|YOU|CANYOU|FILLER)* HELP ({_AROUND}|I|YOU|QUESTION|FILLER|HELP)* (CALLHELP)? ({_AROUND}|QUESTION)* $"),
    grammar(r"CALLHELP"),
)


def read_keyword(text: str) -> Keyword | None:
    """The reserved word that this message is, if it is one."""
    bare = _BARE.get(plain(text.strip(" .!\n\"'")))
    if bare is not None:
        return bare
    names = row(read(text))
    if _ABOUT_THE_APPOINTMENT.search(names):
        return None
    for keyword, patterns in ((Keyword.START, _START), (Keyword.STOP, _STOP), (Keyword.HELP, _HELP)):
        if any(pattern.search(names) for pattern in patterns):
            return keyword
    return None
