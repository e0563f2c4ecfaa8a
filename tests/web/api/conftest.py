from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from smsbot.store.database import Database
from tests.web.api.office import Office


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    """On each of the two engines."""
    office = Office(database)
    async with office.client:
        yield office


@pytest.fixture
async def small_office(sqlite_database: Database) -> AsyncIterator[Office]:
    """On SQLite alone, for what the engine has no part in."""
    office = Office(sqlite_database)
    async with office.client:
        yield office
