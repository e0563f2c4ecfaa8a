"""The settings: environment variables that begin with `SMSBOT_`, or the same names in a file `.env`.

The environment wins over the file, and an empty value counts as none. `Settings` is for commands that only use the
database; `ServiceSettings` adds what the service needs. What differs between senders, organisations or motifs is in
`smsbot.toml` (see `smsbot.policy`).

Each description below ends the sentence "it should be …", which is shown for a wrong or missing setting. That sentence
never repeats the value, because many are secrets.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from email.errors import HeaderParseError
from email.headerregistry import Address
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, create_model, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from smsbot.messages.fitting import MOST_ADDRESS_SEPTETS, is_told_whole
from smsbot.policy import UsualSender
from smsbot.policy.values import TWILIO, VONAGE
from smsbot.problem import Problem
from smsbot.rules.quiet_hours import QuietHours
from smsbot.senders import sender_kind
from smsbot.signing import LINK_PATH, MOST_LINK_CHARACTERS

PREFIX = "SMSBOT_"
DEFAULT_CONFIG = Path("smsbot.toml")

FRANCE_AND_OVERSEAS = ("+33", "+590", "+594", "+596", "+262", "+508", "+687", "+689", "+681")
"""Mainland; Guadeloupe with Saint-Martin and Saint-Barthélemy, Guyane, Martinique, La Réunion with Mayotte,
Saint-Pierre-et-Miquelon, Nouvelle-Calédonie, Polynésie française, Wallis-et-Futuna (ITU-T E.164 assignments)."""

_SMTP_SCHEMES = ("smtp", "smtps", "smtp+starttls")
ENV_FILE = ".env"
_MOST_HOURS = 24 * 365
_MOST_PUBLIC_URL = MOST_ADDRESS_SEPTETS - len(LINK_PATH) - MOST_LINK_CHARACTERS
_LONGEST_MAIL_FROM = 320
_RENAMED = {"twilio_sender": "sender", "twilio_two_way": "sender_two_way"}
"""Settings of earlier versions, and their names now."""


class SettingsProblem(Problem):
    """A setting is missing or wrong. The sentence is for the person who starts smsbot."""


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("blank")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
"""A secret. It must not be blank, because everybody could guess that."""


class Settings(BaseSettings):
    """The settings that every command needs. Read them with `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    database_url: str = Field(
        default="sqlite:///smsbot.db",
        repr=False,
        description="sqlite:///path or postgresql://user:password@host/database",
    )
    config: Path | None = Field(
        default=None, description="the path of an existing file (smsbot.toml; see smsbot.example.toml)"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] = Field(default="json", description="json or console")

    retention_days: int = Field(default=90, ge=1, le=3650, description="a whole number of days from 1 to 3650")
    segment_price: Decimal | None = Field(
        default=None, ge=0, le=10, description="the price of one SMS segment in euros, as 0.07"
    )

    rdvsp_url: str | None = Field(
        default=None, description="the base address of RDV Service Public, as https://rdv.anct.gouv.fr"
    )
    rdvsp_email: str | None = Field(
        default=None,
        repr=False,
        description="the e-mail address of an agent at SMSBOT_RDVSP_URL, where that still allows to sign in with it; "
        "nothing without SMSBOT_RDVSP_URL",
        pattern=r"\S@\S",
    )
    rdvsp_password: Secret | None = Field(
        default=None, description="the password that belongs to SMSBOT_RDVSP_EMAIL, beside it"
    )
    rdvsp_client_id: str | None = Field(
        default=None,
        description="the id of this service's OAuth application at SMSBOT_RDVSP_URL (needed with it, and nothing "
        "without it or beside SMSBOT_RDVSP_EMAIL)",
        pattern=r"\S",
    )
    rdvsp_client_secret: Secret | None = Field(
        default=None, description="the secret of the OAuth application, beside SMSBOT_RDVSP_CLIENT_ID"
    )
    rdvsp_patience_seconds: float = Field(default=8, gt=0, le=300, description="a number of seconds above 0, up to 300")
    rdvsp_sync_minutes: float = Field(
        default=60, ge=0, le=7 * 24 * 60, description="a number of minutes from 0 (never) to 10080"
    )
    rdvsp_notifies: bool = Field(default=True, description="true or false")

    @classmethod
    def load(cls, **values: Any) -> Self:
        """The settings from `values` first, then the environment, then `.env`, then the defaults.

        Raises `SettingsProblem` with all problems in one line.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsProblem("; ".join(_sentences(cls, error.errors()))) from None
        except UnicodeDecodeError:
            raise SettingsProblem(".env is not UTF-8 text: save it as UTF-8") from None

    @classmethod
    def exactly(cls, **values: Any) -> Self:
        """The settings from `values` and the defaults only, without the environment and `.env`: for the demo and for
        tests.
        """
        return cls.load(_build_sources=((InitSettingsSource(cls, init_kwargs=values),), values))

    @property
    def retention(self) -> timedelta:
        """How long personal data is kept after its appointment."""
        return timedelta(days=self.retention_days)

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

    @field_validator("config")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        if value is None:
            return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
        if not value.is_file():
            raise ValueError("no such file")
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("rdvsp_url")
    @classmethod
    def _base_of_the_source(cls, value: str | None) -> str | None:
        return None if value is None else base_address(value)

    @field_validator("rdvsp_email", "rdvsp_password", "rdvsp_client_id", "rdvsp_client_secret")
    @classmethod
    def _one_way_to_sign_in(cls, value: object, info: ValidationInfo) -> object:
        """Check that a connected service has one whole way to sign in, and a service on its own has none.

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


class ServiceSettings(Settings):
    """The settings that the service needs as well: gateways, e-mail, and the rules that hold everywhere."""

    public_url: str = Field(
        default="http://localhost:8000",
        description="the address under which the outside reaches the service, as https://rdv.example.fr, "
        f"without query or fragment, of {_MOST_PUBLIC_URL} characters at most and in letters that every SMS has",
    )
    secret_key: SecretStr = Field(
        description="a random text of 32 bytes or more (python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"
    )

    sender: str = Field(
        description="a number as +33937000000, a short code, a name of up to 11 letters and digits, "
        "or the SID of a Messaging Service of Twilio's (MG…)"
    )
    sender_two_way: bool | None = Field(
        default=None,
        description="true or false where SMSBOT_SENDER is a Messaging Service (MG…): whether usagers can answer "
        "it; with any other sender, nothing, since its form already tells",
    )

    twilio_account_sid: str | None = Field(
        default=None, description="the account's SID, which begins with AC", pattern=r"^AC[0-9A-Za-z]+$"
    )
    twilio_auth_token: Secret | None = Field(
        default=None, description="the account's auth token, with SMSBOT_TWILIO_ACCOUNT_SID beside it"
    )
    twilio_api_url: str = Field(
        default="https://api.twilio.com", description="the base address of Twilio's REST API, as https://api.twilio.com"
    )
    twilio_sender: str | None = Field(default=None, repr=False)
    twilio_two_way: str | None = Field(default=None, repr=False)

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
    vonage_api_url: str = Field(
        default="https://api.nexmo.com",
        description="the base address of Vonage's Messages API, as https://api.nexmo.com",
    )

    smtp_url: str = Field(
        default="smtp://localhost:1025",
        repr=False,
        description="smtp://, smtps:// or smtp+starttls:// with user:password@ where needed, a host and a port",
    )
    mail_from: str = Field(
        description="the one sender of the e-mails, as rdv@example.fr or Rendez-vous <rdv@example.fr>"
    )

    rdvsp_webhook_secret: Secret | None = Field(
        default=None, description="the secret shared with RDV Service Public's webhook"
    )

    cancellation_notice_hours: float = Field(
        default=4, ge=0, le=_MOST_HOURS, description=f"a number of hours from 0 to {_MOST_HOURS}"
    )
    reminder_hours: float = Field(
        default=48, gt=0, le=_MOST_HOURS, description=f"a number of hours above 0, up to {_MOST_HOURS}"
    )
    quiet_hours: str = Field(
        default="21-8", description="hours of the day as 21-8 or 21:30-7:45, or off, in which reminders wait"
    )
    rate_per_second: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="a number of messages above 0, up to 1000, or nothing where there is no limit",
    )
    conversation_expiry_minutes: float = Field(
        default=60, gt=0, le=24 * 60, description="a number of minutes above 0, up to 1440"
    )
    answered_prefixes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=FRANCE_AND_OVERSEAS, description="country prefixes with commas between them, as +33,+590"
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="the addresses or networks of the proxies in front, with commas between them, "
        "as 127.0.0.1,10.0.0.0/8",
    )
    neutral_texts_per_day: int = Field(default=1000, ge=0, description="a whole number, 0 or more")
    answers_per_day: int = Field(default=60, ge=1, le=1000, description="a whole number from 1 to 1000")
    metrics_token: Secret | None = Field(default=None, description="the bearer token that /metrics asks for")

    oidc_issuer: str | None = Field(
        default=None,
        description="the address of the OpenID Connect provider, as https://auth.agentconnect.gouv.fr/api/v2",
    )
    oidc_client_id: str | None = Field(
        default=None,
        description="the id under which SMSBOT_OIDC_ISSUER knows this service (needed with it, and nothing without)",
        pattern=r"\S",
    )
    oidc_client_secret: Secret | None = Field(
        default=None,
        description="the secret that SMSBOT_OIDC_ISSUER gave this service (needed with it, and nothing without)",
    )
    oidc_scopes: str = Field(
        default="openid email", description="scopes with spaces between them, among them openid and email"
    )
    oidc_name: str | None = Field(default=None, description="what agents call the provider, as ProConnect")
    oidc_emails_verified: bool = Field(
        default=False,
        description="true where the provider vouches for every e-mail address without saying so, as ProConnect does, "
        "else false",
    )

    @property
    def sender_can_be_answered(self) -> bool:
        """Whether usagers can answer messages from `sender`, as far as its form and these settings tell."""
        by_form = sender_kind(self.sender).two_way
        return bool(self.sender_two_way) if by_form is None else by_form

    @property
    def usual_sender(self) -> UsualSender:
        """The main sender, and the gateways that have credentials here, for `smsbot.toml` to build on."""
        has_credentials = {
            TWILIO: self.twilio_account_sid is not None,
            VONAGE: self.vonage_application_id is not None or self.vonage_api_key is not None,
        }
        gateways = tuple(name for name, has in has_credentials.items() if has)
        return UsualSender(self.sender, self.sender_can_be_answered, gateways)

    @property
    def cancellation_notice(self) -> timedelta:
        """How long before its start an appointment can last be cancelled, unless `smsbot.toml` says otherwise."""
        return timedelta(hours=self.cancellation_notice_hours)

    @property
    def reminder_lead(self) -> timedelta:
        """How long before its start the usager is reminded of an appointment, at the earliest."""
        return timedelta(hours=self.reminder_hours)

    @property
    def reminders_wait(self) -> QuietHours | None:
        """The hours, in the appointment's zone, in which no reminder is sent; None where there are none."""
        return QuietHours.parse(self.quiet_hours)

    @property
    def conversation_expiry(self) -> timedelta:
        """How long an unanswered question stays open."""
        return timedelta(minutes=self.conversation_expiry_minutes)

    @field_validator("public_url", "twilio_api_url", "vonage_api_url")
    @classmethod
    def _base_address(cls, value: str) -> str:
        return base_address(value)

    @field_validator("public_url")
    @classmethod
    def _fits_an_sms(cls, value: str) -> str:
        """Limit the length of the public URL, because every link in an SMS begins with it."""
        if not is_told_whole(f"{value}{LINK_PATH}{'z' * MOST_LINK_CHARACTERS}"):
            raise ValueError("too long for an SMS, or not in its letters")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: str) -> str:
        url = _split(value, schemes=_SMTP_SCHEMES)
        if url.path not in ("", "/") or url.query or url.fragment:
            raise ValueError("more than a server")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        """Check the length of the key without the spaces around it."""
        if len(value.get_secret_value().strip().encode()) < 32:
            raise ValueError("too short")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _hours_of_the_day(cls, value: str) -> str:
        QuietHours.parse(value)
        return value

    @field_validator("sender")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        sender_kind(value)
        return value

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

    @field_validator("vonage_private_key")
    @classmethod
    def _key_itself(cls, value: SecretStr | None) -> SecretStr | None:
        """The private key. The variable holds it, with line ends that may be written as \\n, or names its file."""
        if value is None:
            return None
        text = value.get_secret_value()
        if "-----BEGIN" not in text:
            try:
                text = Path(text).read_text(encoding="ascii")
            except OSError:
                raise ValueError("no such file") from None
        return SecretStr(text.replace("\\n", "\n"))

    @field_validator("twilio_sender", "twilio_two_way")
    @classmethod
    def _has_another_name(cls, value: object) -> None:
        if value is not None:
            raise PydanticCustomError("renamed", "has another name now")

    @field_validator("twilio_auth_token", "vonage_api_secret", "vonage_private_key", "vonage_signature_secret")
    @classmethod
    def _beside_each_other(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Check that a secret and the settings it belongs to come together.

        Settings that are wrong have their own sentence.
        """
        needed_by = {
            "twilio_auth_token": ("twilio_account_sid",),
            "vonage_api_secret": ("vonage_api_key",),
            "vonage_private_key": ("vonage_application_id",),
            "vonage_signature_secret": ("vonage_api_key", "vonage_application_id"),
        }[str(info.field_name)]
        if not all(name in info.data for name in needed_by):
            return value
        needed = any(info.data[name] is not None for name in needed_by)
        if needed and value is None:
            raise PydanticCustomError("missing", "is missing")
        if value is not None and not needed:
            raise ValueError("belongs to nothing")
        return value

    @field_validator("mail_from")
    @classmethod
    def _mail_address(cls, value: str) -> str:
        """Check that this is one address (RFC 5322) from which e-mail can be sent."""
        from smsbot.messages.email_addresses import parse_address  # here: commands that only use the database need none

        if len(value) > _LONGEST_MAIL_FROM:
            raise ValueError("longer than any header")
        try:
            Address(addr_spec=parse_address(value).addr_spec)
        except (HeaderParseError, ValueError, IndexError):
            raise ValueError("no address") from None
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_address(cls, value: str | None) -> str | None:
        if value is not None and (url := _split(value, schemes=("http", "https"))) and (url.query or url.fragment):
            raise ValueError("more than an address")
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _beside_the_issuer(cls, value: object, info: ValidationInfo) -> object:
        if "oidc_issuer" not in info.data:
            return value  # the issuer is wrong already, and has its own sentence
        if (value is None) != (info.data["oidc_issuer"] is None):
            raise ValueError("needed, or belongs to nothing")
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _enough_to_know_who(cls, value: str) -> str:
        if not {"openid", "email"} <= set(value.split()):
            raise ValueError("not enough")
        return " ".join(value.split())

    @field_validator("answered_prefixes", mode="before")
    @classmethod
    def _list_of_prefixes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        prefixes = tuple(prefix.strip() for prefix in value.split(",") if prefix.strip())
        if not all(re.fullmatch(r"\+[1-9][0-9]{0,6}", prefix) for prefix in prefixes):
            raise ValueError("no prefix")
        return prefixes

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _list_of_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        networks = tuple(network.strip() for network in value.split(",") if network.strip())
        for network in networks:
            ip_network(network)
        return networks


def base_address(value: str) -> str:
    """The address without a slash at its end. Raises ValueError where it is more or less than a base address."""
    url = _split(value, schemes=("http", "https"))
    if url.query or url.fragment or url.username is not None:
        raise ValueError("more than an address")
    return value.rstrip("/")


def secret_from(variable: str) -> SecretStr:
    """The secret in the variable that `smsbot.toml` names (`secret_env`), from the environment or `.env`.

    Raises `SettingsProblem` where it is missing.
    """
    fields: dict[str, Any] = {"secret": (SecretStr | None, Field(default=None, validation_alias=variable))}
    reader = create_model("Secret", __base__=_EnvironmentAndFile, **fields)
    secret: SecretStr | None = reader().secret  # type: ignore[attr-defined] # the field made just above
    if secret is None or not secret.get_secret_value().strip():
        raise SettingsProblem(f"{variable} is missing, though smsbot.toml names it: {_WHERE}")
    return secret


class _EnvironmentAndFile(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )


_WHERE = "set it in the environment or in .env"


def _sentences(settings: type[Settings], errors: list[ErrorDetails]) -> list[str]:
    """One sentence for each problem. Where a setting is written under its old name, only the sentence about that."""
    by_field = {str(error["loc"][0]): error for error in errors}
    for old, new in _RENAMED.items():
        if old in by_field:
            by_field.pop(new, None)
    return [_sentence(settings, field, error["type"]) for field, error in by_field.items()]


def _sentence(settings: type[Settings], field: str, problem: str) -> str:
    variable = PREFIX + field.upper()
    if field in _RENAMED:
        new = PREFIX + _RENAMED[field].upper()
        return f"{variable} is called {new} now: rename it in the environment or in .env"
    said = "is missing" if problem == "missing" else "is wrong"
    return f"{variable} {said}: it should be {settings.model_fields[field].description}; {_WHERE}"


def _split(value: str, *, schemes: tuple[str, ...]) -> SplitResult:
    url = urlsplit(value)
    if url.scheme not in schemes or not url.hostname or not value.isprintable() or " " in value:
        raise ValueError("no such address")
    _ = url.port  # raises ValueError where the port is none
    return url
