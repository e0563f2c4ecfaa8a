"""The time of the demo, which can be set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SettableClock:
    """A clock for the service and the stand-ins around it. It stands still until `run`, and may be set at any time.

    Calling it returns the time, aware, in UTC. It may be used from any thread.
    """

    def __init__(self, now: datetime) -> None:
        self._set = (now.astimezone(UTC), 0.0)
        self._runs = False

    def __call__(self) -> datetime:
        moment, since = self._set
        return moment + timedelta(seconds=time.monotonic() - since) if self._runs else moment

    @property
    def now(self) -> datetime:
        """The time, aware. Assign to it to set the clock."""
        return self()

    @now.setter
    def now(self, moment: datetime) -> None:
        self._set = (moment.astimezone(UTC), time.monotonic())

    def run(self) -> None:
        """Let the clock run from the time that it shows."""
        moment = self()
        self._set = (moment, time.monotonic())
        self._runs = True
