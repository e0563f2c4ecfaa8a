"""A clock jumps forwards and back while messages are on their way.

The service runs inside the test, as `smsbot demo` runs it, because only code that makes a `Service` can give it a
clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn

from smsbot.app import Service
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread
from smsbot.demo.stand_ins.mail_stand_in import MailFault
from smsbot.server import listening_on, serving
from smsbot.settings import PREFIX, ServiceSettings
from smsbot.store import schema
from smsbot.store.schema import open_ready
from tests.crash.form import FORM
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.postgresql import CrashingPostgresql
from tests.crash.scene import Scene

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

# Together less than the hour for which a reply is tried, because this test is not about replies that are given up.
PLACES = (timedelta(minutes=-20), timedelta(0), timedelta(minutes=35))
EXPIRY_MINUTES = 15


class InThisProcess(Scene):
    """The service on a thread of its own. Its clock is `ahead` of the real one."""

    ahead = timedelta(0)
    _server: uvicorn.Server | None = None

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def start(self) -> None:
        schema.upgrade(self.database)
        self._listening = listening_on(LOOPBACK, 0)
        self.url = f"http://{LOOPBACK}:{self._listening.getsockname()[1]}"
        environment = self.service.environment
        named = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        given = {name.removeprefix(PREFIX).lower(): value for name, value in named.items()}
        self._settings = ServiceSettings.exactly(**given, conversation_expiry_minutes=EXPIRY_MINUTES)
        self._thread = LoopThread("smsbot")
        self._thread.start()
        self._serving = self._thread.submit(self._serve())

    async def _serve(self) -> None:
        database = open_ready(self._settings.database_url)
        try:
            service = Service(self._settings, database, clock=self.clock)
            async with serving(service, delivery=True) as self._server:
                await self._server.serve(sockets=[self._listening])
        finally:
            database.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._serving.result(30)
        self._thread.stop()
        self._listening.close()
        super().close()

    async def jump(self) -> None:
        """Set the clock ahead, behind, or back to the right time."""
        self.ahead = self.random.choice([place for place in PLACES if place != self.ahead])
        minutes = self.ahead / timedelta(minutes=1)
        self.journal.strike("jump of the clock", f"the clock is {minutes:+.0f} minutes ahead")
        await asyncio.to_thread(self.note_doubts)


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, journal: Journal) -> Iterator[InThisProcess]:
    url = f"sqlite:///{tmp_path / 'smsbot.db'}"
    if request.param == "postgresql":
        server: CrashingPostgresql = request.getfixturevalue("postgresql")
        url = server.new_database()
    twilio, smtp = StormyTwilio(journal.seed), StormySmtp(journal.seed)
    with twilio, smtp:
        scene = InThisProcess(tmp_path, url, twilio, smtp, journal)
        scene.start()
        try:
            yield scene
        finally:
            scene.close()


def test_a_clock_that_jumps(scene: InThisProcess) -> None:
    # Twilio is slow or answers 503, so that some message is always on its way or waits to be tried again.
    scene.twilio.weather.storm(0.5, StandInFault(status=503), StandInFault(hangs_seconds=0.5))
    scene.smtp.weather.storm(0.5, MailFault("DATA", "451 4.3.0 Not now"), MailFault("DATA", hangs_seconds=0.5))
    asyncio.run(scene.live(town := scene.town(), scene.suffer([scene.jump] * 5, pause=(0.3, 1.5))))
    scene.assert_promises_kept(town)
