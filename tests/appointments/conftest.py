from __future__ import annotations

import pytest

from smsbot.store.database import Database
from tests.appointments.records import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    """An empty database on each of the two engines, with somebody who takes records in."""
    return Desk(database)
