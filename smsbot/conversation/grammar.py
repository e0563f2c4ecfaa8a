"""Patterns over what words are about, and the negations that all situations share.

A reading becomes a row of concept names ("NE CANCEL NOT PLEASE"). A pattern is a regular expression whose letters are
those names: `grammar("NE THE? CANCEL")` finds "n'annulez" and "ne l'annulez". A name in lower case stands for one of the
groups below: `giving_up` is any word for cancelling. Square brackets hold the part that a pattern is about, its `verb`.

French says "je ne peux pas venir" and "n'annulez pas" with the same little word, so what a negation belongs to is
settled first and once, here: the one becomes ABSENT, the other REFUSAL.
"""

from __future__ import annotations

import re

from smsbot.conversation.reading import Reading
from smsbot.conversation.vocabulary import Concept

_GROUPS = {
    "giving_up": "CANCEL|ORDER|WILL|DROP|CANCELLATION|ALMOST|REMOVE|FREE",
    "the": "THE|MY|THIS|ONE|YOU",
    "modal": "WANT|MUST|CAN|CANYOU|GO|SAY|TELL|NEED|HAVE|BE|BEEN|DO|HEDGE|TRY",
    "link": "THE|OF|THAT I|THAT YOU|THAT|A|TO|WANT|SAY|TELL|NEED|MUST|CAN|DO|GO|HAVE|BEEN|MY|THIS|ALL|FILLER|POSSIBLE|PLEASE",
    "thing": "APPOINTMENT|SLOT",
    "negation": "NOT|REFUSE",
    "pause": "PERIOD|COMMA|QUESTION|CAUSE|BUT",
}
_NAMES = {concept.name for concept in Concept} | _GROUPS.keys()


def grammar(source: str) -> re.Pattern[str]:
    """Compile a pattern of concept names; see the opening of this module."""

    def part(match: re.Match[str]) -> str:
        if match[0] in _BRACKETS:
            return _BRACKETS[match[0]]
        if match[0] not in _NAMES:
            raise ValueError(f"{match[0]} is no concept and no group")
        return rf"(?:(?<![A-Z])(?:{_GROUPS.get(match[0], match[0])})\s)"

    return re.compile(re.sub(r"[a-z_]+|[A-Z]+|[\[\] ]", part, source))


_BRACKETS = {"[": "(?P<verb>", "]": ")", " ": ""}


_COMPOSED = tuple(
    (grammar(pattern), result, tuple(f"{name} " for name in needs.split("|")))
    for needs, pattern, result in (
        # absence: "je ne pourrai pas venir", "on vient plus", "je peux pas."
        ("NOT|NOMORE", r"I? NE? (modal|THEY)+ (NOT|NOMORE) (modal|OF|FILLER|A|POSSIBLE)* (COME|ATTEND)", "ABSENT "),
        ("COME", r"NE? (NOT|NOMORE) (modal|OF|FILLER|A|POSSIBLE)* COME", "ABSENT "),
        ("ATTEND", r"I? NE? (I|FILLER)? ATTEND (NOT|NOMORE)", "ABSENT "),
        ("COME", r"I NE CAN (FILLER)? COME (?! THAT)", "ABSENT "),
        ("TRY", r"TRY (A|OF)? COME", "ABSENT "),
        ("CAN", r"I? NE? (GO|MUST)* CAN FILLER? (NOT|NOMORE) (?= $ | pause | PLEASE | THANKS | POLITE | WHEN | TIME | I | TROUBLE | MY)", "ABSENT "),
        ("ABSENT", r"I? NE? (THEY|I|TO|HAVE|BE|FILLER|modal)* ABSENT+ (OF COME)?", "ABSENT "),
        ("MOOT", r"NE (THEY|TO|I|HAVE|BE|FILLER|OF)* MOOT", "MOOT "),
        ("NE", r"NE (HAVE|BE|FILLER|THEY)* TROUBLE", "TROUBLE "),
        # "je reprendrai un autre rdv": their own doing, nothing that is asked
        ("NOT|NOMORE", r"(NOT|NOMORE) OF (TOPIC|FAMILY)", "TROUBLE "),
        ("HAVE", r"HAVE (FILLER|GOT)* ONE? APPOINTMENT (TO|AT|A) (the|OF)* (TOPIC|TROUBLE|FOREIGN)", "TROUBLE "),
        ("MOVE", r"HAVE (FILLER|GOT)* ONE? thing? MOVE", "TROUBLE "),
        ("REBOOK|CALLBACK", r"(REBOOK|CALLBACK) (FOR|OF|TO|the|FILLER|REBOOK)* (MOVE|thing|LATER)+", "REBOOK "),
        # "laissez ma place à quelqu'un d'autre"
        ("GIVE|LEAVE", r"(GIVE|LEAVE) I? (the)+ thing (A|FOR|TO)+ (SOMEONE|MOVE|STRANGER)", "FREE SLOT "),
        ("GIVE|LEAVE", r"(GIVE|LEAVE) THE (A|FOR|TO)+ (SOMEONE|MOVE|STRANGER)", "FREE SLOT "),
        ("LEAVE", r"I YOU? LEAVE MY SLOT", "FREE SLOT "),
        # "je suis bien là"
        ("THE", r"(I|YOU|THEY)? BE (FILLER|ALL)* THE (?= $ | pause | PLEASE | THANKS | POLITE | HELLO | A | TO | AT | FOR | WHEN | TIME )", "ATTEND "),
        # not keeping is giving up; not moving is nothing
        ("KEEP", r"I? NE (the|I)* KEEP (NOT|NOMORE)?", "QUIT "),
        ("KEEP", r"I? NE? (WANT|CAN|GO) (NOT|NOMORE) (the|OF)* KEEP", "QUIT "),
        ("QUIT", r"I? NE? (the|WANT)* QUIT", "QUIT "),
        ("MOVE", r"(modal|POSSIBLE)? NE? (NOT|NOMORE) link{0,4} MOVE", "ORDINARY "),
        ("MOVE", r"NE (the|I)* MOVE (NOT|NOMORE)?", "ORDINARY "),
        # refusals: "n'annulez pas", "je ne veux pas annuler", "surtout pas annuler", "au lieu d'annuler", "annule rien"
        ("NE", r"(modal|I)* NE (the|I|FILLER|OF)* giving_up (NOT|NOMORE)?", "REFUSAL "),
        ("GIVE|LEAVE", r"NE? (I|the)* (GIVE|LEAVE) NOT (the)* thing", "REFUSAL "),
        ("GIVE|LEAVE", r"NOT link{0,3} (GIVE|LEAVE) (the)+ thing", "REFUSAL "),
        ("MOOT", r"MOOT (OF|THAT) THE? giving_up", "REFUSAL "),
        ("NOT|REFUSE|INSTEAD", r"NE? (modal|I|YOU)* NE? (negation|INSTEAD)+ link{0,5} giving_up (NOT|NOMORE)?", "REFUSAL "),
        ("NOMORE", r"NE? (WANT|CAN|MUST|GO) NOMORE link{0,4} giving_up", "REFUSAL "),
        ("INSTEAD", r"INSTEAD (link|I){0,5} giving_up", "REFUSAL "),
        ("NOT|REFUSE", r"giving_up (THE|I|THIS|FILLER)? negation+ (?!OF)", "REFUSAL "),
        ("NOMORE", r"I THE? giving_up NOMORE (?= $ | pause | PLEASE | THANKS | FINALLY )", "REFUSAL "),
        ("NOT", r"giving_up the* thing NOT (?= $ | pause | PLEASE | THANKS )", "REFUSAL "),
    )
)


def row(reading: Reading) -> str:
    """The concept names of a reading, each with a space behind it, negations settled."""
    return settle("".join([f"{token.concept.name} " for token in reading.tokens]))


def settle(names: str) -> str:
    """Settle what the negations in a row belong to; a row without one is returned as it is."""
    if not _MAY_BE_NEGATED.search(names):
        return names
    for pattern, result, needs in _COMPOSED:
        if any(name in names for name in needs):
            names = pattern.sub(result, names)
    return names


_MAY_BE_NEGATED = re.compile(r"\b(?:NE|NOT|NOMORE|REFUSE|INSTEAD|MOOT|ABSENT|TRY|QUIT|REBOOK|CALLBACK|GIVE|LEAVE|MOVE|THE)\b")
