"""Which appointment a request names at once: "annulez jeudi", "DUP, celui du 27 à 9h".

What is named stands beside the request, or at the beginning; what stands in a reason ("je commence lundi") names
nothing. It only spares the person the list of appointments: the one named is still asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.moments import Asked, day_of_month, marked, mentions
from smsbot.understanding.words import Token, read


def named_at_once(text: str, coming: Sequence[Asked]) -> frozenset[int]:
    """Which of the `coming` appointments fit all that a request names, by their places; empty where it names none."""
    reading = read(text)
    if any(token.concept in _NOT_ONE for token in reading.tokens):
        return frozenset()
    found = mentions(reading.text, coming)
    tokens = marked(reading, [(mention, Concept.SAME) for mention in found]).tokens
    fitting: set[int] | None = None
    for index, token in enumerate(tokens):
        if not _is_beside_request(tokens[:index]):
            continue
        fits: set[int] | None = None
        if token.concept is Concept.SAME:
            [mention] = [one for one in found if one.start < token.end and token.start < one.end][:1]
            fits = {place for place, one in enumerate(coming) if mention.fits(one)}
        elif token.concept is Concept.NUMBER and index and _is_before_a_day(tokens[index - 1]):
            fits = {place for place, one in enumerate(coming) if one.starts_at.day == day_of_month(token.word)}
        if fits is not None:
            fitting = fits if fitting is None else fitting & fits
    return frozenset(fitting or ())


_NOT_ONE = concepts("BUT IF ONLY OR KEEP MOVE OTHERS SEVERAL ALL LATER SOMEONE")
_REQUEST = concepts("CANCEL ORDER ALMOST CANCELLATION DROP REMOVE FREE APPOINTMENT SLOT THIS COME ATTEND AWAY ABSENT")
_BETWEEN = concepts(
    "SAME NUMBER THE MY ONE OF A AT FOR TO AND FILLER NE NOT CAN UNKNOWN FAMILY HELLO PLEASE THANKS POLITE COMMA PERIOD"
)
_PRONOUNS_AFTER = frozenset({"moi", "m", "me"})  # "annulez-moi jeudi"


def _is_beside_request(before: Sequence[Token]) -> bool:
    """Is there nothing but small words between here and the request, or the beginning?"""
    for token in reversed(before):
        if token.concept in _REQUEST:
            return True
        if token.concept not in _BETWEEN and token.word not in _PRONOUNS_AFTER:
            return False
    return True


_BEFORE_A_DAY = frozenset({"le", "du", "au"})


def _is_before_a_day(token: Token) -> bool:
    return token.concept is Concept.SAME or token.word in _BEFORE_A_DAY
