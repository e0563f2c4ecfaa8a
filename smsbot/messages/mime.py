"""An e-mail as it travels: multipart/alternative with plain text, HTML and a calendar part (RFC 2046, RFC 6047)."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from smsbot.messages.email import EmailContent
from smsbot.messages.email_addresses import parse_address
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
    """Make `content` a whole e-mail, with its headers, ready to be sent.

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
        method = {"method": content.calendar_method.value}
        message.add_alternative(content.calendar, subtype="calendar", cte="base64", params=method)
    return message
