"""Runs the real service in a process of its own, with stand-ins for Twilio and the mail server."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.twilio_documents import TwilioMessage
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from tests import forked

OUR_NUMBER = "+33937000000"
WEBHOOK_SECRET = "a-webhook-secret-for-tests"
PHONE = "+33612345678"


_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port that stays free for a service to listen on, for as long as the tests run.

    It is bound here and never listened on. So the system does not give it to programs that ask for any port. A service
    that asks for it by number, with SO_REUSEADDR as servers do, gets it, even again after it was killed.
    """
    reserving = socket.socket()
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.bind(("127.0.0.1", 0))
    _reserved.append(reserving)
    port: int = reserving.getsockname()[1]
    return port


@dataclass
class Service:
    """`smsbot serve` in a folder of its own, and the systems around it. `start` waits until it is ready."""

    folder: Path
    database_url: str
    twilio: TwilioStandIn
    smtp: SmtpStandIn
    settings: Mapping[str, str] = field(default_factory=dict)
    toml: str | None = None
    port: int = field(default_factory=free_port)
    process: ForkServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSBOT_")}
        return kept | {
            "SMSBOT_DATABASE_URL": self.database_url,
            "SMSBOT_PUBLIC_URL": self.url,
            "SMSBOT_SECRET_KEY": "a secret key for tests, of 32 bytes or more",
            "SMSBOT_TWILIO_ACCOUNT_SID": self.twilio.account_sid,
            "SMSBOT_TWILIO_AUTH_TOKEN": self.twilio.auth_token,
            "SMSBOT_SENDER": OUR_NUMBER,
            "SMSBOT_TWILIO_API_URL": self.twilio.url,
            "SMSBOT_SMTP_URL": self.smtp.url,
            "SMSBOT_MAIL_FROM": "RDV <rdv@example.org>",
            "SMSBOT_RDVSP_WEBHOOK_SECRET": WEBHOOK_SECRET,
            **self.settings,
        }

    @property
    def log(self) -> str:
        return (self.folder / "service.log").read_text(encoding="utf-8")

    def start(self, *options: str, anew: bool = False, before: Callable[[], None] | None = None) -> Service:
        """Start the service. With `anew` it is started as an operator does, not forked from a loaded process. `before`,
        a function of a module, is called in the process first.
        """
        if self.toml is not None:
            (self.folder / "smsbot.toml").write_text(self.toml, encoding="utf-8")
        arguments, log = ("serve", "--port", str(self.port), *options), self.folder / "service.log"
        self.process = forked.start(arguments, self.environment, self.folder, log, anew=anew, before=before)
        deadline = time.monotonic() + 60
        with httpx.Client(base_url=self.url, timeout=2) as http:
            while time.monotonic() < deadline:
                if self.process.exitcode is not None:
                    raise RuntimeError(f"the service ended with {self.process.exitcode}:\n{self.log}")
                try:
                    if http.get("/health/ready").status_code == 200:
                        return self
                except httpx.RequestError:
                    time.sleep(0.02)
        raise TimeoutError(self.log)

    def stop(self) -> None:
        if self.process is not None and self.process.exitcode is None:
            self.process.terminate()
            self.process.join(20)
            if self.process.exitcode is None:
                self.process.kill()
                self.process.join()

    def kill(self) -> None:
        """End the process as a power cut would: no handler runs, nothing is flushed."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the same installation, such as `import`."""
        return forked.finished(arguments, self.environment | settings, self.folder)

    # The source

    def post_rdv(self, data: Mapping[str, Any], event: str = "created", at: datetime | None = None) -> httpx.Response:
        """Post a webhook about an Rdv, as RDV Service Public does."""
        return self.post_webhook(webhook(data, event, at))

    def post_webhook(self, payload: Mapping[str, Any], path: str = "/webhooks/rdvsp") -> httpx.Response:
        body = json.dumps(payload).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
        return httpx.post(f"{self.url}{path}", content=body, headers=headers)

    # The usager

    def sends(
        self, text: str, phone: str = PHONE, *, to: str = OUR_NUMBER, opt_out_type: str | None = None
    ) -> httpx.Response:
        """An usager writes an SMS, and the gateway posts its webhook."""
        url = f"{self.url}/webhooks/twilio/sms"
        answer = self.twilio.receive(url, from_=phone, to=to, text=text, opt_out_type=opt_out_type).result(30)
        assert answer is not None, "the webhook did not answer"
        return answer

    def asks(self, text: str, phone: str = PHONE) -> TwilioMessage:
        """An usager writes. Returns the SMS that answers them."""
        before = len(self.to(phone))
        assert self.sends(text, phone).status_code == 200
        return self.wait_for(phone, before + 1)[before]

    def talk(self, *texts: str, phone: str = PHONE) -> list[str]:
        return [self.asks(text, phone).body for text in texts]

    def is_silent_on(self, text: str, phone: str = PHONE) -> bool:
        """Whether this message gets no answer. An answer would be in the outbox before the webhook is answered."""
        before = self._kept_for(phone)
        assert self.sends(text, phone).status_code == 200
        return self._kept_for(phone) == before

    def wait_until_all_has_left(self) -> None:
        """Wait until all messages in the outbox have been sent."""
        unsent = select(func.count()).where(outgoing_messages.c.finished_at.is_(None))
        deadline = time.monotonic() + 15
        with closing(Database(self.database_url)) as database:
            while left := database.read_now(lambda connection: connection.execute(unsent).scalar_one()):
                assert time.monotonic() < deadline, f"{left} messages are still here"
                time.sleep(0.02)

    def _kept_for(self, phone: str) -> int:
        """How many SMS to this number the outbox holds, sent or not."""
        columns = outgoing_messages.c
        theirs = select(func.count()).where(columns.channel == "sms", columns.recipient == phone)
        with closing(Database(self.database_url)) as database:
            return database.read_now(lambda connection: connection.execute(theirs).scalar_one())

    def to(self, phone: str) -> list[TwilioMessage]:
        return [message for message in self.twilio.messages if message.to == phone]

    def wait_for(self, phone: str, count: int, seconds: float = 15.0) -> list[TwilioMessage]:
        deadline = time.monotonic() + seconds
        while len(there := self.to(phone)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(there)} of {count} SMS:\n{self.log}")
            time.sleep(0.01)
        return there


def webhook(data: Mapping[str, Any], event: str = "created", at: datetime | None = None) -> dict[str, Any]:
    timestamp = (at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%S +0000")
    return {
        "data": dict(data),
        "meta": {"model": "Rdv", "event": event, "webhook_reason": None, "timestamp": timestamp},
    }


def user(number: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "id": number,
        "first_name": "Sophie",
        "last_name": "Dupont",
        "birth_name": None,
        "email": "sophie.dupont@example.org",
        "phone_number": "06 12 34 56 78",
        "phone_number_formatted": PHONE,
        "notify_by_sms": True,
        "notify_by_email": True,
        "responsible_id": None,
        "responsible": None,
        **other,
    }


def rdv(number: int = 1, *users: Mapping[str, Any], in_hours: float = 72, **other: Any) -> dict[str, Any]:
    """An Rdv as the webhook has it: individual, in a public office, for Sophie Dupont unless `users` are given."""
    starts_at = datetime.now(UTC) + timedelta(hours=in_hours)
    people = users or (user(),)
    return {
        "id": number,
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "status": "unknown",
        "starts_at": starts_at.strftime("%Y-%m-%d %H:%M:%S +0000"),
        "ends_at": (starts_at + timedelta(minutes=30)).strftime("%Y-%m-%d %H:%M:%S +0000"),
        "duration_in_min": 30,
        "address": "1 place de la Comédie, 69001 Lyon",
        "context": "un contexte confidentiel",
        "cancelled_at": None,
        "collectif": False,
        "created_at": (datetime.now(UTC) - timedelta(days=10)).isoformat(),
        "organisation": {
            "id": 12,
            "name": "CCAS de Lyon",
            "phone_number": "04 72 00 00 00",
            "email": None,
            "verticale": "rdv_solidarites",
        },
        "motif": {
            "id": 77,
            "name": "RSA orientation",
            "location_type": "public_office",
            "collectif": False,
            "bookable_by": "everyone",
            "service_id": 4,
        },
        "lieu": {
            "id": 5,
            "name": "Mairie du 1er",
            "address": "1 place de la Comédie",
            "phone_number": "04 72 11 11 11",
        },
        "agents": [],
        "users": [],
        "participations": [
            {
                "id": number * 100 + index,
                "status": "unknown",
                "send_lifecycle_notifications": True,
                "send_reminder_notification": True,
                "user": dict(one),
            }
            for index, one in enumerate(people)
        ],
        **other,
    }
