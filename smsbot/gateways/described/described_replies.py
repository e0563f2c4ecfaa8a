"""Reads the list of messages from usagers that a described gateway keeps. It is for gateways without webhooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

from smsbot.gateways.base import Batch, IncomingSms, MalformedMessage, SendLater
from smsbot.gateways.described.described_requests import FilledRequest, filled
from smsbot.gateways.described.webhook_fields import WebhookFields, document_from
from smsbot.gateways.gateway_records import RecordsOutOfReach
from smsbot.gateways.http import HttpAnswer, NoAnswer
from smsbot.gateways.webhook_values import at_path
from smsbot.instants import to_iso
from smsbot.policy.gateway_values import SINCE, Charset, TimeFormat, WebhookFormat
from smsbot.policy.gateways import PollTable

RequestWith = Callable[[Mapping[str, str]], FilledRequest]
"""Makes a request from the values for the names in braces."""


class DescribedReplies:
    """Reads the list that `poll` describes.

    `charset` is the charset of addresses. `ask` sends a request, with the gateway's secrets and token filled in.
    `read` finds the messages in an answer, which has the format `format_`.
    """

    def __init__(
        self,
        poll: PollTable,
        format_: WebhookFormat,
        charset: Charset,
        ask: Callable[[RequestWith], Awaitable[HttpAnswer]],
        read: Callable[[WebhookFields], Batch[IncomingSms]],
    ) -> None:
        self._poll = poll
        self._format = format_
        self._charset: Charset = charset
        self._ask = ask
        self._read = read
        self.every = timedelta(seconds=poll.every_seconds)

    def example(self, values: Mapping[str, str]) -> FilledRequest:
        """An example of the requests, to check whether they can be sent."""
        return filled(self._poll, {**values, SINCE: "0"}, self._charset)

    async def listed(self, since: datetime) -> Batch[IncomingSms]:
        written = _written(since, self._poll.time_format)
        read: list[IncomingSms] = []
        problems: list[MalformedMessage] = []
        address: str | None = None
        shown: set[str] = set()
        while True:
            document = await self._document(written, address)
            try:
                batch = self._read(WebhookFields(document, {}, True))
            except MalformedMessage as problem:
                batch = Batch((), (problem,))
            read += batch.read
            problems += batch.problems
            following = at_path(document, self._poll.next) if self._poll.next is not None else None
            if not isinstance(following, str) or not following or following in shown:
                return Batch(read, problems)
            shown.add(following)
            address = following

    async def _document(self, since: str, address: str | None) -> object:
        """One page: the first, or the one at the `address` that the page before it gave."""

        def request(values: Mapping[str, str]) -> FilledRequest:
            first = filled(self._poll, {**values, SINCE: since}, self._charset)
            return first if address is None else _at(first, address)

        try:
            answer = await self._ask(request)
        except (NoAnswer, SendLater) as error:
            raise RecordsOutOfReach(f"The gateway's list of messages cannot be reached ({error.code}).") from error
        if not answer.is_success:
            raise RecordsOutOfReach(f"The gateway's list of messages answered HTTP {answer.status}.")
        try:
            return document_from(self._format, answer.content)
        except MalformedMessage as problem:
            raise RecordsOutOfReach(f"The gateway's list of messages could not be read. {problem.sentence}") from None


def _at(first: FilledRequest, address: str) -> FilledRequest:
    """The same request at another address of the same host. No other host may see the secrets in it."""
    url = urljoin(first.url, address)
    if urlsplit(url)[:2] != urlsplit(first.url)[:2]:
        raise RecordsOutOfReach("The next page of the gateway's list of messages is at another host.")
    return replace(first, url=url)


def _written(moment: datetime, format_: TimeFormat) -> str:
    match format_:
        case "iso":
            return to_iso(moment, "seconds")
        case "unix":
            return str(int(moment.timestamp()))
        case "unix-milliseconds":
            return str(int(moment.timestamp() * 1000))
