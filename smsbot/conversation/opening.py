"""What opens a conversation: a request to cancel or give up one's own appointment (contract, "What opens").

Three questions, in this order. Does anything speak against it (a refusal, coming after all, a wish to move)? Is there a
request, and is it one: not a question, a report, a thought, a condition? Is it the appointment that is given up, not a
parcel? Understanding may be generous with the words and must be strict with these; an opening only asks for the letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from smsbot.conversation.grammar import grammar, row
from smsbot.conversation.reading import Reading, Token, read
from smsbot.conversation.vocabulary import PARTICLES, Concept


class Opening(StrEnum):
    """What a message means when nothing was asked."""

    CANCEL = "cancel"
    THANKS = "thanks"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class OpeningReading:
    """A meaning and, with CANCEL, the word that may be the three letters ("ANNULER DUP"), as it was written."""

    meaning: Opening
    letters: str | None = None


def read_opening(text: str) -> OpeningReading:
    """Read a message to which no question is open."""
    reading = read(text)
    names = row(reading)
    if _is_request(names):
        return OpeningReading(Opening.CANCEL, _letters(reading))
    if _is_thanks(reading):
        return OpeningReading(Opening.THANKS)
    return OpeningReading(Opening.OTHER)


# Is it a request? ----------------------------------------------------------------------------------------------------

_AGAINST = tuple(
    grammar(pattern)
    for pattern in (
        r"REFUSAL",
        r"ROBOT",
        # coming after all
        r"I (FILLER|TO|THEY|MUST)* ATTEND",
        r"I FINALLY ATTEND",
        r"(CAN|WANT|GO|FINALLY) (FILLER|FINALLY)* COME",
        # keeping it
        r"I (THE|YOU|FILLER)* KEEP (?! I? (CAUSE|FILLER))",
        r"KEEP (the|I)* thing",
        r"(^|pause|FINALLY|PLEASE) (KEEP|LEAVE) THE",
        # taking it back: "annuler ? non !", "finalement non"
        r"giving_up (.* )? NO",
        r"(BUT|FINALLY) (I|FILLER|FINALLY)* NO",
        r"(BUT|FINALLY) (I|FILLER|FINALLY)* (CAN|ATTEND)",
        r"BUT NOT I",
        r"BUT (FINALLY|FILLER)* (AGREE|FINE) (?= $ | pause | I | THANKS | POLITE )",
        r"(CANCEL|ORDER) the* (WANT OF)? CANCELLATION",
        r"ERROR (FOR|OF|TO) giving_up",
        r"THANKS FOR the* CANCELLATION",
        r"giving_up (FILLER|BE|OF|ONE|COMMA)* ERROR",
        # asking for somebody else's place, about somebody else's appointment
        r"IF (SOMEONE|THEY|ONE)",
        r"thing (FILLER|WHEN|TIME)* (OF|FOR)? UNKNOWN? (the|MY)? (STRANGER|SOMEONE)",
        r"giving_up (OF|FOR|THIS|the)* STRANGER",
    )
)
_MOVES = grammar(r"MOVE")
_REBOOKS_LATER = grammar(r"REBOOK")
_ASKED_BACK = grammar(r"giving_up (FILLER|thing|the|OF)* (AGAIN|OR NO)")


def _is_request(names: str) -> bool:
    if not _MAY_BE_REQUEST.search(names) or any(pattern.search(names) for pattern in _AGAINST):
        return False
    if _MOVES.search(names) and not _REBOOKS_LATER.search(names):
        return False
    if _ASKED_BACK.search(names):
        return False
    has_appointment = _THING.search(names) is not None
    if not has_appointment and _FOREIGN.search(names):
        return False
    return any(_sentence_requests(sentence, has_appointment) for sentence in _sentences(names)) or _only_absent(names)


_MAY_BE_REQUEST = grammar(r"giving_up|GIVE|LEAVE|LETGO|MOOT|QUIT|NOMORE|NOT|REFUSE|ABSENT|DO")
_THING = grammar(r"thing")
_FOREIGN = grammar(r"FOREIGN")
_SENTENCE = re.compile(r"(?:(?!PERIOD |QUESTION )[A-Z]+ )+(?:QUESTION )?")


def _sentences(names: str) -> list[str]:
    """The sentences of a row, a question with its sign at the end."""
    return _SENTENCE.findall(names)


_REQUESTS = tuple(
    grammar(pattern)
    for pattern in (
        r"[CANCEL | ORDER | ALMOST | DROP]",
        r"[QUIT]",
        # the noun: at the beginning, or as what is wanted, told or confirmed
        r"^ (HELLO|PLEASE|THANKS|POLITE|FILLER|COMMA|YES|OKAY|thing|WHEN|TIME|DATE|NUMBER|TROUBLE|FAMILY|ABSENT)*"
        r" (BE? FOR)? (THE|ONE)? [CANCELLATION]",
        r"(WANT|CONFIRM|PLEASE|SAY|TELL|NEED|DO|NOTED) (A|OF|THE|MY|TO|FOR|YOU|DO)* [CANCELLATION]",
        r"(I|BE|YOU) FOR (THE|ONE)? [CANCELLATION]",
        r"(TROUBLE|FAMILY|ABSENT|WHEN|TIME|CAUSE) [CANCELLATION] (OF|the)* thing",
        # taking away what has to be an appointment
        r"[REMOVE | FREE] (I|FILLER|OF)* (the|A|OF)* (FILLER)? thing",
        r"[REMOVE] (the|WANT|OF)* thing",
        r"[FREE] MY WHEN",
        r"I [REFUSE] (THIS|THE|MY) thing",
        r"[REMOVE] I? (OF|TO) (the)* LIST",
        r"[REMOVE] I? (OF|TO) (the)* thing",
        r"[REMOVE] MY INTRO OF (the)* LIST",
        r"thing (FILLER|A|OF|WHEN|TIME|NUMBER|DATE)* [REMOVE]",
        r"[GIVE | LEAVE] (I|YOU|FILLER)* (the)+ thing (WHEN|TIME|OF|DATE|FILLER)* (A|FOR|TO)",
        r"[GIVE | LEAVE] (I|YOU|FILLER)* (the)+ thing (WHEN|TIME|OF|DATE|FILLER)* (SOMEONE)",
        r"I YOU? [GIVE | LEAVE] (MY|THE) SLOT",
        r"CANYOU [GIVE] MY thing",
        r"[GIVE] MY SLOT",
        r"[LETGO] (OF|the|FOR)* thing",
        r"thing .* [LETGO]",
        # no longer needed, no longer wanted
        r"[MOOT] (OF|FOR|the|TO|FILLER|A)* (thing|COME)",
        r"thing (.* )? [MOOT]",
        r"[WANT NOMORE] (OF|the|HAVE|A|TO|FILLER)* thing",
        r"[WANT NOT] (OF)? (THIS|MY|THE)+ thing",
        r"[WANT NOMORE] (OF|A)* COME",
    )
)
# "vous pouvez l'enlever", "faites-le": where the appointment was named before
_REQUESTS_OF_THE_SAME = tuple(
    grammar(pattern)
    for pattern in (
        r"[(CANYOU|PLEASE) (THE)* (REMOVE|FREE)]",
        r"[(REMOVE|FREE) THE] (?= $ | pause | PLEASE | THANKS | POLITE )",
    )
)
_DOES_IT = grammar(r"AGREE (FOR)? I|AGREE PLEASE|CANYOU (THE)* DO (FOR I)?")

_REPORTED = grammar(
    r"(HAVE|BEEN|WHO|THEY|JUST) (THE|I|YOU|FILLER|HAVE|BE|THEY|TO|BEEN)* $"
    r"|STRANGER (I|A|YOU|WANT|OF|THE|HAVE|SAY|TELL|THEY)* $"
    r"|WHO (SAY|TELL|SEND|FOR|OF|ORDINARY)* $|OR THE? $"
    r"|YOU (SAY|TELL) (OF|SAY|TELL|THAT)* $"
    r"|BE (FILLER|BEEN|THEY|ONE)* $"
    r"|(BE|HAVE) (THE|FILLER|I|YOU)* (SAY|TELL|WANT)? OF $"
    r"|HAVE (FILLER|THE|I|YOU)* (SAY|TELL|TRY|RECEIVE|SEND) (OF|THE|A|TO|FILLER)* $"
    r"|(FAMILY|THEY|STRANGER) (THE|I|YOU)* (SAY|TELL) (OF|THE|I|THAT)* $"
    r"|(TIME|DEADLINE) (FOR|OF) (THE|MY)* $|(LINK|SMS) (FOR|OF)? $"
    r"|(IF|WHILE) (I|YOU)? $"
)
_BY_THEM = grammar(r"(?: ^ | pause | ASK | HELLO ) YOU (THE|I|FILLER|HAVE)* $")
_THAT_YOU = grammar(r"THAT YOU (THE|I)* $")
_WANTED = grammar(r"WANT THAT YOU (THE|I)* $")
_A = grammar(r"A (THE|FILLER)* $")
_A_IS_TO = grammar(r"(^|thing|WHEN|TIME|DATE|NUMBER|WANT|TRY|SAY|TELL|NEED|MUST|HAVE|PLEASE|THANKS|COMMA|BE) A (THE|FILLER)* $")
_ENDS = grammar(r"pause|I|THEY|BUT|CAUSE|FAMILY (?= BE|HAVE|GO)")
_OTHER_OBJECT = grammar(
    r"^ (I|YOU|FILLER|PLEASE|THANKS|ALL|FOR (?= the )|OF)* (THE|MY|THIS|ONE)+ (FILLER)? (UNKNOWN|TOPIC|FOREIGN|SMS|ORDINARY|CANCELLATION|LINK|PICK|INTRO (?! FILLER? BE | UNKNOWN | OF)|TROUBLE|WANT (?! OF thing)) (?! BE | HAVE | NE | GO | CAN | MUST | NOT | thing )"
)
_HEDGED = grammar(r"HEDGE")
_CONDITIONAL = grammar(r"IF")
_ASKS = grammar(r"ASK|DEADLINE|WHETHER|CALLHELP")
_IS_QUESTION = grammar(r"QUESTION")
_ASKED_POLITELY = grammar(r"(WHETHER)? (YOU)? (CANYOU) (YOU|PLEASE|I|THE|FILLER|COMMA|DO|WANT|POLITE)* $")
_MIGHT = grammar(r"MIGHT")
_POSSIBLE = grammar(r"(POSSIBLE|(I|WHETHER|YOU) CAN I?|CAN (I|ONE)) (OF|THE|A|I|FILLER|YOU)* $")
_PLEASE = grammar(r"PLEASE")
_CLAUSE = re.compile(r"(?:PERIOD|COMMA|QUESTION|CAUSE|BUT) ")


def _sentence_requests(sentence: str, has_appointment: bool) -> bool:
    """Does one sentence ask for the appointment to be given up?"""
    patterns = (*_REQUESTS, *_REQUESTS_OF_THE_SAME) if has_appointment else _REQUESTS
    return any(
        _stands(sentence, match.start("verb"), match.end("verb"), has_appointment)
        for pattern in patterns
        for match in pattern.finditer(sentence)
    ) or (_MENTIONED.search(sentence) is not None and _DOES_IT.search(sentence) is not None)


_MENTIONED = grammar(r"CANCEL|ORDER|ALMOST|CANCELLATION")


def _stands(sentence: str, start: int, end: int, has_appointment: bool) -> bool:
    """Is the request at `start` one by its surroundings: wanted, now, by the writer, and about the appointment?"""
    before, after = sentence[:start], sentence[end:]
    if _CONDITIONAL.search(sentence) or _HEDGED.search(_CLAUSE.split(before)[-1] + _CLAUSE.split(after)[0]):
        return False
    if not _NEEDS_NO_SUBJECT.match(sentence, start) and _is_reported(before):
        return False
    politely = _PLEASE.search(sentence) is not None
    if _BY_THEM.search(before) and not politely:
        return False
    object_ends = _ENDS.search(after)
    object_ = after[: object_ends.start()] if object_ends else after
    if _OTHER_OBJECT.search(after) or _FOREIGN.search(object_):
        return False
    if _ASKED_POLITELY.search(before):
        return True
    if _MIGHT.search(before):
        return has_appointment
    if _ASKS.search(sentence):
        return False
    if _IS_QUESTION.search(sentence) or _POSSIBLE.search(before):
        return politely and has_appointment
    return True


_NEEDS_NO_SUBJECT = grammar(r"MOOT|QUIT|WANT|LETGO|REFUSE")


def _is_reported(before: str) -> bool:
    """Is the word told of ("vous avez annulé", "ma voisine annule") rather than meant?"""
    if _THAT_YOU.search(before):
        return not _WANTED.search(before)
    return _REPORTED.search(before) is not None or (_A.search(before) is not None and not _A_IS_TO.search(before))


_ABSENT_ALONE = grammar(
    r"^ (HELLO|THANKS|PLEASE|POLITE|CLOSING|COMMA|PERIOD|I|FILLER|TROUBLE|FAMILY|MY|OF|THE|A|TO|FOR|WHEN|TIME|DATE|NUMBER"
    r"|BE|HAVE|thing|CAUSE|ABSENT|TOPIC|FINALLY|SAY|TELL|OKAY|AT|PLEASED|ONE|THIS|AND|GOT)* $"
)
_ABSENT_SAID = grammar(r"I .* ABSENT|ABSENT")


def _only_absent(names: str) -> bool:
    """An absence and nothing that is not explained by it: "bonjour je ne pourrai pas venir demain, désolée"."""
    return _ABSENT_SAID.search(names) is not None and _ABSENT_ALONE.search(names) is not None


# Thanks, letters -----------------------------------------------------------------------------------------------------

_THANKING = {Concept.THANKS, Concept.NOTED, Concept.OKAY}
_WITH_THANKS = _THANKING | {
    *(Concept.HELLO, Concept.POLITE, Concept.PLEASED, Concept.CLOSING, Concept.FILLER, Concept.AND, Concept.PERIOD, Concept.COMMA),
    *(Concept.I, Concept.YOU, Concept.FOR, Concept.OF, Concept.THE, Concept.SMS, Concept.HELP, Concept.A, Concept.FINE),
    *(Concept.THIS,),
}


def _is_thanks(reading: Reading) -> bool:
    return not _THANKING.isdisjoint(reading.concepts) and reading.concepts <= _WITH_THANKS


_AROUND_LETTERS = {
    *(Concept.CANCEL, Concept.ORDER, Concept.ALMOST, Concept.CANCELLATION, Concept.APPOINTMENT, Concept.DROP),
    *(Concept.HELLO, Concept.PLEASE, Concept.THANKS, Concept.POLITE, Concept.POLITEIF, Concept.INTRO, Concept.YES, Concept.OKAY),
    *(Concept.COMMA, Concept.PERIOD, Concept.I, Concept.YOU, Concept.WANT, Concept.MUST, Concept.CANYOU, Concept.FILLER, Concept.AND),
    *(Concept.THE, Concept.MY, Concept.THIS, Concept.OF, Concept.A, Concept.TO, Concept.AT, Concept.FOR, Concept.BE, Concept.THAT),
    *(Concept.WHEN, Concept.TIME, Concept.DATE, Concept.NUMBER, Concept.NE, Concept.UNKNOWN),
}
_JOINT = re.compile(r"[ '.\-‐‑]{0,3}")


def _letters(reading: Reading) -> str | None:
    """The one word that is left over beside the request, with the particles that belong to it ("da Silva")."""
    tokens = reading.tokens
    if not {token.concept for token in tokens} <= _AROUND_LETTERS:
        return None
    left = [index for index, token in enumerate(tokens) if token.concept is Concept.UNKNOWN]
    if not left:
        return None
    first, last = left[0], left[-1]
    while first > 0 and _belongs(tokens[first - 1], tokens[first], reading.text):
        first -= 1
    run = tokens[first : last + 1]
    if any(not _belongs(one, other, reading.text) for one, other in zip(run, run[1:], strict=False)):
        return None
    before = "".join([f"{token.concept.name} " for token in tokens[:first]])
    after = "".join([f"{token.concept.name} " for token in tokens[last + 1 :]])
    if not _LETTERS_PLACE.search(f"{before}UNKNOWN {after}") or any(character.isdigit() for character in run[-1].word):
        return None
    if run[0].concept is Concept.OF and _OF_A_NAME.search(before):
        return None
    return reading.text[run[0].start : run[-1].end]


_LETTERS_PLACE = grammar(
    r"(giving_up|thing|INTRO|BE|HELLO|PLEASE|THANKS|COMMA|PERIOD|WHEN|TIME|DATE|NUMBER|FILLER) UNKNOWN"
    r" (HELLO|PLEASE|THANKS|POLITE|COMMA|PERIOD|CLOSING|WHEN|TIME|DATE|NUMBER)* $"
    r"|^ ((HELLO|COMMA|PERIOD|I|MY)* INTRO (BE|FILLER)*|(HELLO|COMMA|PERIOD)*)"
    r" UNKNOWN (COMMA|PERIOD|I|WANT|MUST)* giving_up (HELLO|PLEASE|THANKS|POLITE|COMMA|PERIOD|the|thing|OF|WHEN|TIME)* $"
)
_OF_A_NAME = grammar(r"(thing|INTRO|WHEN|TIME|DATE) $")


def _belongs(one: Token, other: Token, text: str) -> bool:
    """Are these two parts of one name: "O'Brien", "da Silva"?"""
    between = text[one.end : other.start]
    if not _JOINT.fullmatch(between):
        return False
    last = one.word.rsplit(" ", 1)[-1]
    if "'" in between or "-" in between:
        return one.concept is Concept.UNKNOWN or last in PARTICLES
    return last in PARTICLES and (one.concept is Concept.UNKNOWN or one.concept is Concept.OF)
