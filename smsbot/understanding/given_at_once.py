"""Finds what a request gives before it is asked for: the three letters, and which appointment it means.

"ANNULER DUP", "annuler mon rdv, da Silva" give the letters; "annulez jeudi", "DUP, celui du 27 à 9h" name the
appointment. The name must stand beside the request or at the beginning. A day in a reason ("je commence lundi") names
nothing. A name only makes the list of appointments unnecessary: the bot still asks before it cancels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from smsbot.rules.letters import KEY_LENGTH
from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.grammar import grammar, signs, signs_of
from smsbot.understanding.moments import Asked, day_of_month, marked, mentions
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token, read

# The letters ---------------------------------------------------------------------------------------------------------


def letters_beside(reading: Reading) -> str | None:
    """The one unknown word beside a request, as it was written, with its particles ("da Silva").

    None where there is no such word or more than one, and where the message is more than a bare request: an unknown
    word in a long message is probably not meant as the letters, and wrong letters are counted.
    """
    tokens = reading.tokens
    left = [index for index, token in enumerate(tokens) if token.concept is Concept.UNKNOWN]
    if not left:
        return _everyday_letters(reading)
    first, last = _start_of_name(reading, left[0]), left[-1]
    name = tokens[first : last + 1]
    written = reading.text[name[0].start : name[-1].end]
    before, after = signs(tokens[:first]), signs(tokens[last + 1 :])
    unknown = tokens[left[0] : last + 1]
    if not all(_are_one_name(one, other, reading.text) for one, other in pairwise(unknown)) or _DIGIT.search(written):
        return None
    if name[0].concept is Concept.OF and _OF_BELONGS_BEFORE.search(before):
        return None
    return written if _PLACE.search(f"{before}{signs_of('UNKNOWN')}{after}") else None


def _everyday_letters(reading: Reading) -> str | None:
    """The letters in "ANNULER VAS": three letters that are also a verb, with no other word in the message."""
    if len(reading.tokens) != len(("ANNULER", "VAS")) or not _VERB_BESIDE.search(signs(reading.tokens)):
        return None
    last = reading.tokens[-1]
    written = reading.text[last.start : last.end]
    return written if len(written) == KEY_LENGTH else None


def _start_of_name(reading: Reading, first: int) -> int:
    tokens = reading.tokens
    if first > 1 and (tokens[first - 2].concept, tokens[first - 1].concept) == (Concept.OF, Concept.THE):
        return first - 2  # "de la Fontaine"
    while first > 0 and _are_one_name(tokens[first - 1], tokens[first], reading.text):
        first -= 1
    return first


_BARE = (
    "around|POLITEIF|YES|OKAY|CANCEL|ORDER|ALMOST|CANCELLATION|DROP|APPOINTMENT|INTRO|I|YOU|the|OF|A|TO|AT|FOR|THAT|BE|WANT"
    "|MUST|CANYOU|FILLER|AND|moment|NUMBER|NE"
)
_PLACE = grammar(
    # behind the request
    rf"^ ({_BARE})* (giving_up|thing|INTRO|BE|around|moment|NUMBER|FILLER) UNKNOWN (around|moment|NUMBER)* $"
    # before it: "DUP annuler", "je m'appelle Dupont je veux annuler"
    r"|^ ((around|I|MY)* INTRO (BE|FILLER)*|(HELLO|COMMA|PERIOD)*)"
    r" UNKNOWN (COMMA|PERIOD|I|WANT|MUST)* giving_up (polite|COMMA|PERIOD|the|thing|OF|moment)* $"
)
_VERB_BESIDE = grammar(r"^ giving_up (GO|CAN|WANT|DO|HAVE|BE|ORDINARY) $")
_OF_BELONGS_BEFORE = grammar(r"(thing|INTRO|moment) $")  # "au nom de Dupont"
_DIGIT = re.compile(r"\d")
_JOINT = re.compile(r"[ '.\-‐‑]{0,3}")


def _are_one_name(one: Token, other: Token, text: str) -> bool:
    """Whether these two parts make one name: "O'Brien", "da Silva"."""
    between = text[one.end : other.start]
    if not _JOINT.fullmatch(between):
        return False
    is_particle = one.word.rsplit(" ", 1)[-1] in VOCABULARY.particles
    if "'" in between or "-" in between:
        return one.concept is Concept.UNKNOWN or is_particle
    return is_particle and one.concept in (Concept.UNKNOWN, Concept.OF)


# The appointment -----------------------------------------------------------------------------------------------------


def named_at_once(text: str, coming: Sequence[Asked]) -> frozenset[int]:
    """The places in `coming` of the appointments that fit all that a request names; empty where it names none."""
    reading = read(text)
    if len(reading.tokens) > _MOST_TOKENS or any(token.concept in _NOT_ONE for token in reading.tokens):
        return frozenset()
    found = mentions(reading.text, coming)
    if len(found) > _MOST:
        return frozenset()
    fitting: set[int] | None = None
    before: Token | None = None
    is_beside_request = True  # the beginning of the message counts as beside it
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


_MOST_TOKENS = 80  # a longer text is not searched; the person then gets the list
_MOST = 8  # names of days, hours, places and people; more do not mean a single appointment
_NOT_ONE = concepts("BUT IF ONLY OR KEEP MOVE OTHERS SEVERAL ALL LATER SOMEONE")
_REQUEST = concepts("CANCEL ORDER ALMOST CANCELLATION DROP REMOVE FREE APPOINTMENT SLOT THIS COME ATTEND AWAY ABSENT")
_BETWEEN = concepts(
    "SAME NUMBER THE MY ONE OF A AT FOR TO AND FILLER NE NOT CAN UNKNOWN FAMILY HELLO PLEASE THANKS POLITE COMMA PERIOD"
)
_PRONOUNS_AFTER = frozenset({"moi", "m", "me"})  # "annulez-moi jeudi"


_BEFORE_A_DAY = frozenset({"le", "du", "au"})


def _is_before_a_day(token: Token) -> bool:
    return token.concept is Concept.SAME or token.word in _BEFORE_A_DAY
