"""Makes the gateway or RDV Service Public fail while somebody looks on."""

from __future__ import annotations

from enum import StrEnum

from smsbot.demo.stand_ins.http_stand_in import HttpStandIn, StandInFault

SLOW_SECONDS = 4.0
_NO_SUCH_NUMBER = 21211


class GatewayTrouble(StrEnum):
    """How the gateway answers a request to send. `DOUBT` means that it takes the message without an answer."""

    NONE = "none"
    REFUSES = "refuses"
    DOUBT = "doubt"
    SLOW = "slow"


class SourceTrouble(StrEnum):
    """How RDV Service Public answers."""

    NONE = "none"
    DOWN = "down"
    SLOW = "slow"


_GATEWAY_FAULTS = {
    GatewayTrouble.REFUSES: StandInFault(code=_NO_SUCH_NUMBER),
    GatewayTrouble.DOUBT: StandInFault(cuts=True, acts=True),
    GatewayTrouble.SLOW: StandInFault(hangs_seconds=SLOW_SECONDS),
}
_SOURCE_FAULTS = {
    SourceTrouble.DOWN: StandInFault(503),
    SourceTrouble.SLOW: StandInFault(hangs_seconds=SLOW_SECONDS, acts=True),
}


class Troubles:
    """The present troubles of the two stand-ins."""

    def __init__(self, gateway: HttpStandIn, source: HttpStandIn) -> None:
        self._gateway, self._source = gateway, source
        self.gateway, self.source = GatewayTrouble.NONE, SourceTrouble.NONE

    def let_gateway(self, trouble: GatewayTrouble) -> None:
        self.gateway = trouble
        _set(self._gateway, _GATEWAY_FAULTS.get(trouble))

    def let_source(self, trouble: SourceTrouble) -> None:
        self.source = trouble
        _set(self._source, _SOURCE_FAULTS.get(trouble))


def _set(stand_in: HttpStandIn, fault: StandInFault | None) -> None:
    stand_in.recover()
    if fault is not None:
        stand_in.keep_failing(fault)
