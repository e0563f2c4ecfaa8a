"""Posts events to the addresses of subscriptions: the outbox's transport for the channel `webhook`.

The outbox has only the position of the event. The event, the address and its secret are read when it is sent, so that
nobody gets what they may no longer see. Any answer but 2xx is a failure that is tried again: a receiver that gets an
event twice recognises its id. So nothing is ever in doubt here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

import httpx
from sqlalchemy import Connection, select

from smsbot.agents.accounts import AGENT_COLUMNS, agent_of
from smsbot.gateways.base import Handed, SendLater, SendRefused
from smsbot.gateways.http import retry_after
from smsbot.outbox.messages import ClaimedMessage
from smsbot.outbox.transports import Transport
from smsbot.sealing import Seal, Unsealable
from smsbot.store.database import Database
from smsbot.store.tables import agents, event_subscriptions
from smsbot.subscriptions.event_list import ToldEvent, read_event
from smsbot.subscriptions.publishing import subscription_id_of
from smsbot.subscriptions.registering import end
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.subscriptions.webhook_signature import signed_headers

SECONDS = 10.0
"""How long a receiver may take to answer."""
_SLOTS = 4


@dataclass(frozen=True, slots=True)
class _Post:
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    event: ToldEvent


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends events to the subscriptions of a database. `seal` decrypts their secrets."""

    database: Database
    client: httpx.AsyncClient
    addresses: WebhookAddresses
    seal: Seal = field(repr=False)
    clock: Callable[[], datetime]

    async def send(self, message: ClaimedMessage) -> Handed:
        """Post the event. Raises SendLater; and SendRefused if trying again does not help."""
        post = await self.database.read(lambda connection: self._post(connection, message))
        target = await self.addresses.target(post.url)
        body = post.event.model_dump_json().encode()
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "smsbot",
            **signed_headers(post.secrets, post.event.id, self.clock(), body),
        }
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        try:
            async with (
                asyncio.timeout(SECONDS),
                self.client.stream(
                    "POST", target.url, content=body, headers=headers, extensions=extensions
                ) as answer,  # its body is not read
            ):
                status, wait = answer.status_code, answer.headers.get("retry-after")
        except TimeoutError:
            raise SendLater("timeout", f"There was no answer within {SECONDS:g} seconds.") from None
        except httpx.HTTPError as error:
            raise SendLater(type(error).__name__, "The address cannot be reached.") from None
        if 200 <= status < 300:
            return Handed("webhook", post.event.id)
        if status == HTTPStatus.GONE:
            ended, now = subscription_id_of(message.sender), self.clock()
            await self.database.write(lambda connection: end(connection, ended, now))
            raise SendRefused("410", "The receiver answered 410: it wants no more of this.")
        raise SendLater(str(status), f"The receiver answered {status}.", retry_after(wait))

    def _post(self, connection: Connection, message: ClaimedMessage) -> _Post:
        this = event_subscriptions.c.id == subscription_id_of(message.sender)
        row = connection.execute(
            select(
                event_subscriptions.c.url,
                event_subscriptions.c.secret,
                event_subscriptions.c.old_secret,
                event_subscriptions.c.old_secret_until,
                *AGENT_COLUMNS,
            )
            .join_from(event_subscriptions, agents)
            .where(this, event_subscriptions.c.ended_at.is_(None))
        ).one_or_none()
        event = None if row is None else read_event(connection, int(message.body), agent_of(row))
        if row is None or event is None:
            raise SendRefused(
                "gone", "The webhook was deleted or has ended, or its account may no longer see this event."
            )
        try:
            sealed = [row.secret]
            if row.old_secret is not None and self.clock() < row.old_secret_until:
                sealed.append(row.old_secret)
            return _Post(row.url, tuple(map(self.seal.open, sealed)), event)
        except Unsealable:
            raise SendRefused(
                "secret", "The webhook's secret was stored with another SMSBOT_SECRET_KEY: register it again."
            ) from None


@asynccontextmanager
async def webhook_transport(
    database: Database, addresses: WebhookAddresses, seal: Seal, clock: Callable[[], datetime]
) -> AsyncIterator[Transport]:
    """The transport, open while the block runs.

    Connections are not kept. They are pooled by IP address, but two names at one address have different certificates.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=SECONDS, limits=limits, follow_redirects=False, trust_env=False) as client:
        sender = WebhookSender(database, client, addresses, seal, clock)
        yield Transport("webhook", sender.send, _SLOTS, SECONDS + 10.0)
