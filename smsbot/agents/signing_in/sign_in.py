"""Signs agents in with e-mail address and password, and sets passwords.

Tries are limited, and no answer shows which addresses have an account.

Argon2 takes memory and time on purpose. So it runs in a few threads of its own, behind a short queue, and never within
a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from smsbot.agents.accounts import Agent, find_agent
from smsbot.agents.signing_in.passwords import Hashing, forget_old_resets, issue_reset, kept_password, use_reset
from smsbot.agents.signing_in.sign_in_limits import (
    AT_ONCE,
    KnownDevices,
    QueueFull,
    SignInQueue,
    Throttle,
    forget_old_tries,
    network_of,
)
from smsbot.agents.tokens import forget_ended_sessions, forget_expired_tokens, open_session
from smsbot.runtime import PeriodicWork
from smsbot.store.database import Database

_T = TypeVar("_T")

_SWEPT_EVERY = timedelta(hours=1)


class SignInRefusal(StrEnum):
    """Why nobody was signed in."""

    WRONG = "wrong"  # wrong address or password; which one is not told
    TOO_OFTEN = "too_often"
    BUSY = "busy"  # too many are waiting: nothing was checked or counted
    STALE = "stale"  # the link to set a password is not valid any more


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a try comes from: the network address, and the browser's cookie of known devices ("" for none)."""

    address: str
    device: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the browser gets: the token of a new session, and the cookie that makes it a known device."""

    token: str = field(repr=False)
    device: str = field(repr=False)


def _threads() -> Executor:
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="argon2")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signs agents in."""

    database: Database
    throttle: Throttle
    devices: KnownDevices
    hashing: Hashing = field(default_factory=Hashing)
    queue: SignInQueue = field(default_factory=SignInQueue)
    threads: Executor = field(default_factory=_threads, repr=False)

    async def with_password(self, email: str, password: str, origin: Origin, now: datetime) -> SignedIn | SignInRefusal:
        """Open a session for an agent with the right password, or say why not."""
        device = self.devices.device_known_for(email, origin.device, now)
        waits_as = network_of(origin.address) if device is None else device
        try:
            async with self.queue.turn(waits_as, is_known=device is not None):
                return await self._try(email, password, origin, device, now)
        except QueueFull:
            return SignInRefusal.BUSY

    async def _try(
        self, email: str, password: str, origin: Origin, device: str | None, now: datetime
    ) -> SignedIn | SignInRefusal:
        if device is None:
            tries = self.throttle.passwords_by_stranger(email, origin.address)
        else:
            tries = self.throttle.passwords_by_device(email, device)
        if not await self.database.write(lambda connection: self.throttle.admit(connection, tries.limits, now)):
            return SignInRefusal.TOO_OFTEN
        kept = await self.database.read(lambda connection: kept_password(connection, email))
        agent, password_hash = kept or (None, None)
        if not await self._in_thread(partial(self.hashing.fits, password_hash, password)) or agent is None:
            return SignInRefusal.WRONG

        def admit(connection: Connection) -> str | None:
            """Open the session, unless the agent was revoked or changed the password while this one was checked."""
            if kept_password(connection, email) != kept:
                return None
            self.throttle.forget(connection, tries.own)
            return open_session(connection, agent, now)

        return self._signed_in(await self.database.write(admit), email, origin, now) or SignInRefusal.WRONG

    async def may_ask_for_reset(self, email: str, address: str, now: datetime) -> bool:
        """Whether one more link may be asked for, for this address. The request is counted.

        The result does not depend on whether there is an account.
        """
        tries = self.throttle.resets(email, address)
        return await self.database.write(lambda connection: self.throttle.admit(connection, tries, now))

    async def send_reset(self, email: str, now: datetime, send: Callable[[Connection, Agent, str], None]) -> None:
        """Call `send` to write a link to the agent with this address, if there is one.

        How long this takes shows whether there is an account, so no request may wait for it.
        """

        def issue(connection: Connection) -> None:
            agent = find_agent(connection, email)
            if agent is not None:
                send(connection, agent, issue_reset(connection, agent, now))

        await self.database.write(issue)

    async def with_reset(
        self, token: str, password: str, origin: Origin, now: datetime, *, end_tokens: bool
    ) -> SignedIn | SignInRefusal:
        """Set the password with the token of a link, and open a session.

        `end_tokens`: end the agent's API tokens too.
        """
        try:
            async with self.queue.turn(token, is_known=True):
                password_hash = await self._in_thread(partial(self.hashing.hash, password))
        except QueueFull:
            return SignInRefusal.BUSY

        def change(connection: Connection) -> tuple[str | None, str]:
            agent = use_reset(connection, token, password_hash, now, end_tokens=end_tokens)
            if agent is None:
                return None, ""
            self.throttle.forget(connection, self.throttle.passwords_by_stranger(agent.email, origin.address).own)
            return open_session(connection, agent, now), agent.email

        session, email = await self.database.write(change)
        return self._signed_in(session, email, origin, now) or SignInRefusal.STALE

    def _signed_in(self, session: str | None, email: str, origin: Origin, now: datetime) -> SignedIn | None:
        if session is None:
            return None
        return SignedIn(session, self.devices.after_sign_in(email, origin.device, now))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


def sweep(connection: Connection, now: datetime) -> None:
    """Delete sessions and links that have expired and tries that no longer count."""
    forget_ended_sessions(connection, now)
    forget_old_resets(connection, now)
    forget_old_tries(connection, now)
    forget_expired_tokens(connection, now)


def sweeping(database: Database, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of `sweep`, once an hour."""

    async def once() -> None:
        now = clock()
        await database.write(lambda connection: sweep(connection, now))

    return PeriodicWork("sign_in_sweep", once, _SWEPT_EVERY)
