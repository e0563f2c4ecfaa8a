"""Runs background work in tests as a process runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smsbot.runtime import PeriodicWork, RestartPolicy, Supervisor


@asynccontextmanager
async def supervised(*works: PeriodicWork, restarts: RestartPolicy | None = None) -> AsyncIterator[Supervisor]:
    """A supervisor that runs this work until the block ends."""
    supervisor = Supervisor(restarts)
    supervisor.start(*works)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
