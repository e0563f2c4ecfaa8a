"""The link to an usager's page, `https://…/r/{token}`: the same in every message, and stored nowhere.

A token is the participation's id with a keyed tag of 96 bits behind it (HMAC-SHA256, RFC 2104, cut to its first twelve
bytes), written in letters and digits alone: no phone ends a link early at those, or takes them for formatting.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from smsbot.signing import derived_key

PATH = "/r/"
TAG_BYTES = 12
MOST_CHARACTERS = 27
"""Of a token: the largest id (63 bits) with its tag (96 bits), in base 62."""

_TOKEN_AND_SIGNS = re.compile(r"([0-9A-Za-z]+)(?:(?:[^\w/]|_)[^/]*)?(?:/[\W_]*)?")
"""A token, then perhaps a sign that belongs to no link (a full stop, a bracket, a no-break space) and what follows it.
Behind a slash there may only be signs: letters there are the address of another page."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the links. `public_url` is how the outside reaches the service, without a slash at its end."""

    secret_key: str = field(repr=False)
    public_url: str

    @property
    def is_https(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"

    @property
    def base_path(self) -> str:
        """What stands before every path outside: nothing, or as "/smsbot" where a proxy shares its host."""
        return urlsplit(self.public_url).path.rstrip("/")

    def url_for(self, participation_id: int) -> str:
        """The link that messages carry."""
        return f"{self.public_url}{PATH}{self._token(participation_id)}"

    def path_for(self, participation_id: int) -> str:
        """The path of `url_for` alone, for redirects, forms and cookies."""
        return f"{self.base_path}{PATH}{self._token(participation_id)}"

    def participation_id_of(self, token: str) -> int | None:
        """The participation that `token` was made for; None where this key has made no such token."""
        if not token or len(token) > MOST_CHARACTERS or not _VALUES.keys() >= set(token):
            return None
        participation_id = _number(token) >> 8 * TAG_BYTES
        return participation_id if hmac.compare_digest(token, self._token(participation_id)) else None

    def participation_id_before_signs(self, path: str) -> int | None:
        """The participation of a link that a telephone cut out with the sign behind it, as in "X5m718MFe05Qf9dLGV)."

        `path` is what stands behind "/r/". The token itself is held to the same check; None where that fails.
        """
        found = _TOKEN_AND_SIGNS.fullmatch(path)
        return None if found is None else self.participation_id_of(found[1])

    def _token(self, participation_id: int) -> str:
        key = derived_key(self.secret_key, "link")
        tag = hmac.digest(key, str(participation_id).encode(), hashlib.sha256)[:TAG_BYTES]
        return _written(participation_id << 8 * TAG_BYTES | int.from_bytes(tag, "big"))


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
