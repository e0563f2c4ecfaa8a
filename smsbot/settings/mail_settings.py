"""The settings of e-mail."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address

from pydantic import Field, field_validator

from smsbot.settings.environment import EnvironmentSettings, url_parts

_SMTP_SCHEMES = ("smtp", "smtps", "smtp+starttls")
_LONGEST_MAIL_FROM = 320


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
