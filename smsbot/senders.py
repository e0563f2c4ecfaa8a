"""The kinds of senders that an SMS can have, and whether a person can answer them.

The kinds are Twilio's (`From` and `MessagingServiceSid` of its Messages resource). In France, a number that may send a
service's messages is a short code or one of 09 37 to 09 39 (numbering plan, since January 2023). smsbot leaves this
check to the gateway.
"""

from __future__ import annotations

import re
from enum import StrEnum


class SenderKind(StrEnum):
    NUMBER = "number"  # E.164: +33937000000
    SHORT_CODE = "short code"  # 36105, in its own country only
    ALPHANUMERIC = "alphanumeric"  # RdvSoli: up to eleven characters, nobody can answer it
    MESSAGING_SERVICE = "messaging service"  # MG…: a pool of any of these, so only its owner knows

    @property
    def two_way(self) -> bool | None:
        """Whether messages from such a sender can be answered; None where its form does not tell."""
        if self is SenderKind.MESSAGING_SERVICE:
            return None
        return self is not SenderKind.ALPHANUMERIC


NUMBERS = (SenderKind.NUMBER, SenderKind.SHORT_CODE)
"""The kinds of numbers: a telephone can have one of them, and can write to them."""

_FORMS = {
    SenderKind.NUMBER: re.compile(r"\+[1-9][0-9]{6,14}"),
    SenderKind.SHORT_CODE: re.compile(r"[0-9]{3,8}"),
    SenderKind.ALPHANUMERIC: re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 .&_+-]{0,10}"),
    # A Messaging Service's id is longer than any alphanumeric sender, so MGEN is a name.
    SenderKind.MESSAGING_SERVICE: re.compile(r"MG[0-9A-Za-z]{10,}"),
}


def sender_kind(sender: str) -> SenderKind:
    """The kind of this sender. Raises `ValueError` where no gateway would take it."""
    kind = known_kind(sender)
    if kind is None:
        raise ValueError("neither a number, nor a short code, nor a name, nor a Messaging Service")
    return kind


def known_kind(sender: str) -> SenderKind | None:
    """The kind of this sender, or None for any other text: what people write to may have any form."""
    return next((kind for kind, form in _FORMS.items() if form.fullmatch(sender)), None)
