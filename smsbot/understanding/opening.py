"""Reads whether a message opens a conversation: a request to cancel or give up one's own appointment.

Three questions are asked, in this order:

1. Does anything in the message speak against it: a refusal, coming after all, a wish to move?
2. Is there a request in one of its sentences?
3. Is this request meant here and now? Some requests are only reported, asked about or considered, and some are about a
   parcel and not about the appointment.

Words are read generously, but these questions are answered strictly. A request only makes the bot ask for the letters;
it cancels nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from smsbot.understanding.given_at_once import letters_beside
from smsbot.understanding.grammar import grammar, row, signs_of
from smsbot.understanding.moments import Asked, named
from smsbot.understanding.weights import Evidence, Weights, load_weights
from smsbot.understanding.words import Reading, read, without_name_below


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


def opening_evidence(reading: Reading) -> Evidence:
    """What the learned weights look at in a message when no question is open."""
    names = row(reading)
    found = ((_ASKS_SIGN, _asks), (_AGAINST_SIGN, _is_against), (_MOVES_SIGN, _may_move))
    return Evidence(names, tuple([sign for sign, finds in found if finds(names)]))


def read_opening(text: str, asked: Sequence[Asked] = (), weights: Weights | None = None) -> OpeningReading:
    """Read a message when no question is open. `asked` are the coming appointments.

    Only their days and hours are used: which word counts as the letters must not show what is on record.
    """
    as_written = read(text)
    reading = named(as_written, [Asked(one.starts_at, one.today) for one in asked])
    evidence = opening_evidence(reading)
    if _opens(evidence, weights or REQUESTS):
        return OpeningReading(Opening.CANCEL, letters_beside(as_written))
    return OpeningReading(Opening.THANKS if is_thanks(reading) else Opening.OTHER)


def is_thanks(reading: Reading) -> bool:
    """Whether a message thanks or takes note, and says nothing else."""
    return (
        _THANKS.search(row(reading)) is not None and _ONLY_THANKS.search(row(without_name_below(reading))) is not None
    )


REQUESTS = load_weights("opening")
_ASKS_SIGN, _AGAINST_SIGN, _MOVES_SIGN = "rule: asks", "rule: against", "rule: may move"
# The likelihood from which a message opens a conversation.
_LIKELY = 0.57  # when no rule has found a request
_VERY_LIKELY = 0.85  # the same, when something makes it doubtful
_NOT_UNLIKELY = 0.15  # when a rule has found one
_LIKELY_NO_MOVE = 0.7  # when a rule has found one, and there is a word for another date
_PLAIN = 5  # concepts: a request as short as "je confirme l'annulation" is not weighed


def _opens(evidence: Evidence, weights: Weights) -> bool:
    """Whether this opens a conversation.

    The learned weights may propose it, or overrule the rule that finds a request. What speaks against it always forbids
    it.
    """
    if _AGAINST_SIGN in evidence.signs or not _MAY_BE_REQUEST.search(evidence.names):
        return False
    if _ASKS_SIGN not in evidence.signs:
        if _MOVES_SIGN in evidence.signs or not _GIVES_UP.search(evidence.names) or _TOLD_OF.search(evidence.names):
            return False
        least = _VERY_LIKELY if _DOUBTS.search(evidence.names) else _LIKELY
        return weights.likelihood(evidence) >= least
    if _MOVES_SIGN in evidence.signs:
        return weights.likelihood(evidence) >= _LIKELY_NO_MOVE
    return len(evidence.names) <= _PLAIN or weights.likelihood(evidence) >= _NOT_UNLIKELY


_THANKS = grammar(r"THANKS|THANKSFOR|NOTED|OKAY")
_ONLY_THANKS = grammar(
    r"^ (NOTED (NUMBER TO NUMBER)?|OKAY|around|PLEASED|FINE|FILLER|AND|I|YOU|THE|THIS|OF|A|FOR|SMS|HELP)* $"
)


def _is_against(names: str) -> bool:
    """Whether anything speaks against a request: a refusal, coming after all, a wish to move."""
    if any(pattern.search(names) for pattern in _AGAINST):
        return True
    return _THING.search(names) is None and _FOREIGN.search(names) is not None


def _may_move(names: str) -> bool:
    """Whether there is a word for another date, so that they may want to move the appointment."""
    return _MOVES.search(names) is not None


def _asks(names: str) -> bool:
    """Whether the rules find a request."""
    if not _MAY_BE_REQUEST.search(names):
        return False
    has_appointment = _THING.search(names) is not None
    sentences = _SENTENCE.findall(names)
    return (
        any(_requests(sentence, has_appointment) for sentence in sentences) or _ABSENT_ALONE.search(names) is not None
    )


_TOLD_OF = grammar(
    r"(THEY|FAMILY|STRANGER|WHO|HAVE|HAD|LINK) (A|THE|I|YOU|FILLER|BEEN|HAVE)* (CANCEL|DROP|ORDER)"
    r"|saying (A|TO) the* (UNKNOWN|FAMILY|STRANGER) OF the* (CANCEL|DROP)"
)
_DOUBTS = grammar(r"IF|ASK|WHETHER|HEDGE|BUT")
_GIVES_UP = grammar(r"giving_up|handing_on|LETGO|MOOT|QUIT|AWAY|REFUSE|SMIRK|NOMORE")
_MAY_BE_REQUEST = grammar(r"giving_up|handing_on|LETGO|MOOT|QUIT|NOMORE|NOT|REFUSE|REFUSAL|absent|DO|SMIRK")
_MOVES = grammar(r"MOVE")
_THING = grammar(r"thing")
_FOREIGN = grammar(r"FOREIGN")
_SENTENCE = re.compile(f"[^{signs_of('PERIOD QUESTION')}]+{signs_of('QUESTION')}?")
# Only their own absence, and words that it explains: "bonjour je ne pourrai pas venir demain, désolée"
_EXPLAINED_BY_ABSENCE = (
    "around|PLEASED|OKAY|I|MY|THIS|ONE|THE|OF|A|TO|AT|FOR|AND|FILLER|BE|HAVE|GOT|saying|CAUSE|FINALLY|thing|moment|SAME|NUMBER"
    "|TROUBLE|MENDED|FAMILY|TOPIC"
)
_ABSENT_ALONE = grammar(
    rf"^ (?! .* (FAMILY|THEY) AWAY) ({_EXPLAINED_BY_ABSENCE}|absent)* AWAY ({_EXPLAINED_BY_ABSENCE}|absent)* $"
)

_AGAINST = tuple(
    grammar(pattern)
    for pattern in (
        r"REFUSAL (?! .* BUT .* ORDER (polite|$))|ROBOT|giving_up .* I REFUSE (?= $|PERIOD)",
        # coming after all
        r"(I|BUT|CAUSE|FINALLY) (I|FILLER|TO|THEY|MUST|FINALLY|COMMA)* ATTEND",
        # keeping it
        r"I (THE|YOU|FILLER)* KEEP (?! I? (CAUSE|FILLER))",
        r"KEEP (the|I)* thing",
        # taking it back: "annuler ? non !", "mais finalement je peux", "mais c'est bon", "annuler mon annulation"
        r"giving_up .* NO (?= $|pause|polite|I|KEEP|FINALLY) (?! .* (CANCEL|ORDER|CANCELLATION))",
        r"(BUT|FINALLY) (I|FILLER|FINALLY)* (CAN|ATTEND|NO (?! .* (CANCEL|ORDER|CANCELLATION)))",
        # and another one at once
        r"giving_up (the|SAME|thing|moment|OF|NUMBER)* (AND|FOR) (I|the|OF)* (MOVE|REBOOK)",
        r"BUT (FINALLY|FILLER)* (AGREE|FINE) (?= $|pause|I|THANKS|POLITE)",
        # thanks, or a yes to nothing
        r"(THANKS|OKAY|AGREE) FOR the* CANCELLATION|NOTED the* CANCELLATION",
        r"ERROR (FOR|OF|TO) the* giving_up",
        r"TO YOU CANCELLATION",
        r"giving_up (FILLER|BE|OF|ONE|COMMA|moment|A|THIS)* ERROR",
        # asking for somebody's place, giving up somebody's
        # about a relative's own matter: "ma soeur annule son mariage"
        r"FAMILY (THEY|MUST|WANT|GO|FILLER|HAVE)* (CANCEL|DROP) THEY",
        # something else, somewhere else; a report about somebody
        r"(giving_up|LETGO|MOOT) (I|the|OF|thing|FILLER|moment|AT|TO|A|FOR)* FOREIGN",
        r"giving_up (I|the|OF|ALL|TO)* SMS",
        r"^ (?! .* (thing|SAME)) .* (CANCEL|ORDER|DROP) (FILLER|PLEASE|ALL)* (MY|THE|ONE) FILLER? UNKNOWN"
        r" (?! $|BE|HAVE|A|NE|GO|CAN|MUST|NOT|pause|polite)",
        r"^ (?! .* (thing|SAME|LIST|CANCEL|ORDER|DROP)) .* (REMOVE|FREE) (FILLER|PLEASE|ALL|I)* (MY|THE|ONE)"
        r" (UNKNOWN|ORDINARY|TOPIC|TROUBLE|FAMILY|LINK|SMS|WANT|PICK)|(REMOVE|FREE) THE INTRO OF MY (UNKNOWN|FAMILY)",
        r"MOOT (OF|THAT)* I? (CALLBACK|TELL|SEND|ORDINARY|SMS)",
        r"(THE|MY|YOU) (HELLO|TOPIC|FAMILY|STRANGER|FOREIGN|ORDINARY|UNKNOWN) (A|HAVE) (FILLER|BEEN)* (CANCEL|DROP)",
        r"I HAVE (FILLER|BEEN)* FREE SLOT|DROP (A|OF) the* (ORDINARY|TOPIC|TROUBLE|UNKNOWN (?! $|PERIOD|PLEASE))",
    )
)

# Is there a request? -------------------------------------------------------------------------------------------------

_REQUESTS = tuple(
    grammar(pattern)
    for pattern in (
        r"[CANCEL|ORDER|ALMOST|DROP|QUIT|CANCELLATION]",
        # removing, dropping, no longer needing something; here it has to be an appointment
        r"[REMOVE|FREE|LETGO|MOOT] (I|the|OF|TO|FOR|A|FILLER|INTRO|NO|WANT|THAT|THEY)*"
        r" (thing|LIST|moment|SAME|COME|SHOW|ATTEND)",
        r"thing .* [REMOVE|LETGO|MOOT]",
        r"(CANYOU|MUST|PLEASE) (I|THE)* [REMOVE|FREE]",
        r"thing I? the* [WANT NOMORE|WANT NOT]",
        r"[WANT NOMORE|WANT NOT|REFUSE] (OF|the|HAVE|A|TO|FILLER)* (thing|COME)",
        # handing it on
    )
)
# "j'ai essayé d'annuler, faites-le pour moi"
_MENTIONED = grammar(r"CANCEL|ORDER|ALMOST|CANCELLATION")
_DO_IT = grammar(r"AGREE FOR? I|AGREE PLEASE|CANYOU THE* DO (FOR I)?")


def _requests(sentence: str, has_appointment: bool) -> bool:
    """Whether one sentence asks to give up the appointment."""
    for pattern in _REQUESTS:
        for found in pattern.finditer(sentence):
            if _stands(sentence, found.start("verb"), found.end("verb"), has_appointment):
                return True
    return _MENTIONED.search(sentence) is not None and _DO_IT.search(sentence) is not None


# Is the request meant? -----------------------------------------------------------------------------------------------


def _stands(sentence: str, start: int, end: int, has_appointment: bool) -> bool:
    """Whether the request at `start` is meant, wanted now, and about the appointment."""
    before, after = sentence[:start], sentence[end:]
    if _CONDITION.search(sentence) or _HEDGE.search(_CLAUSE.split(before)[-1] + _CLAUSE.split(after)[0]):
        return False
    if _is_told(before) and not _NOT_TOLD.match(sentence, start):
        return False
    if _OTHER_OBJECT.search(after) or _FOREIGN.search(_OBJECT_ENDS.split(after)[0]):
        return False
    return _is_no_question(sentence, before, has_appointment)


_CONDITION = grammar(r"IF|ONLY (?! $|PERIOD|polite)")
_HEDGE = grammar(r"HEDGE")
_CLAUSE = grammar(r"pause")


def _is_told(before: str) -> bool:
    """Whether the word is only reported: "vous avez annulé", "ma voisine annule", "il est annulé"."""
    if _THAT_YOU.search(before):
        return not _WANTED_OF_YOU.search(before)
    return _TOLD.search(before) is not None or (_A.search(before) is not None and not _A_SAYS_TO.search(before))


_TOLD = grammar(
    r"(HAVE|HAD|BEEN|WHO|THEY|JUST) (THE|I|YOU|FILLER|HAVE|BE|THEY|TO|BEEN)* $"
    r"|BE (FILLER|BEEN|THEY|ONE)* $"
    r"|(BE|HAVE|HAD) (THE|FILLER|I|YOU)* (saying|WANT)? OF $"
    r"|(HAVE|HAD) (FILLER|THE|I|YOU)* (saying|TRY|RECEIVE|SEND) (OF|THE|A|TO|FILLER)* $"
    r"|(HAVE|HAD) (FILLER|I|YOU)* NOTED (CONFIRM|SMS|LINK|FOR|OF|the|A|FILLER)* $"
    r"|THANKSFOR (GOT|NOTED|DO|TO|WANT|I|the|FILLER|OF|CONFIRM)* $"
    r"|(FAMILY|THEY|STRANGER) (THE|I|YOU)* saying (OF|THE|I|THAT)* $"
    r"|saying (A|TO) the* (UNKNOWN|FAMILY|STRANGER) OF $"
    r"|STRANGER (I|A|YOU|WANT|OF|THE|HAVE|saying|THEY)* $"
    r"|WHO (saying|SEND|FOR|OF|ORDINARY)* $"
    r"|YOU saying (OF|saying|THAT)* $"
    r"|(TIME|DEADLINE) (FOR|OF) (THE|MY)* $"
    r"|(LINK|SMS) (FOR|OF)? $"
    r"|OR THE? $"
    r"|(IF|WHILE) (I|YOU)? $"
)
_NOT_TOLD = grammar(r"MOOT|QUIT|WANT|LETGO|REFUSE")
_THAT_YOU = grammar(r"THAT YOU (THE|I)* $")
_WANTED_OF_YOU = grammar(r"WANT THAT YOU (THE|I)* $")
# "rdv a annuler" is a request, "la dame a annuler" a report
_A = grammar(r"A (THE|FILLER)* $")
_A_SAYS_TO = grammar(r"(^|thing|moment|NUMBER|WANT|TRY|saying|NEED|MUST|HAVE|BE|PLEASE|THANKS|COMMA) A (THE|FILLER)* $")

# "annuler le colis", but not "annulez mon bus est en retard"
_OTHER_OBJECT = grammar(
    r"^ (I|YOU|FILLER|PLEASE|THANKS|ALL|FOR (?= the))* (THE|MY|THIS|ONE)+ FILLER?"
    r" (UNKNOWN|TOPIC|TROUBLE|FOREIGN|SMS|ORDINARY|CANCELLATION|LINK|PICK|INTRO (?! FILLER? BE|UNKNOWN|OF)"
    r"|WANT (?! OF thing))"
    r" (?! BE|HAVE|NE|GO|CAN|MUST|NOT|thing)"
    r"|^ OF the* TOPIC"  # "annulation du train"
)
_OBJECT_ENDS = grammar(r"pause|I|THEY (?! thing)|FAMILY (?= BE|HAVE|GO)")


def _is_no_question(sentence: str, before: str, has_appointment: bool) -> bool:
    """Whether it is no question about cancelling. "Pouvez-vous annuler ?" is a request in the form of a question."""
    politely = _PLEASE.search(sentence) is not None
    if _BY_YOU.search(before) and not politely:  # "vous annulez toujours"
        return False
    if _CAN_YOU.search(before):
        return True
    if _MIGHT.search(before):
        return has_appointment
    if _ASKS.search(sentence):
        return False
    if _QUESTION.search(sentence) or _POSSIBLE.search(before):
        return politely
    return True


_PLEASE = grammar(r"PLEASE")
_BY_YOU = grammar(r"(^|pause|ASK|HELLO) YOU (THE|I|FILLER|HAVE)* $")
_CAN_YOU = grammar(r"CANYOU (YOU|PLEASE|I|THE|FILLER|COMMA|DO|WANT|POLITE)* $")
_MIGHT = grammar(r"MIGHT")
_ASKS = grammar(r"ASK|DEADLINE|WHETHER|CALLHELP")
_QUESTION = grammar(r"QUESTION")
_POSSIBLE = grammar(r"(POSSIBLE|(I|WHETHER|YOU) CAN I?|CAN (I|ONE)) (OF|THE|A|I|FILLER|YOU)* $")
