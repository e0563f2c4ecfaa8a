"""`kill -9`, over and over, at random moments and under load; and PostgreSQL stopped beneath it all."""

from __future__ import annotations

import asyncio

import pytest

from tests.crash.installation import FORM, Installation
from tests.crash.usagers import Town

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]


def test_one_process_on_sqlite(alone: Installation) -> None:
    town = Town(alone.url, alone.twilio, alone.journal)
    [program] = alone.programs
    strikes = (alone.killing(program), alone.killing(program), alone.killing(program), alone.freezing(program))
    asyncio.run(alone.live(town, alone.suffer(strikes, FORM), FORM))
    assert (problems := alone.broken_promises(town)) is None, problems


def test_several_processes_on_postgresql(many: Installation) -> None:
    town = Town(many.url, many.twilio, many.journal)
    strikes = [strike(program) for program in many.programs for strike in (many.killing, many.freezing)]
    asyncio.run(many.live(town, many.suffer(strikes, FORM), FORM))
    assert (problems := many.broken_promises(town)) is None, problems


def test_postgresql_stopped_and_started(many: Installation) -> None:
    town = Town(many.url, many.twilio, many.journal)
    strikes = (many.stopping_postgresql(),)
    asyncio.run(many.live(town, many.suffer(strikes, FORM), FORM))
    assert (problems := many.broken_promises(town)) is None, problems
