"""The webhooks of the stand-in for RDV Service Public: who gets them, how they are signed, and when they are repeated.

Since 2026 the body is built again at every attempt, so that a late webhook has the data of today (pull requests 6051
and 6104 of github.com/betagouv/rdv-service-public). Only 2xx counts as accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from smsbot.demo.stand_ins.agenda_records import AgendaChange
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda

_TABLES = {"Rdv": "rdv", "User": "user", "UserProfile": "user_profile"}
_ATTEMPTS = 20


@dataclass(slots=True)
class WebhookEndpoint:
    """Where an organisation's changes are posted."""

    id: int
    organisation_id: int
    target_url: str
    secret: str
    subscriptions: list[str]

    def as_json(self) -> dict[str, Any]:
        """The endpoint as the API shows it: without the secret."""
        return {
            "id": self.id,
            "target_url": self.target_url,
            "organisation_id": self.organisation_id,
            "subscriptions": self.subscriptions,
        }


@dataclass(frozen=True, slots=True)
class PostedWebhook:
    """One attempt to post a webhook; `status` is None if there was no answer."""

    target_url: str
    payload: dict[str, Any]
    status: int | None


@dataclass(frozen=True, slots=True)
class PendingWebhook:
    """A webhook that must be posted to one endpoint."""

    endpoint: WebhookEndpoint
    change: AgendaChange


@dataclass
class WebhookPosting:
    """Posts webhooks. The pause after attempt n is `wait_unit` seconds times n⁴; the real unit is one second.

    With `is_held` the webhooks are kept back in `held`.
    """

    agenda: Agenda
    http: Callable[[], httpx.AsyncClient]
    clock: Callable[[], datetime]
    wait_unit: float = 0.02
    is_held: bool = False
    endpoints: list[WebhookEndpoint] = field(default_factory=list)
    held: list[PendingWebhook] = field(default_factory=list)
    posted: list[PostedWebhook] = field(default_factory=list)

    def pending(self, change: AgendaChange) -> list[PendingWebhook]:
        """The webhooks for a change."""
        return [
            PendingWebhook(endpoint, change)
            for endpoint in self.endpoints
            if endpoint.organisation_id == change.organisation_id and _TABLES[change.model] in endpoint.subscriptions
        ]

    def payload(self, change: AgendaChange) -> dict[str, Any] | None:
        """The body of a webhook about a change, as of now; None if the record was deleted: that has its own webhook."""
        data = self.agenda.data_of(change)
        if data is None:
            return None
        now = self.clock()
        meta: dict[str, Any] = {"model": change.model, "event": change.event}
        if self.agenda.is_newest:
            meta["event_occurred_at"] = change.occurred_at.isoformat(timespec="milliseconds")
            meta["payload_computed_at"] = now.isoformat(timespec="milliseconds")
        else:
            meta["timestamp"] = now.strftime("%Y-%m-%d %H:%M:%S +0000")
        meta["webhook_reason"] = change.reason
        return {"data": data, "meta": meta}

    async def post(self, pending: PendingWebhook) -> None:
        """Post one webhook until it is accepted, at most twenty times."""
        for attempt in range(1, _ATTEMPTS + 1):
            payload = self.payload(pending.change)
            if payload is None:
                return
            status = await self.attempt(pending.endpoint, payload)
            if status is not None and 200 <= status < 300:
                return
            await asyncio.sleep(self.wait_unit * attempt**4)

    async def attempt(self, endpoint: WebhookEndpoint, payload: dict[str, Any]) -> int | None:
        """Post this payload once. Returns the status of the answer, None if there was none."""
        body = json.dumps(payload).encode()
        signature = hmac.new(endpoint.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
        try:
            answer = await self.http().post(endpoint.target_url, content=body, headers=headers, timeout=10)
            status = answer.status_code
        except httpx.HTTPError:
            status = None
        self.posted.append(PostedWebhook(endpoint.target_url, payload, status))
        return status
