"""Through which gateways the messages of a sender leave, in which order, and which sender each gateway uses.

An alternative sender belongs to the conversations of its channel. If the first gateway was down, an usager got an
answer from this other number, and writes back to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smsbot.policy.file import ChannelTable, Finding, PolicyFile
from smsbot.policy.gateways import RouteTable
from smsbot.policy.values import BUILT_IN_GATEWAYS, TWILIO, did_you_mean
from smsbot.senders import SenderKind, known_kind, sender_kind


@dataclass(frozen=True, slots=True)
class SendingRoute:
    """One gateway, the sender that it uses, and whether answers to that sender reach us."""

    gateway: str
    sender: str
    two_way: bool


@dataclass(frozen=True, slots=True)
class UsualSender:
    """What the settings say: the main sender, and the built-in gateways that have credentials.

    `two_way` is whether usagers can answer `sender`. The first of `gateways` sends for every sender for which the file
    lists no gateways.
    """

    sender: str | None = None
    two_way: bool = False
    gateways: tuple[str, ...] = ()


def routes_of(file: PolicyFile, usual: UsualSender, sender: str) -> tuple[SendingRoute, ...]:
    """The routes of a message from `sender`, in the order in which they are tried. Empty if there is no gateway.

    A number that is not in the file has the routes of the main sender. A message from an alternative sender, because
    somebody wrote to it, tries that sender first.
    """
    table = file.channels.get(sender)
    if table is not None and table.gateways:
        return _in_order(file, usual, sender, table)
    main = main_sender(file, sender)
    if main != sender:
        return tuple(
            sorted(_in_order(file, usual, main, file.channels[main]), key=lambda route: route.sender != sender)
        )
    table = table or file.channels.get(usual.sender or "") or ChannelTable()
    return _in_order(file, usual, sender, table)


def own_routes(file: PolicyFile, usual: UsualSender, sender: str) -> tuple[SendingRoute, ...]:
    """The routes that the file lists for `sender` itself, or else the route of the usual gateway."""
    return _in_order(file, usual, sender, file.channels.get(sender) or ChannelTable())


def main_sender(file: PolicyFile, number: str) -> str:
    """The sender of the channel for which `number` is an alternative, or `number` itself."""
    for sender, table in file.channels.items():
        if sender_two_way(number, ChannelTable()) and any(route.sender == number for route in table.gateways):
            return sender
    return number


def sender_two_way(sender: str, table: ChannelTable, usual: UsualSender | None = None) -> bool:
    """Whether usagers can answer a sender: its form says it, or else its table or the settings."""
    kind = known_kind(sender)
    if kind is not None and kind.two_way is not None:
        return kind.two_way
    if table.two_way is not None:
        return table.two_way
    return usual is not None and sender == usual.sender and usual.two_way


def route_contradictions(file: PolicyFile) -> Iterator[Finding]:
    """Mistakes in the lists of gateways that a single key does not show."""
    belongs_to: dict[str, str] = {}
    for sender, table in file.channels.items():
        place = ("channels", sender, "gateways")
        wrong_ways = [
            ((*place, str(index), key), sentence)
            for index, route in enumerate(table.gateways)
            for key, sentence in _contradictions(file, sender, table, route)
        ]
        yield from wrong_ways or ((place, sentence) for sentence in _together(file, sender, table))
        for route in table.gateways:
            if route.sender is None or route.sender == sender or not sender_two_way(route.sender, ChannelTable()):
                continue
            if (other := belongs_to.setdefault(route.sender, sender)) != sender:
                yield place, f"contains {route.sender}, which belongs to the conversations of {other} already"


def _contradictions(
    file: PolicyFile, channel: str, table: ChannelTable, route: RouteTable
) -> Iterator[tuple[str, str]]:
    known = [*BUILT_IN_GATEWAYS, *file.gateways]
    if route.gateway not in known:
        guess = did_you_mean(route.gateway, known) or f"; known are {', '.join(known)}"
        yield "gateway", f"is not known{guess}"
        return
    sender = route.sender or channel
    if known_kind(sender) is SenderKind.MESSAGING_SERVICE and route.gateway != TWILIO:
        yield "sender", "is a Messaging Service, which only Twilio has: write another sender for this gateway"
    if route.two_way and not (sender_two_way(sender, _table(file, route, table)) and _receives(file, route.gateway)):
        yield "two_way", "cannot be: nobody can answer this sender, or the gateway has no table incoming"


def _together(file: PolicyFile, sender: str, table: ChannelTable) -> Iterator[str]:
    if not table.gateways:
        return
    if sender_kind(sender).two_way is None and table.two_way is None:
        yield "belongs to a Messaging Service: say with two_way, true or false, whether usagers can answer it"
    routes = _in_order(file, UsualSender(), sender, table)
    if len({(route.gateway, route.sender) for route in routes}) < len(routes):
        yield "contains the same gateway and sender twice"
    if sender_two_way(sender, table) and not any(route.two_way for route in routes):
        yield "has no route for replies: one of them should have a sender whose answers reach smsbot"


def _in_order(file: PolicyFile, usual: UsualSender, sender: str, table: ChannelTable) -> tuple[SendingRoute, ...]:
    listed = table.gateways or [RouteTable(gateway=name) for name in _usual_gateway(file, usual, sender)]
    return tuple(
        SendingRoute(
            gateway=route.gateway,
            sender=route.sender or sender,
            two_way=route.two_way is not False
            and sender_two_way(route.sender or sender, _table(file, route, table), usual)
            and _receives(file, route.gateway),
        )
        for route in listed
    )


def _usual_gateway(file: PolicyFile, usual: UsualSender, sender: str) -> tuple[str, ...]:
    """The gateway of a sender for which the file lists none, as a tuple; empty if there is no gateway at all.

    A Messaging Service is always Twilio's.
    """
    if known_kind(sender) is SenderKind.MESSAGING_SERVICE:
        return (TWILIO,)
    return (*usual.gateways, *file.gateways)[:1]


def _table(file: PolicyFile, route: RouteTable, channel: ChannelTable) -> ChannelTable:
    """The table of the sender that a route uses: the channel's own, unless the route names another sender."""
    return channel if route.sender is None else file.channels.get(route.sender, ChannelTable())


def _receives(file: PolicyFile, gateway: str) -> bool:
    described = file.gateways.get(gateway)
    return gateway in BUILT_IN_GATEWAYS if described is None else described.incoming is not None
