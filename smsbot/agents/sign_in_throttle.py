"""How often one may try to sign in: so many times at once, then at a steady pace; shared by all processes.

It is the generic cell rate algorithm (ITU-T I.371), which needs one moment for each key and no timer: every try moves
that moment on by an interval, and one that would move it too far ahead of now is refused. Keys are keyed hashes, so the
table holds neither addresses of people nor of machines.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address

from sqlalchemy import Connection, delete, select

from smsbot.links import derived_key
from smsbot.store.database import insert, serialise
from smsbot.store.tables import sign_in_throttles

_IPV6_PREFIX_BITS = 64  # what a single line or machine is given (RFC 6177)


@dataclass(frozen=True, slots=True)
class Pace:
    """`at_once` tries, and one more for every `interval` that passes."""

    at_once: int
    interval: timedelta


PASSWORDS_OF_ACCOUNT = Pace(10, timedelta(minutes=2))
PASSWORDS_FROM_ADDRESS = Pace(40, timedelta(seconds=15))  # a town hall may share one
RESETS_OF_ACCOUNT = Pace(3, timedelta(minutes=20))
RESETS_FROM_ADDRESS = Pace(20, timedelta(minutes=2))


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts tries. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def key_of_account(self, purpose: str, email: str) -> str:
        return self._key(f"{purpose} account", email.lower())

    def key_of_address(self, purpose: str, address: str) -> str:
        """Of the network that a request came from: an IPv4 address, or the first half of an IPv6 one."""
        return self._key(f"{purpose} address", _network(address))

    def admit(self, connection: Connection, tries: dict[str, Pace], now: datetime) -> bool:
        """Count one try under each of these keys, unless one of them has been tried too often: then count none."""
        for key in sorted(tries):  # one order of locks for everyone
            serialise(connection, key)
        spent = {
            row.key: row.spent_until
            for row in connection.execute(select(sign_in_throttles).where(sign_in_throttles.c.key.in_(tries)))
        }
        starts = {key: max(spent.get(key, now), now) for key in tries}
        if any(starts[key] - now > pace.interval * (pace.at_once - 1) for key, pace in tries.items()):
            return False
        forget_old_tries(connection, now)
        for key, pace in tries.items():
            moved = {"spent_until": starts[key] + pace.interval}
            statement = insert(connection, sign_in_throttles).values(key=key, **moved)
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=moved))
        return True

    def forget(self, connection: Connection, key: str) -> None:
        """The right password: what came before was a person trying."""
        connection.execute(delete(sign_in_throttles).where(sign_in_throttles.c.key == key))

    def _key(self, kind: str, value: str) -> str:
        secret = derived_key(self.secret_key, "sign-in throttle")
        return hmac.digest(secret, f"{kind}:{value}".encode(), "sha256").hex()


def forget_old_tries(connection: Connection, now: datetime) -> None:
    """Tries that count no longer."""
    connection.execute(delete(sign_in_throttles).where(sign_in_throttles.c.spent_until < now))


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a name, as test clients have
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(int(parsed) >> (128 - _IPV6_PREFIX_BITS))
