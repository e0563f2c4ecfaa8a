"""Reads what a message is about if the bot cannot do what it asks for, so that agents see it at once.

It is read when no question is open. Only `COMING` has an effect on an appointment: it is marked as announced. So
`COMING` is strict: the whole message has to say it. The other topics only sort messages for people; there the first
rule that finds something decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.grammar import grammar, row, signs_of
from smsbot.understanding.lexicon import LEXICON
from smsbot.understanding.moments import Asked, named
from smsbot.understanding.opening import is_thanks
from smsbot.understanding.set_aside import set_aside
from smsbot.understanding.spelling import by_ear, plain
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import Reading, Token, read, read_words, without_name_below


class Topic(StrEnum):
    """What a message is about."""

    COMING = "coming"
    LATE = "late"
    OTHER_DATE = "other_date"
    QUESTION = "question"
    WRONG_NUMBER = "wrong_number"
    THANKS = "thanks"
    MACHINE = "machine"
    OTHER = "other"


def read_topic(text: str, asked: Sequence[Asked] = (), sent_lately: tuple[str, ...] = ()) -> Topic:
    """What a message is about. Requests to cancel are read by `read_opening`, not here.

    `asked` are the appointments that the person may name by day or hour. A message that names any other moment does not
    announce that they come. `sent_lately` are the texts that we sent to that number lately.
    """
    message = set_aside(text, sent_lately)
    if message.is_nobodys:
        return Topic.MACHINE
    reading = read_words(message.words)
    if _says_coming(reading, asked):
        return Topic.COMING
    reading = Reading(reading.text, reading.tokens[:_MOST_TOKENS])  # people say early what a message is about
    names = row(named(_announcing(reading), asked))
    for topic, pattern in _SORTED:
        if pattern.search(names):
            return topic
    if _TOLD_HOUR.search(row(reading)) and (not asked or _ANOTHER.search(names)):
        return Topic.LATE
    if is_thanks(reading):
        return Topic.THANKS
    return Topic.QUESTION if _ASKS.search(names) else Topic.OTHER


def is_bare_yes(text: str) -> bool:
    """Whether a message is only a yes ("oui", "ok merci"), so that it can answer only what was asked just before."""
    names = row(read(text))
    return _YES.search(names) is not None and _NOTHING_BUT_YES.search(names) is not None


# Coming ---------------------------------------------------------------------------------------------------------------


_MOST_TOKENS = 60


def _says_coming(reading: Reading, asked: Sequence[Asked]) -> bool:
    """Whether the whole message says that they come; or one clause does, and nothing makes it doubtful or denies it."""
    if len(reading.tokens) > _MOST_TOKENS or all(token.concept not in _SAYING for token in reading.tokens):
        return False
    names = row(named(_announcing(without_name_below(reading)), asked))
    if _COMING.search(names):
        return True
    if _MAY_NOT_COME.search(names):
        return False
    *_, end = 0, *(clause.end() for clause in _CLAUSE.finditer(names) if _COMING.search(clause[0]))
    return end > 0 and not _TAKES_BACK.search(names[end:])


_SAYING = concepts("ATTEND COME CONFIRM KEEP BE ORDINARY OKAY FINE")  # a message without one of these does not say it


_WORTH_HERE = {
    spelling: entry.concept
    for entry in VOCABULARY.announcing
    for spelling in (entry.text, " ".join(map(by_ear, entry.text.split())))
}


def _announcing(reading: Reading) -> Reading:
    """The reading with the concepts that its words have in an announcement. Words inside a phrase ("à lundi", "viens
    avec") become tokens too.
    """
    return Reading(reading.text, tuple(_with_parts(reading)))


def _with_parts(reading: Reading) -> Iterator[Token]:
    before, in_company, is_at_one = "", False, False
    for token in reading.tokens:
        is_on_time = token.word == "heure" and before == "l"
        in_company = in_company and token.concept in (_PEOPLE if is_at_one else _COMPANY)
        is_at_one = is_at_one or token.word == _AT_ONE
        concept = Concept.FILLER if is_on_time or in_company else _WORTH_HERE.get(token.word, token.concept)
        if token.word == _AT_ONE and before in _IS:
            concept = Concept.UNKNOWN  # they are at an appointment now, but we do not know at which
        if concept is not token.concept:
            token = token._replace(concept=concept)
        parts = list(_parts(token, reading.text)) if concept is Concept.ATTEND else []
        yield token._replace(end=token.start) if parts else token
        yield from parts
        in_company = in_company or token.word in _WITH or any(part.word in _WITH for part in parts)
        before = token.word


# After these, a person or a thing is only what they bring.
_WITH = frozenset({"avec", "avc", "accompagne", "accompagnee", "sans"})
_COMPANY = concepts(
    "MY THE OF FAMILY TOPIC COUNT ALL ONE UNKNOWN ORDINARY SEVERAL AND NUMBER FILLER YOU THEY PLEASED TROUBLE FOREIGN"
)
_PEOPLE = _COMPANY - concepts("TOPIC FOREIGN TROUBLE ORDINARY")  # "au rdv avec l'école" is another one
_AT_ONE = "au rdv"
_IS = frozenset({"suis", "sui", "est", "sommes"})


def _parts(phrase: Token, text: str) -> Iterator[Token]:
    """The words of a phrase that have a concept of their own."""
    for match in _WORD.finditer(text, phrase.start, phrase.end):
        word = plain(match[0])
        concept = Concept.WHEN if LEXICON.concept(word) is Concept.WHEN else _WORTH_HERE.get(word)
        if concept is not None and word != phrase.word:
            yield Token(word, concept, match.start(), match.end())


_WORD = re.compile(r"\w+")
_BESIDE = "around|YES|OKAY|FILLER|PLEASED|FINE|SAME|AND"
_SAID = "|".join(
    (
        r"(MY FAMILY AND)? (I|MY)* ATTEND",
        r"I BE (FILLER|ALL)* ATTEND",
        r"(I|YOU)* CONFIRM THAT I ATTEND",
        r"(I|YOU)* CONFIRM (OF|MY|THE|BE|FILLER)* (ATTEND|APPOINTMENT)",
        r"I GO CAN? FILLER? COME",
        r"(?<=FINALLY) I CAN FILLER? COME",
        r"YOU? CANYOU ATTEND",  # "vous pouvez compter sur moi"
        r"I? KEEP (FILLER|A)* the+ thing|I KEEP MY WHEN",
        r"I HAVE CANCEL the (FOREIGN|TOPIC|TROUBLE|ORDINARY) FOR CAN? COME",
        r"(?<=(YES|OKAY|FINE)) FOR the* SAME",
    )
)
_BEFORE = (
    rf"({_BESIDE}|NOTED|CAUSE|THE|A|BUT|NO|ERROR|FINALLY|I (?= I|BE FILLER? OKAY)|BE FILLER? (?= OKAY|FINE))*+"
    r" (STOP? I? REFUSAL (REFUSE|NO|COMMA|PERIOD|CAUSE|PLEASE)*+)?"
)
_AFTER = rf"({_BESIDE}|I|MY|ATTEND|A|AT|TO|THE|THIS|FOR|YOU|OF|APPOINTMENT|SEVERAL|REFUSAL)*+"
_COMING = grammar(rf"^ {_BEFORE} ({_SAID}) {_AFTER} $")
_CLAUSE = re.compile(f"[{signs_of('COMMA PERIOD CAUSE BUT')}]?[^{signs_of('COMMA PERIOD CAUSE BUT')}]+")
_MAY_NOT_COME = grammar(
    r"IF|HEDGE|QUESTION|ASK|WHETHER|OR|MIGHT|POSSIBLE|ONLY|DELAY|MOVE|LATER|absent|ANOTHER|SMIRK|STOP|WAIT|OTHERS|JUST"
    r"|RECEIVE|SEND|CEASE|SMS"
)
_TAKES_BACK = grammar(r"BUT|giving_up|NO|NE|NOT|NOMORE|WHILE|STRANGER|MUST|NEED")
_YES = grammar(r"YES|OKAY")
_NOTHING_BUT_YES = grammar(r"^ (YES|OKAY|AGREE|around|FILLER|PLEASED|FINE|NOTED|AND)*+ $")

# The others -----------------------------------------------------------------------------------------------------------

_MOMENT = "(moment|NUMBER|SAME|ANOTHER)"
_SORTED = tuple(
    (topic, grammar("|".join(patterns)))
    for topic, patterns in (
        (Topic.WRONG_NUMBER, (r"WRONG", r"FILLER BE NOT I")),
        (
            Topic.LATE,
            (
                r"DELAY",
                r"AWAY A (TIME|SAME) BUT A (TIME|ANOTHER)",  # "je serai pas là à 14h30 mais à 14h50"
                r"(TOPIC|TROUBLE|FOREIGN) .* WAIT PLEASE",
            ),
        ),
        (
            Topic.OTHER_DATE,
            (
                r"MOVE|LATER|REBOOK",
                # "lundi non mardi oui", "je préfère 18h", "donnez-moi mardi", "je peux pas à 14h30 mais à 16h oui"
                rf"{_MOMENT} NO .* {_MOMENT} (YES|OKAY)",
                r"WANT (THE|A|FILLER)* (moment|ANOTHER)",
                rf"GIVE (THE|A)* {_MOMENT}",
                rf"(ABSENT|NOT|AWAY) .* BUT .* {_MOMENT} YES",
                r"YOU HAD NOT? (THE|A|ORDINARY)* (moment|SAME|ANOTHER|SLOT)",
                r"ANOTHER FINE",
            ),
        ),
    )
)
_TOLD_HOUR = grammar(
    r"ATTEND (A|TO|AT|THE|WHEN|UNKNOWN)* TIME|I (THEY|GO|UNKNOWN)* TO TIME"
)  # "j'arrive à 15h", "dans 20 min"
_ANOTHER = grammar("ANOTHER")
_ASKS = grammar(r"QUESTION|ASK|WHETHER|CALLHELP|DEADLINE|POSSIBLE|MIGHT|(^|COMMA) WHO")
