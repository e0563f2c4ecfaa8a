"""The settings of the main sender, and of the gateways that need no description in `smsbot.toml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from smsbot.policy.values import BaseAddress, Sender
from smsbot.senders import sender_kind
from smsbot.settings.environment import EnvironmentSettings, OldName, Secret, beside, renamed_to


class SenderSettings(EnvironmentSettings):
    """The main sender of SMS, whatever its gateway."""

    sender: Sender = Field(
        description="a number such as +33937000000, a short code, a name of up to 11 letters and digits, "
        "or the SID of a Messaging Service of Twilio's (MG…)"
    )
    sender_two_way: bool | None = Field(
        default=None,
        description="true or false if SMSBOT_SENDER is a Messaging Service (MG…): whether usagers can answer it; "
        "with any other sender, leave it out, since the sender's form already says it",
    )
    twilio_sender: OldName = renamed_to("sender")
    twilio_two_way: OldName = renamed_to("sender_two_way")

    @property
    def sender_can_be_answered(self) -> bool:
        """Whether usagers can answer messages from `sender`, according to its form and these settings."""
        by_form = sender_kind(self.sender).two_way
        return bool(self.sender_two_way) if by_form is None else by_form

    @field_validator("sender_two_way")
    @classmethod
    def _fits_the_sender(cls, value: bool | None, info: ValidationInfo) -> bool | None:
        if (sender := info.data.get("sender")) is None:
            return value  # the sender is wrong already, and has its own sentence
        by_form = sender_kind(sender).two_way
        needed, contradicted = by_form is None, by_form is not None and value is not None and value != by_form
        if contradicted or (needed and value is None):
            raise ValueError("does not fit the sender")
        return value


class TwilioSettings(EnvironmentSettings):
    """The account at Twilio, if there is one."""

    twilio_account_sid: str | None = Field(
        default=None, description="the account's SID, which begins with AC", pattern=r"^AC[0-9A-Za-z]+$"
    )
    twilio_auth_token: Secret | None = Field(
        default=None, description="the account's auth token, with SMSBOT_TWILIO_ACCOUNT_SID beside it"
    )
    twilio_api_url: BaseAddress = Field(
        default="https://api.twilio.com",
        description="the base address of Twilio's REST API, such as https://api.twilio.com",
    )

    @property
    def has_twilio(self) -> bool:
        """Whether there are credentials for Twilio."""
        return self.twilio_account_sid is not None

    @field_validator("twilio_auth_token")
    @classmethod
    def _beside_the_account(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return beside(value, info, "twilio_account_sid")


class VonageSettings(EnvironmentSettings):
    """The account at Vonage, if there is one: an application with its private key, or the account's key and secret."""

    vonage_api_key: str | None = Field(
        default=None, description="the account's API key, eight letters and digits", pattern=r"^[0-9A-Za-z]+$"
    )
    vonage_api_secret: Secret | None = Field(
        default=None, description="the account's API secret, with SMSBOT_VONAGE_API_KEY beside it"
    )
    vonage_application_id: str | None = Field(
        default=None, description="the id of the Vonage application, a UUID", pattern=r"^[0-9A-Fa-f-]{36}$"
    )
    vonage_private_key: Secret | None = Field(
        default=None,
        description="the path of the application's private key in PEM, or the key itself, "
        "with SMSBOT_VONAGE_APPLICATION_ID beside it",
    )
    vonage_signature_secret: Secret | None = Field(
        default=None,
        description="the account's signature secret, beside SMSBOT_VONAGE_APPLICATION_ID and "
        "SMSBOT_VONAGE_PRIVATE_KEY, or SMSBOT_VONAGE_API_KEY and SMSBOT_VONAGE_API_SECRET",
    )
    vonage_api_url: BaseAddress = Field(
        default="https://api.nexmo.com",
        description="the base address of Vonage's Messages API, such as https://api.nexmo.com",
    )

    @property
    def has_vonage(self) -> bool:
        """Whether there are credentials for Vonage."""
        return self.vonage_application_id is not None or self.vonage_api_key is not None

    @field_validator("vonage_private_key")
    @classmethod
    def _key_itself(cls, value: SecretStr | None) -> SecretStr | None:
        """The private key. The variable contains it, perhaps with \\n for line ends, or the path of its file."""
        if value is None:
            return None
        text = value.get_secret_value()
        if "-----BEGIN" not in text:
            try:
                text = Path(text).read_text(encoding="ascii")
            except OSError:
                raise ValueError("no such file") from None
        return SecretStr(text.replace("\\n", "\n"))

    @field_validator("vonage_api_secret")
    @classmethod
    def _beside_the_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return beside(value, info, "vonage_api_key")

    @field_validator("vonage_private_key")
    @classmethod
    def _beside_the_application(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return beside(value, info, "vonage_application_id")

    @field_validator("vonage_signature_secret")
    @classmethod
    def _beside_either(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return beside(value, info, "vonage_api_key", "vonage_application_id")
