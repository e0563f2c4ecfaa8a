"""The short form of every test run, and the long one: `SMSBOT_CRASH_MINUTES=10`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

DOUBT_ENDS_WITHIN = timedelta(minutes=3)

LOADS = 15
"""How many tests share the minutes of the long form."""


@dataclass(frozen=True, slots=True)
class Form:
    """For how many seconds there are disasters (in the short form each happens once), and how many usagers write
    meanwhile.

    `pace` is the shortest and the longest time, in seconds, that somebody takes to write an answer.

    Doubt ends within three minutes. The short form does not wait for them: all processes are
    killed, all times in the database and at Twilio are moved three minutes back, and the processes are
    started again. `settling` is how many seconds may then pass until no message waits any more.
    """

    seconds: float
    usagers: int
    pace: tuple[float, float]
    time_is_real: bool
    settling: float

    @property
    def bound(self) -> float:
        """How many seconds one test may take on a busy machine."""
        return self.seconds + self.settling * 2 + 120

    @classmethod
    def chosen(cls) -> Form:
        """The form that the environment variable chooses."""
        minutes = os.environ.get("SMSBOT_CRASH_MINUTES")
        if not minutes:
            return cls(seconds=0.0, usagers=12, pace=(0.05, 0.5), time_is_real=False, settling=150.0)
        seconds = float(minutes) * 60 / LOADS
        return cls(seconds=seconds, usagers=40, pace=(0.1, 1.0), time_is_real=True, settling=210.0)


FORM = Form.chosen()
