"""What cancels: an unmistakable yes to the question just asked (contract, "What cancels").

A message is a yes only if it says so *and* every word of it is explained: by the yes itself, by politeness, by the
cancellation, by a reason. Anything else in it, known or unknown, makes it unclear, and the bot asks again. A no is read
more generously, for it changes nothing; but what contradicts itself is unclear as well.
"""

from __future__ import annotations

from enum import StrEnum

from smsbot.conversation.grammar import grammar, row
from smsbot.conversation.reading import read


class Answer(StrEnum):
    """The answer to "Annuler ce RDV ? Répondez OUI ou NON"."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def read_confirmation(text: str) -> Answer:
    """Read the answer to the question whether to cancel."""
    return answer_of(row(read(text)))


def answer_of(names: str) -> Answer:
    """The answer in a row of concepts (see `grammar`)."""
    names = _without_name(names)
    if _says_yes(names):
        return Answer.YES
    if _says_no(names):
        return Answer.NO
    return Answer.UNCLEAR


_NAME_BELOW = grammar(r"(?: PERIOD | COMMA | THANKS ) (HELLO)* UNKNOWN{1,3} (PERIOD)* $")


def _without_name(names: str) -> str:
    """A row without the name below it: "Oui merci, Mme Pelletier"."""
    return _NAME_BELOW.sub("PERIOD ", names)


# Yes -----------------------------------------------------------------------------------------------------------------

_YES = (
    grammar(r"YES|OKAY|AGREE"),
    # "je confirme l'annulation"
    grammar(r"(CONFIRM|VALIDATE) (FILLER|THAT|I|THE|MY|OF|WANT|YOU|A|MUST|GO)* (CANCEL|ORDER|CANCELLATION)"),
    grammar(r"CANCELLATION (BE|FILLER|OF|the|thing)* (CONFIRM|VALIDATE)"),
    # "annulez-le", "vous pouvez l'annuler": takes up what was asked
    grammar(r"(CANCEL|ORDER|REMOVE) (I|YOU)* (THE|THIS) (?= $ | pause | PLEASE | THANKS | POLITE | HELLO | I | FOR | CLOSING )"),
    grammar(r"(ORDER|REMOVE) (I|FILLER)* THIS thing"),
    grammar(r"(CANYOU|PLEASE|MUST|WANT) (YOU|FILLER|DO)* THE (CANCEL|ORDER|REMOVE)"),
    grammar(r"CANYOU (YOU|FILLER)* (CANCEL|ORDER|REMOVE)"),
    # "annulez svp", "annulez mon rdv": told to somebody; the bare word may be the keyword sent again
    grammar(r"ORDER (I|FILLER)* (PLEASE|(THE|MY|THIS) thing)"),
    grammar(r"(CANYOU|PLEASE|MUST) CANCEL THIS thing"),
    grammar(r"PLEASE ORDER|THANKS (OF)? (CANCEL|ORDER)|(FINE|PLEASED|NOTED) (COMMA|PERIOD)? ORDER"),
)

_ALWAYS = (
    "YES|OKAY|AGREE|VALIDATE|FINE|PLEASED|HELLO|PLEASE|THANKS|POLITE|CLOSING|SAY|I|YOU|THE|MY|THIS|ONE|OF|A|TO|FOR|THAT|CAUSE"
    "|BE|HAVE YOU? SAY|ALL|AND|FILLER|TROUBLE|ABSENT|MOOT|DROP|QUIT|CANCEL|ORDER|CANCELLATION|REMOVE|FREE|COMMA|PERIOD|WANT|CANYOU|MUST|REBOOK"
)
_WITH_CANCEL = "HAVE|DO|GO|NEED|TELL|AT|APPOINTMENT|SLOT|WHEN|TIME|DATE|NUMBER|CAN|CONFIRM|NOTED|FAMILY|TOPIC|GOT|SOMEONE|THEY|CALLBACK|LATER|FINALLY|LIST|JUST"
_WITH_TROUBLE = "HAVE|DO|GO|AT|FAMILY|TOPIC|GOT|THEY|WHEN|LATER|JUST|FINALLY"
_WITH_MOOT = "APPOINTMENT|SLOT"

_EXPLAINED = grammar(rf"^ ({_ALWAYS})* $")
_EXPLAINED_BY_CANCEL = grammar(rf"^ ({_ALWAYS}|{_WITH_CANCEL})* $")
_EXPLAINED_BY_TROUBLE = grammar(rf"^ ({_ALWAYS}|{_WITH_TROUBLE})* $")
_CANCELS = grammar(r"CANCEL|ORDER|CANCELLATION|REMOVE|FREE")
_HAS_TROUBLE = grammar(r"TROUBLE|ABSENT|MOOT")
_EXPLAINED_BY_MOOT = grammar(rf"^ ({_ALWAYS}|{_WITH_TROUBLE}|{_WITH_MOOT})* $")
_IS_MOOT = grammar(r"MOOT")

# Said twice over, "oui annulez", it may be followed by any reason of one's own: "oui annulez, mon chien est perdu".
_SAID_TWICE = grammar(
    rf"^ (HELLO|PLEASE|COMMA)* (YES|OKAY) ({_ALWAYS}|{_WITH_CANCEL})* (CANCEL|ORDER) (I|the|thing|PLEASE|OF|WHEN|TIME|DATE|NUMBER)*"
    rf" (COMMA|PERIOD|CAUSE|I|MY (?= FAMILY|TOPIC)) ({_ALWAYS}|{_WITH_TROUBLE}|UNKNOWN|ORDINARY)* $"
)

# Explained word by word, and still no yes.
_NOT_YET = (
    grammar(r"(HAVE|BE|BEEN) (THE|I|YOU|FILLER)* (CANCEL|ORDER)"),
    grammar(r"BE FILLER* (I|YOU) (?= $ | pause | HELLO | THANKS | POLITE | THE )"),  # "c'est moi"
    grammar(r"(BE|GO) (?= $ | pause | THANKS | PLEASE | POLITE | HELLO )"),
    grammar(
        r"(I|YOU|THEY) (FILLER|ALL)* BE"
        r" (?! (FILLER|A|TO|THE|OF|MY|ONE|AT|ALL|HAVE|BEEN)* (TROUBLE|ABSENT|MUST|POLITE|FINE|OKAY|AGREE|TOPIC|FAMILY|JUST|SAY|WANT) )"
    ),
    grammar(r"(YES|OKAY|AGREE) FOR I (?= $ | pause | THANKS | PLEASE | POLITE | HELLO )"),
    grammar(r"(GIVE|LEAVE) I"),
)


def _says_yes(names: str) -> bool:
    if not any(pattern.search(names) for pattern in _YES):
        return False
    explained = (
        _EXPLAINED.search(names)
        or (_CANCELS.search(names) and _EXPLAINED_BY_CANCEL.search(names))
        or (_HAS_TROUBLE.search(names) and _EXPLAINED_BY_TROUBLE.search(names))
        or (_IS_MOOT.search(names) and _EXPLAINED_BY_MOOT.search(names))
        or _SAID_TWICE.search(names)
    )
    return bool(explained) and not any(pattern.search(names) for pattern in _NOT_YET)


# No ------------------------------------------------------------------------------------------------------------------

_NO = grammar(
    r"NO|REFUSE|REFUSAL|KEEP|ERROR|LEAVE (?! .* (SOMEONE|A) )|FINALLY (I|FILLER|COMMA|PERIOD|THEY)* (CAN COME|ATTEND)"
    r"|^ (FINALLY|HAVE|I|COMMA|FILLER)* FINALLY (PERIOD|COMMA|PLEASE|THANKS|HELLO|POLITE)* $"
    r"|^ NOT ALL"
)
_CONTRADICTS = grammar(
    r"YES|OKAY|QUIT|CANCEL|ORDER|ALMOST|CANCELLATION|WILL|DROP|FREE|REMOVE|ABSENT|TROUBLE|MOVE|HEDGE|SMIRK|IF|QUESTION|ASK|OR"
    r"|CONFIRM (?! (FILLER|MY|THE|OF|A)* (ATTEND|APPOINTMENT|COME))|WAIT (?! TO|WHEN|NUMBER|COUNT|THIS)|LATER|DELAY|AGREE (?= I? PERIOD? NO)"
)
_WISHES_ANOTHER_TIME = grammar(r"(WANT|NO) (FILLER|OF|the|COMMA|FOR)* (WHEN|TIME|DATE)")
_SAYS_SO = grammar(r"ERROR|KEEP|REFUSE|REFUSAL|ATTEND|COME")


def _says_no(names: str) -> bool:
    if not _NO.search(names):
        return False
    if _WISHES_ANOTHER_TIME.search(names) and not _SAYS_SO.search(names):
        return False
    contradiction = _CONTRADICTS.search(names)
    if contradiction is None:
        return True
    # "annuler par erreur" takes the word back that it repeats
    return contradiction[0].strip() in ("CANCEL", "CANCELLATION") and _TAKEN_BACK.search(names) is not None


_TAKEN_BACK = grammar(r"(CANCEL|CANCELLATION) (FILLER|BE|OF)* ERROR")
