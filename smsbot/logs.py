"""Logging: one line for each event on stderr, from smsbot and its libraries, in JSON or as text for a terminal.

No event at info level or above holds personal data. The code that logs must leave it out; `redact` is a second
protection. It recognises telephone numbers, e-mail addresses, links and credentials by their form, and texts and
surnames by the names of their keys. At debug level nothing is hidden, so use that level only on a machine without data
of real people.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from smsbot.signing import derived_key

HIDDEN = "[hidden]"

_CASE_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_case_key: hmac.HMAC | None = None
_contact: ContextVar[str] = ContextVar("contact", default="")
"""The number or e-mail address that the lines of this task are about."""

# These libraries log each request or step at info level, and some log the text of messages at debug level.
_TALKATIVE = ("aiosmtplib", "alembic", "asyncio", "httpcore", "httpx", "mail.log", "sqlalchemy", "twilio")


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    form: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Send all logging of this process to `stream`, None for stderr. Start uvicorn with `log_config=None`."""
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # the plain traceback, never the values of local variables
        redact,
        _add_case,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        _as_json
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(level.upper(), stream, shared, renderer)


def _route_standard_logging(level: str, stream: TextIO, shared: list[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn.access").disabled = True  # its paths carry the tokens of links
    logging.captureWarnings(True)


def follow_cases(secret: str) -> None:
    """From now on, `about` gives the lines about one telephone or e-mail address the same `case`, in every process that
    has this secret.
    """
    global _case_key
    _case_key = hmac.new(derived_key(secret, "cases in the log"), digestmod="sha256")


def case_of(contact: str) -> str:
    """The case of a number (E.164) or an e-mail address: ten letters that tell nothing without the secret.

    Raises RuntimeError before `follow_cases`.
    """
    if _case_key is None:
        raise RuntimeError("there are no cases before follow_cases")
    keyed = _case_key.copy()
    keyed.update(contact.lower().encode())
    return keyed.hexdigest()[:10].translate(_CASE_LETTERS)  # no digits, so that it is never taken for a number


@contextmanager
def about(contact: str) -> Iterator[None]:
    """All lines that are logged inside the block have the `case` of this number or e-mail address.

    Nothing is added before `follow_cases`. The case is computed only where a line is written.
    """
    token = _contact.set(contact)
    try:
        yield
    finally:
        _contact.reset(token)


def _add_case(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor of structlog that adds the case of `about`."""
    contact = _contact.get()
    if contact and _case_key is not None:
        event["case"] = case_of(contact)
    return event


_encode = json.JSONEncoder(default=repr).encode


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """The processor of structlog that makes one line of JSON. `json.dumps` would make an encoder for each line."""
    return _encode(event)


def redact(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The processor of structlog that hides what looks personal or secret, above debug level."""
    if method == "debug":
        return event
    return {key: value if key.startswith("_") else _redacted(key, value) for key, value in event.items()}


# Parts of a key between its underscores, so that `usager_email` and `from_number` are found.
_TELLING_WORDS = frozenset(
    {"address", "authorization", "body", "cookie", "email", "emails", "html", "letters", "mail", "number", "numbers"}
    | {"password", "phone", "phones", "recipient", "secret", "signature", "subject", "surname", "surnames"}
    | {"telephone", "text", "texts", "token"}
)
# Only as whole keys, because `file_name` or `thread_name` are about no person.
_TELLING_KEYS = frozenset({"name", "names", "first_name", "last_name", "birth_name", "full_name", "usager_name"})


def _redacted(key: str, value: Any) -> Any:
    if type(value) is str and not _is_telling(key):  # the quick way for nearly all values
        return redact_text(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    telling = _is_telling(key)
    if isinstance(value, int):
        return _masked(str(value)) if telling and value >= 10_000_000 else value
    if telling:
        text = str(value)
        return _masked(text) if _PHONE.fullmatch(text) else HIDDEN
    if isinstance(value, Mapping):
        return {str(inner): _redacted(str(inner), each) for inner, each in value.items()}
    if isinstance(value, (list, tuple, Set)):
        return [_redacted("", each) for each in value]
    return redact_text(str(value))


@lru_cache(maxsize=1024)
def _is_telling(key: str) -> bool:
    return key.lower() in _TELLING_KEYS or not _TELLING_WORDS.isdisjoint(key.lower().split("_"))


def redact_text(text: str) -> str:
    """The text without what looks personal or secret. Of a telephone number the last two digits stay."""
    if text.isidentifier():  # a plain word, which no shape matches
        return text
    for sign, shape, replacement in _SHAPES:
        if sign in text:
            text = shape.sub(replacement, text)
    return _PHONE.sub(lambda found: _masked(found.group()), text) if _MAYBE_PHONE.search(text) else text


def _masked(number: str) -> str:
    return f"…{number[-2:]}"


# A part that is quick to search for, the form that contains it, and what replaces the form.
_SHAPES = (
    # user:password@ in the address of a database or a server
    ("://", re.compile(r"(?<=://)[^\s/]+@"), f"{HIDDEN}@"),
    ("Bearer", re.compile(r"\bBearer +\S+"), f"Bearer {HIDDEN}"),
    # the page behind a link
    ("/r/", re.compile(r"(?<=/r/)[^\s/?#\"'<>]+"), HIDDEN),
    # data quoted in errors: rows (PostgreSQL), bound values (SQLAlchemy), input (pydantic)
    ("TAIL", re.compile(r"^D[EÉ]TAIL ?:.*", re.MULTILINE), f"DETAIL: {HIDDEN}"),
    ("[parameters: ", re.compile(r"\[parameters: .*"), f"[parameters: {HIDDEN}]"),
    ("input_value=", re.compile(r"\binput_value=.*(?=, input_type=)"), f"input_value={HIDDEN}"),
    ("@", re.compile(r"[^\s@<>()\"',;:=/]{1,64}@[^\s@<>()\"',;:=/]{1,255}\.[^\W\d_]{2,63}"), HIDDEN),
)

_MAYBE_PHONE = re.compile(r"[0-9](?:[\s.()/-]{0,2}[0-9]){6}")
"""Every form of `_PHONE` has these seven digits. They are quick to search for, and most texts have none."""
_PHONE = re.compile(
    r"""
      (?: \+ | %2[Bb] | (?<![\w.]) 00 ) [1-9] (?: [\s.()/-]{0,2} [0-9] ){6,14}  # international, as typed or in a URL
    | (?<! \w ) 0 [1-9] (?: [\s.-]? [0-9]{2} ){4} (?! [0-9] )                   # French, as typed
    | (?<! [\w.] ) (?<! [0-9a-f]{4}- ) [0-9]{9,15} (?! \w )                     # bare digits, but not the end of a UUID
    """,
    re.VERBOSE,
)
