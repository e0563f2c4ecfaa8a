"""E-mail addresses: what can be one, and the form in which it goes into a message. Nothing is looked up."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.utils import getaddresses

from email_validator import EmailNotValidError, validate_email

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_ENCODED_WORD = "=?"
"""Where a header begins to say something else than what is written (RFC 2047): "a@=?utf-8?q?evil.fr?=" is evil.fr."""


def is_email_address(text: str) -> bool:
    """Whether mail could reach `text`, a bare address, over the Internet: names such as `localhost` are refused."""
    if _ENCODED_WORD in text:
        return False
    try:
        validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return False
    return True


def parse_address(written: str) -> Address:
    """The one address in `written`, its name apart, its domain in ASCII (IDNA 2008).

    Domains inside a network, such as `localhost`, are taken too: a mail server may be there. Raises `ValueError` where
    there is no address, or more than one.
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
