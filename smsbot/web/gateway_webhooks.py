"""The webhooks of telecom gateways: incoming messages and delivery statuses.

The webhook is answered only once everything that the message caused is committed. The reply to the usager leaves
through the gateway's API. Nothing that a sender can send leads to an answer 5xx, because gateways repeat after 5xx.

Gateways repeat an unanswered webhook for hours. A message whose time is older than `receiving.LEFT_TO_WEBHOOKS` counts
as written long ago: a yes in it is asked again.

A webhook may hold several messages. Each is handled by itself, and the webhook is answered when all are committed. If
the webhook comes again, messages that were handled before change nothing. A message that cannot be read is left out and
logged, because it would be just as unreadable the next time. If no message can be read, the webhook is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.gateways.base import (
    Gateway,
    MalformedMessage,
    SignatureRefused,
    StatusReport,
    WebhookRequest,
)
from smsbot.incoming.joining import Joining
from smsbot.incoming.receiving import all_done
from smsbot.logs import about
from smsbot.outbox.delivery_status import Fate
from smsbot.outbox.outcomes import Recorded, Reported
from smsbot.store.together import Together
from smsbot.web.forms import read_body

logger = structlog.get_logger(__name__)

STRANGERS_TOLD_EVERY = timedelta(hours=1)
"""How often the log warns of statuses that belong to no message of ours."""


@dataclass(slots=True)
class GatewayWebhooks:
    """The two webhooks of one gateway."""

    gateway: Gateway
    joining: Joining
    statuses: Together[Reported, Recorded | None]
    clock: Callable[[], datetime]
    _taken: Response = field(init=False)
    _strangers_told_at: datetime | None = None

    def __post_init__(self) -> None:
        habits = self.gateway.habits
        self._taken = Response(habits.answer, media_type=habits.content_type)  # made once: almost every answer is this

    def routes(self) -> list[Route]:
        habits = self.gateway.habits
        return [
            Route(f"/webhooks/{self.gateway.name}/sms", self.incoming, methods=habits.methods),
            Route(f"/webhooks/{self.gateway.name}/status", self.status, methods=habits.status_methods),
        ]

    async def incoming(self, request: Request) -> Response:
        return await self._answered(request, self._take)

    async def status(self, request: Request) -> Response:
        return await self._answered(request, self._record)

    async def _answered(self, request: Request, handle: Callable[[WebhookRequest], Awaitable[None]]) -> Response:
        """Handle the webhook and answer as the gateway expects.

        The reason of a refusal is logged. The gateway gets it too, if `hears_reasons` says so.
        """
        habits = self.gateway.habits
        try:
            await handle(await _webhook(request, habits.most_bytes))
        except SignatureRefused as refusal:
            error, reason = HTTPException(403, "The signature is missing or wrong."), str(refusal)
        except MalformedMessage as problem:
            error, reason = HTTPException(400, problem.sentence), problem.sentence
        except HTTPException as raised:
            error, reason = raised, raised.detail
        else:
            return self._taken
        logger.info("webhook refused", gateway=self.gateway.name, status=error.status_code, reason=reason)
        if habits.hears_reasons:
            raise error
        return Response(status_code=error.status_code)

    async def _take(self, webhook: WebhookRequest) -> None:
        batch = self.gateway.messages(self.gateway.verify(webhook))
        self._tell(batch.problems)
        await all_done(map(self.joining.take, batch.read))

    async def _record(self, webhook: WebhookRequest) -> None:
        batch = self.gateway.statuses(self.gateway.verify(webhook))
        self._tell(batch.problems)
        await all_done(map(self._record_one, batch.read))

    async def _record_one(self, report: StatusReport) -> None:
        now = self.clock()
        if (recorded := await self.statuses.do(Reported(report, now))) is not None:
            self._tell_last_word(recorded)
            return
        if report.may_be_early:
            raise HTTPException(404, "No message is known by this id yet.")
        if self._strangers_told_at is None or now - self._strangers_told_at >= STRANGERS_TOLD_EVERY:
            self._strangers_told_at = now
            logger.warning(
                "a status came for a message that was never sent from here",
                gateway=self.gateway.name,
                hint="another installation may send from this number",
            )

    def _tell_last_word(self, recorded: Recorded) -> None:
        """Log how a message ended. A message that arrived is logged at debug level, because most of them do."""
        if recorded.last_word is None:
            return
        tell = logger.debug if recorded.last_word is Fate.DELIVERED else logger.info
        with about(recorded.recipient):
            tell(
                "delivery reported",
                outgoing_id=recorded.outgoing_id,
                gateway=self.gateway.name,
                fate=recorded.last_word.value,
                code=recorded.code,
            )

    def _tell(self, problems: Sequence[MalformedMessage]) -> None:
        """Log why some messages of a webhook could not be read."""
        for problem in problems:
            logger.warning("part of a webhook unreadable", gateway=self.gateway.name, reason=problem.sentence)


async def _webhook(request: Request, most_bytes: int) -> WebhookRequest:
    return WebhookRequest(
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers,
        body=await read_body(request, most_bytes),
    )
