"""Sends by the gateways of a channel in their order: one that fails is passed over until it works again.

What decides is whether the message can be there already. A gateway that has certainly not taken it (`SendLater`) may
be followed by the next one at once; after a doubt (`SendInDoubt`) the message goes back to delivery, whose rules settle
doubts, and only what they send again finds the next gateway. A refusal is final, by whomever: a recipient who has opted
out with one gateway is not written to by another.

Each process has circuits of its own (`smsbot.gateways.circuit`); what one learns another learns as soon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from smsbot.policy import Way

from .base import Gateway, OutgoingSms, SendError, SendInDoubt, SendLater, SendRefused
from .circuit import Circuit, Working, asked, failed, sent

LONG_WAIT_SECONDS = 60.0
"""A gateway that wants to be left alone for longer than this is passed over at once, even by a single message."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """Which gateway has taken a message, its id there, and the sender that it left from."""

    gateway: str
    gateway_message_id: str
    sender: str


class InDoubtAt(SendInDoubt):
    """A doubt, with the gateway that can settle it."""

    def __init__(self, gateway: str, doubt: SendInDoubt) -> None:
        super().__init__(doubt.code, doubt.sentence, answered=doubt.answered)
        self.gateway = gateway


class Failover:
    """All ways out. `ways` tells those of a sender, in order; `gateways` are those they name."""

    def __init__(
        self,
        gateways: Mapping[str, Gateway],
        ways: Callable[[str], Sequence[Way]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateways = gateways
        self._ways = ways
        self._clock = clock
        self._circuits: dict[str, Circuit] = dict.fromkeys(gateways, Working())

    @property
    def passed_over(self) -> list[str]:
        """The gateways that are not trusted at the moment, in order: a figure for whoever watches."""
        return sorted(name for name, circuit in self._circuits.items() if not isinstance(circuit, Working))

    def gateways_of(self, sender: str, *, answerable: bool) -> list[str]:
        """The names of those that may have taken such a message, in order."""
        return [way.gateway for way in self._usable(sender, answerable)]

    async def send(self, message: OutgoingSms, *, answerable: bool) -> Taken:
        """Hand the message over by the first way that works.

        `answerable` leaves out senders whose answers do not reach us: a reply in a conversation asks for the next
        word. Raises as `Gateway.send` does, with `InDoubtAt` for a doubt. Where every gateway would be passed over they
        are tried all the same: delivery has its own patience, and a single gateway is never given up.
        """
        ways = self._usable(message.sender, answerable)
        if not ways:
            raise SendRefused("no-way", "No gateway of this channel has a sender that can be answered.")
        failures: list[SendLater] = []
        taken = await self._by_one_of((way for way in ways if self._may_try(way.gateway)), message, failures)
        if taken is None and not failures:
            taken = await self._by_one_of(ways, message, failures)
        if taken is None:
            raise min(failures, key=lambda error: error.retry_after or 0.0)
        return taken

    def _usable(self, sender: str, answerable: bool) -> list[Way]:
        return [way for way in self._ways(sender) if way.two_way or not answerable]

    async def _by_one_of(self, ways: Iterable[Way], message: OutgoingSms, failures: list[SendLater]) -> Taken | None:
        """The first of the ways that takes it; None, with the reasons in `failures`, where none does for now.

        A gateway that was trusted until now and asks for a short wait, as with a limit on the rate, gets it.
        """
        for way in ways:
            try:
                return await self._send(way, message)
            except SendLater as error:
                failures.append(error)
                short = error.retry_after is None or error.retry_after <= LONG_WAIT_SECONDS
                if short and isinstance(self._circuits[way.gateway], Working):
                    break
        return None

    def _may_try(self, gateway: str) -> bool:
        allowed, self._circuits[gateway] = asked(self._circuits[gateway], self._clock())
        return allowed

    async def _send(self, way: Way, message: OutgoingSms) -> Taken:
        gateway = self._gateways[way.gateway]
        try:
            identifier = await gateway.send(message.leaving_from(way.sender))
        except SendRefused:
            self._learn(way.gateway, sent(self._circuits[way.gateway]))
            raise
        except SendInDoubt as doubt:
            self._fail(way.gateway, doubt)
            raise InDoubtAt(way.gateway, doubt) from doubt
        except BaseException as error:  # not taken, or cut off because it took too long
            self._fail(way.gateway, error)
            raise
        self._learn(way.gateway, sent(self._circuits[way.gateway]))
        return Taken(way.gateway, identifier, way.sender)

    def _fail(self, gateway: str, error: BaseException) -> None:
        code = error.code if isinstance(error, SendError) else type(error).__name__
        self._learn(gateway, failed(self._circuits[gateway], self._clock()), code)

    def _learn(self, gateway: str, circuit: Circuit, code: str | None = None) -> None:
        before, self._circuits[gateway] = self._circuits[gateway], circuit
        works, worked = isinstance(circuit, Working), isinstance(before, Working)
        if worked and not works:
            logger.warning("gateway fails, passed over", gateway=gateway, code=code)
        elif works and not worked:
            logger.warning("gateway works again", gateway=gateway)
