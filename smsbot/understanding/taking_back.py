"""Reads messages that take a cancellation back, and the answer to the question whether the appointment shall stand.

The first is read generously, because it changes nothing. The answer has to be an unmistakable yes, as for any question;
here "j'annule" is no yes.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsbot.understanding.confirmation import Answer
from smsbot.understanding.grammar import grammar, row
from smsbot.understanding.moments import Asked, named, with_something_else
from smsbot.understanding.topics import Topic, is_bare_yes, read_topic
from smsbot.understanding.words import Reading, read, without_name_below

_REPAIRING = frozenset(
    {
        *("remettez", "remettre", "remet", "remets", "remetre", "remetez", "retablissez", "retablir"),
        *("retabli", "restaurez", "restaurer", "recuperer", "recuperez", "ravoir"),
    }
)
"""Verbs that ask to put the appointment back, without accents, like `Token.word`."""


def takes_back(text: str) -> bool:
    """Whether a message after a cancellation says that it was an error, that they come after all, or that they want the
    appointment back ("erreur", "je me suis trompé", "finalement je viens", "remettez le rdv").
    """
    reading = read(text)
    names = row(without_name_below(reading))
    if _SOMETHING_ELSE.search(names):
        return False
    return _WANTS_IT_BACK.search(names) is not None or _repairs(reading, names)


def read_taking_back(text: str, asked: Asked | None = None, *, beside: Sequence[Asked] = ()) -> Answer:
    """Read the answer to the question whether the appointment shall stand again.

    `asked` is the appointment, if the question has named it. `beside` are the other appointments of the telephone.
    """
    reading = without_name_below(read(text))
    if asked is not None:
        reading = with_something_else(named(reading, (asked,), beside))
    names = row(reading)
    if is_bare_yes(text) or (_YES.search(names) and _NOTHING_ELSE.search(names)):
        return Answer.YES
    if _AGAINST.search(names) and not _FOR.search(names):
        return Answer.NO
    is_coming = read_topic(text, () if asked is None else (asked,)) is Topic.COMING
    return Answer.YES if is_coming and not _AGAINST.search(names) else Answer.UNCLEAR


def _repairs(reading: Reading, names: str) -> bool:
    is_asked = any(token.word in _REPAIRING for token in reading.tokens)
    return is_asked and _IT.search(names) is not None


_IT = grammar(r"thing|THE|CANCELLATION|KEEP")
_WANTS_IT_BACK = grammar(
    r"ERROR|FINALLY .* (ATTEND|COME|CAN|KEEP)|(ATTEND|COME|KEEP) .* FINALLY|^ (around|I|BUT|FILLER)* FINALLY NO"
    r"|KEEP (the|I|FILLER)* thing|I (THE|YOU|FILLER)* KEEP"
    # "annulez l'annulation", "annulez pas", "il ne fallait pas annuler", "je n'ai pas voulu annuler"
    r"|(CANCEL|ORDER|REMOVE) (the|I)* CANCELLATION|REFUSAL|NOT (WANT|TO|THE|FILLER|HAVE)* (CANCEL|ORDER)"
    r"|WANT (FILLER|TO|I)* (ATTEND|COME)|I WANT (the|FILLER)* thing"
)
_SOMETHING_ELSE = grammar(r"WRONG|DELAY|STRANGER")
_YES = grammar(r"YES|OKAY|AGREE")
_NOTHING_ELSE = grammar(
    r"^ (YES|OKAY|AGREE|around|FILLER|PLEASED|FINE|NOTED|AND|THE|MY|THIS|I|THAT|SAME|thing|KEEP|ATTEND|COME|CAN|GO|BE"
    r"|OF|FOR|A|TO|AT|ERROR|FINALLY|CONFIRM|WANT|ALL|CAUSE|DO)*+ $"
)
_AGAINST = grammar(r"NO|REFUSE|giving_up|QUIT|LETGO|MOOT|absent|LEAVE")
_FOR = grammar(r"YES|OKAY|AGREE|KEEP|ATTEND|COME|ERROR|FINALLY|REFUSAL")
