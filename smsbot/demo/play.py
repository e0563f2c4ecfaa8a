"""Plays the main job in a terminal: the person types SMS as the usager and sees what the bot sends.

Only the two systems outside are imitated. The service listens on loopback; the stand-in for Twilio posts signed
webhooks to it and takes its messages over HTTP; the mail server takes its e-mails over SMTP. Played connected, a
stand-in for RDV Service Public owns the appointments: it tells of them by webhook, and cancellations are made there.
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
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection, func, select

from smsbot import logs
from smsbot.app import Service
from smsbot.demo.http_stand_in import StandInFault
from smsbot.demo.mail_stand_in import SmtpStandIn
from smsbot.demo.rdvsp_stand_in import RdvspStandIn
from smsbot.demo.twilio_stand_in import TwilioStandIn
from smsbot.messages.templates import template_environment
from smsbot.server import listening_on, serving
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import SIGNATURE_HEADER
from smsbot.store.schema import open_ready
from smsbot.store.tables import cancellation_requests, outgoing_messages

PHONE = "+33612345678"

OUR_NUMBER = "+33937000000"
QUIT = ("/quitter", "/q", "quitter", "quit", "exit")
SLOW, REFUSING, AGENDA = "/lent", "/refus", "/agenda"
"""What can be tried connected: the next answer comes late, or is a refusal; and a look at the agenda there."""
PATIENCE_SECONDS = 2.0
SLOW_SECONDS = 4.0
_SETTLED_SECONDS = 15.0


def sample_webhooks(now: datetime) -> list[dict[str, Any]]:
    """The appointments that the demo begins with, as RDV Service Public would post them. `now` is aware.

    One telephone is shared in a family: Sophie Dupont has one appointment, Karim Benali has two.
    """
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


async def play(*, connected: bool = False) -> None:
    """Run the demo until the input ends or the person leaves. `connected` lets RDV Service Public's stand-in own the
    appointments.
    """
    # The service's log is kept out of the conversation. Only problems are shown.
    logs.configure("error", "console")
    with ExitStack() as stack:
        twilio, smtp = stack.enter_context(TwilioStandIn()), stack.enter_context(SmtpStandIn())
        rdvsp = stack.enter_context(RdvspStandIn(password=_PASSWORD, is_silenced=True)) if connected else None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="smsbot-"))
        async with _service(Path(folder), twilio, smtp, rdvsp) as service:
            await _Conversation(service, twilio, smtp, rdvsp).run()


_PASSWORD = "demo"  # noqa: S105 - it guards nothing


@asynccontextmanager
async def _service(
    folder: Path, twilio: TwilioStandIn, smtp: SmtpStandIn, rdvsp: RdvspStandIn | None
) -> AsyncIterator[Service]:
    """The real service with its sample appointments, serving until the block ends."""
    connected: dict[str, Any] = {}
    if rdvsp is not None:
        sign_in = {"rdvsp_email": rdvsp.tokens.email, "rdvsp_password": _PASSWORD}
        connected = {"rdvsp_url": rdvsp.url, "rdvsp_patience_seconds": PATIENCE_SECONDS, "rdvsp_notifies": False}
        connected |= sign_in
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
            **connected,
        )
        database = open_ready(settings.database_url)
        try:
            service = Service(settings, database)
            async with serving(service, delivery=True) as server:
                # Ctrl-C ends the conversation, not the server.
                serve = asyncio.create_task(server._serve(sockets=[listening]))
                try:
                    if rdvsp is None:
                        await _post_samples(service)
                    else:
                        await asyncio.to_thread(_add_samples, service, rdvsp)
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


def _add_samples(service: Service, rdvsp: RdvspStandIn) -> None:
    """The same appointments, in the agenda of the stand-in, which posts them itself."""
    [secret] = service.webhook_secrets.values()
    rdvsp.subscribe(f"{service.settings.public_url}/webhooks/rdvsp", secret)
    for webhook in sample_webhooks(datetime.now(ZoneInfo("Europe/Paris"))):
        rdv = webhook["data"]
        user = rdv["participations"][0]["user"] | {"id": 100 + rdv["participations"][0]["user"]["id"]}
        rdvsp.agenda.add(
            rdvsp.agenda.add_user(**user),
            starts_at=datetime.fromisoformat(rdv["starts_at"]),
            created_at=datetime.fromisoformat(rdv["created_at"]),
            lieu=rdv["lieu"] | {"phone_number": None},
            send_reminder_notification=False,
        )
    rdvsp.settle()


class _Conversation:
    """Connects the terminal with the stand-ins."""

    def __init__(self, service: Service, twilio: TwilioStandIn, smtp: SmtpStandIn, rdvsp: RdvspStandIn | None) -> None:
        self._service = service
        self._twilio = twilio
        self._smtp = smtp
        self._rdvsp = rdvsp
        self._screen = template_environment()
        self._shown_sms = 0
        self._shown_emails = 0
        self._typed = sys.stdin.isatty()

    async def run(self) -> None:
        connected = self._rdvsp is not None
        self._show("welcome", phone=PHONE, our_number=OUR_NUMBER, typed=self._typed, connected=connected)
        while (line := await self._read()) is not None:
            if line.lower() in QUIT:
                break
            if self._rdvsp is not None and line.lower() in (SLOW, REFUSING, AGENDA):
                self._try(self._rdvsp, line.lower())
            elif line:
                await self._send(line)

    def _try(self, rdvsp: RdvspStandIn, what: str) -> None:
        if what == SLOW:
            rdvsp.fail(StandInFault(hangs_seconds=SLOW_SECONDS, acts=True), on="participations")
        elif what == REFUSING:
            rdvsp.fail(StandInFault(404, {"errors": ["Couldn't find Participation"]}), on="participations")
        rdvs = [
            (rdv.starts_at.astimezone(ZoneInfo("Europe/Paris")), rdv.status) for rdv in rdvsp.agenda.between(None, None)
        ]
        self._show("agenda", what=what, rdvs=rdvs)

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
    """How many messages have not left yet, and how many cancellations RDV Service Public has not answered."""
    waiting = outgoing_messages.c.state.in_(("waiting", "sending"))
    messages = select(func.count()).select_from(outgoing_messages).where(waiting)
    asked = select(func.count()).select_from(cancellation_requests).where(cancellation_requests.c.state == "waiting")
    return connection.execute(messages).scalar_one() + connection.execute(asked).scalar_one()


def _plain_text(email: EmailMessage) -> str:
    part = email.get_body(preferencelist=("plain",))
    return str(part.get_content()).strip() if part is not None else ""
