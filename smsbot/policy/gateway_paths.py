"""Finds mistakes in the paths of a described gateway. A path says where a value is in an answer or a webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smsbot.policy.file import Finding, Path
from smsbot.policy.gateway_values import IN_THE_ADDRESS, ITSELF, ROOT_NAME
from smsbot.policy.gateways import GatewayTable

WITH_PATHS = ("json", "xml")
"""The formats in which fields are found by paths. In the other formats fields have names, which may be any text."""

STATUS_PATHS = ("status", "id", "reference", "error")
"""The keys of a status table whose values are paths."""


def wrong_paths(gateway: GatewayTable) -> Iterator[Finding]:
    """The paths in this table that can never find anything, with what is wrong with each."""
    for place, path, format_ in _paths(gateway):
        if path.startswith(IN_THE_ADDRESS) and place[0] in ("incoming", "status"):
            continue
        if format_ == "text":
            if not re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}", path):
                yield place, "should be a line and a word in it, both counted from 0, such as 2.0"
        elif format_ in WITH_PATHS and not _is_path(path, format_):
            mended = ".".join(step for step in re.split(r"[.\[\]/$\s'\"]+", path) if step)
            guess = f'; did you mean "{mended}"?' if _is_path(mended, format_) else ""
            yield place, f"should be names and positions with points between, such as messages.0.id{guess}"


def _paths(gateway: GatewayTable) -> Iterator[tuple[Path, str, str]]:
    """All paths in this table, each with its place and the format of the document in which it is looked up."""
    answer, token, poll = gateway.answer, gateway.token, gateway.poll
    for key in ("id", "result", "error"):
        yield from _path(answer, ("answer", key), answer.format)
    for when in ("refused_when", "later_when"):
        yield from ((("answer", when, path), path, answer.format) for path in getattr(answer, when))
    if gateway.check is not None:
        for key in ("result", "credit"):
            yield from _path(gateway.check, ("check", key), gateway.check.format)
    if token is not None:
        for key in ("value", "lifetime"):
            yield from _path(token, ("token", key), "json")
    if poll is not None:
        yield from _path(poll, ("poll", "next"), gateway.incoming_format)
    if (incoming := gateway.incoming) is not None:
        for key in ("each", "sender", "recipient", "text", "id", "in_reply_to", "time"):
            yield from _path(incoming, ("incoming", key), gateway.incoming_format)
        if incoming.stop is not None:
            yield from _path(incoming.stop, ("incoming", "stop", "field"), gateway.incoming_format)
        for key in ("reference", "number", "total") if incoming.pieces is not None else ():
            yield from _path(incoming.pieces, ("incoming", "pieces", key), gateway.incoming_format)
    if gateway.status is not None:
        for key in ("each", *STATUS_PATHS):
            yield from _path(gateway.status, ("status", key), gateway.status_format)


def _path(table: object, place: Path, format_: str) -> Iterator[tuple[Path, str, str]]:
    path = getattr(table, place[-1])
    if path is not None and not (path == ITSELF and place[-1] == "each"):
        yield place, path, format_


def _is_path(path: str, format_: str) -> bool:
    """Whether this has the form of a path for `smsbot.gateways.webhook_values.at_path`.

    Paths of another form never find anything.
    """
    if path == ROOT_NAME:
        return format_ == "xml"
    steps = path.split(".")
    foreign = "[" in path or path.startswith("/") or {"$", "*"} & set(steps)
    return not foreign and all(step and step == step.strip() for step in steps)
