"""The memory of a conversation as JSON, and back: it is kept by the database between two messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from smsbot.conversation.facts import Limits, Memory
from smsbot.conversation.states import State


def to_json(memory: Memory) -> dict[str, Any]:
    """What differs from a blank memory, as JSON values; datetimes are whole microseconds since 1970, UTC."""
    data = _written(memory, _MEMORY)
    if memory.state is State.IDLE:
        del data["state"]
    if limits := _written(memory.limits, _LIMITS):
        data["limits"] = limits
    return data


def from_json(data: Mapping[str, Any]) -> Memory:
    """The memory kept as `data`. Unknown keys (of a newer version) are passed over."""
    values = {name: _read(name, value) for name, value in data.items() if name in _MEMORY}
    limits = {name: _read(name, value) for name, value in data.get("limits", {}).items() if name in _LIMITS}
    return Memory(**values, limits=Limits(**limits))


def merge_limits(all_limits: Iterable[Limits]) -> Limits:
    """What one phone was told rarely, whichever of our numbers told it."""
    known = list(all_limits)
    if len(known) == 1:
        return known[0]

    def latest(times: Iterable[datetime | None]) -> datetime | None:
        return max((at for at in times if at is not None), default=None)

    last_said = max(known, key=lambda one: one.said_at or _EPOCH, default=Limits())
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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _written(value: Memory | Limits, names: Iterable[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name in names:
        if inner := getattr(value, name):
            data[name] = (inner - _EPOCH) // _MICROSECOND if isinstance(inner, datetime) else inner
    return data


def _read(name: str, value: Any) -> Any:
    if name.endswith(("_at", "_since")):
        return _EPOCH + value * _MICROSECOND
    if name == "state":
        return State(value)
    return tuple(value) if name in _TUPLES else value


_TUPLES = frozenset({"named", "offered"})
_MICROSECOND = datetime.resolution
