"""The database that a command works on."""

from __future__ import annotations

from smsbot.settings import Settings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready


def ready_database(settings: Settings) -> Database:
    """The database of these settings, with a current schema."""
    return open_ready(settings.database_url)
