"""All settings of a command, and all settings of the service."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from smsbot.policy import UsualSender
from smsbot.policy.values import TWILIO, VONAGE
from smsbot.settings.environment import EnvironmentSettings
from smsbot.settings.peer_settings import (
    MailSettings,
    RdvspSettings,
    RdvspWebhookSettings,
    SenderSettings,
    TwilioSettings,
    VonageSettings,
)
from smsbot.settings.rule_settings import RuleSettings
from smsbot.settings.web_settings import OpenIdSettings, WebSettings

_DEFAULT_CONFIG = Path("smsbot.toml")


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
        if url.get_backend_name() == "sqlite":
            database = url.database or ""
            # Two processes must not serve the same file, so the path must be plain: it shows which file it is.
            if database in ("", ":memory:") or database.startswith("file:") or url.query or url.host:
                raise ValueError("no path of a file")
        elif url.get_backend_name() != "postgresql":
            raise ValueError("another engine")
        return value


class Settings(RdvspSettings, DatabaseSettings):
    """The settings that every command needs. Read them with `load`."""

    config: Path | None = Field(
        default=None, description="the path of an existing file (smsbot.toml; see smsbot.example.toml)"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] = Field(default="json", description="json or console")
    retention_days: int = Field(default=90, ge=1, le=3650, description="a whole number of days from 1 to 3650")
    segment_price: Decimal | None = Field(
        default=None, ge=0, le=10, description="the price of one SMS segment in euros, such as 0.07"
    )

    @property
    def retention(self) -> timedelta:
        """How long personal data is kept after its appointment."""
        return timedelta(days=self.retention_days)

    @field_validator("config")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        if value is None:
            return _DEFAULT_CONFIG if _DEFAULT_CONFIG.is_file() else None
        if not value.is_file():
            raise ValueError("no such file")
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class ServiceSettings(  # the last class is read first, and its problems are shown first
    OpenIdSettings,
    RuleSettings,
    RdvspWebhookSettings,
    MailSettings,
    VonageSettings,
    TwilioSettings,
    SenderSettings,
    WebSettings,
    Settings,
):
    """All settings: of gateways, e-mail, web and the general rules, and those in `Settings`."""

    @property
    def usual_sender(self) -> UsualSender:
        """The main sender, and the gateways with credentials in these settings, for reading `smsbot.toml`."""
        there = {TWILIO: self.has_twilio, VONAGE: self.has_vonage}
        gateways = tuple(name for name, is_there in there.items() if is_there)
        return UsualSender(self.sender, self.sender_can_be_answered, gateways)
