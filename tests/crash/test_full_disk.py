"""A database that cannot grow: webhooks are answered 5xx, nothing is half done, and all is well once there is room.

The disk is full for one process: a limit on the size of its files (RLIMIT_FSIZE) makes its writes fail or fall short
as on a full disk, needs no privilege, and can be taken away while the process runs.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import Connection, text

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.usagers import Town

pytestmark = [pytest.mark.crash, pytest.mark.timeout(FORM.bound)]

REFUSED_AT_LEAST = 6
SERVED_AT_LEAST = 6


def test_a_database_that_cannot_grow(alone: Installation) -> None:
    asyncio.run(alone.live(town := alone.town(), _fill_up(alone, town)))
    alone.assert_promises_kept(town)


async def _fill_up(alone: Installation, town: Town) -> None:
    [program] = alone.programs
    end = time.monotonic() + FORM.seconds
    while True:
        await _reaches(lambda: _ended(town), SERVED_AT_LEAST)
        biggest = max(file.stat().st_size for file in alone.folder.glob("smsbot.db*"))
        alone.journal.note(f"no file grows beyond {biggest} bytes")
        program.limit_file_size(biggest)
        refused = _refused(alone)
        await _reaches(lambda: _refused(alone), refused + REFUSED_AT_LEAST)
        assert httpx.get(f"{alone.url}/health/live").status_code == 200
        assert alone.database.read_now(_integrity) == "ok"
        alone.journal.note("there is room again")
        program.limit_file_size(None)
        ended = _ended(town)
        await _reaches(lambda: _ended(town), ended + SERVED_AT_LEAST)
        if time.monotonic() > end:
            break
    assert set(Counter(alone.twilio.answers.values())) <= {200, 500, 503, None}


async def _reaches(figure: Callable[[], int], least: int) -> None:
    while figure() < least:
        await asyncio.sleep(0.05)


def _refused(alone: Installation) -> int:
    return sum(status is not None and status >= 500 for status in alone.twilio.answers.values())


def _ended(town: Town) -> int:
    return sum(usager.has_ended for usager in town.usagers)


def _integrity(connection: Connection) -> str:
    return str(connection.execute(text("PRAGMA integrity_check")).scalar_one())
