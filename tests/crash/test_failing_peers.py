"""The gateway and the mail server fail in every way they know, and so does everything at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

only_in_the_long_form = pytest.mark.skipif(
    not FORM.time_is_real, reason="takes minutes: set SMSBOT_CRASH_MINUTES (see tests/crash/README.md)"
)


def test_gateway_and_mail_server_in_bad_weather(alone: Installation) -> None:
    strikes = [alone.gateway_weather, alone.mail_weather] * 3
    asyncio.run(alone.live(town := alone.town(), alone.suffer(strikes, pause=(0.5, 2.0))))
    alone.assert_promises_kept(town)


@only_in_the_long_form
def test_everything_at_once_on_sqlite(alone: Installation) -> None:
    to_the_process = [alone.killing(*alone.programs), alone.freezing(*alone.programs)]
    asyncio.run(
        alone.live(town := alone.town(), alone.suffer([*to_the_process, alone.gateway_weather, alone.mail_weather]))
    )
    alone.assert_promises_kept(town)


@only_in_the_long_form
def test_everything_at_once_on_postgresql(many: Installation, postgresql: CrashingPostgresql) -> None:
    to_processes = [many.killing(*many.programs), many.freezing(*many.programs), many.stopping(postgresql)]
    asyncio.run(many.live(town := many.town(), many.suffer([*to_processes, many.gateway_weather, many.mail_weather])))
    many.assert_promises_kept(town)
