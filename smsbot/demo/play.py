"""Plays the main job in a terminal: the person types SMS as the usager and sees what the bot sends.

Only the two systems outside are imitated. The service listens on loopback; the stand-in for Twilio posts signed
webhooks to it and takes its messages over HTTP; the mail server takes its e-mails over SMTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection, func, select

from smsbot import logs
from smsbot.app import Service
from smsbot.demo.mail_stand_in import SmtpStandIn
from smsbot.demo.twilio_stand_in import TwilioStandIn
from smsbot.messages.templates import template_environment
from smsbot.server import listening_on, serving
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import SIGNATURE_HEADER
from smsbot.store.schema import open_ready
from smsbot.store.tables import outgoing_messages

PHONE = "+33612345678"

OUR_NUMBER = "+33937000000"
QUIT = ("/quitter", "/q")
_SETTLED_SECONDS = 15.0


def sample_webhooks(now: datetime) -> list[dict[str, Any]]:
    """One phone in a family: Sophie Dupont has one appointment, Karim Benali has two. `now` is aware."""
    sophie = _user(1, "Sophie", "Dupont", "sophie.dupont@example.org")
    karim = _user(2, "Karim", "Benali", None)
    town_hall = {"id": 5, "name": "Mairie du 1er", "address": "1 place de la Comédie, 69001 Lyon"}
    library = {"id": 6, "name": "Médiathèque", "address": "30 boulevard Vivier-Merle, 69003 Lyon"}
    return [
        _webhook(1, _at(now, days=3, hour=14, minute=30), sophie, town_hall, now),
        _webhook(2, _at(now, days=5, hour=9), karim, town_hall, now),
        _webhook(3, _at(now, days=9, hour=16, minute=15), karim, library, now),
    ]


def _at(now: datetime, *, days: int, hour: int, minute: int = 0) -> datetime:
    """That time of day in the zone of `now`."""
    return (now + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)


def _user(number: int, first_name: str, last_name: str, email: str | None) -> dict[str, Any]:
    return {
        "id": number,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "phone_number_formatted": PHONE,
        "notify_by_sms": True,
        "notify_by_email": True,
    }


def _webhook(
    number: int, starts_at: datetime, user: dict[str, Any], place: dict[str, Any], now: datetime
) -> dict[str, Any]:
    rdv = {
        "id": number,
        "status": "unknown",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(minutes=30)).isoformat(),
        "collectif": False,
        "address": place["address"],
        "created_at": (now - timedelta(days=12)).isoformat(),
        "organisation": {"id": 1, "name": "CCAS", "phone_number": "04 72 00 00 00", "verticale": "rdv_solidarites"},
        "motif": {"id": 1, "location_type": "public_office", "bookable_by": "everyone", "service_id": 1},
        "lieu": place,
        "participations": [
            {
                "id": number,
                "status": "unknown",
                "send_lifecycle_notifications": True,
                "send_reminder_notification": False,
                "user": user,
            }
        ],
    }
    meta = {"model": "Rdv", "event": "created", "webhook_reason": None, "timestamp": now.isoformat()}
    return {"data": rdv, "meta": meta}


async def play() -> None:
    """Run the demo until the input ends or the person leaves."""
    # The service's log is kept out of the conversation. Only problems are shown.
    logs.configure("error", "console")
    with TwilioStandIn() as twilio, SmtpStandIn() as smtp, tempfile.TemporaryDirectory(prefix="smsbot-") as folder:
        async with _service(Path(folder), twilio, smtp) as service:
            await _Conversation(service, twilio, smtp).run()


@asynccontextmanager
async def _service(folder: Path, twilio: TwilioStandIn, smtp: SmtpStandIn) -> AsyncIterator[Service]:
    """The real service with its sample appointments, serving until the block ends."""
    with listening_on("127.0.0.1", 0) as listening:
        settings = ServiceSettings.exactly(
            database_url=f"sqlite:///{folder / 'demo.db'}",
            public_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            secret_key=secrets.token_urlsafe(32),
            twilio_account_sid=twilio.account_sid,
            twilio_auth_token=twilio.auth_token,
            sender=OUR_NUMBER,
            twilio_api_url=twilio.url,
            smtp_url=smtp.url,
            mail_from="RDV <rdv@example.org>",
            rdvsp_webhook_secret=secrets.token_urlsafe(32),
        )
        database = open_ready(settings.database_url)
        try:
            service = Service(settings, database)
            async with serving(service, delivery=True) as server:
                # Ctrl-C ends the conversation, not the server.
                serve = asyncio.create_task(server._serve(sockets=[listening]))
                try:
                    await _post_samples(service)
                    yield service
                finally:
                    server.should_exit = True
                    await serve
        finally:
            database.close()


async def _post_samples(service: Service) -> None:
    async with httpx.AsyncClient() as http:
        for webhook in sample_webhooks(datetime.now(ZoneInfo("Europe/Paris"))):
            body = json.dumps(webhook).encode()
            key = next(iter(service.webhook_secrets.values())).encode()
            signature = hmac.new(key, body, hashlib.sha256).hexdigest()
            url = f"{service.settings.public_url}/webhooks/rdvsp"
            answer = await http.post(url, content=body, headers={SIGNATURE_HEADER: signature})
            answer.raise_for_status()


class _Conversation:
    """Connects the terminal with the two stand-ins."""

    def __init__(self, service: Service, twilio: TwilioStandIn, smtp: SmtpStandIn) -> None:
        self._service = service
        self._twilio = twilio
        self._smtp = smtp
        self._screen = template_environment()
        self._shown_sms = 0
        self._shown_emails = 0
        self._typed = sys.stdin.isatty()

    async def run(self) -> None:
        self._show("welcome", phone=PHONE, our_number=OUR_NUMBER, typed=self._typed)
        while (line := await self._read()) is not None:
            if line.lower() in QUIT:
                break
            if line:
                await self._send(line)

    async def _read(self) -> str | None:
        """The next line without its end; None at the end of the input."""
        if self._typed:
            print("Vous > ", end="", flush=True)
        line = await asyncio.to_thread(sys.stdin.readline)
        return line.strip() if line else None

    async def _send(self, text: str) -> None:
        if not self._typed:
            self._show("sent", text=text)
        url = f"{self._service.settings.public_url}/webhooks/twilio/sms"
        await asyncio.wrap_future(self._twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text=text))
        settled = await self._settled()
        messages, emails = self._twilio.messages[self._shown_sms :], self._smtp.messages[self._shown_emails :]
        self._shown_sms += len(messages)
        self._shown_emails += len(emails)
        for message in messages:
            self._show("sms", message=message)
        for email in emails:
            self._show("email", email=email.message, to=email.recipients[0], text=_plain_text(email.message))
        if not messages:
            self._show("silence", settled=settled)

    async def _settled(self) -> bool:
        """Wait until all messages that this one caused have left."""
        deadline = asyncio.get_running_loop().time() + _SETTLED_SECONDS
        while await self._service.database.read(_unfinished):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def _show(self, name: str, **values: object) -> None:
        print(self._screen.get_template(f"demo/{name}.txt").render(values), flush=True)


def _unfinished(connection: Connection) -> int:
    waiting = outgoing_messages.c.state.in_(("waiting", "sending"))
    return connection.execute(select(func.count()).select_from(outgoing_messages).where(waiting)).scalar_one()


def _plain_text(email: EmailMessage) -> str:
    part = email.get_body(preferencelist=("plain",))
    return str(part.get_content()).strip() if part is not None else ""
