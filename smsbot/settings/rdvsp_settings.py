"""The settings of RDV Service Public, where appointments come from."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from smsbot.policy.values import BaseAddress
from smsbot.settings.environment import EnvironmentSettings, Secret


class RdvspSettings(EnvironmentSettings):
    """RDV Service Public as the owner of its appointments: where it is, and how we sign in there.

    Without `rdvsp_url` smsbot runs on its own, not connected to it.
    """

    rdvsp_url: BaseAddress | None = Field(
        default=None, description="the base address of RDV Service Public, such as https://rdv.anct.gouv.fr"
    )
    rdvsp_email: str | None = Field(
        default=None,
        repr=False,
        description="the e-mail address of an agent at SMSBOT_RDVSP_URL, if agents can still sign in there with one; "
        "leave it out without SMSBOT_RDVSP_URL",
        pattern=r"\S@\S",
    )
    rdvsp_password: Secret | None = Field(
        default=None, description="the password that belongs to SMSBOT_RDVSP_EMAIL, set together with it"
    )
    rdvsp_client_id: str | None = Field(
        default=None,
        description="the id of this service's OAuth application at SMSBOT_RDVSP_URL (needed with it; leave it out "
        "without it or together with SMSBOT_RDVSP_EMAIL)",
        pattern=r"\S",
    )
    rdvsp_client_secret: Secret | None = Field(
        default=None, description="the secret of the OAuth application, set together with SMSBOT_RDVSP_CLIENT_ID"
    )
    rdvsp_patience_seconds: float = Field(default=8, gt=0, le=300, description="a number of seconds above 0, up to 300")
    rdvsp_sync_minutes: float = Field(
        default=60, ge=0, le=7 * 24 * 60, description="a number of minutes from 0 (never) to 10080"
    )
    rdvsp_notifies: bool = Field(default=True, description="true or false")

    @field_validator("rdvsp_email", "rdvsp_password", "rdvsp_client_id", "rdvsp_client_secret")
    @classmethod
    def _one_way_to_sign_in(cls, value: object, info: ValidationInfo) -> object:
        """Check that a connected service has exactly one complete way to sign in, and other services have none.

        Settings that are wrong have their own sentence.
        """
        others = info.data
        if not {"rdvsp_url", "rdvsp_email"} <= {*others, info.field_name}:
            return value
        is_connected, by_email = others["rdvsp_url"] is not None, others.get("rdvsp_email") is not None
        match info.field_name:
            case "rdvsp_email":
                fits = value is None or is_connected
            case "rdvsp_password":
                fits = (value is not None) == by_email
            case "rdvsp_client_id":
                fits = (value is not None) == (is_connected and not by_email)
            case _:
                fits = (value is not None) == (others.get("rdvsp_client_id") is not None)
        if not fits:
            raise ValueError("needed, or belongs to nothing")
        return value


class RdvspWebhookSettings(EnvironmentSettings):
    """RDV Service Public's webhook. Only the service needs it, not the commands."""

    rdvsp_webhook_secret: Secret | None = Field(
        default=None, description="the secret shared with RDV Service Public's webhook"
    )
