"""Plays the demo in a terminal: the person types SMS as the usager and sees what the bot sends.

Only the systems outside are imitated. The service listens on loopback. The stand-in for Twilio posts signed webhooks to
it and takes its messages over HTTP; the mail server takes its e-mails over SMTP. With `--connected`, a stand-in for RDV
Service Public owns the appointments: it posts them by webhook, and cancellations are made there.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import tempfile
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection, func, select

from smsbot import logs
from smsbot.app import Service
from smsbot.demo.house import House
from smsbot.demo.stage import Stage, StagePlan, next_tuesday
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.loop_thread import LOOPBACK
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.demo.town.townspeople import SOPHIE, Townsperson
from smsbot.messages.templates import template_environment
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.server import http_server, listening_on
from smsbot.sources.rdvsp import SIGNATURE_HEADER
from smsbot.store.tables import cancellation_requests, outgoing_messages

PHONE = "+33612345678"

OUR_NUMBER = "+33937000000"
QUIT = ("/quitter", "/q", "quitter", "quit", "exit")
SLOW, REFUSING, AGENDA = "/lent", "/refus", "/agenda"
"""To try when connected: the next answer comes late; the next answer is a refusal; show the agenda there."""
SLOW_SECONDS = 4.0
_SETTLED_SECONDS = 15.0


def sample_webhooks(now: datetime) -> list[dict[str, Any]]:
    """The appointments with which the demo begins, as RDV Service Public would post them. `now` is aware.

    A family shares one telephone: Sophie Dupont has one appointment, Karim Benali has two.
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
    """This time of day in the zone of `now`, so many days later."""
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
    """Run the demo until the input ends or the person leaves. With `connected`, RDV Service Public's stand-in owns the
    appointments.

    In a terminal, the demo has the town and its page, whose address is printed. If the input is not a terminal, there
    is one telephone, with a family's appointments.
    """
    # The service's log would disturb the conversation, so only errors are shown.
    logs.configure("error", "console")
    typed = sys.stdin.isatty()
    with tempfile.TemporaryDirectory(prefix="smsbot-") as folder, listening_on(LOOPBACK, 0) as listening:
        public_url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        house = House(partial(_plan, Path(folder), has_town=typed), shown="error")
        server = http_server(house)
        async with house.open(public_url, connected=connected):
            # Ctrl-C ends the conversation, not the server.
            serve = asyncio.create_task(server._serve(sockets=[listening]))
            try:
                if typed:
                    await _Conversation(house, SOPHIE, public_url).run()
                else:
                    await _fill(await house.on_stage())
                    await _Conversation(house, None, None).run()
            finally:
                server.should_exit = True
                await serve


def _plan(folder: Path, connected: bool, *, has_town: bool) -> StagePlan:
    """The plan of the next stage. Each stage has a database of its own."""
    database, now = Path(tempfile.mkdtemp(dir=folder)) / "demo.db", datetime.now(ZoneInfo(DEFAULT_TIME_ZONE))
    if has_town:
        return StagePlan(database, next_tuesday(now), connected=connected, has_town=True)
    return StagePlan(database, now, connected=connected, sender=OUR_NUMBER)


async def _fill(stage: Stage) -> None:
    """Add the family's appointments, by webhook."""
    if stage.plan.connected:
        await asyncio.to_thread(_add_samples, stage.rdvsp)
    else:
        await _post_samples(stage.service)


async def _post_samples(service: Service) -> None:
    async with httpx.AsyncClient() as http:
        for webhook in sample_webhooks(datetime.now(ZoneInfo("Europe/Paris"))):
            body = json.dumps(webhook).encode()
            key = next(iter(service.webhook_secrets.values())).encode()
            signature = hmac.new(key, body, hashlib.sha256).hexdigest()
            url = f"{service.settings.public_url}/webhooks/rdvsp"
            answer = await http.post(url, content=body, headers={SIGNATURE_HEADER: signature})
            answer.raise_for_status()


def _add_samples(rdvsp: RdvspStandIn) -> None:
    """Add the same appointments to the agenda of the stand-in, which posts them itself."""
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
    """Connects the terminal with the stand-ins: as a person of the town, or as the family's telephone.

    `public_url` is the address of the page; None if nobody can open it.
    """

    def __init__(self, house: House, person: Townsperson | None, public_url: str | None) -> None:
        self._house = house
        self._person = person
        self._phone = PHONE if person is None or person.phone is None else person.phone
        self._public_url = public_url
        self._screen = template_environment()
        self._stage: Stage | None = None
        self._shown_sms = 0
        self._shown_emails = 0
        self._typed = sys.stdin.isatty()

    async def run(self) -> None:
        plan = self._house.plan
        self._show(
            "welcome",
            phone=self._phone,
            person=self._person,
            public_url=self._public_url,
            our_number=plan.sender,
            typed=self._typed,
            connected=plan.connected,
        )
        self._take_up(await self._house.on_stage())
        while (line := await self._read()) is not None:
            if line.lower() in QUIT:
                break
            stage = await self._house.on_stage()
            self._take_up(stage)
            if stage.plan.connected and line.lower() in (SLOW, REFUSING, AGENDA):
                self._try(stage.rdvsp, line.lower())
            elif line:
                await self._send(stage, line)

    def _take_up(self, stage: Stage) -> None:
        """Skip the messages from before this stage was set, because they are not answers to what is typed."""
        if stage is not self._stage:
            self._stage = stage
            self._shown_sms, self._shown_emails = len(stage.twilio.messages), len(stage.smtp.messages)

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

    async def _send(self, stage: Stage, text: str) -> None:
        if not self._typed:
            self._show("sent", text=text)
        await stage.writes(self._phone, text)
        settled = await self._settled(stage)
        messages, emails = stage.twilio.messages[self._shown_sms :], stage.smtp.messages[self._shown_emails :]
        self._shown_sms += len(messages)
        self._shown_emails += len(emails)
        mine = [message for message in messages if message.to == self._phone]
        for message in mine:
            self._show("sms", message=message)
        for email in emails:
            if self._person is None or self._person.email in email.recipients:
                self._show("email", email=email.message, to=email.recipients[0], text=_plain_text(email.message))
        if not mine:
            self._show("silence", settled=settled)

    async def _settled(self, stage: Stage) -> bool:
        """Wait until all messages that this one caused have been sent. Returns False if that takes too long."""
        deadline = asyncio.get_running_loop().time() + _SETTLED_SECONDS
        while await stage.service.database.read(partial(_unfinished, now=stage.clock())):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def _show(self, name: str, **values: object) -> None:
        print(self._screen.get_template(f"demo/{name}.txt").render(values), flush=True)


def _unfinished(connection: Connection, now: datetime) -> int:
    """How many messages will be sent soon but are not sent yet, plus how many cancellations RDV Service Public has not
    answered.
    """
    columns, soon = outgoing_messages.c, now + timedelta(seconds=_SETTLED_SECONDS)
    is_due = (columns.state == "sending") | ((columns.state == "waiting") & (columns.due_at <= soon))
    messages = select(func.count()).select_from(outgoing_messages).where(is_due)
    asked = select(func.count()).select_from(cancellation_requests).where(cancellation_requests.c.state == "waiting")
    return connection.execute(messages).scalar_one() + connection.execute(asked).scalar_one()


def _plain_text(email: EmailMessage) -> str:
    part = email.get_body(preferencelist=("plain",))
    return str(part.get_content()).strip() if part is not None else ""
