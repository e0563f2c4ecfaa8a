"""When sources were last heard of, by each feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from smsbot.appointments.intake import Feed, LastWords, last_words_heard, note_last_word
from smsbot.appointments.intake.last_word import MOST_TOLD, NOTED_EVERY
from smsbot.store.database import Database

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.anyio
async def test_each_way_of_each_source_is_noted_once_a_minute(database: Database) -> None:
    now = [NOW]
    words = LastWords(database, lambda: now[0])
    await words.heard("rdvsp", Feed.WEBHOOK)
    now[0] += NOTED_EVERY - timedelta(seconds=1)
    await words.heard("rdvsp", Feed.WEBHOOK)
    await words.heard("rdvsp", Feed.API)
    assert database.read_now(last_words_heard) == {("rdvsp", Feed.API): now[0], ("rdvsp", Feed.WEBHOOK): NOW}
    now[0] += timedelta(seconds=1)
    await words.heard("rdvsp", Feed.WEBHOOK)
    assert database.read_now(last_words_heard)["rdvsp", Feed.WEBHOOK] == now[0]


def test_only_the_newest_of_very_many_are_told(sqlite_database: Database) -> None:

    def note_all(connection: Connection) -> None:
        for number in range(MOST_TOLD + 3):
            note_last_word(connection, f"file-{number}", Feed.FILE, NOW + timedelta(minutes=number))

    sqlite_database.write_now(note_all)
    told = sqlite_database.read_now(last_words_heard)
    assert len(told) == MOST_TOLD
    assert ("file-2", Feed.FILE) not in told
