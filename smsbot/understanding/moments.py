"""Finds which appointments a message names, by day, hour, place or person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import islice

from smsbot.made_often import made_often
from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.days_and_hours import MOST_MENTIONS, days_and_hours, fold_signs
from smsbot.understanding.spelling import sound
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token


@made_often
@dataclass(frozen=True, slots=True)
class Asked:
    """An appointment that a message may name.

    `starts_at` is in the appointment's time zone, and `today` is the day in this zone when the message was written.
    `place` is the name of its place, and `first_names` are those of its usagers, where they are known.
    """

    starts_at: datetime
    today: date | None = None
    place: str | None = None
    first_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """A day, an hour, a place or a person that a text names: its place in the text, and which appointments it fits.

    `fits` gives None where this cannot be told. `names` are its words that name a place or a person.
    """

    start: int
    end: int
    fits: Callable[[Asked], bool | None]
    names: frozenset[str] = frozenset()


def mentions(text: str, on_record: Sequence[Asked], *, in_a_list: bool = False) -> list[Mention]:
    """All that `text` names, from left to right, without overlap. If it is more than MOST_MENTIONS, some are missing.

    Only the places and people of the appointments `on_record` are found. For `in_a_list` see `days_and_hours`; with it,
    a place may also be spelled as it sounds.
    """
    folded = fold_signs(text)
    names = _joined(_places_and_people(folded, on_record, by_sound=in_a_list), folded)
    found = list(islice(names, MOST_MENTIONS + 1))
    for start, end, test in days_and_hours(folded, in_a_list=in_a_list):
        found.append(Mention(start, end, lambda asked, test=test: test(asked.starts_at, asked.today)))  # type: ignore[misc]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    apart: list[Mention] = []
    for mention in found:
        if not apart or mention.start >= apart[-1].end:
            apart.append(mention)
    return apart


def marked(reading: Reading, marks: Iterable[tuple[Mention, Concept]]) -> Reading:
    """The reading with each of these mentions as one token, which gets the concept that is paired with it.

    A fixed phrase that says more than the mention keeps its concept: "à lundi" says that they come.
    """
    tokens: list[Token] = []
    left = sorted(marks, key=lambda mark: mark[0].start, reverse=True)
    if not left:
        return reading
    index = 0
    while index < len(reading.tokens):
        token = reading.tokens[index]
        while left and left[-1][0].end <= token.start:
            left.pop()
        last = index + 1
        if left and left[-1][0].start < token.end:
            mention, concept = left.pop()
            while last < len(reading.tokens) and reading.tokens[last].start < mention.end:
                last += 1
            inside = reading.tokens[index:last]
            is_of = mention.names and _follows(reading.tokens[:index], _BEFORE_A_NAME)
            if is_of or len(mention.names) > 1 or _may_be_named(inside, mention, reading.text):  # "celui d'Awa"
                token = token._replace(concept=concept, end=inside[-1].end)
            else:
                last = index + 1
        tokens.append(token)
        index = last
    return Reading(reading.text, tuple(tokens))


def _follows(tokens: Sequence[Token], several: frozenset[Concept]) -> bool:
    """Whether these words end with one of these concepts, perhaps with an article after it: "pour l'", "de"."""
    end = len(tokens)
    if end and tokens[end - 1].concept is Concept.THE:
        end -= 1
    return end > 0 and tokens[end - 1].concept in several


_BEFORE_A_NAME = concepts("OF FOR")
_MOMENTS = concepts("WHEN TIME DATE")
_NAMES = _MOMENTS | concepts("NUMBER ORDINAL COUNT ONE UNKNOWN TOPIC ORDINARY FOREIGN FILLER THE I HAVE PICK")


def _may_be_named(tokens: Sequence[Token], mention: Mention, text: str) -> bool:
    start, end = tokens[0].start, max(token.end for token in tokens)
    if start < mention.start or mention.end < end:
        beside = _WORD.findall(fold_signs(f"{text[start : mention.start]} {text[mention.end : end]}"))
        if mention.names and _SMALL_WORDS.issuperset(beside):
            return True  # "au CCAS" sounds like "au cas"
        return all(token.concept in _MOMENTS for token in tokens)
    return len(tokens) > 1 or tokens[0].concept in _NAMES


def named(reading: Reading, asked: Sequence[Asked], beside: Sequence[Asked] = ()) -> Reading:
    """The reading in which names of the appointments `asked` about are SAME, and names of others are ANOTHER.

    `beside` are the other appointments of the same telephone; their places and people are ANOTHER. If `asked` is empty,
    nothing changes.
    """
    if not asked:
        return reading
    marks = []
    found = mentions(reading.text, (*asked, *beside))
    if len(found) > MOST_MENTIONS:
        return Reading("", ())
    for mention in found:
        fitting = {mention.fits(one) for one in asked} - {None}
        if fitting:
            marks.append((mention, Concept.SAME if True in fitting else Concept.ANOTHER))
    return _numbers(marked(reading, marks), asked, beside)


# Numbers alone, and several ------------------------------------------------------------------------------------------

_LAST_DAY = 31
_BEFORE_A_DAY = frozenset({"le", "du", "au", "pour", "celui"})
_BEFORE_OR_AFTER = frozenset({"avant", "apres"})  # "après lundi" is another day
_MARKS = concepts("SAME ANOTHER")
_MAY_BE_ANOTHER = concepts("SEVERAL WHEN SAME NUMBER")
_ALL = frozenset({"tous", "toutes"})


def _numbers(reading: Reading, asked: Sequence[Asked], beside: Sequence[Asked]) -> Reading:
    """The same for "le 24", "lundi 24"; and for "les deux", "annulez tous", if there are two."""
    tokens = list(reading.tokens)
    for index, token in enumerate(tokens):
        if token.concept not in _MAY_BE_ANOTHER and token.word not in _ALL:
            continue
        is_all = token.word in _ALL and index and tokens[index - 1].concept in _CANCELLING
        if (token.concept is Concept.SEVERAL or is_all) and beside:
            tokens[index] = token._replace(concept=Concept.ANOTHER)
        if token.concept is Concept.WHEN:  # joined to another word: "jeviendraipaslundi"
            fitting = {test(one.starts_at, one.today) for one in asked for _, _, test in days_and_hours(token.word)}
            if fitting - {None}:
                tokens[index] = token._replace(concept=Concept.SAME if True in fitting else Concept.ANOTHER)
        if token.concept is Concept.SAME and index and tokens[index - 1].word in _BEFORE_OR_AFTER:
            tokens[index] = token._replace(concept=Concept.ANOTHER)
        day = day_of_month(token.word) if token.concept is Concept.NUMBER and index else None
        if day is None:
            continue
        before = tokens[index - 1]
        if before.concept in _MARKS or before.word in _BEFORE_A_DAY:
            is_same = any(one.starts_at.day == day for one in asked)
            if before.concept not in _MARKS and beside and day <= len(asked) + len(beside):
                is_same = False  # "le 2" may be the second of them
            tokens[index] = token._replace(concept=Concept.SAME if is_same else Concept.ANOTHER)
    return Reading(reading.text, tuple(tokens))


def day_of_month(word: str) -> int | None:
    """The day of the month that `word` may be; None for any other word."""
    day = int(word) if word.isdecimal() and len(word) < len("100") else 0
    return day if 1 <= day <= _LAST_DAY else None


# Somebody or something else ------------------------------------------------------------------------------------------

_ARTICLES = concepts("THE MY ONE THIS I")
_LOOKED_BACK = 12  # words
_SOMETHING = concepts("UNKNOWN ORDINARY TOPIC FOREIGN FAMILY STRANGER")
_CANCELLING = concepts("YES OKAY CANCEL ORDER REMOVE CANCELLATION")
_ENDS = concepts("COMMA PERIOD QUESTION HELLO PLEASE THANKS POLITE CLOSING")
_OF = concepts("OF A AT FOR TO")
_AT = concepts("A AT")


def with_something_else(reading: Reading) -> Reading:
    """A reading of `named` in which names that belong to none of the appointments are ANOTHER too: "celui de
    Villeurbanne", "annulez le train".
    """
    tokens = list(reading.tokens)
    for index, token in enumerate(tokens):
        if token.concept in _SOMETHING and index:
            after = tokens[index + 1].concept if index + 1 < len(tokens) else None
            if token.concept is Concept.FAMILY and after in _MARKS:  # "celui de mon fils Léo"
                tokens[index] = token._replace(concept=after)
            elif _is_called_something([one.concept for one in tokens[max(index - _LOOKED_BACK, 0) : index]], after):
                tokens[index] = token._replace(concept=Concept.ANOTHER)
    return Reading(reading.text, tuple(tokens))


def _is_called_something(before: list[Concept], after: Concept | None) -> bool:
    """Whether it is named, as in "celui de mon père", "mon rdv à la gare"; or at the end, as in "annulez le train"."""
    end = len(before)
    while end and before[end - 1] in _ARTICLES:
        end -= 1
    is_last = after is None or after in _ENDS
    if end > 1 and before[end - 1] in _OF:
        what, is_at = before[end - 2], before[end - 1] in _AT
        return what is Concept.THIS or (is_at and (what is Concept.APPOINTMENT or (what in _CANCELLING and is_last)))
    has_article = end < len(before)
    return has_article and end > 0 and before[end - 1] in _CANCELLING and is_last


# Places and people ---------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_SMALL_WORDS = frozenset(
    [
        *(
            "a",
            "au",
            "aux",
            "d",
            "de",
            "des",
            "du",
            "en",
            "et",
            "l",
            "la",
            "le",
            "les",
            "un",
            "une",
            "mon",
            "ma",
            "sur",
        ),
        *("sous", "chez", "pour", "saint", "sainte", "st", "ste", "rue", "ville"),
    ]
)
_SHORTEST_WORD = 2
_SOUND_FROM = 4  # letters; after "Saint" any number, as in "St Fon"
_NAME = re.compile(r"(?:(?P<saint>(?:ste?|sainte?)[ -]))?(?P<name>[^\W_]+)")
_NUMBERED = re.compile(
    r"\s(?:(?:du|de|des|d')\s?(?:l[ae]\s)?)?(?:(?P<number>\d+)(?:er|e|eme|nd)?|(?P<spelled>[a-z]+))(?!\w)"
)


def _places_and_people(folded: str, on_record: Sequence[Asked], *, by_sound: bool) -> Iterator[Mention]:
    known = frozenset[str]().union(*map(called, on_record))
    if not by_sound and known.isdisjoint(_WORD.findall(folded)):
        return
    sounds = {sound(word): word for word in known if len(word) >= _SOUND_FROM} if by_sound else {}
    for match in _NAME.finditer(folded):
        name: str | None = match["name"]
        if name not in known:
            name = _by_sound(match["name"], sounds) if match["saint"] or len(match["name"]) >= _SOUND_FROM else None
        if name is None or name.isdecimal():
            continue
        numbered = _NUMBERED.match(folded, match.end())
        number = numbered and (numbered["number"] or str(VOCABULARY.numbers.get(numbered["spelled"])))
        if numbered and number in known:  # "mairie du 3e", "mairie du huitième"
            yield _of(match.start(), numbered.end(), frozenset((name, number)))
        else:
            yield _of(match.start(), match.end(), frozenset((name,)))


def _of(start: int, end: int, names: frozenset[str]) -> Mention:
    return Mention(start, end, lambda asked: names <= called(asked), names)


def _joined(mentions: Iterable[Mention], folded: str) -> Iterator[Mention]:
    """The mentions, with names that stand together joined: "Point Justice". Alone the words may have another sense."""
    last: Mention | None = None
    for one in mentions:
        if last is not None and _BETWEEN_NAMES.fullmatch(folded, last.end, one.start):
            last = _of(last.start, one.end, last.names | one.names)
        else:
            if last is not None:
                yield last
            last = one
    if last is not None:
        yield last


_BETWEEN_NAMES = re.compile(r"[ -](?:(?:en|les?|la|sur|sous|du|de|des)[ -])*")


def _by_sound(word: str, sounds: dict[str, str]) -> str | None:
    """The one of the words, given by their `sounds`, that sounds like `word`, also with an ending that is not heard:
    "Givor" for Givors, "Rayane" for Rayan. None if there is none.
    """
    if not sounds:
        return None
    if (same := sounds.get(sound(word))) is not None:
        return same
    others = map(sound, (f"{word}s", word.removesuffix("e")))
    found = [heard for heard in others if len(heard) > _SOUND_OF_ENDING and heard in sounds]
    return sounds[found[0]] if found else None


_SOUND_OF_ENDING = 2  # signs; shorter sounds are too close to one another


def called(asked: Asked) -> frozenset[str]:
    """The words that may name its place or its people. Of an ordinal only the digits ("3" for "3e")."""
    return _words_of(asked.place or "", asked.first_names)


@lru_cache(maxsize=1 << 10)  # the same places are asked for often
def _words_of(place: str, first_names: tuple[str, ...]) -> frozenset[str]:
    words = _WORD.findall(fold_signs(" ".join((place, *first_names))))
    return frozenset(
        _ORDINAL_ENDING.sub("", word) for word in words if len(word) >= _SHORTEST_WORD and word not in _SMALL_WORDS
    )


_ORDINAL_ENDING = re.compile(r"(?<=\d)(?:er|e|eme|nd)$")
