"""Usagers who get an appointment and write SMS about it, one after the other, with the patience of real people."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random

import httpx

from tests.crash.form import FORM
from tests.crash.journal import Journal
from tests.crash.peers import StormyTwilio
from tests.walks.running import OUR_NUMBER, WEBHOOK_SECRET, rdv, user, webhook

# Names that are in no log by chance.
SURNAMES = ("Dubreuil", "Kerouredan", "Fauquembergue", "Zoungrana", "Étchegoyen", "Le Quintrec")
_WRONG = "XYZ"
_IN_HOURS = 1000.0  # further away than any jump of the clock


@dataclass(slots=True)
class Usager:
    """One person with one appointment. Nobody else has their `phone` and `email`.

    A `hurried` one writes "annuler" and the letters at once, and a `mistaken` one gives wrong letters first.
    `has_ended` says that they have read the last SMS of their conversation.
    """

    number: int
    surname: str
    cancels: bool
    hurried: bool
    mistaken: bool
    has_ended: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def phone(self) -> str:
        return f"+336{self.number:08d}"

    @property
    def email(self) -> str:
        return f"usager-{self.number}@example.org"

    @property
    def letters(self) -> str:
        return self.surname.replace(" ", "")[:3]

    @property
    def transcript(self) -> str:
        """The conversation as they saw it."""
        return "\n".join([self.phone, *self.lines])

    def opens(self) -> str:
        return f"annuler {self.letters}" if self.hurried else "ANNULER"

    def _letters(self) -> str:
        if self.mistaken:
            self.mistaken = False
            return _WRONG
        return self.letters

    def again(self, text: str) -> str:
        """What they write if this text was not answered: the same again, but wrong letters only once."""
        return self.letters if text == _WRONG else text

    def answers(self, news: Sequence[str]) -> str | None:
        """What they answer to the newest of these SMS, or None if the SMS that they wait for is among them."""
        if any("C'est annulé" in sms or "nous gardons votre" in sms for sms in news):
            return None
        if "OUI" in news[-1] and "NON" in news[-1]:
            return "oui svp" if self.cancels else "NON"
        if "lettres" in news[-1]:
            return self._letters()
        return self.opens()


class Town:
    """Many usagers at the same time. When the conversation of one has ended, another comes.

    `url` is the service's. `writes_again` are the shortest and the longest time, in seconds, after which somebody who
    is not answered writes the same again.
    """

    def __init__(
        self,
        url: str,
        twilio: StormyTwilio,
        journal: Journal,
        *,
        at_once: int = FORM.usagers,
        writes_again: tuple[float, float] = (4.0, 8.0),
    ) -> None:
        self.usagers: list[Usager] = []
        self._url = url
        self._twilio = twilio
        self._journal = journal
        self._at_once = at_once
        self._writes_again = writes_again
        self._random = Random(f"{journal.seed} usagers")
        self._awake = asyncio.Event()
        self._awake.set()
        self._numbers = count(10_000_000)

    @asynccontextmanager
    async def asleep(self) -> AsyncIterator[None]:
        """Nobody begins to write while the block runs. Messages that were begun still leave."""
        self._awake.clear()
        yield
        self._awake.set()

    async def live(self, until: asyncio.Event) -> None:
        """Let usagers write. After `until` no new ones come; this ends when all conversations have ended."""
        async with httpx.AsyncClient(timeout=10.0) as rdvsp, asyncio.TaskGroup() as places:
            for _ in range(self._at_once):
                places.create_task(self._place(rdvsp, until))

    async def _place(self, rdvsp: httpx.AsyncClient, until: asyncio.Event) -> None:
        while not until.is_set():
            usager = self._somebody()
            await self._book(rdvsp, usager)
            self.usagers.append(usager)
            await self._converse(usager)

    def _somebody(self) -> Usager:
        draw = self._random.random
        surname = self._random.choice(SURNAMES)
        return Usager(next(self._numbers), surname, cancels=draw() < 0.85, hurried=draw() < 0.2, mistaken=draw() < 0.1)

    async def _book(self, rdvsp: httpx.AsyncClient, usager: Usager) -> None:
        """RDV Service Public posts the new appointment until it is taken."""
        person = user(
            usager.number,
            last_name=usager.surname,
            email=usager.email,
            phone_number=None,
            phone_number_formatted=usager.phone,
        )
        body = json.dumps(webhook(rdv(usager.number, person, in_hours=_IN_HOURS))).encode()
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
        while True:
            try:
                answer = await rdvsp.post(f"{self._url}/webhooks/rdvsp", content=body, headers=headers)
            except httpx.RequestError:
                pass
            else:
                if answer.status_code == 200:
                    return
            await asyncio.sleep(self._random.uniform(0.2, 1.0))

    async def _converse(self, usager: Usager) -> None:
        inbox, read = self._twilio.inboxes[usager.phone], 0
        text: str | None = usager.opens()
        while text is not None:
            await asyncio.sleep(self._random.uniform(*FORM.pace))
            await self._awake.wait()
            incoming = f"{self._url}/webhooks/twilio/sms"
            sending = self._twilio.receive(incoming, from_=usager.phone, to=OUR_NUMBER, text=text)
            answer = await asyncio.wrap_future(sending)
            usager.lines.append(self._journal.at(f"{text}  ({answer.status_code if answer else 'no answer'})"))
            try:
                async with asyncio.timeout(self._random.uniform(*self._writes_again)):
                    while len(inbox) == read:
                        await asyncio.sleep(0.02)
            except TimeoutError:
                text = usager.again(text)
                continue
            news = inbox[read:]
            usager.lines += [self._journal.at(f"    {sms}") for sms in news]
            read += len(news)
            text = usager.answers(news)
        usager.has_ended = True
