"""Sends through the gateways of a sender in their order. A gateway that fails is passed over until it works again.

What happens after a failure depends on whether the message may have been taken. If it certainly was not (`SendLater`),
the next gateway is tried at once. After a doubt (`SendInDoubt`) the message goes back to delivery, which finds out what
happened (`smsbot.outbox.doubt`). If delivery sends it again, the next gateway is tried first. A refusal is final,
whichever gateway gives it: a recipient who has opted out at one gateway gets nothing through another.

Each process has its own circuits (`smsbot.gateways.circuit`) and remembers its own doubts. The rate of a message's own
sender is limited by delivery, for all processes together (`smsbot.outbox.pacing`). The rate of a sender that replaces
it is limited here, in each process separately.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from smsbot.gateways.base import Gateway, Handed, OutgoingSms, SendInDoubt, SendLater, SendRefused
from smsbot.gateways.circuit import Circuit, Working, asked, failed, sent
from smsbot.policy import SendingRoute
from smsbot.rules.rate_limit import RateLimit

LONG_WAIT_SECONDS = 60.0
"""A gateway that asks for a longer wait than this is passed over at once, from the first message on."""
REPLYS_LONG_WAIT_SECONDS = 5.0
"""The same for a reply, because somebody is waiting for it."""
DOUBTS_REMEMBERED = 10_000
"""For how many messages in doubt a process remembers which gateways may have taken them. Doubts last minutes."""

Rate = Callable[[str], float | None]
"""How many messages per second may leave from a sender; None for no limit."""

logger = structlog.get_logger(__name__)


class InDoubtAt(SendInDoubt):
    """A doubt, with the name of the gateway that can settle it."""

    def __init__(self, gateway: str, doubt: SendInDoubt) -> None:
        super().__init__(doubt.code, doubt.sentence, answered=doubt.answered)
        self.gateway = gateway


def unlimited(_sender: str) -> float | None:
    """The rate of every sender if there is no limit: None."""
    return None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One message that is being sent. `failures` has the reasons why gateways have not taken it so far."""

    message: OutgoingSms
    rate: Rate
    long_wait_seconds: float
    failures: list[SendLater] = field(default_factory=list)


class Failover:
    """Sends through all gateways.

    `routes` returns the routes of a sender, in order; `gateways` has the gateways of these routes, by name.
    """

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        routes: Callable[[str], Sequence[SendingRoute]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateways = gateways
        self._routes = routes
        self._clock = clock
        self._circuits: dict[str, Circuit] = dict.fromkeys(gateways, Working())
        self._doubted: dict[int, tuple[str, ...]] = {}
        self._pace = Pace()

    @property
    def passed_over(self) -> list[str]:
        """The gateways that are passed over now, sorted by name.

        The log says when this begins and ends for a gateway.
        """
        return sorted(name for name, circuit in self._circuits.items() if not isinstance(circuit, Working))

    def gateways_of(self, sender: str, *, answerable: bool) -> list[str]:
        """The names of the gateways that may have taken a message from this sender, in order."""
        return [route.gateway for route in self._usable(sender, answerable)]

    async def send(self, message: OutgoingSms, *, answerable: bool, rate: Rate = unlimited) -> Handed:
        """Hand the message over through the first route that works. Gateways where it was in doubt are tried last.

        With `answerable`, senders whose answers do not reach us are left out: a reply asks for an answer. `rate`
        returns the limit of a sender that replaces the message's own.

        Raises what `Gateway.send` raises, and `InDoubtAt` for a doubt. If all gateways would be passed over, they are
        tried all the same: delivery decides how long to try, and a single gateway is never given up.
        """
        routes = self._usable(message.sender, answerable)
        if not routes:
            raise SendRefused("no-way", "No gateway of this channel has a sender that can be answered.")
        doubted = self._doubted.get(message.outgoing_id, ())
        routes.sort(key=lambda route: doubted.index(route.gateway) if route.gateway in doubted else -1)
        attempt = _Attempt(message, rate, REPLYS_LONG_WAIT_SECONDS if answerable else LONG_WAIT_SECONDS)
        handed = await self._send_by_first(routes, attempt, self._may_try)
        if handed is None and not attempt.failures:
            handed = await self._send_by_first(routes, attempt, lambda _gateway: True)
        if handed is None:
            raise min(attempt.failures, key=lambda error: error.retry_after or 0.0)
        return handed

    def _usable(self, sender: str, answerable: bool) -> list[SendingRoute]:
        return [route for route in self._routes(sender) if route.two_way or not answerable]

    async def _send_by_first(
        self, routes: Iterable[SendingRoute], attempt: _Attempt, may_try: Callable[[str], bool]
    ) -> Handed | None:
        """Try these routes in order. Returns None if no gateway takes the message now; the reasons are in `failures`.

        If a gateway that worked until now asks for a short wait, for example because of its rate, the message waits for
        that gateway.
        """
        for route in routes:
            try:
                self._check_pace(route, attempt)
                if may_try(route.gateway):
                    return await self._send(route, attempt)
            except SendLater as error:
                attempt.failures.append(error)
                is_short = error.retry_after is None or error.retry_after <= attempt.long_wait_seconds
                if is_short and isinstance(self._circuits[route.gateway], Working):
                    break
        return None

    def _check_pace(self, route: SendingRoute, attempt: _Attempt) -> None:
        """Raises `SendLater` if the route's sender replaces the message's own and has used up its rate."""
        wait = self._pace.wait(route.sender, self._clock())
        if wait and route.sender != attempt.message.sender:
            sentence = "The sender that replaces the message's own has reached its rate."
            raise SendLater("rate", sentence, wait, only_this_message=True)

    def _may_try(self, gateway: str) -> bool:
        allowed, self._circuits[gateway] = asked(self._circuits[gateway], self._clock())
        return allowed

    async def _send(self, route: SendingRoute, attempt: _Attempt) -> Handed:
        message, began = attempt.message, self._clock()
        if (per_second := attempt.rate(route.sender)) is not None:
            self._pace.note(route.sender, began, per_second)
        try:
            identifier = await self._gateways[route.gateway].send(message.leaving_from(route.sender))
        except SendRefused:
            self._works(route.gateway)
            raise
        except SendLater as error:
            if error.only_this_message:
                self._works(route.gateway)
            else:
                self._fail(route.gateway, began, error.code)
            raise
        except SendInDoubt as doubt:
            self._remember_doubt(message, route.gateway)
            self._fail(route.gateway, began, doubt.code)
            raise InDoubtAt(route.gateway, doubt) from doubt
        except BaseException as error:  # cancelled because it took too long, or a bug in our code
            self._remember_doubt(message, route.gateway)
            self._fail(route.gateway, began, type(error).__name__)
            raise
        self._works(route.gateway)
        self._doubted.pop(message.outgoing_id, None)
        return Handed(route.gateway, identifier)

    def _remember_doubt(self, message: OutgoingSms, gateway: str) -> None:
        before = self._doubted.pop(message.outgoing_id, ())
        self._doubted[message.outgoing_id] = (*(name for name in before if name != gateway), gateway)
        if len(self._doubted) > DOUBTS_REMEMBERED:
            del self._doubted[next(iter(self._doubted))]

    def _works(self, gateway: str) -> None:
        self._learn(gateway, sent(self._circuits[gateway]))

    def _fail(self, gateway: str, began: float, code: str) -> None:
        now = self._clock()
        self._learn(gateway, failed(self._circuits[gateway], now, now - began), code)

    def _learn(self, gateway: str, circuit: Circuit, code: str | None = None) -> None:
        before, self._circuits[gateway] = self._circuits[gateway], circuit
        works, worked = isinstance(circuit, Working), isinstance(before, Working)
        if worked and not works:
            logger.warning("gateway fails, passed over", gateway=gateway, code=code)
        elif works and not worked:
            logger.warning("gateway works again", gateway=gateway)


@dataclass(slots=True)
class Pace:
    """When each sender may send its next message, by a clock of seconds that never goes back.

    It is for senders that replace a message's own sender, in the memory of one process. `smsbot.outbox.pacing` has the
    rates of the messages' own senders, for all processes together.
    """

    free_at: dict[str, timedelta] = field(default_factory=dict)

    def wait(self, sender: str, now: float) -> float:
        """How many seconds the sender must still wait; 0 if it may send."""
        moment = timedelta(seconds=now)
        return max((self.free_at.get(sender, moment) - moment).total_seconds(), 0.0)

    def note(self, sender: str, now: float, per_second: float) -> None:
        """Record that the sender sends a message now."""
        allowed = RateLimit.per_second(per_second).allowance(self.free_at.get(sender), timedelta(seconds=now))
        self.free_at[sender] = allowed.free_at_after(1)
