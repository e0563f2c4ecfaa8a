"""Twilio's list of messages, read back.

Source: twilio.com/docs/messaging/api/message-resource, "Read multiple Message resources". The list is sorted by date,
newest first, and comes in pages of up to a thousand, each with the address of the next. `DateSent>` filters by the date
of sending, which a message that is still queued does not have yet, so it is used for incoming messages alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .base import IncomingSms, MalformedMessage, OutgoingSms
from .records import ReadBack, RecordedSms, RecordsOutOfReach

PAGE_SIZE = 1000
_WHOLE_SECONDS = timedelta(seconds=2)  # what dates leave out, of both
_BROKEN = (httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError)


class TwilioRecords:
    """The messages of one account. `incoming` reads a message from the fields that its webhook would have."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        api_url: str,
        http: httpx.AsyncClient,
        incoming: Callable[[Mapping[str, str]], IncomingSms],
    ) -> None:
        self._auth = (account_sid, auth_token)
        self._api_url = api_url.rstrip("/")
        self._list = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._http = http
        self._incoming = incoming

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        """By Twilio's clock, which its answer tells, so that a wrong one here does no harm.

        A trial account puts a sentence of Twilio's before each text. One page is enough: nobody gets a thousand
        messages in the minutes that a doubt lasts.
        """
        try:
            answer = await self._get(self._list, {"To": message.recipient, "PageSize": str(PAGE_SIZE)})
            since = _instant(answer.headers["date"]) - within - _WHOLE_SECONDS
            return [
                str(each["sid"])
                for each in reversed(answer.json()["messages"])
                if each["direction"].startswith("outbound")
                and (each["body"] or "").endswith(message.body)
                and _instant(each["date_created"]) >= since
            ]
        except _BROKEN as error:
            raise _out_of_reach(error) from error

    async def received(self, number: str, since: datetime) -> ReadBack:
        parameters = {"To": number, "DateSent>": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        found: list[RecordedSms] = []
        try:
            answer = await self._get(self._list, parameters | {"PageSize": str(PAGE_SIZE)})
            read_at = _instant(answer.headers["date"])
            async for each in self._from_here_on(answer):
                if each["direction"] == "inbound" and (sent_at := _instant(each["date_sent"])) >= since:
                    found += self._read(each, sent_at)
        except _BROKEN as error:
            raise _out_of_reach(error) from error
        found.reverse()  # within a second, the order of the list
        return ReadBack(sorted(found, key=lambda one: one.sent_at), read_at)

    def _read(self, listed: Mapping[str, Any], sent_at: datetime) -> list[RecordedSms]:
        fields = {"MessageSid": listed["sid"], "From": listed["from"], "To": listed["to"], "Body": listed["body"] or ""}
        try:
            return [RecordedSms(self._incoming(fields), sent_at)]
        except MalformedMessage:
            return []  # its webhook would have been refused, too

    async def _from_here_on(self, answer: httpx.Response) -> AsyncIterator[Mapping[str, Any]]:
        """The messages of this page and of those that follow."""
        while True:
            page = answer.json()
            for each in page["messages"]:
                yield each
            if not page.get("next_page_uri"):
                return
            answer = await self._get(page["next_page_uri"])

    async def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> httpx.Response:
        answer = await self._http.get(f"{self._api_url}{path}", params=parameters, auth=self._auth)
        return answer.raise_for_status()


def _instant(date: str) -> datetime:
    """Twilio's dates are those of RFC 2822, in UTC."""
    instant = parsedate_to_datetime(date)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _out_of_reach(error: Exception) -> RecordsOutOfReach:
    if isinstance(error, httpx.HTTPStatusError):
        return RecordsOutOfReach(f"Twilio's list of messages answered HTTP {error.response.status_code}.")
    if isinstance(error, httpx.HTTPError):
        return RecordsOutOfReach("Twilio's list of messages cannot be reached.")
    return RecordsOutOfReach("Twilio's list of messages could not be read.")
