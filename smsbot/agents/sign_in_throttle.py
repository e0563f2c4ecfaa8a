"""Limits how often one may try to sign in: some tries at once, then one at a time. All processes share the limits.

Each key has one moment, `spent_until`. After it there is nothing to remember, and the row is deleted. It is later than
the `free_at` of `smsbot.rules.rate_limit` by the limit's credit. Keys are keyed hashes, so the table holds no
addresses, neither of people nor of machines.
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

_IPV6_PREFIX_BITS = 64  # the prefix of a single line or machine (RFC 6177)


PASSWORDS = RateLimit.at_once(10, timedelta(minutes=2))
"""Tries at one account, from one network address or one known device."""
PASSWORDS_BY_STRANGERS = RateLimit.at_once(100, timedelta(minutes=2))
"""Tries at one account, from all network addresses together, without known devices."""
PASSWORDS_FROM_ADDRESS = RateLimit.at_once(40, timedelta(seconds=15))
"""Tries at all accounts from one network address, without known devices. A whole town hall may share the address."""
RESETS_OF_ACCOUNT = RateLimit.at_once(3, timedelta(minutes=20))
RESETS_FROM_ADDRESS = RateLimit.at_once(20, timedelta(minutes=2))


class PasswordTries(NamedTuple):
    """The keys under which a try counts, with their limits. The right password clears `own`."""

    own: str
    limits: dict[str, RateLimit]


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts tries. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def passwords_by_stranger(self, email: str, address: str) -> PasswordTries:
        """The keys for a try at this account from a device that is not known for it."""
        own = self.key_of_account_from("password", email, network_of(address))
        together = {
            self.key_of_account("password", email): PASSWORDS_BY_STRANGERS,
            self.key_of_address("password", address): PASSWORDS_FROM_ADDRESS,
        }
        return PasswordTries(own, {own: PASSWORDS, **together})

    def passwords_by_device(self, email: str, device: str) -> PasswordTries:
        """The key for a try at this account from a device that is known for it. Only its own tries count."""
        own = self.key_of_account_from("password device", email, device)
        return PasswordTries(own, {own: PASSWORDS})

    def resets(self, email: str, address: str) -> dict[str, RateLimit]:
        """The keys for asking for a link for this account."""
        return {
            self.key_of_account("reset", email): RESETS_OF_ACCOUNT,
            self.key_of_address("reset", address): RESETS_FROM_ADDRESS,
        }

    def key_of_account(self, purpose: str, email: str) -> str:
        return self._key(f"{purpose} account", email.lower())

    def key_of_address(self, purpose: str, address: str) -> str:
        return self._key(f"{purpose} address", network_of(address))

    def key_of_account_from(self, purpose: str, email: str, origin: str) -> str:
        """The key of an account together with where the try comes from: a network or a known device."""
        return self._key(f"{purpose} account and origin", f"{origin} {email.lower()}")

    def admit(self, connection: Connection, tries: dict[str, RateLimit], now: datetime) -> bool:
        """Count one try under each of these keys. If one of them has had too many, count nothing and return False."""
        for key in sorted(tries):  # always the same order of locks
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
        """Clear this key after the right password: the tries before were the agent's own."""
        connection.execute(delete(sign_in_throttles).where(sign_in_throttles.c.key == key))

    def _key(self, kind: str, value: str) -> str:
        secret = derived_key(self.secret_key, "sign-in throttle")
        return hmac.digest(secret, f"{kind}:{value}".encode(), "sha256").hex()


def forget_old_tries(connection: Connection, now: datetime) -> None:
    """Delete tries that no longer count."""
    connection.execute(delete(sign_in_throttles).where(sign_in_throttles.c.spent_until < now))


def network_of(address: str) -> str:
    """The network of a request's address: the IPv4 address itself, or the first half of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # a name, as test clients have instead of an address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(int(parsed) >> (128 - _IPV6_PREFIX_BITS))
