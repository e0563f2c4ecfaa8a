"""The circuit breaker of one gateway, as pure functions. The table shows the next state for each event:

                 sent          failed                        asked whether it may be tried
    Working      Working(0)    Working(n+1), or (n+2) if     yes
                               it hung; Paused if it has
                               failed for long enough
    Paused       Working       Paused, unchanged             no; after the pause yes -> Probing
    Probing      Working       Paused, twice as long         no; if the probe does not end, yes again

A gateway has failed for long enough when `FAILURES` sends in a row have failed and the first of them failed at least
`FAILING_SECONDS` ago. So a short fault that hits many sends at once does not pause it. Nor does a limit on the rate,
because some sends still succeed. One message that is tried again and again does. A send that took `HANGING_SECONDS` or
more counts as two failures, because somebody waits minutes for an answer. After a pause, one send is let through as a
probe.

Times are in seconds of any clock that does not go back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

FAILURES = 3
FAILING_SECONDS = 5.0
HANGING_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
PROBE_SECONDS = 60.0
"""Longer than any send takes.

If a probe has not ended by then, its task is dead, and another send may be the probe.
"""


@dataclass(frozen=True, slots=True)
class Working:
    """The gateway is in use. The last `failures` sends have all failed, the first of them at `since`."""

    failures: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Paused:
    """The gateway is not tried before `until`. `seconds` is the length of the whole pause."""

    until: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Probing:
    """One send is testing whether the gateway works again. After `until`, another send may test it."""

    until: float
    pause_seconds: float


Circuit: TypeAlias = Working | Paused | Probing


def asked(circuit: Circuit, now: float) -> tuple[bool, Circuit]:
    """Whether the gateway may be tried now, and its new state if it is tried."""
    if isinstance(circuit, Working):
        return True, circuit
    if now < circuit.until:
        return False, circuit
    pause = circuit.seconds if isinstance(circuit, Paused) else circuit.pause_seconds
    return True, Probing(now + PROBE_SECONDS, pause)


def sent(circuit: Circuit) -> Circuit:
    """The state after the gateway has answered. A refusal is an answer too."""
    return circuit if circuit == Working() else Working()


def failed(circuit: Circuit, now: float, took: float = 0.0) -> Circuit:
    """The state after a send has failed after `took` seconds. A send that began before a pause changes nothing."""
    if isinstance(circuit, Paused):
        return circuit
    if isinstance(circuit, Probing):
        longer = min(circuit.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        return Paused(now + longer, longer)
    failures = circuit.failures + (2 if took >= HANGING_SECONDS else 1)
    since = circuit.since if circuit.failures else now
    if failures >= FAILURES and now - since >= FAILING_SECONDS:
        return Paused(now + FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS)
    return Working(failures, since)
