"""First names in messages. People type their own name when they book, so it can be anything, even a web address."""

from __future__ import annotations

import re
import unicodedata

from smsbot.messages.fitting import one_line

_WEB_ADDRESS = re.compile(r"[/\\@]|\bwww\b|\bhttps?\b|[.。]\w{2}|\d\.\d", re.IGNORECASE)
"""What mail programs and telephones turn into a link: "www.evil.fr", "http://…", "evil.com"; but not "J.-P."."""


def told_first_name(name: str | None) -> str | None:
    """`name` on one line. None where it is empty, or contains a web or e-mail address."""
    told = one_line(name or "")
    if not told or _WEB_ADDRESS.search(unicodedata.normalize("NFKC", told)):
        return None
    return told
