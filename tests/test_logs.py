"""Logging: one stream, one format, and no personal data in it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from smsbot import logs
from smsbot.logs import HIDDEN, about, case_of, configure, follow_cases, redact_text
from tests.lines import every_line

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Put back what `configure` and `follow_cases` change for the whole process, and begin without a key."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs._case_key = None
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logs._case_key = None
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """The events logged so far, read back from JSON."""
    configure(stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json(lines: Lines) -> None:
    structlog.contextvars.bind_contextvars(message_id="SM0123")
    structlog.get_logger().info("turn taken", outcome="confirm", segments=1, seconds=0.012, silent=False)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "turn taken",
        "level": "info",
        "message_id": "SM0123",
        "outcome": "confirm",
        "segments": 1,
        "seconds": 0.012,
        "silent": False,
    }


def test_the_libraries_write_the_same_lines(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("elsewhere").warning("from %s", "marie@example.fr")
    warnings.warn("outdated", stacklevel=1)
    started, warned, captured = lines()
    assert (started["event"], started["logger"], started["level"]) == (
        "Started server process [7]",
        "uvicorn.error",
        "info",
    )
    assert warned["event"] == f"from {HIDDEN}"
    assert "outdated" in captured["event"]


def test_what_would_talk_too_much_is_quiet(lines: Lines) -> None:
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /r/token HTTP/1.1" 200')
    logging.getLogger("httpx").info("HTTP Request: POST https://id.example.fr/token")
    logging.getLogger("twilio.http_client").debug("Body: Annuler")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade")
    structlog.get_logger().debug("detail")
    assert lines() == []


def test_the_level_is_obeyed(stream: io.StringIO) -> None:
    configure("warning", stream=stream)
    structlog.get_logger().info("one")
    logging.getLogger("elsewhere").info("two")
    structlog.get_logger().warning("three")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["three"]


def test_debug_hides_nothing(stream: io.StringIO) -> None:
    configure("debug", stream=stream)
    structlog.get_logger().debug("read", body="ANNULER DUP")
    structlog.get_logger().info("read", body="ANNULER DUP")
    open_line, hidden_line = map(json.loads, stream.getvalue().splitlines())
    assert (open_line["body"], hidden_line["body"]) == ("ANNULER DUP", HIDDEN)


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_told_without_local_variables(stream: io.StringIO, form: Any) -> None:
    configure(form=form, stream=stream)
    surname = "".join(["Du", "pont"])  # so that no line of code shows it
    number = "06 12 34 56 78"
    try:
        raise RuntimeError(f"for {number}", len(surname))
    except RuntimeError:
        structlog.get_logger().exception("failed")
        logging.getLogger("elsewhere").exception("failed as well")
    written = stream.getvalue()
    assert written.count("RuntimeError: ('for ") == 2
    assert "34 56" not in written
    assert "Dupont" not in written


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("number", "+33612345678", "…78"),
        ("from_number", "0612345678", "…78"),
        ("to_phone", 33612345678, "…78"),
        ("phone", None, None),
        ("attempt_number", 3, 3),
        ("body", "oui", HIDDEN),
        ("Text", ["oui", "non"], HIDDEN),
        ("usager_email", "marie@example", HIDDEN),
        ("name", "Dupont", HIDDEN),
        ("last_name", "Dupont", HIDDEN),
        ("file_name", "import.csv", "import.csv"),
        ("auth_token", "secret", HIDDEN),
        ("context", "reply", "reply"),
        ("usager", {"name": "Dupont", "id": 3}, {"name": HIDDEN, "id": 3}),
        ("tried", ["+33612345678", 4], ["…78", 4]),
        ("path", "/r/abcDEF-_1234/annuler", f"/r/{HIDDEN}/annuler"),
    ],
)
def test_keys_that_tell_are_hidden(lines: Lines, key: str, value: object, shown: object) -> None:
    structlog.get_logger().warning("event", **{key: value})
    assert lines()[0][key] == shown


@every_line(
    ("written", "shown"),
    [
        ("to +33612345678 now", "to …78 now"),
        ("to +33 6 12 34 56 78.", "to …78."),
        ("to +33 (0)6-12-34-56-78", "to …78"),
        ("to 0033612345678", "to …78"),
        ("to 06.12.34.56.78,", "to …78,"),
        ("To=%2B33612345678&From=", "To=…78&From="),
        ("Key (phone)=(+262692123456)", "Key (phone)=(…56)"),
        ("33612345678", "…78"),
        ("from <marie.dupont+rdv@mail.example.fr>", f"from <{HIDDEN}>"),
        ("https://rdv.example.fr/r/Ab3-_x?utm=1", f"https://rdv.example.fr/r/{HIDDEN}?utm=1"),
        ("postgresql://user:hunter2@host/db", f"postgresql://{HIDDEN}@host/db"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {HIDDEN}"),
        ("failed\nDETAIL:  Failing row contains (1, Dupont).\nmore", f"failed\nDETAIL: {HIDDEN}\nmore"),
    ],
)
def test_shapes_that_tell_are_hidden(written: str, shown: str) -> None:
    assert redact_text(written) == shown


@every_line(
    "harmless",
    [
        "SM0123456789abcdef0123456789abcdef",
        "550e8400-e29b-41d4-a716-446655440000",
        "2025-01-15 10:00:00+00:00",
        "2025-01-15T10:00:00.123456Z",
        "appointment 12345678 of 3949",
        "127.0.0.1:54321",
        "https://rdv.example.fr/webhooks/twilio/sms",
        "smsbot 0.1.0 on Python 3.11.7",
    ],
)
def test_what_is_harmless_stays(harmless: str) -> None:
    assert redact_text(harmless) == harmless


@given(number=st.from_regex(r"\+[1-9][0-9]{9,13}", fullmatch=True), before=st.text(), after=st.text())
def test_no_full_number_survives(number: str, before: str, after: str) -> None:
    assert number not in redact_text(f"{before} {number} {after}")


def test_what_errors_quote_is_hidden(lines: Lines) -> None:
    class Usager(BaseModel):
        age: int

    log = structlog.get_logger()
    try:
        with create_engine("sqlite://").connect() as connection:
            connection.execute(text("SELECT * FROM nowhere WHERE surname = :surname"), {"surname": "Dupont"})
    except SQLAlchemyError:
        log.exception("query failed")
    try:
        Usager.model_validate({"age": "Dupont"})
    except ValidationError:
        log.exception("input refused")
    query, refused = lines()
    assert "no such table: nowhere" in query["exception"]
    assert "input_type=str" in refused["exception"]
    shown = [line for each in (query, refused) for line in each["exception"].splitlines()]
    assert not [line for line in shown if "Dupont" in line and not line.startswith("    ")]  # except the code itself


def test_concurrent_tasks_keep_their_own_context(lines: Lines) -> None:
    async def turn(message_id: str) -> None:
        structlog.contextvars.bind_contextvars(message_id=message_id)
        await asyncio.sleep(0)
        structlog.get_logger().info("turn taken")

    async def both() -> None:
        await asyncio.gather(turn("one"), turn("two"))

    asyncio.run(both())
    assert sorted(line["message_id"] for line in lines()) == ["one", "two"]


def test_the_lines_about_one_telephone_have_one_case_that_tells_nothing(lines: Lines) -> None:
    logger = structlog.get_logger()
    with about("+33612345678"):
        logger.info("before")
    follow_cases("a secret of 32 bytes or more, and more")
    with about("+33612345678"):
        logger.info("received")
        with about("sophie@exemple.fr"):
            logger.info("to another address")
        logger.info("answered")
    with about(""):  # an erased person
        logger.info("nobody's")
    logger.info("of no case")
    before, received, other, answered, *nobodys = lines()
    assert (
        received["case"] == answered["case"] == case_of("+33612345678") != other["case"] == case_of("Sophie@exemple.fr")
    )
    assert all("case" not in line for line in (before, *nobodys))
    cases = {case_of(f"+336{number:08}") for number in range(1000)}
    assert len(cases) == 1000
    assert all(case.isalpha() and len(case) == 10 for case in cases), "no net for numbers ever hides one"
    follow_cases("another secret of 32 bytes or more")
    assert case_of("+33612345678") != received["case"]
