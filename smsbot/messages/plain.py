"""Names from outside made safe to print on one line: of a header, a calendar or a page."""

from __future__ import annotations

import re
import unicodedata

_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""They can turn round the reading of what follows a name; a name reads right without them."""


def one_line(text: str) -> str:
    """`text` without line ends, control characters or lone surrogates; runs of white space become one space."""
    if text.isprintable():
        return " ".join(text.split())
    kept = _BIDI_CONTROLS.sub("", text)
    return " ".join("".join(" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in kept).split())
