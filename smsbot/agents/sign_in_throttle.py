"""How often one may try to sign in: so many times at once, then at a steady pace; shared by all processes.

Each key keeps one moment, `spent_until`: from then on there is nothing of it to remember, and its row can go. It lies
by the limit's credit after the `free_at` of `smsbot.rules.rate_limit`. Keys are keyed hashes, so the table holds
neither addresses of people nor of machines.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from smsbot.rules.rate_limit import RateLimit
from smsbot.signing import derived_key
from smsbot.store.database import insert, serialise
from smsbot.store.tables import sign_in_throttles

_IPV6_PREFIX_BITS = 64  # what a single line or machine is given (RFC 6177)


PASSWORDS = RateLimit.at_once(10, timedelta(minutes=2))
"""Of one account, from one network address or from one known device."""
PASSWORDS_BY_STRANGERS = RateLimit.at_once(100, timedelta(minutes=2))
"""Of one account, from all network addresses together, known devices apart."""
PASSWORDS_FROM_ADDRESS = RateLimit.at_once(40, timedelta(seconds=15))
"""Of all accounts, from one network address, which a whole town hall may share; known devices apart."""
RESETS_OF_ACCOUNT = RateLimit.at_once(3, timedelta(minutes=20))
RESETS_FROM_ADDRESS = RateLimit.at_once(20, timedelta(minutes=2))


class PasswordTries(NamedTuple):
    """The keys that a try counts under, with their limits; `own` is the one that the right password ends."""

    own: str
    limits: dict[str, RateLimit]


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts tries. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def passwords_by_stranger(self, email: str, address: str) -> PasswordTries:
        """What a try at this account counts against, from a device that is not known for it."""
        own = self.key_of_account_from("password", email, network_of(address))
        together = {
            self.key_of_account("password", email): PASSWORDS_BY_STRANGERS,
            self.key_of_address("password", address): PASSWORDS_FROM_ADDRESS,
        }
        return PasswordTries(own, {own: PASSWORDS, **together})

    def passwords_by_device(self, email: str, device: str) -> PasswordTries:
        """What a try at this account counts against, from a device that is known for it: its own tries alone."""
        own = self.key_of_account_from("password device", email, device)
        return PasswordTries(own, {own: PASSWORDS})

    def resets(self, email: str, address: str) -> dict[str, RateLimit]:
        """What asking for a link for this account counts against."""
        return {
            self.key_of_account("reset", email): RESETS_OF_ACCOUNT,
            self.key_of_address("reset", address): RESETS_FROM_ADDRESS,
        }

    def key_of_account(self, purpose: str, email: str) -> str:
        return self._key(f"{purpose} account", email.lower())

    def key_of_address(self, purpose: str, address: str) -> str:
        return self._key(f"{purpose} address", network_of(address))

    def key_of_account_from(self, purpose: str, email: str, origin: str) -> str:
        """Of an account and where it is tried from: a network, or a known device."""
        return self._key(f"{purpose} account and origin", f"{origin} {email.lower()}")

    def admit(self, connection: Connection, tries: dict[str, RateLimit], now: datetime) -> bool:
        """Count one try under each of these keys, unless one of them has been tried too often: then count none."""
        for key in sorted(tries):  # one order of locks for everyone
            serialise(connection, key)
        rows = connection.execute(select(sign_in_throttles).where(sign_in_throttles.c.key.in_(tries)))
        free_at = {row.key: row.spent_until - tries[row.key].credit for row in rows}
        allowed = {key: limit.allowance(free_at.get(key), now) for key, limit in tries.items()}
        if not all(each.number for each in allowed.values()):
            return False
        forget_old_tries(connection, now)
        for key, limit in tries.items():
            moved = {"spent_until": allowed[key].free_at_after(1) + limit.credit}
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


def network_of(address: str) -> str:
    """The network that a request came from: an IPv4 address, or the first half of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a name, as test clients have
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(int(parsed) >> (128 - _IPV6_PREFIX_BITS))
