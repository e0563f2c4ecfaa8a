"""The 7-bit alphabet of SMS, and how many segments a text needs.

Source: 3GPP TS 23.038 (formerly GSM 03.38), 6.2.1 for the default alphabet and 6.2.1.1 for its extension table;
TS 23.040, 9.2.3.24.1 for joined messages: their header takes seven septets (or three UCS-2 units) of each segment.
"""

from __future__ import annotations

import re
import unicodedata

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The default alphabet in the order of its code points, without ESC (0x1B), which is not a character."""

EXTENSION = "\f^{}\\[~]|€"
"""Characters that take two septets: ESC and one more."""

SEPTETS_ALONE, SEPTETS_JOINED = 160, 153
UCS2_ALONE, UCS2_JOINED = 70, 67

_REPLACED = {
    **dict.fromkeys("\r\f\v\x85\u2028\u2029", "\n"),
    "\t": " ",
    # typography: the spaces inside « and » are removed too, see `to_gsm7`
    **dict.fromkeys("‘’‚‛′´`‹›", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−•", "-"),
    "…": "...",
    "·": ".",
    **dict.fromkeys("⁄÷", "/"),
    "×": "x",
    "°": "o",  # "n° 5" becomes "no 5"
    "¢": "c",
    "©": "(c)",
    "®": "(r)",
    # the glottal stop in Tahitian, Wallisian and Kanak names, in all the ways in which it is written
    **dict.fromkeys("ʻʼʽʾʿˈꞋꞌ", "'"),
    # letters that are not a letter with a mark; those are found by their Unicode names
    "Œ": "OE",
    "œ": "oe",
    "Þ": "TH",
    "þ": "th",
    **dict(zip("ẞÐðƉıȷĸſŊŋƏəƐɛƎǝƆɔƔɣƖɩƱʊƷʒ", "ßDdDijksNnAaEeEeOoGgIiUuZz", strict=True)),
}

_ALPHABET = frozenset(BASIC + EXTENSION)
_MARKED_LATIN = re.compile(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z]{1,2}) WITH ")
_GUILLEMETS = re.compile(r"«\s+|\s+»")


def _opened(character: str) -> str:
    """One character in the alphabet, or nothing: é stays, ê becomes e, ﬁ becomes fi, ł becomes l, emoji are removed."""
    if character in _REPLACED:
        return _REPLACED[character]
    if character in _ALPHABET:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    decomposed = unicodedata.normalize("NFKD", character)
    if decomposed != character:
        return "".join(map(_opened, decomposed))
    marked = _MARKED_LATIN.match(unicodedata.name(character, ""))
    if marked is None:
        return ""
    return marked[2].lower() if marked[1] == "SMALL" else marked[2]


class _Openings(dict[int, str]):
    """A table for `str.translate` that fills itself, because a service sees few different characters."""

    def __missing__(self, code_point: int) -> str:
        opened = self[code_point] = _opened(chr(code_point))
        return opened


_OPENINGS = _Openings()


def to_gsm7(text: str) -> str:
    """`text` in the 7-bit alphabet only, as close to the original as the alphabet allows.

    Line ends become a newline. Letters lose the marks that the alphabet lacks. Characters without a Latin equivalent
    (emoji, control characters, other scripts) are removed.
    """
    if text.isascii() and text.isprintable() and "`" not in text:
        return text
    composed = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    if "«" in composed or "»" in composed:
        composed = _GUILLEMETS.sub(lambda quote: quote[0].strip(), composed)
    return composed.translate(_OPENINGS)


def whole_sms(text: str) -> str:
    """`text` for an SMS, without loss of meaning: in GSM-7 if possible, otherwise unchanged.

    It stays unchanged if GSM-7 has no letters for it (Arabic, Cyrillic, Tamil…). Then it is sent in UCS-2, in shorter
    segments.
    """
    composed = unicodedata.normalize("NFC", text)
    if all(_OPENINGS[ord(sign)].strip() or unicodedata.category(sign) not in _LETTERS for sign in set(composed)):
        return to_gsm7(text)
    lines = composed.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in lines if sign == "\n" or unicodedata.category(sign) != "Cc")


_LETTERS = ("Ll", "Lo", "Lt", "Lu")


def is_gsm7(text: str) -> bool:
    """Whether every character of `text` is in the alphabet or its extension."""
    return _ALPHABET.issuperset(text)


def septets(text: str) -> int:
    """The length of a GSM-7 text in septets: one for each character, two for characters of the extension table."""
    return len(text) + sum(map(text.count, EXTENSION))


def length(text: str) -> int:
    """The length of a text in the units of its segments: septets, or UCS-2 units if it is not GSM-7."""
    return septets(text) if is_gsm7(text) else len(text.encode("utf-16-be")) // 2


def capacity(text: str, count: int) -> int:
    """How long a text in this one's alphabet may be in `count` segments, in the units of `length`."""
    alone, joined = (SEPTETS_ALONE, SEPTETS_JOINED) if is_gsm7(text) else (UCS2_ALONE, UCS2_JOINED)
    return alone if count == 1 else count * joined


def segments(text: str) -> int:
    """How many segments `text` is sent and billed as: of 160 or 153 septets, or of 70 or 67 UCS-2 units.

    A character of two septets or units is never split over two segments. An empty text counts as one.
    """
    doubles, joined = (EXTENSION, SEPTETS_JOINED) if is_gsm7(text) else (None, UCS2_JOINED)
    if length(text) <= capacity(text, 1):
        return 1
    count, used = 1, 0
    for character in text:
        size = 2 if (character in doubles if doubles is not None else character > "\uffff") else 1
        if used + size > joined:
            count, used = count + 1, 0
        used += size
    return count
