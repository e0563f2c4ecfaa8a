"""The gateway and the mail server fail in every way they can, and then everything fails at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql
from tests.crash.scene import Strike

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]


def test_gateway_and_mail_server_in_every_weather(alone: Installation) -> None:
    asyncio.run(alone.live(town := alone.town(), _every_weather(alone)))
    alone.assert_promises_kept(town)


async def _every_weather(alone: Installation) -> None:
    await alone.suffer([alone.gateway_weather, alone.mail_weather] * 2, pause=(0.2, 1.0))
    await alone.every_weather()


def test_everything_at_once_on_sqlite(alone: Installation) -> None:
    to_the_process = [alone.killing(*alone.programs), alone.freezing(*alone.programs)]
    asyncio.run(alone.live(town := alone.town(), _everything(alone, to_the_process)))
    alone.assert_promises_kept(town)


def test_everything_at_once_on_postgresql(many: Installation, postgresql: CrashingPostgresql) -> None:
    to_processes = [many.killing(*many.programs), many.freezing(*many.programs), many.stopping(postgresql)]
    asyncio.run(many.live(town := many.town(), _everything(many, to_processes)))
    many.assert_promises_kept(town)


def _everything(scene: Installation, to_processes: list[Strike]) -> Awaitable[None]:
    return scene.suffer([scene.gateway_weather, scene.mail_weather, *to_processes], pause=(0.2, 1.0))
