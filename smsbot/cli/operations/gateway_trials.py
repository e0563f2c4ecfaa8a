"""`smsbot gateway try`: sends one SMS, and shows what was sent and received."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, TypeVar
from urllib.parse import quote, quote_plus

from smsbot import phone_numbers
from smsbot.cli.common import CommandFailed
from smsbot.gateways.base import (
    Gateway,
    MalformedMessage,
    OutgoingSms,
    SendError,
    SendInDoubt,
    SendLater,
)
from smsbot.gateways.http import Http, HttpAnswer, open_http
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.gateways.webhook_values import at_path, json_from, scalar
from smsbot.messages.gsm7 import segments
from smsbot.policy import Policy
from smsbot.policy.values import did_you_mean
from smsbot.senders import sender_kind
from smsbot.settings import ServiceSettings, secret_from

_SHORTEST_HIDDEN = 4
"""A shorter value protects nothing, and hiding it would hide parts of other numbers."""

_HIDDEN_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_MOST_SHOWN = 4_000
_OUR_IDS_FROM = 10**15  # far beyond the ids of messages that the service sends

T = TypeVar("T")


@dataclass(slots=True)
class _Exchange:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    answer: HttpAnswer | None = None


@dataclass(frozen=True, slots=True)
class _Watched:
    """Sends requests, and keeps them and their answers."""

    http: Http
    seen: list[_Exchange]

    """Sends a request once, to exactly this address. It does not follow redirections."""

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        exchange = _Exchange(method, url, headers, body)
        self.seen.append(exchange)
        exchange.answer = await self.http.request(method, url, headers, body)
        return exchange.answer


@dataclass(frozen=True, slots=True)
class Trial:
    """One SMS that is sent through one gateway."""

    settings: ServiceSettings
    policy: Policy
    gateway: str
    message: OutgoingSms

    @classmethod
    def prepare(cls, gateway: str, sender: str | None, recipient: str, text: str) -> Self:
        """Check everything before anything is sent. Raises `Problem`."""
        settings, policy = settings_and_policy()
        number = phone_numbers.normalise(recipient)
        if number is None:
            raise CommandFailed(
                f"{recipient} is not a telephone number: write it as in France, or with + and the country's prefix."
            )
        sender = sender or _sender_through(gateway, policy) or settings.sender
        try:
            sender_kind(sender)
        except ValueError:
            raise CommandFailed(
                f"{sender} is not a sender: it should be a number such as +33937000000, a short code or a name of up "
                "to 11 letters and digits."
            ) from None
        outgoing_id = _OUR_IDS_FROM + secrets.randbelow(_OUR_IDS_FROM)
        trial = cls(settings, policy, gateway, OutgoingSms(outgoing_id, sender, number, text))
        asyncio.run(on_gateway(trial.settings, trial.policy, gateway, lambda _: None))
        return trial

    @property
    def announcement(self) -> str:
        count, price = segments(self.message.body), self.settings.segment_price
        size = "1 segment" if count == 1 else f"{count} segments"
        cost = "" if price is None else f", about {count * price} € by SMSBOT_SEGMENT_PRICE"
        return (
            f"This is a real SMS of {size} through {self.gateway}, from {self.message.sender} to "
            f"{self.message.recipient}. The provider bills it{cost}."
        )

    def run(self) -> Iterator[str]:
        """Send it, and tell what happened. At the end raises `CommandFailed`, unless it was certainly taken."""
        seen: list[_Exchange] = []
        taken, error = asyncio.run(self._send(seen))
        hide = _Hiding(self._hidden(seen))
        for exchange in seen:
            yield from _told(exchange, hide, hides_answer=self._is_for_token(exchange))
        if error is None:
            yield f"Taken. The id of the message is {hide(_printable(taken))}."
            return
        told = f"{error.code}: {error.sentence}"
        if isinstance(error, SendInDoubt):
            raise CommandFailed(f"In doubt: the provider may have taken it ({told})")
        if isinstance(error, SendLater):
            raise CommandFailed(f"Not taken, though it may be later ({told})")
        raise CommandFailed(f"Refused for good ({told})")

    async def _send(self, seen: list[_Exchange]) -> tuple[str, SendError | None]:
        @asynccontextmanager
        async def connect() -> AsyncIterator[Http]:
            async with open_http() as http:
                yield _Watched(http, seen)

        async with open_gateways(self.settings, self.policy, connect) as gateways:
            try:
                return await gateways.all[self.gateway].send(self.message), None
            except SendError as error:
                return "", error

    def _is_for_token(self, exchange: _Exchange) -> bool:
        table = self.policy.gateways.get(self.gateway)
        return table is not None and table.token is not None and exchange.url == table.token.url

    def _hidden(self, seen: list[_Exchange]) -> dict[str, str]:
        """The values that are not shown, each with the name that is shown in its place."""
        table = self.policy.gateways.get(self.gateway)
        if table is None:
            settings = self.settings
            values = (settings.twilio_auth_token, settings.vonage_api_secret, settings.vonage_signature_secret)
            return {value.get_secret_value(): "{secret}" for value in values if value is not None}
        hidden = {secret_from(variable).get_secret_value(): f"{{{name}}}" for name, variable in table.secrets.items()}
        answers = (exchange.answer for exchange in seen if self._is_for_token(exchange) and exchange.answer is not None)
        tokens = (_token_in(answer, table.token.value) for answer in answers if table.token is not None)
        return hidden | {token: "{access_token}" for token in tokens if token}


def _token_in(answer: HttpAnswer, path: str) -> str | None:
    try:
        return scalar(at_path(json_from(answer.content), path), path)
    except MalformedMessage:
        return None


@dataclass(frozen=True, slots=True)
class _Hiding:
    """Replaces secrets by names, in all forms in which a request may contain them."""

    names: Mapping[str, str]
    _written: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for value, name in self.names.items():
            if len(value) >= _SHORTEST_HIDDEN:
                escaped = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
                for form in (value, quote(value, safe=""), quote(value), quote_plus(value), *escaped):
                    self._written[form] = name

    def __call__(self, text: str) -> str:
        for value in sorted(self._written, key=len, reverse=True):
            text = text.replace(value, self._written[value])
        return text


def _told(exchange: _Exchange, hide: _Hiding, *, hides_answer: bool) -> Iterator[str]:
    yield hide(_printable(f"{exchange.method} {exchange.url}"))
    yield from _headers(exchange.headers, hide)
    yield from _body(exchange.body, hide)
    if exchange.answer is None:
        yield from ("", "(no answer)", "")
        return
    yield from ("", f"HTTP {exchange.answer.status}")
    yield from _headers(exchange.answer.headers, hide)
    yield from ("", "(hidden: it contains the token)") if hides_answer else _body(exchange.answer.content, hide)
    yield ""


def _headers(headers: Mapping[str, str], hide: _Hiding) -> Iterator[str]:
    for name, value in headers.items():
        yield f"{_printable(name)}: {'(hidden)' if name.lower() in _HIDDEN_HEADERS else hide(_printable(value))}"


def _body(body: bytes | None, hide: _Hiding) -> Iterator[str]:
    if body:
        shown = hide(_printable(body.decode("utf-8", "backslashreplace")))
        yield ""
        yield shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}… ({len(shown)} characters)"


def _printable(text: str) -> str:
    """The text without characters that could control a terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)


def settings_and_policy() -> tuple[ServiceSettings, Policy]:
    """The settings, and the content of `smsbot.toml`. Raises `Problem`."""
    settings = ServiceSettings.load()
    return settings, Policy.load(settings.config, settings.usual_sender)


def _sender_through(gateway: str, policy: Policy) -> str | None:
    routes = (route for sender in sorted(policy.senders) for route in policy.routes(sender))
    return next((route.sender for route in routes if route.gateway == gateway), None)


async def on_gateway(settings: ServiceSettings, policy: Policy, name: str, do: Callable[[Gateway], T]) -> T:
    """Call `do` with the gateway of this name, and return its result. Raises `CommandFailed` if there is none."""
    async with open_gateways(settings, policy) as gateways:
        if name not in gateways.all:
            guess = did_you_mean(name, gateways.all) or f"; there are {', '.join(gateways.all)}."
            raise CommandFailed(f"There is no gateway {name}{guess}")
        return do(gateways.all[name])
