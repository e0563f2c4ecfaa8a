"""`kill -9`, over and over, at random moments and under load; and PostgreSQL stopped beneath it all."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]


def test_one_process_on_sqlite(alone: Installation) -> None:
    strikes = [alone.killing(*alone.programs)] * 4 + [alone.freezing(*alone.programs)]
    asyncio.run(alone.live(town := alone.town(), alone.suffer(strikes)))
    alone.assert_promises_kept(town)


def test_several_processes_on_postgresql(many: Installation, postgresql: CrashingPostgresql) -> None:
    [*serving, deliver_1, deliver_2] = many.programs
    strikes = [
        many.killing(*serving),
        many.killing(deliver_1),
        many.killing(deliver_2),
        many.freezing(*many.programs),
        many.stopping(postgresql),
    ]
    asyncio.run(many.live(town := many.town(), many.suffer(strikes)))
    many.assert_promises_kept(town)
