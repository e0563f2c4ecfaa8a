"""First names as messages may tell them. Whoever books an appointment writes their own name, and may write anything."""

from __future__ import annotations

import re
import unicodedata

from smsbot.messages.fitting import one_line

_WEB_ADDRESS = re.compile(r"[/\\@]|\bwww\b|\bhttps?\b|[.。]\w{2}|\d\.\d", re.IGNORECASE)
"""What programs make a link of, or nearly: "www.evil.fr", "http://…", "evil.com"; but not "J.-P." or "M. P."."""


def told_first_name(name: str | None) -> str | None:
    """`name` on one line; None where there is none, or where it is, or holds, an address of the web or of e-mail."""
    told = one_line(name or "")
    if not told or _WEB_ADDRESS.search(unicodedata.normalize("NFKC", told)):
        return None
    return told
