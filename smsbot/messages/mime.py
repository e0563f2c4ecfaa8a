"""An e-mail as it travels: multipart/alternative with plain text, HTML and a calendar part (RFC 2046, RFC 6047)."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import getaddresses

from smsbot.messages.email import EmailContent
from smsbot.messages.fitting import one_line


def to_message(
    content: EmailContent,
    *,
    sender: str,
    recipient: str,
    message_id: str,
    date: datetime,
    auto_submitted: str = "auto-generated",
) -> EmailMessage:
    """`content` addressed and ready to be sent.

    `sender` and `recipient` are addresses, with or without a name ("RDV Solidarités <rdv@example.org>"); `message_id`
    comes with its angle brackets; `date` is aware. `auto_submitted` is RFC 3834's, so that no autoresponder answers.
    A domain outside ASCII is written in IDNA; a local part outside ASCII needs a server with SMTPUTF8.

    Raises `ValueError` for what is no address: nothing in it can add a header.
    """
    addresses = [parse_address(sender), parse_address(recipient)]
    is_ascii = all(address.addr_spec.isascii() for address in addresses)
    message = EmailMessage(SMTP if is_ascii else SMTPUTF8)
    message["From"], message["To"] = addresses
    message["Subject"] = one_line(content.subject)
    message["Date"] = date
    message["Message-ID"] = one_line(message_id)
    message["Auto-Submitted"] = one_line(auto_submitted)
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    if content.calendar is not None and content.calendar_method is not None:
        message.add_alternative(
            content.calendar, subtype="calendar", cte="base64", params={"method": content.calendar_method}
        )
    return message


def parse_address(written: str) -> Address:
    """The one address in `written`, its name apart. Raises `ValueError` where there is none, or more than that."""
    found = getaddresses([written]) if written.isprintable() else []
    name, address = found[0] if len(found) == 1 else ("", "")
    username, _, domain = address.rpartition("@")
    if not (username and domain) or " " in address:
        raise ValueError("this is not an e-mail address")
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("this is not an e-mail address: its domain cannot exist") from error
    return Address(display_name=name, username=username, domain=ascii_domain)
