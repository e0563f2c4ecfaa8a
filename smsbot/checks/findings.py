"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. Only WRONG would make something fail."""

    WELL = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One line of `smsbot check`. `subject` is what was looked at; `sentence` says how it is and, if bad, what to do.

    It never holds a secret, a number of an usager or an address of one.
    """

    level: Level
    subject: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.level:<7}  {self.subject}: {self.sentence}"


def well(subject: str, sentence: str) -> CheckFinding:
    return CheckFinding(Level.WELL, subject, sentence)


def warning(subject: str, sentence: str) -> CheckFinding:
    return CheckFinding(Level.WARNING, subject, sentence)


def wrong(subject: str, sentence: str) -> CheckFinding:
    return CheckFinding(Level.WRONG, subject, sentence)
