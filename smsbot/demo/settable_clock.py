"""The time of the demo, which can be set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SettableClock:
    """A clock for the service and the stand-ins around it. It stands still until `run`, and may be set at any time.

    Calling it gives the time, aware, in UTC. It may be used from any thread.
    """

    def __init__(self, now: datetime) -> None:
        self._set = (now.astimezone(UTC), 0.0)
        self._runs = False

    def __call__(self) -> datetime:
        moment, since = self._set
        return moment + timedelta(seconds=time.monotonic() - since) if self._runs else moment

    @property
    def now(self) -> datetime:
        """The time, which can be set; aware."""
        return self()

    @now.setter
    def now(self, moment: datetime) -> None:
        self._set = (moment.astimezone(UTC), time.monotonic())

    def run(self) -> None:
        """Go on from the time that it shows."""
        moment = self()
        self._set = (moment, time.monotonic())
        self._runs = True
