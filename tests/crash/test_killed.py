"""`kill -9` again and again, at random moments and under load; and PostgreSQL is stopped meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]


def test_one_process_on_sqlite(alone: Installation) -> None:
    strikes = [alone.killing(*alone.programs)] * 5 + [alone.freezing(*alone.programs, longest=1.0)]
    asyncio.run(alone.live(town := alone.town(), alone.suffer(strikes, pause=(0.1, 1.0))))
    alone.assert_promises_kept(town)


def test_several_processes_on_postgresql(many: Installation, postgresql: CrashingPostgresql) -> None:
    strikes = [
        *(many.killing(program) for program in many.programs),
        many.killing(*many.programs),
        many.freezing(*many.programs, longest=1.5),
        many.stopping(postgresql),
    ]
    asyncio.run(many.live(town := many.town(), many.suffer(strikes, pause=(0.1, 1.0))))
    many.assert_promises_kept(town)
