"""The circuit breaker of one gateway: pure, a table of what each event makes of each state.

                 sent          failed                        asked whether it may be tried
    Working      Working(0)    Working(n+1), or (n+2) if     yes
                               it hung; Paused once it has
                               failed long enough
    Paused       Working       Paused, as it is              no; once the pause is over yes -> Probing
    Probing      Working       Paused, twice as long         no; if the probe stays silent, yes again

A gateway has failed long enough when it has `FAILURES` in a row, the first of them `FAILING_SECONDS` ago or more. So
neither a blip that hits many sends at once nor a limit on the rate, under which some still pass, pauses it; one message
alone, tried again and again, does. A send that was waited for in vain, for `HANGING_SECONDS` or more, counts as two:
each leaves somebody without an answer for minutes, so the second is the last. After a pause one send is let through as
a probe.

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
"""Longer than any send takes: a probe that is silent for so long ended with its task, and another may begin."""


@dataclass(frozen=True, slots=True)
class Working:
    """Nothing is known against it but `failures` in a row, the first of them at `since`."""

    failures: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Paused:
    """It is not to be tried before `until`; `seconds` is how long the pause is in all."""

    until: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Probing:
    """One send is under way to see whether it works again; after `until` the next one is."""

    until: float
    pause_seconds: float


Circuit: TypeAlias = Working | Paused | Probing


def asked(circuit: Circuit, now: float) -> tuple[bool, Circuit]:
    """Whether the gateway may be tried now, and what becomes of the circuit if it is."""
    if isinstance(circuit, Working):
        return True, circuit
    if now < circuit.until:
        return False, circuit
    pause = circuit.seconds if isinstance(circuit, Paused) else circuit.pause_seconds
    return True, Probing(now + PROBE_SECONDS, pause)


def sent(circuit: Circuit) -> Circuit:
    """It has answered, be it with a refusal: whatever was thought of it, it works."""
    return circuit if circuit == Working() else Working()


def failed(circuit: Circuit, now: float, took: float = 0.0) -> Circuit:
    """A send has failed that took so many seconds. One that began before a pause and ends in it says nothing new."""
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
