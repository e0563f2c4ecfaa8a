"""Checks e-mail addresses and prepares them for a message. It never asks the DNS.

It is separate from `email`, so that a command that writes no e-mail need not load the templates and the calendar.
"""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import getaddresses

from email_validator import EmailNotValidError, validate_email

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_ENCODED_WORD = "=?"
"""In a header, this begins encoded text (RFC 2047): "a@=?utf-8?q?evil.fr?=" would be sent to evil.fr."""


def is_email_address(text: str) -> bool:
    """Whether `text` is an address without a name that can be reached over the Internet (unlike `a@localhost`)."""
    if _ENCODED_WORD in text:
        return False
    try:
        validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return False
    return True


def parse_address(written: str) -> Address:
    """Read one address, with or without a name (`RDV <rdv@example.fr>`). Its domain is returned in ASCII (IDNA 2008).

    Domains inside a network, such as `localhost`, are allowed too: the operator's mail server may be there. Raises
    `ValueError` if there is not exactly one address.
    """
    found = getaddresses([written]) if written.isprintable() else []
    name, address = found[0] if len(found) == 1 else ("", "")
    username, _, domain = address.rpartition("@")
    if not (username and domain) or " " in address or _ENCODED_WORD in address:
        raise ValueError("this is not an e-mail address")
    return Address(display_name=name, username=username, domain=_in_ascii(domain))


def _in_ascii(domain: str) -> str:
    if domain.isascii():
        if _HOST.fullmatch(domain):
            return domain
    else:
        try:
            return validate_email(f"any@{domain}", check_deliverability=False).ascii_domain
        except EmailNotValidError:
            pass
    raise ValueError("this is not an e-mail address: its domain cannot exist")
