"""The settings of the database."""

from __future__ import annotations

from pydantic import Field, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from smsbot.settings.environment import EnvironmentSettings


class DatabaseSettings(EnvironmentSettings):
    """Where the database is."""

    database_url: str = Field(
        default="sqlite:///smsbot.db",
        repr=False,
        description="sqlite:///path or postgresql://user:password@host/database",
    )

    @field_validator("database_url")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("no database URL") from None
        in_a_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
        if not in_a_file and url.get_backend_name() != "postgresql":
            raise ValueError("another engine")
        return value
