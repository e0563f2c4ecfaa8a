"""Signs values with a separate key for each purpose, and makes the links to the usagers' pages.

What is signed for one purpose is not valid for another.

The link to an usager's page, `https://…/r/{token}`, is the same in every message and stored nowhere. A token is the
participation's id with a keyed tag of 96 bits (HMAC-SHA256, RFC 2104, cut to its first twelve bytes). It is written in
letters and digits only, because telephones end links at other signs or take them for formatting.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer

LINK_PATH = "/r/"
LINK_TAG_BYTES = 12
MOST_LINK_CHARACTERS = 27
"""The most characters of a token: the largest id (63 bits) with its tag (96 bits), in base 62."""

_TOKEN_AND_SIGNS = re.compile(r"([0-9A-Za-z]+)(?:[\s<].*|(?:(?:[^\w/]|_)[^/]*)?(?:/[\W_]*)?)", re.DOTALL)
"""A token, perhaps with a sign that no token has (a full stop, a bracket, a no-break space) and what follows it.

After white space or "<", everything is text. Otherwise only signs may follow a slash, because letters after it would be
the address of another page.
"""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


def derived_key(secret_key: str, purpose: str) -> bytes:
    """The key for one purpose, derived from the service's secret key."""
    return hmac.digest(secret_key.encode(), f"smsbot:{purpose}".encode(), hashlib.sha256)


def keyed_hash(secret_key: str, purpose: str, text: str) -> str:
    """The HMAC-SHA256 of a text with the key for one purpose, in hexadecimal. Making or checking it needs the key."""
    return hmac.digest(derived_key(secret_key, purpose), text.encode(), hashlib.sha256).hex()


def unpadded_base64(data: bytes) -> str:
    """These bytes in URL-safe base64, without the "=" at the end (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs values that a browser keeps for us in a cookie, and reads them back until `lifetime` is over.

    Anybody who has the cookie can read the value. Only we can make or change one. `secret_key` is the service's.
    """

    secret_key: str = field(repr=False)
    purpose: str
    lifetime: timedelta

    def sign(self, value: object, now: datetime) -> str:
        """The signed text of `value`, which JSON must be able to hold. Its characters are safe in cookies and URLs."""
        expiry = int((now + self.lifetime).timestamp())
        return self._serializer.dumps([expiry, value])

    def read(self, signed: str, now: datetime) -> object:
        """The value in a text that was signed for this purpose; None for any other text, and after the lifetime."""
        try:
            expiry, value = self._serializer.loads(signed)
        except (BadData, UnicodeError):
            return None
        return value if now.timestamp() < expiry else None

    @property
    def _serializer(self) -> URLSafeSerializer:
        key = derived_key(self.secret_key, self.purpose)
        return URLSafeSerializer(key, signer_kwargs={"key_derivation": "none", "digest_method": hashlib.sha256})


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the links. `public_url` is the public address of the service, without a slash at its end."""

    secret_key: str = field(repr=False)
    public_url: str

    @property
    def is_https(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"

    @property
    def base_path(self) -> str:
        """The path of the public URL: empty, or for example "/smsbot" if the service shares a host."""
        return urlsplit(self.public_url).path.rstrip("/")

    def url_for(self, participation_id: int) -> str:
        """The link for messages."""
        return f"{self.public_url}{LINK_PATH}{self._token(participation_id)}"

    def path_for(self, participation_id: int) -> str:
        """The path of `url_for`, for redirects, forms and cookies."""
        return f"{self.base_path}{LINK_PATH}{self._token(participation_id)}"

    def participation_id_of(self, token: str) -> int | None:
        """The participation (our id) that `token` was made for; None if it was not made with this key."""
        if not token or len(token) > MOST_LINK_CHARACTERS or not _VALUES.keys() >= set(token):
            return None
        participation_id = _number(token) >> 8 * LINK_TAG_BYTES
        return participation_id if hmac.compare_digest(token, self._token(participation_id)) else None

    def participation_id_before_signs(self, path: str) -> int | None:
        """The same for a link that a telephone has read together with the signs behind it: "X5m718MFe05Qf9dLGV).".

        `path` is what comes after "/r/". The tag is checked as usual; None if it is wrong.
        """
        found = _TOKEN_AND_SIGNS.fullmatch(path)
        return None if found is None else self.participation_id_of(found[1])

    def _token(self, participation_id: int) -> str:
        key = derived_key(self.secret_key, "link")
        tag = hmac.digest(key, str(participation_id).encode(), hashlib.sha256)[:LINK_TAG_BYTES]
        return _written(participation_id << 8 * LINK_TAG_BYTES | int.from_bytes(tag, "big"))


def _written(number: int) -> str:
    digits = ""
    while number:
        number, value = divmod(number, len(_DIGITS))
        digits = _DIGITS[value] + digits
    return digits


def _number(token: str) -> int:
    number = 0
    for digit in token:
        number = number * len(_DIGITS) + _VALUES[digit]
    return number


@dataclass(frozen=True, slots=True)
class FeedAddresses:
    """Makes and reads the secret addresses of calendars. `public_url` is the public address of the service.

    An address has the calendar's id and a keyed tag over this id and the calendar's nonce. It is stored nowhere.
    """

    secret_key: str = field(repr=False)
    public_url: str

    def url_for(self, path: str, feed_id: int, nonce: str) -> str:
        """The calendar's address. `path` is the path of the page that serves it."""
        return f"{self.public_url}{path}/{feed_id}-{self._tag(feed_id, nonce)}.ics"

    def fits(self, tag: str, feed_id: int, nonce: str) -> bool:
        """Whether `tag` was made for this calendar with this nonce."""
        return hmac.compare_digest(tag.encode(), self._tag(feed_id, nonce).encode())

    def _tag(self, feed_id: int, nonce: str) -> str:
        return keyed_hash(self.secret_key, "calendar feed", f"{feed_id} {nonce}")
