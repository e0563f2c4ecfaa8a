"""The lines that `smsbot check` prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. Only WRONG means that something will fail."""

    WELL = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One line of `smsbot check`. `subject` is what was checked; `sentence` is the result, and what to do if it is bad.

    It never contains a secret, or the number or address of an usager.
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
