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
    if len(reading.tokens) > _MOST_TOKENS or any(token.concept in _NOT_ONE for token in reading.tokens):
        return frozenset()
    found = mentions(reading.text, coming)
    if len(found) > _MOST:
        return frozenset()
    fitting: set[int] | None = None
    before: Token | None = None
    is_beside_request = True  # as what stands at the beginning is
    for token in marked(reading, [(mention, Concept.SAME) for mention in found]).tokens:
        fits: set[int] | None = None
        if token.concept is Concept.SAME:
            [mention, *_] = [one for one in found if one.start < token.end and token.start < one.end]
            fits = {place for place, one in enumerate(coming) if mention.fits(one)}
        elif token.concept is Concept.NUMBER and before is not None and _is_before_a_day(before):
            fits = {place for place, one in enumerate(coming) if one.starts_at.day == day_of_month(token.word)}
        if fits is not None and is_beside_request:
            fitting = fits if fitting is None else fitting & fits
        is_small = token.concept in _BETWEEN or token.word in _PRONOUNS_AFTER
        is_beside_request = token.concept in _REQUEST or (is_beside_request and is_small)
        before = token
    return frozenset(fitting or ())


_MOST_TOKENS = 80  # a letter is not searched: the person sees the list
_MOST = 8  # names of days, hours, places and people; who writes more names no single appointment
_NOT_ONE = concepts("BUT IF ONLY OR KEEP MOVE OTHERS SEVERAL ALL LATER SOMEONE")
_REQUEST = concepts("CANCEL ORDER ALMOST CANCELLATION DROP REMOVE FREE APPOINTMENT SLOT THIS COME ATTEND AWAY ABSENT")
_BETWEEN = concepts(
    "SAME NUMBER THE MY ONE OF A AT FOR TO AND FILLER NE NOT CAN UNKNOWN FAMILY HELLO PLEASE THANKS POLITE COMMA PERIOD"
)
_PRONOUNS_AFTER = frozenset({"moi", "m", "me"})  # "annulez-moi jeudi"


_BEFORE_A_DAY = frozenset({"le", "du", "au"})


def _is_before_a_day(token: Token) -> bool:
    return token.concept is Concept.SAME or token.word in _BEFORE_A_DAY
