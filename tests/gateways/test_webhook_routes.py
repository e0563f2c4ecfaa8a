"""The endpoints of a gateway: how old an incoming message is, and which statuses the gateway should repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
import pytest
from sqlalchemy import Connection, select
from starlette.applications import Starlette
from structlog.testing import capture_logs

from smsbot.gateways.base import (
    Batch,
    DeliveryStatus,
    Handed,
    IncomingSms,
    MalformedMessage,
    OutgoingSms,
    SignatureRefused,
    StatusReport,
    VerifiedWebhook,
    WebhookHabits,
    WebhookRequest,
)
from smsbot.incoming.joining import Joining
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.receiving import LEFT_TO_WEBHOOKS, MessageHandler, Reception
from smsbot.incoming.turn import Turn, TurnOutcome
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.outbox.outcomes import Sent, record_statuses, settle
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from smsbot.store.together import Together
from smsbot.web.gateway_webhooks import GatewayWebhooks

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


@dataclass
class Posting:
    """A gateway whose webhooks contain what the test wants."""

    name: str = "agregat"
    written_at: datetime | None = None
    report: StatusReport | None = None
    habits: WebhookHabits = field(default_factory=WebhookHabits)
    refusal: Exception | None = None

    def verify(self, request: WebhookRequest) -> VerifiedWebhook:
        if self.refusal is not None:
            raise self.refusal
        return VerifiedWebhook({}, {})

    def messages(self, webhook: VerifiedWebhook) -> Batch[IncomingSms]:
        return Batch([IncomingSms(self.name, "1", "+33612345678", "36105", "OUI", written_at=self.written_at)])

    def statuses(self, webhook: VerifiedWebhook) -> Batch[StatusReport]:
        assert self.report is not None
        return Batch([self.report])

    async def send(self, message: OutgoingSms) -> str:
        raise NotImplementedError


@dataclass
class Turns:
    """A turn that only keeps the messages that it gets."""

    told: list[Arrived] = field(default_factory=list)

    def take_together(self, _connection: Connection, arrived: Sequence[Arrived]) -> list[TurnOutcome]:
        self.told += arrived
        return [TurnOutcome(None, "a test")] * len(arrived)


async def post(gateway: Posting, database: Database, kind: str, turns: Turns | None = None) -> httpx.Response:
    reception = Reception(database, cast("Turn", turns or Turns()))
    handler = MessageHandler(reception, lambda _message: None, lambda: NOW)
    joining = Joining(database, handler, lambda: NOW)
    statuses = Together(database, record_statuses, key=lambda reported: reported.its_id)
    webhooks = GatewayWebhooks(gateway, joining, statuses, lambda: NOW)
    transport = httpx.ASGITransport(Starlette(routes=webhooks.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(f"/webhooks/{gateway.name}/{kind}")


@pytest.mark.parametrize(
    ("age", "is_old"),
    [
        (None, False),
        (timedelta(0), False),
        (LEFT_TO_WEBHOOKS, False),
        (LEFT_TO_WEBHOOKS + timedelta(seconds=1), True),
        (timedelta(hours=6), True),
        (timedelta(hours=-6), False),  # it seems to come from the future, so a clock is wrong, and it counts as new
    ],
)
async def test_a_message_that_comes_late_is_told_apart(
    sqlite_database: Database, age: timedelta | None, is_old: bool
) -> None:
    turns = Turns()
    with capture_logs() as logs:
        answer = await post(Posting(written_at=None if age is None else NOW - age), sqlite_database, "sms", turns)
    assert answer.status_code == 200
    assert [one.written_long_ago for one in turns.told] == [is_old]
    late = [log for log in logs if log["event"] == "message came late"]
    expected = [("agregat", age.total_seconds())] if age is not None and is_old else []
    assert [(log["gateway"], log["seconds"]) for log in late] == expected


@pytest.mark.parametrize(
    ("identifier", "may_be_early", "status"),
    [("SM1", True, 200), ("SM2", True, 404), ("SM1", False, 200), ("SM2", False, 200)],
)
async def test_a_status_that_may_come_before_the_answer_is_asked_for_again(
    sqlite_database: Database, identifier: str, may_be_early: bool, status: int
) -> None:
    def write(connection: Connection) -> None:
        this = enqueue(connection, OutgoingMessage("sms", "reply", "+33612345678", "36105", "Bonjour"), NOW)
        settle(connection, [Sent(this, 0, Handed("agregat", "SM1"))], NOW)

    await sqlite_database.write(write)
    report = StatusReport("agregat", identifier, None, DeliveryStatus.DELIVERED, may_be_early=may_be_early)
    with capture_logs() as logs:
        assert (await post(Posting(report=report), sqlite_database, "status")).status_code == status
    strangers = [log for log in logs if "never sent from here" in log["event"]]
    assert len(strangers) == (identifier == "SM2" and not may_be_early)


DELIVERED = StatusReport("agregat", "SM1", None, DeliveryStatus.DELIVERED)


@pytest.mark.parametrize("kind", ["sms", "status"])
@pytest.mark.parametrize(
    ("habits", "content", "content_type"),
    [
        (WebhookHabits(), b"", None),
        (WebhookHabits(answer=b"ACK/Jasmin", content_type="text/plain"), b"ACK/Jasmin", "text/plain; charset=utf-8"),
        (WebhookHabits(answer=b'{"ok":1}', content_type="application/json"), b'{"ok":1}', "application/json"),
    ],
)
async def test_what_was_taken_is_answered_as_the_gateway_wants_it(
    sqlite_database: Database, kind: str, habits: WebhookHabits, content: bytes, content_type: str | None
) -> None:
    answer = await post(Posting(report=DELIVERED, habits=habits), sqlite_database, kind)
    assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, content, content_type)


@pytest.mark.parametrize("kind", ["sms", "status"])
@pytest.mark.parametrize(
    ("refusal", "status", "told", "logged"),
    [
        (SignatureRefused("the secret is wrong"), 403, b"The signature is missing or wrong.", "the secret is wrong"),
        (MalformedMessage("from is missing."), 400, b"from is missing.", "from is missing."),
    ],
)
@pytest.mark.parametrize("hears_reasons", [True, False])
async def test_why_one_was_refused_stands_in_the_log_and_where_it_does_no_harm_in_the_answer(
    sqlite_database: Database,
    kind: str,
    refusal: Exception,
    status: int,
    told: bytes,
    logged: str,
    hears_reasons: bool,
) -> None:
    habits = WebhookHabits(answer=b"OK", content_type="text/plain", hears_reasons=hears_reasons)
    with capture_logs() as logs:
        answer = await post(Posting(refusal=refusal, habits=habits), sqlite_database, kind)
    assert (answer.status_code, answer.content.strip()) == (status, told if hears_reasons else b"")
    refused = [log for log in logs if log["event"] == "webhook refused"]
    assert [(log["gateway"], log["status"], log["reason"]) for log in refused] == [("agregat", status, logged)]


async def test_the_last_word_on_a_message_is_told_once_and_loudly_only_where_it_did_not_arrive(
    sqlite_database: Database,
) -> None:
    def write(connection: Connection) -> None:
        for name in ("SM1", "SM2"):
            this = enqueue(connection, OutgoingMessage("sms", "reply", "+33612345678", "36105", "Bonjour"), NOW)
            settle(connection, [Sent(this, 0, Handed("agregat", name))], NOW)

    await sqlite_database.write(write)
    with capture_logs() as logs:
        for name, status in (
            ("SM1", DeliveryStatus.SENT),
            ("SM1", DeliveryStatus.DELIVERED),
            ("SM2", DeliveryStatus.UNDELIVERED),
            ("SM2", DeliveryStatus.UNDELIVERED),
        ):
            await post(Posting(report=StatusReport("agregat", name, None, status, "30005")), sqlite_database, "status")
    assert [(log["log_level"], log["event"], log["fate"], log["code"]) for log in logs] == [
        ("debug", "delivery reported", "delivered", "30005"),
        ("info", "delivery reported", "lost", "30005"),
    ]


async def test_a_status_posted_once_more_for_another_message_is_still_about_its_own(sqlite_database: Database) -> None:
    """The tag of each address and the signature of each body are right, but address and body do not belong together."""

    def write(connection: Connection) -> list[int]:
        texts = (OutgoingMessage("sms", "reply", phone, "36105", "x") for phone in ("+33612345678", "+33612345679"))
        ids = [enqueue(connection, text, NOW) for text in texts]
        settle(connection, [Sent(this, 0, Handed("agregat", f"SM{this}")) for this in ids], NOW)
        return ids

    def statuses(connection: Connection) -> list[str | None]:
        columns = outgoing_messages.c
        return list(connection.execute(select(columns.delivery_status).order_by(columns.id)).scalars())

    first, second = await sqlite_database.write(write)
    report = StatusReport("agregat", f"SM{first}", second, DeliveryStatus.FAILED)
    assert (await post(Posting(report=report), sqlite_database, "status")).status_code == 200
    assert await sqlite_database.read(statuses) == ["failed", None]
