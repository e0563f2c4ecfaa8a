"""An agent's answer while it is written: what an SMS makes of it, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from smsbot.messages.gsm7 import capacity, is_gsm7, length, segments, whole_sms

MOST_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as typed, and as an SMS carries it. `room` is how many more signs fit into its last segment."""

    typed: str
    sms: str
    segments: int
    room: int

    @classmethod
    def of(cls, typed: str) -> Draft:
        sms = whole_sms(typed).strip()
        count = segments(sms)
        return cls(typed, sms, count, max(capacity(sms, count) - length(sms), 0))

    @property
    def is_in_another_script(self) -> bool:
        """Whether it is sent as written, in segments of 70 or 67 signs, because GSM-7 would lose its letters."""
        return not is_gsm7(self.sms)

    @property
    def excess(self) -> int:
        """By how many signs it is too long; 0 where it fits."""
        return max(length(self.sms) - capacity(self.sms, MOST_SEGMENTS), 1) if self.segments > MOST_SEGMENTS else 0

    @property
    def problem(self) -> str | None:
        if not self.sms:
            return "vide"
        return "long" if self.segments > MOST_SEGMENTS else None
