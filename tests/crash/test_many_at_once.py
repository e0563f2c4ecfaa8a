"""`kill -9` while an agent cancels all of a day with a word, crossed by usagers' replies and by webhooks.

Whatever the moment: every appointment of the day is cancelled once, and each person is told once that it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection, select

from smsbot.batches.records import BatchAct, NewBatch, begin_batch
from smsbot.model import Status, Via
from smsbot.store.tables import appointments, audit, batches, outgoing_messages, participations
from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.walks.running import OUR_NUMBER, WEBHOOK_SECRET, rdv, user, webhook

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

PEOPLE = 30
WORD = "La mairie est fermée ce jour-là."
# Surnames that no log holds by chance; the last digits of a number tell who it is.
SURNAME = "Kerouredan"


def phone_of(number: int) -> str:
    return f"+3362200{number:04d}"


class ClosedDay:
    """A day of so many appointments, each of one person, that the source has posted."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.rdvs = {
            number: rdv(
                number,
                user(number, last_name=SURNAME, email=None, phone_number=None, phone_number_formatted=phone_of(number)),
                in_hours=1000,
            )
            for number in range(1, PEOPLE + 1)
        }

    async def post(self, http: httpx.AsyncClient, number: int, event: str, **changed: object) -> None:
        """The source posts it until it is taken."""
        data = self.rdvs[number] | changed
        body = json.dumps(webhook(data, event, datetime.now(UTC) + timedelta(seconds=event == "updated"))).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
        while True:
            try:
                answer = await http.post(f"{self.installation.url}/webhooks/rdvsp", content=body, headers=headers)
            except httpx.RequestError:
                pass
            else:
                if answer.status_code == 200:
                    return
            await asyncio.sleep(0.1)

    async def writes(self, number: int, *texts: str) -> None:
        """Somebody writes, whether or not they are answered in between."""
        twilio, url = self.installation.twilio, f"{self.installation.url}/webhooks/twilio/sms"
        for text in texts:
            await asyncio.wrap_future(twilio.receive(url, from_=phone_of(number), to=OUR_NUMBER, text=text))
            await asyncio.sleep(0.2)

    def begins(self) -> None:
        """An operator cancels the whole day."""

        def work(connection: Connection) -> None:
            ids = connection.execute(select(appointments.c.id).order_by(appointments.c.id)).scalars().all()
            now = datetime.now(UTC)
            begin_batch(connection, NewBatch(BatchAct.CANCEL, Via.SHELL, None, Status.REVOKED, WORD, now), ids, now)

        self.installation.database.write_now(work)

    @property
    def is_done(self) -> bool:
        states = self.installation.database.read_now(
            lambda connection: connection.execute(select(batches.c.state)).scalars().all()
        )
        return states == ["done"]


async def crossed(day: ClosedDay) -> None:
    installation = day.installation
    async with httpx.AsyncClient(timeout=10.0) as http:
        await asyncio.gather(*(day.post(http, number, "created") for number in day.rdvs))
        day.begins()
        everybody = list(day.rdvs)
        installation.random.shuffle(everybody)
        replies = [day.writes(number, "annuler ker", "oui") for number in everybody[:8]]
        webhooks = [day.post(http, number, "updated", status="revoked") for number in everybody[5:12]]
        strikes = [installation.killing(*installation.programs)] * 5
        await asyncio.gather(*replies, *webhooks, installation.suffer(strikes, pause=(0.1, 0.8)))
        await installation.cut_the_power()
        async with asyncio.timeout(FORM.settling):
            while not day.is_done:
                installation.get_up()
                await asyncio.sleep(0.1)
        await installation._settle()


def assert_each_is_told_once(day: ClosedDay) -> None:
    out = outgoing_messages.c
    database, journal = day.installation.database, str(day.installation.journal)
    rows = database.read_now(lambda connection: connection.execute(select(out.recipient, out.body, out.state)).all())
    # A reply that it is cancelled already answers somebody who asks; it tells nothing that they were not told.
    told = Counter(
        row.recipient for row in rows if "annulé" in row.body and not row.body.startswith("Ce RDV est déjà annulé")
    )
    assert told == Counter({phone_of(number): 1 for number in day.rdvs}), journal
    assert {row.state for row in rows} == {"sent"}, journal
    statuses = database.read_now(lambda connection: connection.execute(select(participations.c.status)).scalars().all())
    assert set(statuses) <= {"revoked", "excused"}, journal
    acts = database.read_now(
        lambda connection: connection.execute(
            select(audit.c.participation_id).where(audit.c.act == "cancelled")
        ).scalars()
    )
    assert set(Counter(acts.all()).values()) == {1}, journal
    assert day.installation.accidents() == []


def test_one_process_on_sqlite(alone: Installation) -> None:
    day = ClosedDay(alone)
    asyncio.run(crossed(day))
    assert_each_is_told_once(day)


def test_several_processes_on_postgresql(many: Installation) -> None:
    day = ClosedDay(many)
    asyncio.run(crossed(day))
    assert_each_is_told_once(day)
