"""Installations for the crash tests, and the seed of everything that is left to chance in them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.installation import Installation
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.postgresql import CrashingPostgresql, crashing_postgresql


@pytest.fixture
def journal() -> Iterator[Journal]:
    """Shown by pytest when the test fails, however it does."""
    journal = Journal(os.environ.get("SMSBOT_CRASH_SEED") or secrets.token_hex(4))
    yield journal
    print(journal)


@pytest.fixture
def postgresql() -> Iterator[CrashingPostgresql]:
    with crashing_postgresql() as server:
        yield server


@pytest.fixture
def alone(tmp_path: Path, journal: Journal) -> Iterator[Installation]:
    """One process on SQLite. Twilio posts no statuses: only a look-up can end a doubt."""
    twilio, smtp = StormyTwilio(journal.seed), StormySmtp(journal.seed)
    with twilio, smtp:
        installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'smsbot.db'}", twilio, smtp, journal)
        try:
            installation.start_alone()
            yield installation
        finally:
            installation.close()


@pytest.fixture
def many(tmp_path: Path, journal: Journal, postgresql: CrashingPostgresql) -> Iterator[Installation]:
    """Two processes that serve and two that deliver, on a PostgreSQL of their own. Twilio posts statuses."""
    twilio, smtp = StormyTwilio(journal.seed, statuses=("sent", "delivered")), StormySmtp(journal.seed)
    with twilio, smtp:
        installation = Installation(tmp_path, postgresql.url, twilio, smtp, journal)
        try:
            installation.start_many()
            yield installation
        finally:
            installation.close()
