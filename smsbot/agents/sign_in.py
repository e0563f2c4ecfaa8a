"""Signing in with e-mail address and password, and setting one: throttled, and telling nothing of who has an account.

Argon2 takes memory and time on purpose, so it runs in threads of its own, few of them, and never within a transaction.
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
from smsbot.agents.passwords import Hashing, kept_password
from smsbot.agents.sessions import forget_ended_sessions, open_session
from smsbot.agents.sign_in_resets import forget_old_resets, issue_reset, use_reset
from smsbot.agents.sign_in_throttle import (
    PASSWORDS_FROM_ADDRESS,
    PASSWORDS_OF_ACCOUNT,
    RESETS_FROM_ADDRESS,
    RESETS_OF_ACCOUNT,
    Throttle,
    forget_old_tries,
)
from smsbot.runtime.supervisor import PeriodicWork
from smsbot.store.database import Database

_T = TypeVar("_T")

_AT_ONCE = 2  # times 64 MiB
_SWEPT_EVERY = timedelta(hours=1)


class SignInRefusal(StrEnum):
    """Why nobody was signed in."""

    WRONG = "wrong"  # the address or the password: never said which
    TOO_OFTEN = "too_often"


def _threads() -> Executor:
    return ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="argon2")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signs agents in. `address` is everywhere that of the network that a request came from."""

    database: Database
    throttle: Throttle
    hashing: Hashing = field(default_factory=Hashing)
    threads: Executor = field(default_factory=_threads, repr=False)

    async def with_password(self, email: str, password: str, address: str, now: datetime) -> str | SignInRefusal:
        """A new session's token for who knows the password."""
        account = self.throttle.key_of_account("password", email)
        tries = {
            account: PASSWORDS_OF_ACCOUNT,
            self.throttle.key_of_address("password", address): PASSWORDS_FROM_ADDRESS,
        }
        if not await self.database.write(lambda connection: self.throttle.admit(connection, tries, now)):
            return SignInRefusal.TOO_OFTEN
        kept = await self.database.read(lambda connection: kept_password(connection, email))
        agent, password_hash = kept or (None, None)
        if not await self._in_thread(partial(self.hashing.fits, password_hash, password)) or agent is None:
            return SignInRefusal.WRONG

        def admit(connection: Connection) -> str | SignInRefusal:
            """Who was revoked, or has changed their password, while this one was looked at, stays out."""
            if kept_password(connection, email) != kept:
                return SignInRefusal.WRONG
            self.throttle.forget(connection, account)
            return open_session(connection, agent, now)

        return await self.database.write(admit)

    async def ask_for_reset(
        self, email: str, address: str, now: datetime, send: Callable[[Connection, Agent, str], None]
    ) -> None:
        """`send` a link to who has this address, if anybody: from outside it looks the same for all."""
        tries = {
            self.throttle.key_of_account("reset", email): RESETS_OF_ACCOUNT,
            self.throttle.key_of_address("reset", address): RESETS_FROM_ADDRESS,
        }

        def ask(connection: Connection) -> None:
            agent = find_agent(connection, email) if self.throttle.admit(connection, tries, now) else None
            if agent is not None:
                send(connection, agent, issue_reset(connection, agent, now))

        await self.database.write(ask)

    async def with_reset(self, token: str, password: str, now: datetime) -> str | None:
        """Set the password that the link was for; a new session's token, or None where the link is good no longer."""
        password_hash = await self._in_thread(partial(self.hashing.hash, password))

        def change(connection: Connection) -> str | None:
            agent = use_reset(connection, token, password_hash, now)
            if agent is None:
                return None
            self.throttle.forget(connection, self.throttle.key_of_account("password", agent.email))
            return open_session(connection, agent, now)

        return await self.database.write(change)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


def sweep(connection: Connection, now: datetime) -> None:
    """Forget sessions that have ended, links that are too old and tries that count no longer."""
    forget_ended_sessions(connection, now)
    forget_old_resets(connection, now)
    forget_old_tries(connection, now)


def sweeping(database: Database, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of forgetting them, once an hour."""

    async def once() -> None:
        now = clock()
        await database.write(lambda connection: sweep(connection, now))

    return PeriodicWork("sign_in_sweep", once, _SWEPT_EVERY)
