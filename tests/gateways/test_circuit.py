"""The circuit breaker: a table of its transitions, and rules that always hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.circuit import (
    FAILING_SECONDS,
    FAILURES,
    FIRST_PAUSE_SECONDS,
    HANGING_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PROBE_SECONDS,
    Circuit,
    Paused,
    Probing,
    Working,
    asked,
    failed,
    sent,
)
from tests.lines import every_line

NOW = 1000.0
LONG_AGO = NOW - FAILING_SECONDS


@every_line(
    ("circuit", "allowed", "then"),
    [
        (Working(), True, Working()),
        (Working(7, NOW), True, Working(7, NOW)),
        (Paused(NOW + 1, 30), False, Paused(NOW + 1, 30)),
        (Paused(NOW, 30), True, Probing(NOW + PROBE_SECONDS, 30)),
        (Probing(NOW + 1, 30), False, Probing(NOW + 1, 30)),
        (Probing(NOW, 30), True, Probing(NOW + PROBE_SECONDS, 30)),
    ],
)
def test_asked(circuit: Circuit, allowed: bool, then: Circuit) -> None:
    assert asked(circuit, NOW) == (allowed, then)


@every_line("circuit", [Working(), Working(2, 1.0), Paused(NOW, 30), Probing(NOW, 60)])
def test_sent(circuit: Circuit) -> None:
    assert sent(circuit) == Working()


@every_line(
    ("circuit", "then"),
    [
        (Working(), Working(1, NOW)),
        (Working(1, LONG_AGO), Working(2, LONG_AGO)),
        (Working(FAILURES - 1, LONG_AGO), Paused(NOW + FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS)),
        (Working(FAILURES - 1, LONG_AGO + 0.1), Working(FAILURES, LONG_AGO + 0.1)),
        (Working(500, NOW), Working(501, NOW)),  # many failures at the same moment count as one
        (Paused(NOW + 5, 30), Paused(NOW + 5, 30)),
        (Probing(NOW, 30), Paused(NOW + 60, 60)),
        (Probing(NOW, 400), Paused(NOW + LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)),
    ],
)
def test_failed(circuit: Circuit, then: Circuit) -> None:
    assert failed(circuit, NOW) == then


@every_line(
    ("circuit", "took", "then"),
    [
        (Working(), HANGING_SECONDS, Working(2, NOW)),
        (Working(), HANGING_SECONDS - 0.1, Working(1, NOW)),
        (Working(1, LONG_AGO), HANGING_SECONDS, Paused(NOW + FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS)),
        (Working(2, LONG_AGO), HANGING_SECONDS, Paused(NOW + FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS)),
        (Working(2, LONG_AGO + 0.1), HANGING_SECONDS, Working(4, LONG_AGO + 0.1)),  # many hang at the same moment
        (Paused(NOW + 5, 30), 20.0, Paused(NOW + 5, 30)),
        (Probing(NOW, 30), 20.0, Paused(NOW + 60, 60)),
    ],
)
def test_hung(circuit: Circuit, took: float, then: Circuit) -> None:
    assert failed(circuit, NOW, took) == then


@given(st.lists(st.tuples(st.sampled_from(["sent", "failed", "hung", "asked"]), st.floats(0, 700)), max_size=60))
def test_whatever_happens(events: list[tuple[str, float]]) -> None:
    now, last_sent, circuit = 0.0, 0.0, Working()
    state: Circuit = circuit
    for event, seconds in events:
        now += seconds
        before = state
        if event == "sent":
            state, last_sent = sent(state), now
            assert asked(state, now)[0]
        elif event in ("failed", "hung"):
            state = failed(state, now, HANGING_SECONDS if event == "hung" else 0.0)
            if isinstance(state, Paused) and isinstance(before, Working):
                assert now - last_sent >= FAILING_SECONDS  # no message passed for so long
        else:
            allowed, state = asked(state, now)
            if not allowed:
                assert state == before
                assert isinstance(state, Paused | Probing)
                assert state.until - now <= LONGEST_PAUSE_SECONDS  # the pause ends by itself
                assert asked(state, state.until)[0]
                assert not isinstance(asked(state, state.until)[1], Paused)
            if allowed and not isinstance(before, Working):
                assert asked(state, now)[0] is False  # one probe at a time
