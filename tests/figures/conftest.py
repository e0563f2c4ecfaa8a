from __future__ import annotations

import pytest

from smsbot.store.database import Database
from tests.retention.people import World


@pytest.fixture
def world(database: Database) -> World:
    """An empty world on each of the two engines."""
    return World(database)
