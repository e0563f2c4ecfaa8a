"""How many segments a text costs, counted as Twilio's `num_segments` does (twilio.com/docs/glossary/what-is-gsm-7…)."""

from __future__ import annotations

_ONE_SEPTET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO_SEPTETS = frozenset("\f^{}\\[~]|€")


def count_segments(text: str) -> int:
    """Segments of 160 septets, or 153 when joined; of 70 and 67 UTF-16 units as soon as one sign is not GSM-7."""
    if all(sign in _ONE_SEPTET or sign in _TWO_SEPTETS for sign in text):
        units, alone, joined = sum(2 if sign in _TWO_SEPTETS else 1 for sign in text), 160, 153
    else:
        units, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= alone else -(-units // joined)
