"""Reads `smsbot.toml`. If it cannot be used, says which line is wrong and what to do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path as FilePath
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from smsbot.policy import gateway_checks
from smsbot.policy import sending_routes as routes
from smsbot.policy.file import ChannelTable, Finding, KeyPath, PolicyFile, SourceTable
from smsbot.policy.sending_routes import UsualSender
from smsbot.policy.values import MOST_NOTICE_HOURS, did_you_mean
from smsbot.problem import Problem
from smsbot.senders import sender_kind


class PolicyProblem(Problem):
    """`smsbot.toml` cannot be used. The sentence has every wrong place and what to do there, in one line."""


def read_policy_file(path: FilePath, usual: UsualSender | None = None) -> PolicyFile:
    """The checked content of the file. `usual` is the main sender in the settings. Raises `PolicyProblem`."""
    text = _text(path)
    try:
        file = PolicyFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _problem(path, [_syntax(text, str(error))]) from None
    except ValidationError as error:
        findings = [_finding(details) for details in error.errors()]
    else:
        findings = [
            *_contradictions(file, usual or UsualSender()),
            *gateway_checks.gateway_contradictions(file.gateways),
            *routes.route_contradictions(file),
        ]
        if not findings:
            return file
    lines = Lines(text)
    raise _problem(path, sorted((lines.line(place), f"{_name(place)} {sentence}") for place, sentence in findings))


def _problem(path: FilePath, sentences: list[tuple[int, str]]) -> PolicyProblem:
    return PolicyProblem(*(f"{path}, line {line}: {sentence}" for line, sentence in sentences))


def _text(path: FilePath) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyProblem(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _problem(path, [(line, "this is not UTF-8 text: save the file as UTF-8")]) from None


def _syntax(text: str, message: str) -> tuple[int, str]:
    """The line and the sentence for a message of the parser.

    The message ends with "(at line 3, column 5)" or "(at end of document)".
    """
    reason, _, where = message.rpartition(" (at ")
    found = re.match(r"line (\d+)", where)
    line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
    remedy = next(
        (remedy for said, remedy in _REMEDIES.items() if said in reason), "see how smsbot.example.toml writes it"
    )
    return line, f"this is not TOML: {reason[:1].lower()}{reason[1:]}; {remedy}"


_REMEDIES = {
    "Invalid value": "texts are written in quotes, numbers and true or false are not",
    "Cannot overwrite a value": "the key occurs twice in its table: keep one",
    "Cannot declare": "the table occurs twice: keep one",
    "Expected '=' after a key": "write key = value",
}
"""What to do, by the parser's message."""


def _finding(error: ErrorDetails) -> Finding:
    place = tuple(str(part) for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(place[:-1])
            guess = did_you_mean(place[-1], known) or f"; known are {', '.join(known)}"
            return place, f"is not known here{guess}"
        case known_type if known_type in _SENTENCES:
            return place, _SENTENCES[known_type]
        case _:
            return place, error["msg"].removeprefix("Input ")


_SENTENCES = {
    "missing": "is missing: add it (smsbot.example.toml describes it)",
    "string_type": "should be a text, in quotes",
    "string_too_short": "should not be empty: fill it in, or remove it",
    "bool_type": "should be true or false, without quotes",
    "dict_type": "should be a table",
    "list_type": "should be a list, in square brackets",
    "int_type": "should be a whole number, without quotes",
    "model_type": "should be a table",
} | dict.fromkeys(
    ("float_type", "greater_than_equal", "less_than_equal", "finite_number"),
    f"should be a number of hours from 0 to {MOST_NOTICE_HOURS}, without quotes",
)


def _known_keys(table: KeyPath) -> list[str]:
    model: Any = PolicyFile
    for key in table:
        if get_origin(model) is dict:
            model = get_args(model)[1]
        elif get_origin(model) is list:
            model = get_args(model)[0]
        else:
            model = next(field.annotation for name, field in model.model_fields.items() if key == _written(name, field))
        while get_origin(model) in (Annotated, UnionType):  # a check, or `| None`
            model = get_args(model)[0]
    return [_written(name, field) for name, field in model.model_fields.items()]


def _written(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _contradictions(file: PolicyFile, usual: UsualSender) -> Iterator[Finding]:
    """Mistakes that a single key does not show, such as a sender for which the file must say if it can be answered."""
    for sender, channel in file.channels.items():
        by_form = sender_kind(sender).two_way
        if by_form is not None and channel.two_way is not None and channel.two_way != by_form:
            yield (
                ("channels", sender, "two_way"),
                f"contradicts the sender, which {'can' if by_form else 'cannot'} be answered: remove the key",
            )
    for place, scope in file.scopes():
        if scope.sender is None or sender_kind(scope.sender).two_way is not None:
            continue
        service = file.channels.get(scope.sender)
        if service is None or service.two_way is None:
            yield (
                (*place, "sender"),
                f"is a Messaging Service: say with two_way, true or false, in [channels.{scope.sender}] "
                "whether usagers can answer it",
            )
    for name, source in file.sources.items():
        yield from ((("sources", name, key), sentence) for key, sentence in _signing_in(source))
        yield from _unasked(name, source)
    for place, scope in file.scopes():
        leaves_from = scope.sender or file.defaults.sender or usual.sender
        if scope.announce_two_way and leaves_from is not None and not _is_answered(file, leaves_from, usual):
            sentence = f"cannot be: nobody can answer {leaves_from}; name another sender beside it"
            yield (*place, "announce_two_way"), sentence


def _is_answered(file: PolicyFile, sender: str, usual: UsualSender) -> bool:
    return routes.sender_two_way(sender, file.channels.get(sender, ChannelTable()), usual)


def _unasked(name: str, source: SourceTable) -> Iterator[Finding]:
    """Keys about unasked messages that have no effect, because the source writes to usagers or is not connected."""
    for below, scope in [((), source), *source.own_scopes()]:
        place = ("sources", name, *below)
        if scope.notify is not None and (source.url is None or source.notifies is True):
            yield (*place, "notify"), f"has an effect only with url and notifies = false in [sources.{name}]"
        if scope.announce_two_way is not None and (source.url is None or source.notifies is False):
            sentence = f"has an effect only with url and without notifies = false in [sources.{name}]"
            yield (*place, "announce_two_way"), sentence


def _signing_in(source: SourceTable) -> Iterator[tuple[str, str]]:
    """What is wrong with the keys for signing in. A connected instance needs one complete pair, others need none."""
    by_application = source.client_id is not None or source.client_secret_env is not None
    by_email = source.email is not None or source.password_env is not None
    if source.url is None:
        for key in ("client_id", "client_secret_env", "email", "password_env", "notifies"):
            if getattr(source, key) is not None:
                yield key, "belongs to a connected instance: add its url, or remove the key"
    elif by_application == by_email:
        yield "url", "needs client_id and client_secret_env, or else email and password_env, beside it"
    elif by_application and (source.client_id is None or source.client_secret_env is None):
        yield "url", "needs both client_id and client_secret_env beside it"
    elif by_email and (source.email is None or source.password_env is None):
        yield "url", "needs both email and password_env beside it"


def _name(place: KeyPath) -> str:
    """A place as it is written in the file: `[motifs.77] label`."""
    parts = [part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in place]
    return f"[{'.'.join(parts[:-1])}] {parts[-1]}" if len(parts) > 1 else parts[0]


class Lines:
    """Finds the line of a place in a TOML file, because the standard parser gives no positions. `text` must be valid
    TOML.

    The parser itself splits the text into statements: lines are joined until they are valid TOML. That is one header or
    one `key = value`, even if the value has several lines. So we need no grammar of our own.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        table: KeyPath = ()
        statement, first_line = "", 1
        for number, line in enumerate(text.split("\n"), start=1):
            statement += f"{line}\n"
            try:
                parsed = tomllib.loads(statement)
            except tomllib.TOMLDecodeError:
                continue  # the value continues on the next line
            if statement.lstrip().startswith("["):
                table = self._keep((), parsed, first_line)
            else:
                self._keep(table, parsed, first_line)
            statement, first_line = "", number + 1

    def line(self, path: KeyPath) -> int:
        """The line where `path`, such as `("motifs", "77", "label")`, is first written.

        If it is not written, the line of the nearest table around it; 1 for the whole file.
        """
        while path:
            if (line := self._lines.get(path)) is not None:
                return line
            path = path[:-1]
        return 1

    def _keep(self, path: KeyPath, value: Any, line: int) -> KeyPath:
        """Keep the line of everything in `value`, which is at `path`, and return the innermost path."""
        innermost = path
        if isinstance(value, dict):
            for key, inner in value.items():
                self._lines.setdefault((*path, key), line)
                innermost = self._keep((*path, key), inner, line)
        return innermost
