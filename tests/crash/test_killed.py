"""`kill -9`, over and over, at random moments and under load; and PostgreSQL stopped beneath it all."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]


def test_one_process_on_sqlite(alone: Installation) -> None:
    [program] = alone.programs
    strikes = [alone.killing(program)] * 3 + [alone.freezing(program)]
    asyncio.run(alone.live(town := alone.town(), alone.suffer(strikes)))
    alone.assert_promises_kept(town)


def test_several_processes_on_postgresql(many: Installation) -> None:
    strikes = [strike(program) for program in many.programs for strike in (many.killing, many.killing, many.freezing)]
    asyncio.run(many.live(town := many.town(), many.suffer(strikes)))
    many.assert_promises_kept(town)


def test_postgresql_stopped_and_started(many: Installation, postgresql: CrashingPostgresql) -> None:
    asyncio.run(many.live(town := many.town(), many.suffer([many.stopping(postgresql)])))
    many.assert_promises_kept(town)
