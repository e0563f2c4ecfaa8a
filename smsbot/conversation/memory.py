"""What the conversation remembers between two messages, as frozen values that are stored as JSON.

All datetimes are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from smsbot.conversation.states import State
from smsbot.instants import EPOCH, from_microseconds, to_microseconds
from smsbot.made_often import made_often

_A_DAY = timedelta(hours=24)
_SAID_AGAIN_WITHIN = timedelta(hours=1)


@made_often
@dataclass(frozen=True, slots=True)
class Limits:
    """When this phone last got the replies that are sent rarely, from any of our numbers."""

    help_at: datetime | None = None
    other_date_at: datetime | None = None
    neutral_at: datetime | None = None
    locked_at: datetime | None = None
    replies_since: datetime | None = None
    replies: int = 0  # since `replies_since`, for 24 hours
    said: int = 0  # a checksum of the last text that was answered
    said_at: datetime | None = None
    said_times: int = 0  # how often this text came in a row

    def replies_today(self, now: datetime) -> int:
        """How many replies this phone got within the 24 hours that began with the first of them."""
        return self.replies if self.replies_since is not None and now - self.replies_since < _A_DAY else 0

    def times_said(self, text: str, now: datetime) -> int:
        """How often this very text came in a row and was answered, each time within an hour of the last."""
        is_recent = self.said_at is not None and now - self.said_at < _SAID_AGAIN_WITHIN
        return self.said_times if is_recent and self.said == _checksum(text) else 0

    def after_reply(self, text: str, now: datetime) -> Limits:
        """The limits once this text is answered."""
        replies = self.replies_today(now)
        return Limits(
            self.help_at,
            self.other_date_at,
            self.neutral_at,
            self.locked_at,
            replies_since=self.replies_since if replies else now,
            replies=replies + 1,
            said=_checksum(text),
            said_at=now,
            said_times=self.times_said(text, now) + 1,
        )


def _checksum(text: str) -> int:
    """Tells texts apart without storing them. Case and white space do not count."""
    return crc32(" ".join(text.casefold().split()).encode(errors="replace"))


@made_often
@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept between two messages of one pair of numbers."""

    state: State = State.IDLE
    asked_at: datetime | None = None
    doubts: int = 0  # answers to the present question that were not understood
    named: tuple[int, ...] = ()  # participations that the request may have named ("annulez jeudi"); for the letters
    offered: tuple[int, ...] = ()  # participations that the letters fit, soonest first
    page: int = 0  # which part of `offered` was shown last
    chosen: int | None = None
    chosen_starts_at: datetime | None = None  # as it was told in the question
    ended_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancelled: int | None = None  # the participation that was cancelled then, by a yes in this conversation
    limits: Limits = Limits()


def memory_to_json(memory: Memory) -> dict[str, Any]:
    """Only the fields that differ from an empty memory, as JSON values. Datetimes are microseconds since 1970, UTC."""
    data = _written(memory, _MEMORY)
    if memory.state is State.IDLE:
        del data["state"]
    if limits := _written(memory.limits, _LIMITS):
        data["limits"] = limits
    return data


def memory_from_json(data: Mapping[str, Any]) -> Memory:
    """The memory that was stored as `data`. Unknown keys (of a newer version) are ignored."""
    values = {name: _read(name, value) for name, value in data.items() if name in _MEMORY}
    limits = {name: _read(name, value) for name, value in data.get("limits", {}).items() if name in _LIMITS}
    return Memory(**values, limits=Limits(**limits))


def merge_limits(all_limits: Iterable[Limits]) -> Limits:
    """Merge the limits of one phone, which are stored for each of our numbers."""
    known = list(all_limits)
    if len(known) == 1:
        return known[0]

    def latest(times: Iterable[datetime | None]) -> datetime | None:
        return max((at for at in times if at is not None), default=None)

    last_said = max(known, key=lambda one: one.said_at or EPOCH, default=Limits())
    return Limits(
        help_at=latest(one.help_at for one in known),
        other_date_at=latest(one.other_date_at for one in known),
        neutral_at=latest(one.neutral_at for one in known),
        locked_at=latest(one.locked_at for one in known),
        replies_since=latest(one.replies_since for one in known),
        replies=max((one.replies for one in known), default=0),
        said=last_said.said,
        said_at=last_said.said_at,
        said_times=last_said.said_times,
    )


_MEMORY = frozenset(field.name for field in fields(Memory)) - {"limits"}
_LIMITS = frozenset(field.name for field in fields(Limits))


def _written(value: Memory | Limits, names: Iterable[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name in names:
        if inner := getattr(value, name):
            data[name] = to_microseconds(inner) if isinstance(inner, datetime) else inner
    return data


def _read(name: str, value: Any) -> Any:
    if name.endswith(("_at", "_since")):
        return from_microseconds(value)
    if name == "state":
        return State(value)
    return tuple(value) if name in _TUPLES else value


_TUPLES = frozenset({"named", "offered"})
