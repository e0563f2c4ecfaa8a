"""A service, its gateway, its mail server and its usagers during a series of disasters, and the check at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.mail_stand_in import MailFault
from smsbot.store.database import Database
from tests.crash import looking
from tests.crash.form import FORM
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio, Weather
from tests.crash.promises import Evidence, broken
from tests.crash.summary import Figures
from tests.crash.usagers import SURNAMES, Town
from tests.walks.running import Service

T = TypeVar("T")
F = TypeVar("F", StandInFault, MailFault)

Strike = Callable[[], Awaitable[None]]

# Longer than the service waits for an answer (10 s), so that it gives up and is in doubt.
_HANGS = 12.0

GATEWAY_FAULTS = (
    StandInFault(status=500),
    StandInFault(status=500, acts=True),
    StandInFault(status=503),
    StandInFault(code=20429, retry_after=1),
    StandInFault(cuts=True),
    StandInFault(cuts=True, acts=True),
    StandInFault(hangs_seconds=0.5),
    StandInFault(hangs_seconds=_HANGS),
    StandInFault(hangs_seconds=_HANGS, cuts=True),
)
MAIL_FAULTS = (
    MailFault("MAIL", "421 4.3.2 Closing"),
    MailFault("RCPT", "450 4.2.1 Later"),
    MailFault("DATA", "451 4.3.0 Not now"),
    MailFault("DATA", cuts=True),
    MailFault("DATA", cuts=True, takes=True),
    MailFault("DATA", hangs_seconds=0.5),
    MailFault("DATA", hangs_seconds=_HANGS, cuts=True, takes=True),
)


# The most kinds of faults at the same time. With three changes of weather, each kind comes once.
_AT_ONCE = 3


class Deck(Generic[T]):
    """Deals all cards in a random order, then all of them again in another order."""

    def __init__(self, all_of_them: Sequence[T], random: Random) -> None:
        self._all = all_of_them
        self._random = random
        self._left: list[T] = []

    def deal(self, number: int) -> list[T]:
        dealt: list[T] = []
        while len(dealt) < number:
            if not self._left:
                self._left = self._random.sample(self._all, len(self._all))
            dealt.append(self._left.pop())
        return dealt


class Scene:
    """What all crash tests share. `url` is that of the service. Subclasses have the processes, and must be closed."""

    def __init__(
        self, folder: Path, database_url: str, twilio: StormyTwilio, smtp: StormySmtp, journal: Journal
    ) -> None:
        self.folder = folder
        self.twilio = twilio
        self.smtp = smtp
        self.journal = journal
        self.random = Random(f"{journal.seed} disasters")
        self.url = ""
        self._gateway_faults = Deck(GATEWAY_FAULTS, self.random)
        self._mail_faults = Deck(MAIL_FAULTS, self.random)
        self._database_url = database_url
        self._database: Database | None = None
        self._doubts: dict[str, Counter[int]] = {"sms": Counter(), "email": Counter()}

    @property
    def database(self) -> Database:
        """The test's own connections."""
        if self._database is None:
            self._database = Database(self._database_url, threads=2)
        return self._database

    @property
    def service(self) -> Service:
        """The same installation as the walks use it: for its environment, and for commands that end by themselves."""
        settings = {"SMSBOT_PUBLIC_URL": self.url}
        return Service(self.folder, self._database_url, self.twilio, self.smtp, settings)

    def town(self) -> Town:
        return Town(self.url, self.twilio, self.journal)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    # For subclasses that have processes

    def get_up(self) -> list[str]:
        """Start the processes again that have ended by themselves. Returns their names."""
        return []

    async def cut_the_power(self) -> None:
        """Let the time pass for which a doubt may last, with all processes killed."""

    def accidents(self) -> list[str]:
        """What went wrong with the processes without any disaster."""
        return []

    def log(self) -> str:
        return ""

    # Disasters

    async def suffer(self, strikes: Sequence[Strike], pause: tuple[float, float] = (0.2, 2.0)) -> None:
        """Let these disasters happen in a random order, each after a pause in seconds; in the long form again and
        again.
        """
        end = time.monotonic() + FORM.seconds
        while True:
            for strike in self.random.sample(strikes, len(strikes)):
                await asyncio.sleep(self.random.uniform(*pause))
                await strike()
            if time.monotonic() > end:
                return

    async def gateway_weather(self) -> None:
        """The gateway begins to fail in other ways."""
        self._storm("gateway", self.twilio.weather, self._gateway_faults.deal(_AT_ONCE))

    async def mail_weather(self) -> None:
        """The mail server begins to fail in other ways."""
        self._storm("mail server", self.smtp.weather, self._mail_faults.deal(_AT_ONCE))

    async def every_weather(self) -> None:
        """Let all faults of the gateway and the mail server happen that have not happened yet."""
        await self._until_all_struck("gateway", self.twilio.weather, GATEWAY_FAULTS)
        self.twilio.weather.calm()  # otherwise there would be few cancellations, so few e-mails
        await self._until_all_struck("mail server", self.smtp.weather, MAIL_FAULTS)

    def _storm(self, whose: str, weather: Weather[F], faults: Sequence[F]) -> None:
        self.journal.strike(f"bad weather at the {whose}", f"{whose}: {faults}")
        weather.storm(self.random.uniform(0.2, 0.8), *faults)

    async def _until_all_struck(self, whose: str, weather: Weather[F], faults: Sequence[F]) -> None:
        self._storm(whose, weather, faults)
        while not all(weather.struck[fault] for fault in faults):
            await asyncio.sleep(0.02)

    def note_doubts(self) -> None:
        """Note that all messages that are being sent at this moment are in doubt."""
        for channel, outgoing_id in self.database.read_now(looking.being_sent):
            self._doubts[channel][outgoing_id] += 1

    # A whole life

    async def live(self, town: Town, disasters: Awaitable[None]) -> None:
        """Usagers write while disasters happen. Then all faults end, and this waits until nothing is left to do."""
        calm = asyncio.Event()
        supervising = asyncio.create_task(self._supervise())
        living = asyncio.create_task(town.live(calm))
        try:
            await disasters
            self.twilio.weather.calm()
            self.smtp.weather.calm()
            if not FORM.time_is_real:
                async with town.asleep():
                    await self.cut_the_power()
            calm.set()
            self.journal.note(f"calm, after {len(town.usagers)} usagers")
            with suppress(TimeoutError):
                async with asyncio.timeout(FORM.settling):
                    await asyncio.shield(living)
            self.journal.note("the conversations are over")
            await self._settle()
        finally:
            living.cancel()
            supervising.cancel()
            await asyncio.wait([living, supervising])

    async def _supervise(self) -> None:
        while True:
            for name in self.get_up():
                self.journal.note(f"{name} had ended by itself and is started again")
            await asyncio.sleep(0.2)

    async def _settle(self) -> None:
        """Wait until no message is on its way and the service knows every message that Twilio has received."""
        end = time.monotonic() + FORM.settling
        while time.monotonic() < end:
            with suppress(OperationalError):
                on_their_way, known = await asyncio.to_thread(self.database.read_now, looking.how_far)
                if not on_their_way and known == len(self.twilio.answers):
                    self.journal.note("settled")
                    return
            await asyncio.sleep(0.1)
        self.journal.note("not settled in time")

    # The verdict

    def assert_promises_kept(self, town: Town) -> None:
        """Fail if a promise was not kept, and report it with the journal and the conversations concerned."""
        evidence = self.database.read_now(lambda connection: self._evidence(connection, town))
        self.journal.figures = self._figures(evidence)
        sentences = [
            *broken(evidence),
            *self.accidents(),
            *self._indiscretions(town),
        ]
        concerned = [usager for usager in town.usagers if any(usager.phone in sentence for sentence in sentences)]
        report = ["", *sentences, str(self.journal), *(usager.transcript for usager in concerned[:5])]
        assert not sentences, "\n".join(report)
        assert any(usager.cancels for usager in town.usagers), "nobody has cancelled anything: this has shown nothing"

    def _evidence(self, connection: Connection, town: Town) -> Evidence:
        doubts = self._doubts["email"] + self.twilio.doubts
        if self.twilio.weather.was_bad:  # otherwise its records could always tell whether an SMS was taken
            doubts += self._doubts["sms"]
        return Evidence(
            usagers=town.usagers,
            answers=dict(self.twilio.answers),
            taken=list(self.twilio.taken),
            mailed=[recipient for mail in self.smtp.messages for recipient in mail.recipients],
            incoming=looking.incoming(connection),
            outgoing=looking.outgoing(connection),
            participations=looking.all_participations(connection),
            doubts=doubts,
            mail_doubts=self.smtp.doubts,
        )

    def _figures(self, evidence: Evidence) -> Figures:
        return Figures(
            engine="SQLite" if self.database.is_sqlite else "PostgreSQL",
            disasters=dict(self.journal.disasters),
            accepted=len(evidence.incoming),
            sms=len(evidence.taken),
            emails=len(evidence.mailed),
            repeats=sum(row.repeats for row in evidence.outgoing),
            sms_twice=len(evidence.taken) - len({sms.outgoing_id for sms in evidence.taken}),
            emails_twice=len(evidence.mailed) - len(set(evidence.mailed)),
        )

    def _indiscretions(self, town: Town) -> list[str]:
        """The names, numbers and addresses that are in the logs."""
        log = self.log()
        secrets = [*SURNAMES, *(usager.phone[1:] for usager in town.usagers), "usager-"]
        return [f"the log holds {secret!r}" for secret in secrets if secret in log]
