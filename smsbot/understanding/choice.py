"""Reads a choice from a numbered list: by number or order, by day, hour, place or first name; SUITE for more, or none.

The whole message has to be about the choice, and has to fit exactly one appointment. In all other cases the bot asks
again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rapidfuzz.distance import OSA

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.confirmation import Answer, answer_of
from smsbot.understanding.days_and_hours import MOST_MENTIONS, fold_signs
from smsbot.understanding.grammar import grammar, row, signs
from smsbot.understanding.moments import Asked, Mention, called, day_of_month, marked, mentions
from smsbot.understanding.slips import in_an_answer
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token, read


class Choice(StrEnum):
    """What a message does with the list."""

    NUMBER = "number"
    MORE = "more"
    NO = "no"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ChoiceReading:
    """A meaning and, with NUMBER, the number. The number may lie outside the list."""

    meaning: Choice
    number: int | None = None


_OTHER = ChoiceReading(Choice.OTHER)
_MOST_TOKENS = 60  # a choice is not longer


def read_choice(text: str, offered: Sequence[Asked | None] = (), shown: range | None = None) -> ChoiceReading:
    """Read the answer to a numbered list of the appointments `offered`, soonest first.

    None in `offered` stands for one that is no longer there. Then only a number can choose, because a name may mean the
    one that is gone. `shown` are the numbers of the page that was sent last, where the list has several.
    """
    listed = _Listed(tuple(offered), shown or range(1, len(offered) + 1))
    reading = read(text)
    if len(reading.tokens) > _MOST_TOKENS:
        return _OTHER
    reading = in_an_answer(reading)
    found = listed.mentions(reading.text)
    if len(found) > MOST_MENTIONS:
        return _OTHER
    reading = marked(reading, [(mention, Concept.SAME) for mention in found])
    names_any, found = bool(found), [mention for mention in found if _is_marked(reading, mention)]
    reading = _as_filler(reading)
    reading, spared = _without_spared(reading)
    names = row(reading)
    if _ASKED_KINDLY.search(names):
        names = names[:-1]
    numbers = [index for index, token in enumerate(reading.tokens) if _number(token) is not None]
    if (numbers or _NAMED.search(names) or (spared and _CANCELS.search(names))) and _CHOOSES.search(names):
        may_come = _MAY_COME.search(row(listed.with_days(reading))) and not _CANCELS.search(names)
        if may_come or _COUNTS_PEOPLE.search(names) or _is_plural(reading) or _joins(reading, numbers):
            return _OTHER
        return listed.chosen(reading, found, numbers, spared)
    says_which = numbers or names_any
    if _DECLINES.search(names) or (not says_which and answer_of(names) is Answer.NO):
        return ChoiceReading(Choice.NO)
    if _WANTS_MORE.search(names):
        return ChoiceReading(Choice.MORE)
    return _OTHER


_BESIDE = "around|FILLER|AND|YES|OKAY|AGREE|VALIDATE|FINE|saying|I|YOU|WANT|THE"
_CHOOSES = grammar(
    rf"^ ({_BESIDE}|NUMBER|ORDINAL|COUNT|ONE|SAME|PICK|LIST|THIS|MY|OF|A|AT|FOR|TO|BE|MUST|GO|CANYOU|DO|THAT|CAUSE"
    r"|CONFIRM|CANCEL|ORDER|CANCELLATION|REMOVE|APPOINTMENT|absent|TROUBLE|FAMILY (?= SAME)|WHO (?= BE)"
    r"|HAVE (?= TROUBLE)|(?<=BE) GOT|NOT POSSIBLE|NE? CAN NOT)*+"
    r" ((?<=I) HAVE ONE? (TROUBLE|TOPIC|FOREIGN))? $"  # "lundi j'ai piscine"
)
_NAMED = grammar(r"SAME")
_ASKED_KINDLY = grammar(r"(CANYOU|PLEASE) .* QUESTION $")  # "vous pouvez annuler lundi ?"
# "lundi c'est bon", "ok pour lundi", "je confirme lundi": they may mean that they come
_MAY_COME = grammar(
    r"(YES|OKAY|AGREE|FINE) FOR (the|OF)* SAME|(CONFIRM|VALIDATE) (the|FILLER|OF)* SAME"
    r"|SAME (COMMA|FILLER|BE|YES|I)* (FINE|AGREE|VALIDATE|CONFIRM)"
)
_COUNTS_PEOPLE = grammar(r"I BE (NUMBER|COUNT)|ONE APPOINTMENT")  # "on sera 2", "un rdv"
_CANCELS = grammar(r"CANCEL|ORDER|CANCELLATION|REMOVE")
_DECLINES = grammar(
    rf"NONE|^ ({_BESIDE})* LETGO ({_BESIDE})* $"
    rf"|^ ({_BESIDE}|NO|FINALLY)* NOT+ ({_BESIDE}|ALL|OF|THIS|FINALLY)* ((?<=(COMMA|PERIOD|I)) ATTEND ({_BESIDE})*)? $"
)
_WANTS_MORE = grammar(
    rf"^ ({_BESIDE}|A|OF|APPOINTMENT|THEY|HAVE|CANYOU|SHOW|LIST|TO|WHETHER)* (MORE|OTHERS|SOMEONE|NOMORE)"
    rf" ({_BESIDE}|OF|APPOINTMENT|MORE|LIST|QUESTION|A|HAVE)* $"
)


def _is_marked(reading: Reading, mention: Mention) -> bool:
    """Whether the mention was taken for a name. "mari" was not: it looks like "mardi", but is a word itself."""
    return any(
        token.concept is Concept.SAME and token.start < mention.end and mention.start < token.end
        for token in reading.tokens
    )


# What the person keeps -----------------------------------------------------------------------------------------------

_WHICH = "(SAME|NUMBER|ORDINAL)"
_BEFORE_WHICH = "(THE|MY|THIS|OF|A|AT|FOR|TO|APPOINTMENT|FILLER)"
# "je garde lundi", "lundi je le garde", "mais pas celui de jeudi"
_TOLD_TO_CANCEL = "(COMMA|AND|BUT|I|the)* (CANCEL|ORDER)"
_SPARED = grammar(
    # but "lundi je garde jeudi j'annule"
    rf"(AND|BUT)? (I|YOU)? (the|I)* (KEEP|LEAVE) {_BEFORE_WHICH}* {_WHICH}+"
    rf" (?! {_WHICH}|{_TOLD_TO_CANCEL} (?! {_BEFORE_WHICH}* {_WHICH}|OTHERS))"
    # but "j'annule lundi je garde jeudi"
    rf"|{_WHICH}+ COMMA? I? (the+ KEEP|KEEP (?! {_BEFORE_WHICH}* {_WHICH}+ (?! {_WHICH}|{_TOLD_TO_CANCEL})))"
    rf"|((?<=(SAME|NUMBER|ORDINAL|PLEASE|PERIOD|COMMA|THANKS|YES|NO|OKAY))|^) (NO|COMMA|AND|BUT)* NOT {_BEFORE_WHICH}*"
    rf" {_WHICH}+"
)
_OF_SO_MANY = grammar(r"(?<=(ORDINAL|SAME)) OF (COUNT|NUMBER)")  # "le premier des deux", "le plus tôt des deux"


def _without_spared(reading: Reading) -> tuple[Reading, tuple[Token, ...]]:
    """The reading without the appointments that the person keeps, and the words that named those.

    "l'autre" says nothing when another appointment is named beside it.
    """
    tokens, spared = list(reading.tokens), list[Token]()
    for pattern in (_OF_SO_MANY, _SPARED):
        for found in pattern.finditer(signs(tokens)):
            for index in range(*found.span()):
                if pattern is _SPARED and tokens[index].concept in _WHICH_ONE:
                    spared.append(tokens[index])
                tokens[index] = tokens[index]._replace(concept=Concept.FILLER)
    if spared or any(token.concept in (Concept.SAME, Concept.NUMBER) for token in tokens):
        tokens = [token._replace(concept=Concept.FILLER) if token.word == "l autre" else token for token in tokens]
    return Reading(reading.text, tuple(tokens)), tuple(spared)


_WHICH_ONE = concepts("SAME NUMBER ORDINAL")
_OF_THOSE = concepts("SAME OF")


# Numbers -------------------------------------------------------------------------------------------------------------


def _number(token: Token) -> int | None:
    if token.concept in (Concept.NUMBER, Concept.ORDINAL):
        digits = _DIGITS.match(token.word)
        return int(digits[0]) if digits else _ordinal(token.word)
    if token.concept in (Concept.COUNT, Concept.ONE):
        return VOCABULARY.numbers.get(token.word)
    return None


_DIGITS = re.compile(r"\d{1,9}")
_ORDINALS = {entry.text: entry.value for entry in VOCABULARY.entries if entry.concept is Concept.ORDINAL}
_SLIPS_FROM = 6  # letters


@lru_cache(maxsize=1 << 10)  # people use the same words
def _ordinal(word: str) -> int | None:
    """The value of an ordinal, also with one typing error: "prmier", "deuxiemme". The choice is confirmed later."""
    if word in _ORDINALS or len(word) < _SLIPS_FROM:
        return _ORDINALS.get(word)
    near = {value for text, value in _ORDINALS.items() if OSA.distance(word, text, score_cutoff=1) <= 1}
    return near.pop() if len(near) == 1 else None


def _is_plural(reading: Reading) -> bool:
    """ "les deux", "les 2 premiers": more than one of them."""
    return any(token.word == "les" for token in reading.tokens)


def _joins(reading: Reading, numbers: Sequence[int]) -> bool:
    """ "1 et 2", "jeudi et vendredi": two of them."""
    which = [index for index, token in enumerate(reading.tokens) if token.concept is Concept.SAME or index in numbers]
    joints = [index for index, token in enumerate(reading.tokens) if token.concept is Concept.AND]
    return bool(which) and any(min(which) < joint < max(which) for joint in joints)


_SAY_NOTHING = frozenset({"date", "dates", "jour", "heure", "mois"})  # "à la date du 27"


def _as_filler(reading: Reading) -> Reading:
    tokens = [
        token._replace(concept=Concept.FILLER)
        if token.word in _THIS_ONE or (token.concept is Concept.WHEN and token.word in _SAY_NOTHING)
        else token._replace(concept=Concept.ORDINAL)
        if token.concept is Concept.UNKNOWN and _ordinal(token.word) is not None
        else token
        for token in reading.tokens
    ]
    for index in range(1, len(tokens)):
        before, token = tokens[index - 1], tokens[index]
        is_which = before.concept is Concept.WHO and token.concept is Concept.AND  # "celui ki é a 9h"
        is_dictated = token.word == "point" and index + 1 == len(tokens) and before.concept is Concept.SAME
        suits = token.concept is Concept.OKAY and token.word.startswith("c est")  # "lundi c'est ok"
        if is_which or is_dictated or suits:
            becomes = Concept.BE if is_which else Concept.FINE if suits else Concept.FILLER
            tokens[index] = token._replace(concept=becomes)
    return Reading(reading.text, tuple(tokens))


# "celui" as people pronounce or dictate it; "celui prévu jeudi"
_THIS_ONE = frozenset(
    (
        "cui",
        "sui",
        "slui",
        "selui",
        "celuit",
        "prevu",
        "prevue",
        "suila",
        "cuila",
        "celuila",
        "seluila",
        "celuici",
        "selle",
    )
)


# What is listed ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    offered: tuple[Asked | None, ...]
    shown: range

    def mentions(self, text: str) -> list[Mention]:
        """What in the text names one of those offered, also by its order ("le dernier"), from left to right."""
        there = [one for one in self.offered if one is not None]
        if not there:
            return []
        found = mentions(text, there, in_a_list=True)
        for pattern, place in _ORDER:
            for match in pattern.finditer(fold_signs(text)):
                if not any(match.start() < one.end and one.start < match.end() for one in found):
                    found.append(Mention(match.start(), match.end(), self._is_at(place)))
        return sorted(found, key=lambda mention: mention.start)

    def with_days(self, reading: Reading) -> Reading:
        """The reading with numbers beyond the end of the list taken as days: "le 30 c'est bon"."""
        last = len(self.offered)
        return Reading(
            reading.text,
            tuple(
                [
                    token._replace(concept=Concept.SAME)
                    if token.concept is Concept.NUMBER and (_number(token) or 0) > last
                    else token
                    for token in reading.tokens
                ]
            ),
        )

    def _is_at(self, place: int) -> Callable[[Asked], bool]:
        is_whole = len(self.shown) == len(self.offered)
        return lambda one: is_whole and self.offered[place] is one

    def chosen(
        self, reading: Reading, found: Sequence[Mention], numbers: Sequence[int], spared: Sequence[Token]
    ) -> ChoiceReading:
        """The one appointment that fits all that is said. A number outside the list only where it stands alone.

        `spared` are the words that name what the person keeps.
        """
        fitting = set(range(len(self.offered)))
        for mention in found:
            fits = {index for index, one in enumerate(self.offered) if one is not None and mention.fits(one)}
            if any(mention.start < token.end and token.start < mention.end for token in spared):
                fitting -= fits
            else:
                fitting &= fits
        for token in spared:
            if token.concept is not Concept.SAME:
                fitting -= self._counted(_number(token) or 0) or self._of_day(_number(token) or 0)
        if found and None in self.offered:
            return _OTHER
        by_name = frozenset(fitting)
        for index in numbers:
            fitting &= self._numbered(reading, index, by_name if found else frozenset(), is_left=bool(spared))
        if len(fitting) == 1:
            return ChoiceReading(Choice.NUMBER, fitting.pop() + 1)
        values = {_number(reading.tokens[index]) for index in numbers}
        is_outside = len(values) == 1 and not found and not values & set(range(1, len(self.offered) + 1))
        return ChoiceReading(Choice.NUMBER, values.pop()) if is_outside else _OTHER

    def _numbered(self, reading: Reading, index: int, by_name: frozenset[int], *, is_left: bool) -> set[int]:
        """The places in the list that a number may stand for.

        `by_name` are the places that fit the other names. `is_left`: the message also names what the person keeps.
        """
        token = reading.tokens[index]
        number = _number(token) or 0
        before = reading.tokens[index - 1] if index else None
        there = [(place, one) for place, one in enumerate(self.offered) if one is not None]
        of_day, of_list = self._of_day(number), self._counted(number)
        if before is not None and before.concept is Concept.SAME and token.concept is Concept.NUMBER:
            return {place for place, one in there if one.starts_at.year == number} or of_day  # "jeudi 27"
        if (by_name and token.concept is Concept.NUMBER) or is_left:
            return of_list | of_day
        if before is not None and before.word == "du":  # "celui du 2": a day, or the mairie of the second?
            of_place = {place for place, one in there if str(number) in called(one)}
            return set.intersection(*([one for one in (of_list, of_day, of_place) if one] or [set[int]()]))
        if token.concept is Concept.ORDINAL:
            after = reading.tokens[index + 1].concept if index + 1 < len(reading.tokens) else None
            return self._in_order(number, of_list or of_day, by_name, is_of=after in _OF_THOSE)
        return of_list or (of_day if day_of_month(str(number)) and None not in self.offered else set())

    def _counted(self, number: int) -> set[int]:
        return {number - 1} if 1 <= number <= len(self.offered) else set()

    def _of_day(self, number: int) -> set[int]:
        return {place for place, one in enumerate(self.offered) if one is not None and one.starts_at.day == number}

    def _in_order(self, number: int, listed: set[int], by_name: frozenset[int], *, is_of: bool) -> set[int]:
        """The place for "le deuxième", if list and page agree on it.

        `is_of`: for "le deuxième de jeudi", it also has to be the second of those on Thursday (`by_name`).
        """
        is_of_page = self.shown.start == 1 or number in self.shown
        is_of_named = not is_of or not by_name or listed == set(sorted(by_name)[number - 1 : number])
        return listed if is_of_page and is_of_named else set()


_ORDER = tuple(
    (re.compile(rf"(?<!\w)(?:l[ea]\s)?(?:{words})(?!\w)"), place)
    for words, place in (
        (
            r"l[ea]?premiere?|tout?\spremiere?|preu?ms|tout\s1er|(?:plus|\+)\s?(?:tot|proche|pres)"
            r"|(?:tout\s)?prochaine?|(?:tout\s)?(?:d[ue']|en)\s?haut",
            0,
        ),
        (
            r"(?:l[ea]?|tout\s)?(?<!avant.)derniere?|(?:plus|\+)\s?(?:tard|loin|lointain|eloigne)(?:\sdans\sle\stemps)?"
            r"|(?:tout\s)?(?:du|en)\sbas",
            -1,
        ),
    )
)
