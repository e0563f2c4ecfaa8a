"""Cleans every text from outside before it is kept: one line, trimmed, of a sensible length."""

from __future__ import annotations

import re
import unicodedata

from smsbot.messages.email_addresses import is_email_address

LONGEST_NAME = 120
LONGEST_LINE = 300
LONGEST_IDENTIFIER = 120

_LARGEST_IDENTIFIER_BITS = 128
_LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
_ERASED_EMAIL = re.compile(r".*@deleted\.rdv-solidarites\.fr|email_anonymise_[0-9]+@exemple\.fr", re.DOTALL)
"""The addresses that RDV Service Public gives to usagers that it has erased or anonymised. Nobody reads mail there."""
_UNSEEN = ("Cc", "Cf", "Cs")


def line(value: object, longest: int = LONGEST_LINE) -> str | None:
    """`value` as one line of at most `longest` characters; None if it is not a text or is blank.

    Spaces and line breaks become single spaces. Invisible characters (NUL and other control characters, marks of
    writing direction) and lone surrogates, which no database stores, are removed.
    """
    if not isinstance(value, str):
        return None
    text = value[: 4 * longest]
    if not text.isprintable():
        text = "".join(_plain(character) for character in text)
    return " ".join(text.split())[:longest].rstrip() or None


def name(value: object) -> str | None:
    """A person's name."""
    return line(value, LONGEST_NAME)


def identifier(value: object) -> str | None:
    """An id of a source, which is a number or a text, as a text; None if there is none.

    An id that is too long counts as none: a shortened one would be another id.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _LARGEST_IDENTIFIER_BITS:
        return str(value)
    text = line(value, LONGEST_IDENTIFIER + 1)
    return text if text is not None and len(text) <= LONGEST_IDENTIFIER else None


def email(value: object) -> str | None:
    """An e-mail address as it is written; None if it is not a possible address, or is an erased usager's."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_EMAIL or is_erased(text) or not is_email_address(text):
        return None
    return text


def is_something(value: object) -> bool:
    """Whether there is a value, usable or not: neither null nor blank text."""
    return value is not None and (not isinstance(value, str) or line(value) is not None)


def is_erased(value: object) -> bool:
    """Whether this is the e-mail address of an erased usager."""
    return isinstance(value, str) and _ERASED_EMAIL.fullmatch(value.strip()) is not None


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _UNSEEN else character
