"""The settings of the rules for all appointments, unless `smsbot.toml` says otherwise."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from smsbot.policy.values import LEAST_MESSAGES_PER_SECOND, MOST_MESSAGES_PER_SECOND, MOST_NOTICE_HOURS
from smsbot.rules.quiet_hours import QuietHours
from smsbot.settings.environment import EnvironmentSettings

FRANCE_AND_OVERSEAS = ("+33", "+590", "+594", "+596", "+262", "+508", "+687", "+689", "+681")
"""Mainland; Guadeloupe with Saint-Martin and Saint-Barthélemy, Guyane, Martinique, La Réunion with Mayotte,
Saint-Pierre-et-Miquelon, Nouvelle-Calédonie, Polynésie française, Wallis-et-Futuna (ITU-T E.164 assignments)."""


class RuleSettings(EnvironmentSettings):
    """When an appointment can be cancelled, when reminders are sent, and who gets how many answers."""

    cancellation_notice_hours: float = Field(
        default=4, ge=0, le=MOST_NOTICE_HOURS, description=f"a number of hours from 0 to {MOST_NOTICE_HOURS}"
    )
    reminder_hours: float = Field(
        default=48, gt=0, le=MOST_NOTICE_HOURS, description=f"a number of hours above 0, up to {MOST_NOTICE_HOURS}"
    )
    quiet_hours: str = Field(
        default="21-8", description="hours in which reminders wait, such as 21-8 or 21:30-7:45, or off"
    )
    rate_per_second: float | None = Field(
        default=None,
        ge=LEAST_MESSAGES_PER_SECOND,
        le=MOST_MESSAGES_PER_SECOND,
        description=f"a number of messages from {LEAST_MESSAGES_PER_SECOND} to {MOST_MESSAGES_PER_SECOND}; leave it "
        "out for no limit",
    )
    conversation_expiry_minutes: float = Field(
        default=60, gt=0, le=24 * 60, description="a number of minutes above 0, up to 1440"
    )
    take_back_minutes: float = Field(
        default=15, ge=0, le=24 * 60, description="a number of minutes from 0 (never) to 1440"
    )
    answered_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=FRANCE_AND_OVERSEAS, description="country prefixes with commas between them, such as +33,+590"
    )
    neutral_texts_per_day: int = Field(default=1000, ge=0, description="a whole number, 0 or more")
    answers_per_day: int = Field(default=60, ge=1, le=1000, description="a whole number from 1 to 1000")

    @property
    def cancellation_notice(self) -> timedelta:
        """How long before its start an appointment can still be cancelled, unless `smsbot.toml` says otherwise."""
        return timedelta(hours=self.cancellation_notice_hours)

    @property
    def reminder_lead(self) -> timedelta:
        """How long before the start of an appointment its usager is reminded, at the earliest."""
        return timedelta(hours=self.reminder_hours)

    @property
    def reminders_wait(self) -> QuietHours | None:
        """The hours, in the appointment's zone, in which no reminder is sent; None if there are none."""
        return QuietHours.parse(self.quiet_hours)

    @property
    def take_back_within(self) -> timedelta:
        """How long usagers may take back their own cancellation by SMS."""
        return timedelta(minutes=self.take_back_minutes)

    @property
    def conversation_expiry(self) -> timedelta:
        """How long an unanswered question stays open."""
        return timedelta(minutes=self.conversation_expiry_minutes)

    @field_validator("quiet_hours")
    @classmethod
    def _hours_of_the_day(cls, value: str) -> str:
        QuietHours.parse(value)
        return value

    @field_validator("answered_prefixes", mode="before")
    @classmethod
    def _list_of_prefixes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        prefixes = tuple(prefix.strip() for prefix in value.split(",") if prefix.strip())
        if not all(re.fullmatch(r"\+[1-9][0-9]{0,6}", prefix) for prefix in prefixes):
            raise ValueError("no prefix")
        return prefixes
