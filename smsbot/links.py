"""The link to an usager's page, `https://…/r/{token}`. It is the same in every message and stored nowhere.

A token is the participation's id with a keyed tag of 96 bits (HMAC-SHA256, RFC 2104, cut to its first twelve bytes). It
is written in letters and digits only, because telephones end links at other signs or take them for formatting.
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
"""The most characters of a token: the largest id (63 bits) with its tag (96 bits), in base 62."""

_TOKEN_AND_SIGNS = re.compile(r"([0-9A-Za-z]+)(?:(?:[^\w/]|_)[^/]*)?(?:/[\W_]*)?")
"""A token, then perhaps a sign that no link has (a full stop, a bracket, a no-break space) and what follows it.

After a slash only signs are allowed: letters there are the address of another page.
"""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the links. `public_url` is the service's address for the outside, without a slash at its end."""

    secret_key: str = field(repr=False)
    public_url: str

    @property
    def is_https(self) -> bool:
        return urlsplit(self.public_url).scheme == "https"

    @property
    def base_path(self) -> str:
        """The path of the public URL: empty, or such as "/smsbot" where the service shares a host."""
        return urlsplit(self.public_url).path.rstrip("/")

    def url_for(self, participation_id: int) -> str:
        """The link for messages."""
        return f"{self.public_url}{PATH}{self._token(participation_id)}"

    def path_for(self, participation_id: int) -> str:
        """The path of `url_for`, for redirects, forms and cookies."""
        return f"{self.base_path}{PATH}{self._token(participation_id)}"

    def participation_id_of(self, token: str) -> int | None:
        """The participation (our id) that `token` was made for; None where it was not made with this key."""
        if not token or len(token) > MOST_CHARACTERS or not _VALUES.keys() >= set(token):
            return None
        participation_id = _number(token) >> 8 * TAG_BYTES
        return participation_id if hmac.compare_digest(token, self._token(participation_id)) else None

    def participation_id_before_signs(self, path: str) -> int | None:
        """The same for a link that a telephone has cut out with the sign behind it, as in "X5m718MFe05Qf9dLGV)."

        `path` is what comes after "/r/". The token's tag is checked as always; None where it is wrong.
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
