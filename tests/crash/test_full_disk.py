"""A database that cannot grow. Webhooks are answered 5xx, nothing is half done, and all works again once there is room.

The disk is full only for some processes: a limit on the size of their files (RLIMIT_FSIZE) makes their writes fail or
end early as on a full disk. It needs no privilege, and can be removed while they run.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import Connection, text

from tests.crash.form import FORM
from tests.crash.installation import Installation
from tests.crash.postgresql import CrashingPostgresql
from tests.crash.usagers import Town

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(FORM.bound),
    pytest.mark.skipif(sys.platform != "linux", reason="a limit on another process's files takes Linux (prlimit(2))"),
]

REFUSED_AT_LEAST = 6
SERVED_AT_LEAST = 6

# More than a segment of PostgreSQL's log (16 MiB): the log must find room while the table does not. Each of these rows
# fills a page. When they are deleted, the pages stay in use, because nobody vacuums.
_BIG_AT_ONCE = """
    ALTER TABLE incoming_messages SET (autovacuum_enabled = off), ALTER body SET STORAGE plain;
    INSERT INTO incoming_messages
            (gateway, gateway_message_id, received_at, from_number, to_number, body, outcome, for_agents)
        SELECT 'filling', n, now(), '', '', repeat('x', 8000), 'silence', false FROM generate_series(1, 2200) AS n;
    DELETE FROM incoming_messages;
    ALTER TABLE incoming_messages ALTER body SET STORAGE extended;
"""


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of a database.

    `fill` stops all growth, `empty` makes room again, `is_whole` asks the engine for damage.
    """

    fill: Callable[[], None]
    empty: Callable[[], None]
    is_whole: Callable[[Connection], bool]


def test_sqlite_cannot_grow(alone: Installation) -> None:
    [program] = alone.programs

    def fill() -> None:
        program.limit_file_size(max(file.stat().st_size for file in alone.folder.glob("smsbot.db*")))

    def is_whole(connection: Connection) -> bool:
        return bool(connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok")

    disk = Disk(fill, lambda: program.limit_file_size(None), is_whole)
    asyncio.run(alone.live(town := alone.town(), _fill_up(alone, town, disk)))
    alone.assert_promises_kept(town)


def test_postgresql_cannot_grow(many: Installation, postgresql: CrashingPostgresql) -> None:
    many.database.write_now(lambda connection: connection.execute(text(_BIG_AT_ONCE)))

    def fill() -> None:
        postgresql.limit_file_size(postgresql.size_of(many.database, "incoming_messages"))

    disk = Disk(fill, lambda: postgresql.limit_file_size(None), lambda _connection: True)
    try:
        asyncio.run(many.live(town := many.town(), _fill_up(many, town, disk)))
    finally:
        disk.empty()
    many.assert_promises_kept(town)


async def _fill_up(scene: Installation, town: Town, disk: Disk) -> None:
    end = time.monotonic() + FORM.seconds
    while True:
        await _reaches(lambda: _ended(town), SERVED_AT_LEAST)
        scene.journal.strike("full disk", "the disk is full")
        await asyncio.to_thread(disk.fill)
        await _reaches(lambda: _refused(scene), _refused(scene) + REFUSED_AT_LEAST)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{scene.url}/health/live")).status_code == 200
        assert scene.database.read_now(disk.is_whole)
        scene.journal.note("there is room again")
        await asyncio.to_thread(disk.empty)
        await _reaches(lambda: _ended(town), _ended(town) + SERVED_AT_LEAST)
        if time.monotonic() > end:
            break
    assert set(scene.twilio.answers.values()) <= {200, 500, 503, None}


async def _reaches(figure: Callable[[], int], least: int) -> None:
    while figure() < least:
        await asyncio.sleep(0.05)


def _refused(scene: Installation) -> int:
    return sum(status is not None and status >= 500 for status in list(scene.twilio.answers.values()))


def _ended(town: Town) -> int:
    return sum(usager.has_ended for usager in town.usagers)
