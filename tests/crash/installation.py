"""An installation of smsbot under disasters: its processes, its peers, its journal, and the evidence afterwards."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.exc import OperationalError

from smsbot.standins.loop_thread import LOOPBACK
from smsbot.store.database import Database
from smsbot.store.tables import (
    UtcDateTime,
    audit,
    incoming_messages,
    metadata,
    outgoing_messages,
    participations,
)
from tests.crash.balancer import Balancer
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.postgresql import CrashingPostgresql
from tests.crash.processes import Program
from tests.crash.promises import Evidence, Incoming, Outgoing, Participation, broken
from tests.crash.usagers import SURNAMES, Town
from tests.walks.running import Service, free_port

DOUBT_ENDS_WITHIN = timedelta(minutes=3)

LOADS = 5
"""So many tests share the minutes of the long form."""

Strike = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Form:
    """How many disasters there are at least, for how many seconds, and how many usagers write meanwhile.

    `settling` is how long, in seconds, conversations and delivery may take afterwards to come to their ends.

    Doubt ends within three minutes. Where these do not pass for real, the power is cut for three minutes: all processes are killed, everything that has
    happened is moved three minutes back, in the database and at Twilio, and they are started again.
    """

    disasters: int
    seconds: float
    usagers: int
    time_is_real: bool
    settling: float

    @property
    def bound(self) -> float:
        """What one test may take in all, in seconds."""
        return self.disasters * 15 + self.seconds + self.settling * 2 + 30

    @classmethod
    def chosen(cls) -> Form:
        """The short one, or the long one where `SMSBOT_CRASH_MINUTES` says how long disasters last in all."""
        minutes = os.environ.get("SMSBOT_CRASH_MINUTES")
        if not minutes:
            return cls(disasters=4, seconds=0.0, usagers=12, time_is_real=False, settling=45.0)
        return cls(disasters=4, seconds=float(minutes) * 60 / LOADS, usagers=40, time_is_real=True, settling=210.0)


FORM = Form.chosen()


class Installation:
    """Processes on one database, with the two peers. Everything is cleaned up by `close`, whatever happened."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        twilio: StormyTwilio,
        smtp: StormySmtp,
        journal: Journal,
        postgresql: CrashingPostgresql | None = None,
    ) -> None:
        self.folder = folder
        self.twilio = twilio
        self.smtp = smtp
        self.journal = journal
        self.postgresql = postgresql
        self.database_url = database_url
        self.random = Random(f"{journal.seed} disasters")
        self.doubts: Counter[int] = Counter()
        self.programs: list[Program] = []
        self._balancer: Balancer | None = None
        self._database: Database | None = None
        self.url = ""

    def start_alone(self) -> None:
        """One process that serves and delivers."""
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self._start({"serve": ("serve", "--port", str(port))})

    def start_many(self) -> None:
        """Two processes that serve, behind one address, and two that deliver."""
        ports = [free_port(), free_port()]
        self._balancer = Balancer(ports, self.journal.seed)
        self._balancer.start()
        self.url = self._balancer.url
        self._service.run("migrate").check_returncode()
        serving = {f"serve-{n}": ("serve", "--no-delivery", "--port", str(port)) for n, port in enumerate(ports, 1)}
        self._start(serving | {f"deliver-{n}": ("deliver",) for n in (1, 2)})

    @property
    def _service(self) -> Service:
        settings = {"SMSBOT_PUBLIC_URL": self.url}
        return Service(self.folder, self.database_url, self.twilio, self.smtp, settings)

    def _start(self, commands: dict[str, tuple[str, ...]]) -> None:
        environment = self._service.environment
        self.programs = [Program(name, words, self.folder, environment) for name, words in commands.items()]
        for program in self.programs:
            program.start()
        for program in self.programs:
            program.wait_until_ready()

    @property
    def database(self) -> Database:
        """The test's own look at the database."""
        if self._database is None:
            self._database = Database(self.database_url, threads=2)
        return self._database

    def close(self) -> None:
        for program in self.programs:
            program.kill()
        if self._balancer is not None:
            self._balancer.stop()
        if self._database is not None:
            self._database.close()

    # Disasters

    def killing(self, program: Program) -> Strike:
        async def strike() -> None:
            self.journal.note(f"kill -9 {program.name}{'' if program.is_ready else ', which is still starting'}")
            await asyncio.to_thread(program.kill)
            await asyncio.to_thread(self._note_doubts)
            program.start()
            if self.random.random() < 0.75:
                await asyncio.to_thread(program.wait_until_ready)

        return strike

    def freezing(self, program: Program, longest: float = 3.0) -> Strike:
        async def strike() -> None:
            seconds = self.random.uniform(0.2, longest)
            self.journal.note(f"{program.name} is frozen for {seconds:.1f} s")
            program.freeze()
            await asyncio.sleep(seconds)
            program.thaw()

        return strike

    def stopping_postgresql(self, longest: float = 2.0) -> Strike:
        async def strike() -> None:
            assert self.postgresql is not None
            seconds = self.random.uniform(0.0, longest)
            self.journal.note(f"PostgreSQL is stopped for {seconds:.1f} s")
            await asyncio.to_thread(self.postgresql.stop)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.postgresql.start)
            await asyncio.to_thread(self._note_doubts)

        return strike

    async def suffer(self, strikes: Sequence[Strike], form: Form, pause: tuple[float, float] = (0.2, 2.0)) -> None:
        """One disaster after the other, with a pause of so many seconds before each."""
        end = time.monotonic() + form.seconds
        struck = 0
        while struck < form.disasters or time.monotonic() < end:
            await asyncio.sleep(self.random.uniform(*pause))
            await self.random.choice(strikes)()
            struck += 1

    def _note_doubts(self) -> None:
        """Whatever is being sent at this moment may have been taken, or not."""
        self.doubts.update(self.database.read_now(_being_sent))

    async def _supervise(self) -> None:
        while True:
            for program in self.programs:
                if program.get_up():
                    self.journal.note(f"{program.name} had ended by itself and is started again")
            await asyncio.sleep(0.2)

    # A whole life

    async def live(self, town: Town, disasters: Awaitable[None], form: Form) -> None:
        """Usagers write while disasters happen; then all is well again, and everything comes to its end."""
        calm = asyncio.Event()
        supervising = asyncio.create_task(self._supervise())
        living = asyncio.create_task(town.live(calm))
        try:
            await disasters
            self.twilio.weather.calm()
            self.smtp.weather.calm()
            if not form.time_is_real:
                await self._cut_the_power()
            calm.set()
            self.journal.note(f"calm, after {len(town.usagers)} usagers")
            with suppress(TimeoutError):
                async with asyncio.timeout(form.settling):
                    await asyncio.shield(living)
            self.journal.note("the conversations are over")
            await self._settled(form.settling)
        finally:
            living.cancel()
            supervising.cancel()
            await asyncio.wait([living, supervising])

    async def _cut_the_power(self) -> None:
        self.journal.note("the power is cut for three minutes")
        for program in self.programs:
            await asyncio.to_thread(program.kill)
        await asyncio.to_thread(self._note_doubts)
        await asyncio.to_thread(self.database.write_now, _let_time_pass)
        self.twilio.let_time_pass(DOUBT_ENDS_WITHIN)
        for program in self.programs:
            program.start()

    async def _settled(self, seconds: float) -> None:
        """Wait until nothing is on its way and every message that Twilio has received is known; or so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OperationalError):
                on_their_way, known = await asyncio.to_thread(self.database.read_now, _how_far)
                if not on_their_way and known == len(self.twilio.answers):
                    break
            await asyncio.sleep(0.1)
        self.journal.note("settled" if time.monotonic() < end else "not settled in time")

    def broken_promises(self, town: Town) -> str | None:
        """What was not kept, with the journal; None where all is well."""
        sentences = [
            *broken(self.database.read_now(lambda connection: self._evidence(connection, town))),
            *(f"{program.name} ended by itself with {status}" for program in self.programs for status in program.falls),
            *self._indiscretions(town),
        ]
        if not sentences:
            return None
        concerned = [usager for usager in town.usagers if any(usager.phone in sentence for sentence in sentences)]
        return "\n".join(["", *sentences, str(self.journal), *(usager.transcript for usager in concerned[:5])])

    def _evidence(self, connection: Connection, town: Town) -> Evidence:
        return Evidence(
            usagers=town.usagers,
            answers=dict(self.twilio.answers),
            taken=list(self.twilio.taken),
            mailed=[recipient for mail in self.smtp.messages for recipient in mail.recipients],
            incoming=[Incoming(*row) for row in connection.execute(_INCOMING)],
            outgoing=[Outgoing(*row) for row in connection.execute(_OUTGOING)],
            participations=[Participation(*row) for row in connection.execute(_PARTICIPATIONS)],
            doubts=self.doubts + self.twilio.doubts,
            mail_doubts=self.smtp.doubts,
        )

    def _indiscretions(self, town: Town) -> list[str]:
        """Names, numbers and addresses in the logs, whatever went wrong."""
        secrets = [*SURNAMES, *(usager.phone[1:] for usager in town.usagers), "usager-"]
        logs = {program.log.name: program.log.read_text(encoding="utf-8") for program in self.programs}
        return [f"{name} holds {secret!r}" for name, log in logs.items() for secret in secrets if secret in log]


def _being_sent(connection: Connection) -> list[int]:
    return list(connection.scalars(select(_out.id).where(_out.state == "sending")))


def _how_far(connection: Connection) -> tuple[int, int]:
    """How many messages are still to be sent, and how many incoming ones are known."""
    unfinished = select(func.count()).select_from(outgoing_messages).where(_out.state.in_(("waiting", "sending")))
    known = select(func.count()).select_from(incoming_messages)
    return connection.scalar(unfinished) or 0, connection.scalar(known) or 0


def _let_time_pass(connection: Connection) -> None:
    """Every instant that the database holds is three minutes longer ago."""
    for table in metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        instants = [column for column in table.columns if isinstance(column.type, UtcDateTime)]
        if not instants:
            continue
        rows = connection.execute(select(*(each.label(f"old_{each.name}") for each in (*keys, *instants)))).all()
        earlier = [
            {
                name: value - DOUBT_ENDS_WITHIN if isinstance(value, datetime) else value
                for name, value in row._mapping.items()
            }
            for row in rows
        ]
        if earlier:
            connection.execute(
                update(table)
                .where(*(key == bindparam(f"old_{key.name}") for key in keys))
                .values({each.name: bindparam(f"old_{each.name}") for each in instants}),
                earlier,
            )


_out = outgoing_messages.c
_in = incoming_messages.c

_INCOMING = select(_in.id, _in.gateway_message_id, _in.from_number, _in.outcome)
_OUTGOING = select(
    _out.id,
    _out.channel,
    _out.kind,
    _out.sender,
    _out.recipient,
    _out.body,
    _out.state,
    _out.repeats,
    _out.in_reply_to,
)
_PARTICIPATIONS = select(
    participations.c.phone,
    participations.c.status,
    select(func.count())
    .where(audit.c.participation_id == participations.c.id, audit.c.act == "cancelled")
    .scalar_subquery(),
)
