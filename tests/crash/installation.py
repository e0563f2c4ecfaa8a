"""smsbot as it is installed in production: one process on SQLite, or several on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from smsbot.demo.stand_ins.loop_thread import LOOPBACK
from tests.crash import looking
from tests.crash.balancer import Balancer
from tests.crash.form import DOUBT_ENDS_WITHIN
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.postgresql import CrashingPostgresql
from tests.crash.processes import Program
from tests.crash.scene import Scene, Strike
from tests.walks.running import free_port


class Installation(Scene):
    """The processes of a service. They are restarted, killed and frozen by their ids, and `close` ends them."""

    def __init__(
        self, folder: Path, database_url: str, twilio: StormyTwilio, smtp: StormySmtp, journal: Journal
    ) -> None:
        super().__init__(folder, database_url, twilio, smtp, journal)
        self.programs: list[Program] = []
        self._balancer: Balancer | None = None

    def start_alone(self) -> None:
        """Start one process that serves and delivers."""
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self._start({"serve": ("serve", "--port", str(port))})

    def start_many(self) -> None:
        """Start two processes that serve behind one address, one of which also delivers, and one that only delivers."""
        ports = [free_port(), free_port()]
        self._balancer = Balancer(ports, self.journal.seed)
        self._balancer.start()
        self.url = self._balancer.url
        self._start(
            {
                "serve": ("serve", "--port", str(ports[0])),
                "web": ("serve", "--no-delivery", "--port", str(ports[1])),
                "deliver": ("deliver",),
            }
        )

    def _start(self, commands: dict[str, tuple[str, ...]]) -> None:
        environment = self.service.environment
        self.programs = [Program(name, words, self.folder, environment) for name, words in commands.items()]
        for program in self.programs:
            program.start()
        for program in self.programs:
            program.wait_until_ready()

    def close(self) -> None:
        for program in self.programs:
            program.kill()
        if self._balancer is not None:
            self._balancer.stop()
        super().close()

    # Processes

    def get_up(self) -> list[str]:
        return [program.name for program in self.programs if program.get_up()]

    async def cut_the_power(self) -> None:
        self.journal.note(f"the power is cut for {DOUBT_ENDS_WITHIN}")
        self.journal.disasters["kill -9"] += len(self.programs)
        for program in self.programs:
            await asyncio.to_thread(program.kill)
        await asyncio.to_thread(self.note_doubts)
        await asyncio.to_thread(self.let_time_pass, DOUBT_ENDS_WITHIN)
        for program in self.programs:
            program.start()
        for program in self.programs:
            await asyncio.to_thread(program.wait_until_ready)

    def let_time_pass(self, passed: timedelta) -> None:
        """While nothing runs: everything that has happened so far happened this much earlier."""
        self.database.write_now(lambda connection: looking.let_time_pass(connection, passed))
        self.twilio.let_time_pass(passed)

    def accidents(self) -> list[str]:
        return [
            f"{program.name} ended by itself with {status}" for program in self.programs for status in program.falls
        ]

    def log(self) -> str:
        return "\n".join(program.log.read_text(encoding="utf-8") for program in self.programs)

    # Disasters

    def killing(self, *programs: Program) -> Strike:
        """A disaster: `kill -9` of a random one of these, which is then started again."""

        async def strike() -> None:
            program = self.random.choice(programs)
            starting = "" if program.is_ready else ", which is still starting"
            self.journal.strike("kill -9", f"kill -9 {program.name}{starting}")
            await asyncio.to_thread(program.kill)
            await asyncio.to_thread(self.note_doubts)
            program.start()
            if self.random.random() < 0.8:  # otherwise it may be killed again before it is ready
                await asyncio.to_thread(program.wait_until_ready)

        return strike

    def freezing(self, *programs: Program, longest: float = 3.0) -> Strike:
        """A disaster: one of these stands still for at most so many seconds, as on a machine that swaps or is moved."""

        async def strike() -> None:
            program, seconds = self.random.choice(programs), self.random.uniform(0.2, longest)
            self.journal.strike("freeze", f"{program.name} is frozen for {seconds:.1f} s")
            program.freeze()
            await asyncio.sleep(seconds)
            program.thaw()

        return strike

    def stopping(self, postgresql: CrashingPostgresql, longest: float = 2.0) -> Strike:
        """A disaster: the database stops at once, and is started again after at most so many seconds."""

        async def strike() -> None:
            seconds = self.random.uniform(0.0, longest)
            self.journal.strike("stop of PostgreSQL", f"PostgreSQL is stopped for {seconds:.1f} s")
            await asyncio.to_thread(postgresql.stop)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(postgresql.start)
            await asyncio.to_thread(self.note_doubts)

        return strike
