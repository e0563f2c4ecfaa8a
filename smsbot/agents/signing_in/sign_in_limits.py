"""Limits tries to sign in: how often one may try, which devices are known, and who waits for Argon2.

- **Throttle.** A few tries may come at once, then only one at a time. All processes share the limits. Each key has one
  moment, `spent_until`. After it there is nothing to remember, and the row is deleted. It is later than the `free_at`
  of `smsbot.rules.rate_limit` by the limit's credit. Keys are keyed hashes, so the table holds neither e-mail addresses
  nor network addresses.
- **Known devices.** A signed cookie says that the passwords of these accounts were known in this browser. Tries from
  there are counted separately, so that tries by strangers lock no agent out. The cookie gives no access, and it holds
  keyed hashes and no addresses. See OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
- **Queue.** Argon2 takes memory and time on purpose, so only a few passwords are checked at once. The others wait, and
  origins take turns, so an origin with many tries only delays itself. When the queue is full, the next try is refused
  at once. Known devices have their own queue, which goes first, so strangers cannot fill it. A queue belongs to one
  event loop and is used only there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from smsbot.agents.tokens import new_token
from smsbot.problem import Problem
from smsbot.rules.rate_limit import RateLimit
from smsbot.signing import Signer, keyed_hash
from smsbot.store.database import serialise, upsert
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

DEVICE_LIFETIME = timedelta(days=365)
_MOST_ACCOUNTS = 20
"""The most accounts of one browser: a reception desk has several agents. The newest are kept."""

AT_ONCE = 2  # times 64 MiB
MOST_WAITING = 24
MOST_WAITING_OF_ONE = 6


class PasswordTries(NamedTuple):
    """The keys under which a try is counted, with their limits. The right password clears `own`."""

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
        """The keys for asking for a link to set this account's password."""
        return {
            self.key_of_account("reset", email): RESETS_OF_ACCOUNT,
            self.key_of_address("reset", address): RESETS_FROM_ADDRESS,
        }

    def key_of_account(self, purpose: str, email: str) -> str:
        return self._key(f"{purpose} account", email.lower())

    def key_of_address(self, purpose: str, address: str) -> str:
        return self._key(f"{purpose} address", network_of(address))

    def key_of_account_from(self, purpose: str, email: str, origin: str) -> str:
        """The key of an account together with the origin of the try: a network or a known device."""
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
            statement = upsert(connection, sign_in_throttles).values(key=key, **moved)
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=moved))
        return True

    def forget(self, connection: Connection, key: str) -> None:
        """Clear this key after the right password, because the tries before it were the agent's own."""
        connection.execute(delete(sign_in_throttles).where(sign_in_throttles.c.key == key))

    def _key(self, kind: str, value: str) -> str:
        return keyed_hash(self.secret_key, "sign-in throttle", f"{kind}:{value}")


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


@dataclass(frozen=True, slots=True)
class KnownDevices:
    """Reads and writes the cookie. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def device_known_for(self, email: str, cookie: str, now: datetime) -> str | None:
        """The name of the device, if this account's password was known there; else None. `cookie` may be any text."""
        device, accounts = self._read(cookie, now)
        return device if self._account(email) in accounts else None

    def after_sign_in(self, email: str, cookie: str, now: datetime) -> str:
        """The cookie to set after a sign-in. `cookie` is the one that the browser had."""
        device, accounts = self._read(cookie, now)
        account = self._account(email)
        kept = [each for each in accounts if each != account][1 - _MOST_ACCOUNTS :]
        return self._signer.sign([device or new_token(), [*kept, account]], now)

    def _read(self, cookie: str, now: datetime) -> tuple[str | None, list[str]]:
        match self._signer.read(cookie, now):
            case [str(device), list(accounts)]:
                return device, accounts
        return None, []

    def _account(self, email: str) -> str:
        return keyed_hash(self.secret_key, "account of a known device", email.lower())[:24]

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret_key, "known device", DEVICE_LIFETIME)


class QueueFull(Problem):
    """The queue is full. Another try may succeed in some seconds."""


@dataclass(slots=True)
class _Lane:
    """The waiting tries, by origin. The first origin is called next."""

    waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)

    def join(self, origin: str) -> asyncio.Future[None]:
        """Join this lane. The future is done when it is this try's turn. Raises QueueFull."""
        own = len(self.waiting.get(origin, ()))
        if own >= MOST_WAITING_OF_ONE or sum(map(len, self.waiting.values())) >= MOST_WAITING:
            raise QueueFull("Too many people are signing in at this moment: try again in a minute.")
        turn = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(origin, deque()).append(turn)
        return turn

    def leave(self, origin: str, turn: asyncio.Future[None]) -> None:
        turns = self.waiting.get(origin, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            self.waiting.pop(origin, None)

    def call_next(self) -> bool:
        """Call the next try; its origin becomes the last one. False where none waits."""
        while self.waiting:
            origin, turns = self.waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self.waiting[origin] = turns
            if not turn.cancelled():  # a cancelled one leaves by itself
                turn.set_result(None)
                return True
        return False


@dataclass(slots=True)
class SignInQueue:
    """Decides whose password is checked next."""

    _free: int = AT_ONCE
    _known: _Lane = field(default_factory=_Lane)
    _strangers: _Lane = field(default_factory=_Lane)

    @asynccontextmanager
    async def turn(self, origin: str, *, is_known: bool) -> AsyncIterator[None]:
        """Wait for a turn, and keep it while the block runs. Raises QueueFull at once where the queue is full."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(self._known if is_known else self._strangers, origin)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, lane: _Lane, origin: str) -> None:
        turn = lane.join(origin)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                lane.leave(origin, turn)
            else:  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        if not self._known.call_next() and not self._strangers.call_next():
            self._free += 1
