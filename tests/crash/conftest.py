"""Installations for the crash tests, and the seed of everything that is left to chance in them."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.installation import Installation
from tests.crash.journal import Journal
from tests.crash.peers import StormySmtp, StormyTwilio
from tests.crash.postgresql import CrashingPostgresql, crashing_postgresql
from tests.crash.summary import PROPERTY


@pytest.fixture
def journal(record_property: Callable[[str, object], None]) -> Iterator[Journal]:
    """Shown by pytest when the test fails, however it does; its figures stand in the summary."""
    journal = Journal(os.environ.get("SMSBOT_CRASH_SEED") or secrets.token_hex(4))
    yield journal
    print(journal)
    if journal.figures is not None:
        record_property(PROPERTY, journal.figures.as_json())


@pytest.fixture(scope="session")
def postgresql() -> Iterator[CrashingPostgresql]:
    """One server for the crash tests of a worker, one after the other."""
    with crashing_postgresql() as server:
        yield server


@pytest.fixture
def alone(tmp_path: Path, migrated_sqlite_file: Path, journal: Journal) -> Iterator[Installation]:
    """One process on SQLite. Twilio posts no statuses: only a look-up can end a doubt."""
    twilio, smtp = StormyTwilio(journal.seed), StormySmtp(journal.seed)
    url = f"sqlite:///{shutil.copy(migrated_sqlite_file, tmp_path)}"
    with twilio, smtp:
        installation = Installation(tmp_path, url, twilio, smtp, journal)
        try:
            installation.start_alone()
            yield installation
        finally:
            installation.close()


@pytest.fixture
def many(tmp_path: Path, journal: Journal, postgresql: CrashingPostgresql) -> Iterator[Installation]:
    """Several processes that serve or deliver, or both, on PostgreSQL. Twilio posts statuses."""
    twilio, smtp = StormyTwilio(journal.seed, statuses=("sent", "delivered")), StormySmtp(journal.seed)
    with twilio, smtp:
        installation = Installation(tmp_path, postgresql.new_database(), twilio, smtp, journal)
        try:
            installation.start_many()
            yield installation
        finally:
            installation.close()
