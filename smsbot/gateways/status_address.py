"""The address where a gateway posts the statuses of a message. It holds our id of the message and a keyed tag.

It is for gateways that prove who they are or what the body says, but not which address they post to. Without the tag,
somebody who has seen one webhook could post it again with another message's id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from smsbot.policy.gateways import ADDRESS_PARAMETERS
from smsbot.signing import derived_key

OUTGOING_ID_PARAMETER, TAG_PARAMETER = ADDRESS_PARAMETERS

_TAG_BYTES = 12
_OUTGOING_ID = re.compile(r"[0-9]{1,18}")


def status_key(secret_key: str, gateway: str) -> bytes:
    """The key of a gateway's tags, made of `SMSBOT_SECRET_KEY`."""
    return derived_key(secret_key, f"status of {gateway}")


@dataclass(frozen=True, slots=True)
class StatusAddress:
    """Makes and reads the parameters of such addresses. `key` comes from `status_key`."""

    key: bytes = field(repr=False)

    def parameters(self, outgoing_id: int) -> dict[str, str]:
        """The query parameters of the address for this message."""
        return {OUTGOING_ID_PARAMETER: str(outgoing_id), TAG_PARAMETER: self._tag(outgoing_id)}

    def outgoing_id(self, query: Mapping[str, str]) -> int | None:
        """Our id of the message that the address was made for; None where the tag is not right."""
        read = outgoing_id(query.get(OUTGOING_ID_PARAMETER))
        if read is None:
            return None
        given = query.get(TAG_PARAMETER, "").encode("utf-8", "replace")
        return read if hmac.compare_digest(given, self._tag(read).encode()) else None

    def _tag(self, outgoing_id: int) -> str:
        digest = hmac.digest(self.key, str(outgoing_id).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_TAG_BYTES]).decode()


def outgoing_id(written: object) -> int | None:
    """Our id of a message, as a gateway gives it back; None where the text is none."""
    return int(written) if isinstance(written, str) and _OUTGOING_ID.fullmatch(written) else None
