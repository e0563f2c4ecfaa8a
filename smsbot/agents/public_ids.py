"""How agents and other systems name our rows: `rdv-12`, `part-34`. A word stands before our number.

So nobody takes such an id for that of a source.
"""

from __future__ import annotations

import re
from enum import StrEnum

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class PublicId(StrEnum):
    """What is named, by its word."""

    APPOINTMENT = "rdv"
    PARTICIPATION = "part"
    MESSAGE = "sms"  # from an usager
    DELIVERY = "out"  # a message to an usager
    BATCH = "batch"
    WEBHOOK = "webhook"

    def of(self, number: int) -> str:
        """The public id of the one with this id of ours."""
        return f"{self}-{number}"

    def number_in(self, name: str) -> int | None:
        """Our id of the one with this public id; None where it is no public id, or of something else."""
        word, _, number = name.partition("-")
        return int(number) if word == self and _NUMBER.fullmatch(number) else None
