"""Patterns over rows of concepts, and the reading of negations, which all situations share.

A reading becomes a row of concepts, one sign for each ("NE CANCEL NOT PLEASE" is four signs long; `spelled` gives their
names). A pattern is a regular expression whose letters are concepts: `grammar("NE THE? CANCEL")` finds "n'annulez" and
"ne l'annulez". A name in small letters stands for one of the groups below: `giving_up` is any word for cancelling.
Square brackets mark the part of a pattern that is its group "verb".

French uses the same "ne … pas" in "je ne peux pas venir" and in "n'annulez pas". So this module first decides what a
negation belongs to: the first becomes AWAY, the second REFUSAL. Then the negation is "settled".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from smsbot.understanding.concepts import Concept
from smsbot.understanding.words import Reading, Token

_GROUPS = {
    "giving_up": "CANCEL|ORDER|WILL|DROP|CANCELLATION|ALMOST|REMOVE|FREE",
    "handing_on": "GIVE|LEAVE",
    "thing": "APPOINTMENT|SLOT",
    "moment": "WHEN|TIME|DATE",
    "the": "THE|MY|THIS|ONE|YOU",
    "absent": "AWAY|ABSENT",
    "negation": "NOT|REFUSE",
    "modal": "WANT|MUST|CAN|CANYOU|GO|SAY|TELL|NEED|HAVE|HAD|BE|BEEN|DO|TRY",
    # what may stand between a negation and its verb ("pas besoin de l'", "pas dit que j'")
    "link": "THE|OF|THAT|A|TO|WANT|SAY|TELL|NEED|MUST|CAN|DO|GO|HAVE|HAD|BEEN|MY|THIS|ALL|FILLER|POSSIBLE|PLEASE",
    "saying": "SAY|TELL",
    "polite": "HELLO|PLEASE|THANKS|THANKSFOR|POLITE",
    "around": "HELLO|PLEASE|THANKS|THANKSFOR|POLITE|CLOSING|COMMA|PERIOD",
    "pause": "PERIOD|COMMA|QUESTION|CAUSE|BUT",
}
_SIGN_OF = {concept.name: chr(0xE000 + place) for place, concept in enumerate(Concept)}
_SIGN_OF_CONCEPT = {concept: _SIGN_OF[concept.name] for concept in Concept}
_NAME_OF = {sign: name for name, sign in _SIGN_OF.items()}
_BRACKETS = {"[": "(?P<verb>", "]": ")", " ": ""}


def grammar(source: str) -> re.Pattern[str]:
    """Compile a pattern of concept names; see the docstring of this module. Raises ValueError for an unknown name.

    No message may make a pattern run for ever. So alternatives that are single words become one set, which can match a
    word in one way only. A repetition of anything longer over a whole message has to be possessive (`*+`).
    """

    def part(match: re.Match[str]) -> str:
        if match[0] in _BRACKETS:
            return _BRACKETS[match[0]]
        found = signs_of(match[0].strip("()").replace("|", " "))
        one = f"[{found}]" if len(found) > 1 else found
        return f"(?:{one}|{_THAT_ONE})" if _LINK in match[0] else one

    return re.compile(_PART.sub(part, source))


_LINK = "link"
_THAT_ONE = "{THAT}[{I}{YOU}]".format_map(_SIGN_OF)  # "que je", "que vous" are links too
_PART = re.compile(r"\([A-Za-z_]+(?:\|[A-Za-z_]+)+\)|[a-z_]+|[A-Z]+|[\[\] ]")


def signs_of(names: str) -> str:
    """The signs of concepts and groups, each once: `signs_of("giving_up NOT")`. Raises ValueError for unknown names."""
    each = [one for name in names.split() for one in _GROUPS.get(name, name).split("|")]
    if unknown := [name for name in each if name not in _SIGN_OF]:
        raise ValueError(f"{unknown[0]} is no concept and no group")
    return "".join(dict.fromkeys([_SIGN_OF[name] for name in each]))


def spelled(signs: str) -> list[str]:
    """The names of the concepts in a row."""
    return [_NAME_OF[sign] for sign in signs]


def signs(tokens: Iterable[Token]) -> str:
    """The row of these words, before negations are settled."""
    return "".join([_SIGN_OF_CONCEPT[token.concept] for token in tokens])


# Each line: the replacement; names of which one has to be in the row (a quick check before the pattern is tried); and
# the pattern that is replaced. They are applied in this order.
_SETTLED = tuple(
    (
        grammar(pattern),
        "".join([_SIGN_OF[name] for name in result.split()]),
        frozenset(signs_of(needed.replace("|", " "))),
    )
    for result, needed, pattern in (
        # "je n'ai pas changé d'avis", "n'hésitez pas", "j'ai hésité", "j'y ai bien réfléchi": they have decided
        ("FILLER", "FINALLY", r"NE? HAVE NOT FINALLY"),
        ("FILLER", "HEDGE", r"NE HEDGE NOT|NOT OF? HEDGE"),
        (
            "FILLER",
            "HEDGE",
            r"(HAVE|HAD) (FILLER|BEEN)* HEDGE (ALL the (WHEN|TOPIC|UNKNOWN))?"
            r" (?= COMMA|PERIOD|BUT|CAUSE|CANCEL|ORDER|YES)",
        ),
        # "mon rdv peut être annulé"
        ("APPOINTMENT CANYOU", "HEDGE", r"APPOINTMENT (OF|the|moment|SAME)* HEDGE (?= CANCEL)"),
        # "pas d'autre rdv", "ne me redonnez pas de date", "inutile de le déplacer": what they do not want
        (
            "FILLER",
            "MOVE|OTHERS",
            r"((?<=(YES|OKAY|AND|COMMA|PERIOD|PLEASE))|^) (I NE? WANT)? (NOT|NOMORE) OF? (MOVE|OTHERS) thing?"
            r" (?! THAT)",
        ),
        (
            "ORDINARY",
            "MOVE|OTHERS|SOMEONE|LATER",
            r"(NE? (I|YOU)? (WANT|LEAVE|GIVE|TRY|SEND|NEED|SHOW|CAN|HAVE)?)? (NOT|NOMORE|REFUSE|INSTEAD)"
            r" (link|NEED|I|ONE){0,3} (MOVE|OTHERS|SOMEONE|LATER) thing?",
        ),
        ("ORDINARY", "MOVE|OTHERS|SOMEONE|LATER", r"(AND? NO|NOT FOR) (THE|ONE|OF)* (MOVE|OTHERS|LATER) thing?"),
        # "confirmez l'annulation", "merci de me confirmer l'annulation": they want a confirmation
        (
            "ORDINARY",
            "CANCEL|CANCELLATION",
            r"(ASSURE|(PLEASE|CANYOU) I? CONFIRM) (I|YOU|the|THAT|FILLER|BE|HAVE|BEEN|SAME|thing|OF)*"
            r" (CANCEL|CANCELLATION) thing?",
        ),
        # "je voulais annuler mais le lien ne marche pas": "mais" gives a reason, it takes nothing back
        ("CAUSE", "BUT", r"BUT (?= (I|the|NE|FILLER)* (LINK|UNABLE))"),
        # "annulez lundi, mais gardez celui de jeudi"
        (
            "ORDINARY",
            "KEEP",
            r"(BUT|AND)? (I|YOU)? (the|I)* KEEP (the|FILLER|OF|A|TO|AT)* (ANOTHER|OTHERS) (ANOTHER|OF|A|AT|the)*",
        ),
        ("ORDINARY", "KEEP", r"THE APPOINTMENT OF ANOTHER (A|TO|AT|the|TOPIC|FOREIGN)* I THE KEEP"),
        # "annuler ? d'accord ?"
        ("PERIOD", "OKAY", r"COMMA OKAY QUESTION"),
        # "non pardon oui annulez": the last word counts
        ("YES", "NO", r"NO (COMMA|PERIOD)? POLITE+ (COMMA|PERIOD)? YES (?= CANCEL|ORDER|I CANCEL)"),
        ("NO", "NO", r"(YES|OKAY) (COMMA|PERIOD|FILLER)* POLITE+ (COMMA|PERIOD)? NO (?= $|polite|COMMA|PERIOD)"),
        # "le patron a dit oui": another person's yes
        (
            "ORDINARY",
            "SAY",
            r"(FAMILY|STRANGER|TOPIC|THEY|ORDINARY|UNKNOWN) (A|I|YOU|FILLER)* SAY OF? (YES|NO) (?! .* (ORDER|CANCEL))",
        ),
        # "annuler ? non"
        ("REFUSAL NO", "QUESTION", r"(CANCEL|CANCELLATION|ORDER) (MY|thing)* QUESTION I? (NO|REFUSE)"),
        # "moi je conduis pas", "c'est moi qui annule", "c'est non pour annuler"
        ("TROUBLE", "ROBOT", r"I? ROBOT NOT"),
        ("I", "INTRO", r"INTRO WHO"),
        ("REFUSAL", "NO", r"NO (FOR|A|TO) the* (CANCEL|CANCELLATION|ORDER)"),
        # "non je ne garde pas, oui annulez"; but not after "non."
        ("QUIT YES", "NO", r"NO COMMA? I? NE? (the|I)* KEEP NOT (the|APPOINTMENT)* (COMMA|PERIOD|CAUSE)* YES"),
        # "stop pour le rdv": a request to cancel, no opt-out
        ("CANCEL APPOINTMENT", "STOP", r"STOP (FOR|the|OF|TO)* APPOINTMENT"),
        # "je ne pourrai pas venir", "on vient plus", "je peux pas.", "je n'arrive pas à venir"
        ("AWAY", "COME", r"NE? (NOT|NOMORE) (modal|OF|FILLER|A|POSSIBLE)* COME"),
        ("AWAY", "ATTEND", r"I? NE? (I|FILLER)? ATTEND (NOT|NOMORE) (?! NEED|OF|TROUBLE|MOOT)"),
        ("AWAY", "COME", r"I NE CAN FILLER? COME (?! THAT)"),
        ("AWAY", "UNABLE", r"I? NE? UNABLE COME"),
        (
            "ABSENT",
            "CAN",
            r"I? NE? (GO|MUST)* CAN FILLER? (NOT|NOMORE) (?= $|pause|PLEASE|THANKS|POLITE|WHEN|TIME|I|TROUBLE|MY)",
        ),
        ("AWAY", "AWAY", r"I? NE? (I|TO|HAVE|BE|FILLER|modal)* AWAY+"),
        ("ABSENT", "ABSENT", r"I? NE? (THEY|I|TO|HAVE|BE|FILLER|modal)* ABSENT+ (OF COME)?"),
        # "je n'en ai plus besoin", "on n'a pas de voiture", "j'ai rdv chez le médecin", "j'ai un autre rdv"
        ("MOOT", "MOOT", r"NE (THEY|TO|I|HAVE|BE|FILLER|OF)* MOOT"),
        ("TROUBLE", "NE", r"NE (HAVE|BE|FILLER|THEY)* TROUBLE"),
        ("TROUBLE", "HAVE", r"HAVE (FILLER|GOT)* ONE? APPOINTMENT (TO|AT|A) (the|OF)* (TOPIC|TROUBLE|FOREIGN)"),
        ("TROUBLE", "MOVE", r"(?<! YOU) (HAVE|GOT) (FILLER|GOT)* ONE? thing? MOVE+"),
        # "je reprendrai un autre rdv": they will do it themselves and ask for nothing
        ("REBOOK", "REBOOK|CALLBACK", r"(REBOOK|CALLBACK) (FOR|OF|TO|the|FILLER|REBOOK)* (MOVE|thing|LATER)+"),
        # "je veux pas laisser ma place"
        ("REFUSAL", "GIVE|LEAVE", r"I? NE? (WANT|CAN|GO|MUST) NOT link{0,3} handing_on the* thing"),
        # "laissez ma place à quelqu'un d'autre"
        (
            "FREE SLOT",
            "GIVE|LEAVE",
            r"handing_on I? (the|WHEN|SAME)+ thing? (A|FOR|TO)+ ONE? (SOMEONE|MOVE|STRANGER)"
            r" (SOMEONE|FAMILY|ORDINARY)?",
        ),
        ("FREE SLOT", "LEAVE", r"I YOU? LEAVE (MY|THE) SLOT"),
        ("FREE SLOT", "SOMEONE|MOVE", r"(FREE|REMOVE) the* SLOT (FOR|A|TO) ONE? (SOMEONE|MOVE)"),
        # "laissez mon rdv", as it is
        ("KEEP", "LEAVE", r"LEAVE the+ thing (?= $|pause|polite)"),
        # "je suis bien là"
        ("ATTEND", "THE", r"(I|YOU|THEY)? BE (FILLER|ALL)* THE (?= $|pause|polite|A|TO|AT|FOR|WHEN|TIME)"),
        # "ne le gardez pas" gives up; "ne le déplacez pas" says nothing
        ("QUIT THE", "KEEP", r"I? NE NOT? (the|I)* KEEP (NOT|NOMORE)?"),
        ("QUIT THE", "KEEP", r"I the* KEEP NOT (?= $|pause|polite|thing|THE APPOINTMENT)"),
        ("QUIT THE", "KEEP", r"I? NE? (WANT|CAN|GO) (NOT|NOMORE) (the|OF)* KEEP|NE (WANT|CAN|GO) KEEP (NOT|NOMORE)"),
        ("ORDINARY", "MOVE", r"NE (the|I)* MOVE (NOT|NOMORE)?"),
        # "annulez mon annulation", "laissez tomber l'annulation"
        ("REFUSAL", "CANCELLATION", r"(CANCEL|ORDER|LETGO|DROP|REMOVE) (the|OF|TO|A)* (WANT OF)? CANCELLATION"),
        # "annulez seulement": only emphasis, because nothing follows
        ("FILLER", "ONLY", r"(?<=(CANCEL|ORDER|AGREE|DO)) ONLY (?= $|PERIOD|polite)"),
        # "ma voiture ne démarre plus", "je ne suis plus à Nantes"
        ("TROUBLE", "TOPIC", r"TOPIC NE? (UNKNOWN|ORDINARY) (NOT|NOMORE)"),
        ("TROUBLE", "NOMORE", r"I NE? BE NOMORE (TO|A|AT)"),
        # "je vous confirme que je ne viendrai pas"
        ("FILLER", "CONFIRM", r"YOU? CONFIRM THAT (?= AWAY|ABSENT)"),
        # "donnez ma place", "vous pouvez le donner à quelqu'un d'autre"
        (
            "FREE SLOT",
            "GIVE",
            r"(GIVE MY|(?<=CANYOU) GIVE THE) SLOT (?! NOT|A (NOT|ORDINARY|the* FAMILY))"
            r"|THE GIVE (A|FOR|TO)+ (SOMEONE|STRANGER)",
        ),
        # "ne le faites pas"
        ("REFUSAL", "AGREE|DO", r"NE THE? (AGREE|DO) NOT (?= $|pause|polite|FINALLY)"),
        # "n'annulez pas", "je ne veux pas annuler", "surtout pas annuler", "au lieu d'annuler", "annule rien"
        ("REFUSAL", "NE", r"(modal|I)* NE (the|I|FILLER|OF)* giving_up (NOT|NOMORE)?"),
        ("REFUSAL", "GIVE|LEAVE", r"NE? (I|the)* handing_on NOT the* thing"),
        ("REFUSAL", "MOOT", r"MOOT (OF|THAT) THE? giving_up"),
        (
            "REFUSAL",
            "NOT|REFUSE|INSTEAD",
            r"NE? (modal|I|YOU)* NE? (negation|INSTEAD)+ link{0,5} giving_up (NOT|NOMORE)?",
        ),
        ("REFUSAL", "NOMORE", r"NE? (WANT|CAN|MUST|GO) NOMORE link{0,4} giving_up"),
        ("REFUSAL", "INSTEAD", r"INSTEAD (link|I){0,5} giving_up"),
        ("REFUSAL", "NOT|REFUSE", r"giving_up (THE|I|THIS|FILLER)? negation+ (?!OF)"),
        ("REFUSAL", "NOMORE", r"I THE? giving_up NOMORE (?= $|pause|PLEASE|THANKS|FINALLY)"),
        ("REFUSAL", "NOT", r"giving_up the* thing NOT (?= $|pause|PLEASE|THANKS)"),
    )
)


_AGAIN = re.compile(r"(.)\1{3,}")  # more than three repetitions say no more than three


def row(reading: Reading) -> str:
    """The row of a reading, one sign for each concept, with its negations settled."""
    return settled(signs(reading.tokens))


@lru_cache(maxsize=64)  # the same row is first read for keywords, then for the open question
def settled(signs: str) -> str:
    """The row with its negations settled."""
    found = _AGAIN.sub(r"\1\1\1", signs)
    there = set(found)
    for pattern, result, needed in _SETTLED:
        if not needed.isdisjoint(there):
            replaced = pattern.sub(result, found)
            if replaced != found:
                found, there = replaced, set(replaced)
    return found
