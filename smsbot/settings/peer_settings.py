"""The settings of the systems around the service: gateways for SMS, the mail server, RDV Service Public.

Gateways that `smsbot.toml` describes have no settings here. The main sender of SMS has its settings here with any
gateway.
"""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from smsbot.policy.values import BaseAddress, Sender
from smsbot.senders import sender_kind
from smsbot.settings.environment import EnvironmentSettings, OldName, Secret, beside, renamed_to, url_parts

_SMTP_SCHEMES = ("smtp", "smtps", "smtp+starttls")
_LONGEST_MAIL_FROM = 320


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


class MailSettings(EnvironmentSettings):
    """The mail server, and the one sender of the e-mails."""

    smtp_url: str = Field(
        default="smtp://localhost:1025",
        repr=False,
        description="smtp://, smtps:// or smtp+starttls://, then user:password@ if needed, a host and a port",
    )
    mail_from: str = Field(
        description="the one sender of the e-mails, such as rdv@example.fr or Rendez-vous <rdv@example.fr>"
    )

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        url = url_parts(value, schemes=_SMTP_SCHEMES)
        if url.path not in ("", "/") or url.query or url.fragment:
            raise ValueError("more than a server")
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_address(cls, value: str) -> str:
        """Check that this is one address (RFC 5322) from which e-mail can be sent."""
        from smsbot.messages.email_addresses import parse_address  # imported here, as many commands do not need it

        if len(value) > _LONGEST_MAIL_FROM:
            raise ValueError("longer than any header")
        try:
            Address(addr_spec=parse_address(value).addr_spec)
        except (HeaderParseError, ValueError, IndexError):
            raise ValueError("no address") from None
        return value


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
