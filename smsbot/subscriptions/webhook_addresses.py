"""Which addresses webhooks may be posted to: https, on the public internet.

Everybody with a token can choose an address. So it must not lead into the service's own network, to a database or a
cloud's metadata. The name is looked up once for each request, all its IP addresses are checked, and the request goes to
one that was checked. So a name that changes between two look-ups leads nowhere else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from smsbot.gateways.base import SendLater, SendRefused

LONGEST_URL = 2000
_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))
"""Networks in which an IPv6 address contains an IPv4 address, which may be private."""


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a request goes: to the IP address `ip`, for the `host` and with the `path` of the URL."""

    scheme: str
    host: str
    port: int
    ip: str
    path: str

    @property
    def url(self) -> str:
        """The URL with the IP address in place of the name."""
        return f"{self.scheme}://{_bracketed(self.ip)}:{self.port}{self.path}"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        usual = {"https": 443, "http": 80}[self.scheme]
        return _bracketed(self.host) if self.port == usual else f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class WebhookAddresses:
    """Checks addresses. With `private_allowed` they may lead into private networks, and be http on this machine."""

    private_allowed: bool = False

    def check(self, url: str) -> str:
        """The URL unchanged. Raises ValueError with the end of a sentence for a URL that must never be posted to."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
            raise ValueError(
                f"is not an address such as https://agenda.example.fr/smsbot, of {LONGEST_URL} characters at most"
            )
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("has a user, a password or a fragment, which are not sent")
        is_here = host == "localhost" or _is_loopback(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here and self.private_allowed):
            raise ValueError("is not https")
        if not self.private_allowed and (is_here or (_is_ip(host) and not _is_public(host))):
            raise ValueError("leads into a private network (SMSBOT_WEBHOOKS_TO_PRIVATE_NETWORKS)")
        return url

    async def target(self, url: str) -> WebhookTarget:
        """Where a request to this URL goes now. Raises SendRefused; and SendLater if the name is not found."""
        try:
            self.check(url)
        except ValueError as problem:
            raise SendRefused("address", f"The address {problem}.") from None
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SendLater("unknown-host", "The name of the address is not found.") from None
        addresses = [str(each[4][0]) for each in found]
        if not self.private_allowed and not all(map(_is_public, addresses)):
            raise SendLater("private-network", "The address leads into a private network.")
        if parts.scheme == "http" and not all(map(_is_loopback, addresses)):
            raise SendRefused("address", "The address is not https.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return WebhookTarget(parts.scheme, host, port, addresses[0], path)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or any(ip in network for network in _TRANSLATED)):
        return False
    return ip.is_global and not ip.is_multicast


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
