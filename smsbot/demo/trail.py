"""The trail: a list of what happens inside, from the service's log and the calls between the systems.

A line is a word for what happened, and facts about it. The sentences are in `templates/demo/panels/dessous.html`.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import structlog
from structlog.typing import EventDict, WrappedLogger

from smsbot.demo.stand_ins.http_stand_in import HeardCall

_KEPT_LINES = 80

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]

_TOLD_EVENTS = frozenset(
    {
        "message handled",
        "sent",
        "not sent yet",
        "in doubt",
        "refused for good",
        "given up, resting",
        "sent again, may have been taken before",
        "delivery reported",
        "not carried out yet",
        "a request to cancel has ended",
        "the source refuses a cancellation",
        "cancelled in the console",
        "taken back in the console",
        "batch begun",
        "answered yes by link",
    }
)
"""The log events in the trail. The facts with them contain no personal data."""

_TOLD_CALLS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("POST", re.compile(r"/webhooks/twilio/sms"), "sms webhook"),
    ("POST", re.compile(r"/webhooks/rdvsp.*"), "source webhook"),
    ("POST", re.compile(r".*/Messages\.json"), "gateway"),
    ("PATCH", re.compile(r"/api/v1/participations/\d+"), "source patch"),
    ("PUT", re.compile(r"/api/v1/appointments/.*"), "api"),
    ("POST", re.compile(r"/api/v1/.*"), "api"),
)


@dataclass(frozen=True, slots=True)
class TrailLine:
    """What happened at a time of the demo's clock; numbers count up."""

    number: int
    at: datetime
    what: str
    facts: dict[str, Any]


class Trail:
    """The last lines. They may come from any thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lines: deque[TrailLine] = deque(maxlen=_KEPT_LINES)
        self._numbers = itertools.count(1)

    @property
    def lines(self) -> list[TrailLine]:
        """Newest first."""
        return list(self._lines)[::-1]

    def tell(self, what: str, facts: Mapping[str, Any] | None = None) -> None:
        facts = dict(facts or {})
        self._lines.append(TrailLine(next(self._numbers), self._clock(), what, facts))

    def hear(self, call: HeardCall) -> None:
        """Add a line about a call between two systems, if it is one that matters."""
        for method, path, what in _TOLD_CALLS:
            if call.method == method and path.fullmatch(call.path):
                self.tell(what, {"status": call.status, "milliseconds": round(call.milliseconds), "path": call.path})
                return

    @contextmanager
    def following_the_log(self, shown: LogLevel) -> Iterator[None]:
        """Add a line for each log event until the block ends. Only events of level `shown` or higher are written."""
        before = structlog.get_config()

        def only_what_is_shown(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
            if _LEVELS.get(method.upper(), logging.ERROR) < _LEVELS[shown.upper()]:
                raise structlog.DropEvent
            return event

        structlog.configure(
            processors=[self._follow, only_what_is_shown, *before["processors"]],
            wrapper_class=structlog.make_filtering_bound_logger("debug"),
        )
        try:
            yield
        finally:
            structlog.configure(**before)

    def _follow(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event["event"] in _TOLD_EVENTS:
            self.tell(event["event"], {name: value for name, value in event.items() if name != "event"})
        return event


_LEVELS = logging.getLevelNamesMapping()
