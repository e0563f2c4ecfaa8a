"""The queue before Argon2: few wait, origins take turns, and known devices come first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from smsbot.agents.signing_in.sign_in_limits import AT_ONCE, MOST_WAITING, MOST_WAITING_OF_ONE, QueueFull, SignInQueue
from tests.lines import every_line

Caller = tuple[str, bool]
STRANGERS = st.tuples(st.sampled_from("abcdefgh"), st.booleans())


async def serve(
    callers: Sequence[Caller], given_up: frozenset[int] = frozenset(), steps_before: int = 0
) -> list[int | None]:
    """The order in which callers were served who all came at once; None for those who were refused.

    Those in `given_up` stop waiting, `steps_before` turns of the loop after the first ones begin to leave.
    """
    queue, outcomes, at_work = SignInQueue(), list[int | None](), 0
    open_doors = asyncio.Event()

    async def come(number: int, origin: str, is_known: bool) -> None:
        nonlocal at_work
        try:
            async with queue.turn(origin, is_known=is_known):
                at_work += 1
                assert at_work <= AT_ONCE
                outcomes.append(number)
                await open_doors.wait()
                await asyncio.sleep(0)
                at_work -= 1
        except QueueFull:
            outcomes.append(None)

    tasks = [asyncio.create_task(come(number, *caller)) for number, caller in enumerate(callers)]
    await asyncio.sleep(0)
    open_doors.set()
    for _ in range(steps_before):
        await asyncio.sleep(0)
    for number in given_up:
        if number not in outcomes:
            tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # After all this, the next one is served at once.
    async with asyncio.timeout(1), queue.turn("the last", is_known=False), queue.turn("and another", is_known=False):
        pass
    return outcomes


def test_two_hundred_from_one_address_leave_room_for_one_from_another() -> None:
    flood = [("evil", False)] * 200
    outcomes = asyncio.run(serve([*flood, ("town hall", False)]))
    served = [number for number in outcomes if number is not None]
    assert outcomes.count(None) == 200 - AT_ONCE - MOST_WAITING_OF_ONE
    assert served.index(200) <= AT_ONCE + 1, "after one that waited before, and not after all of them"


def test_a_full_queue_turns_strangers_away_and_lets_known_devices_in_first() -> None:
    flood = [(str(number), False) for number in range(200)]
    outcomes = asyncio.run(serve([*flood, ("stranger", False), ("Ada's device", True)]))
    served = [number for number in outcomes if number is not None]
    assert len(served) == AT_ONCE + MOST_WAITING + 1
    assert 200 not in served
    assert served[AT_ONCE] == 201


@every_line("is_known", [True, False])
def test_one_origin_has_a_few_places_only(is_known: bool) -> None:
    outcomes = asyncio.run(serve([("one", is_known)] * 20))
    assert outcomes.count(None) == 20 - AT_ONCE - MOST_WAITING_OF_ONE


@given(
    callers=st.lists(STRANGERS, max_size=80),
    given_up=st.frozensets(st.integers(0, 79), max_size=20),
    steps_before=st.integers(0, 8),
)
@example(callers=[("a", False)] * 5, given_up=frozenset({2}), steps_before=1)  # their turn comes as they leave
def test_everybody_is_served_once_or_sent_away_and_no_place_is_lost(
    callers: list[Caller], given_up: frozenset[int], steps_before: int
) -> None:
    leaving = frozenset(number for number in given_up if number < len(callers))
    outcomes = asyncio.run(serve(callers, leaving, steps_before))
    served = [number for number in outcomes if number is not None]
    assert len(served) == len(set(served))
    assert len(callers) - len(leaving) <= len(outcomes) <= len(callers)


@given(callers=st.lists(STRANGERS, max_size=40))
def test_of_one_origin_who_comes_first_is_served_first(callers: list[Caller]) -> None:
    served = [number for number in asyncio.run(serve(callers)) if number is not None]
    for caller in set(callers):
        own = [number for number in served if callers[number] == caller]
        assert own == sorted(own)
