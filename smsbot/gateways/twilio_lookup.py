"""Reads Twilio's list of messages.

Source: twilio.com/docs/messaging/api/message-resource, "Read multiple Message resources". The list is sorted by date,
newest first. It comes in pages of up to a thousand messages; each page has the address of the next. `DateSent>` filters
by the date of sending. A message that is still queued has no such date, so the filter is used only for incoming
messages. Twilio's page speaks of days, but its examples have times, so messages that are too old are also left out
here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from smsbot.gateways.base import IncomingSms, MalformedMessage, OutgoingSms
from smsbot.gateways.gateway_records import ReadBack, RecordedSms, RecordsOutOfReach
from smsbot.gateways.http import Http, HttpAnswer, NoAnswer, basic_authorization
from smsbot.gateways.webhook_values import is_message_id
from smsbot.http_headers import http_date
from smsbot.instants import to_iso

PAGE_SIZE = 1000
_WHOLE_SECONDS = timedelta(seconds=2)  # both of Twilio's dates are cut to whole seconds
_CLOCKS_DIFFER = timedelta(minutes=1)  # how far our clock, which NTP sets, and Twilio's may differ
_BROKEN = (NoAnswer, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class TwilioRecords:
    """The messages of one account. `incoming` makes a message from the fields that its webhook would have."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        api_url: str,
        http: Http,
        incoming: Callable[[Mapping[str, str]], IncomingSms],
        clock: Callable[[], datetime],
    ) -> None:
        self._headers = {"Authorization": basic_authorization(account_sid, auth_token)}
        self._api_url = api_url.rstrip("/")
        self._list = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._http = http
        self._incoming = incoming
        self._clock = clock

    async def taken(self, message: OutgoingSms, within: timedelta) -> Sequence[str]:
        """See `Records.taken`. Times are by Twilio's clock if its answer tells it.

        A trial account puts a sentence of Twilio's before each text, so only the end of the text is compared. One page
        is enough: nobody gets a thousand messages in the minutes that a doubt lasts.
        """
        try:
            answer = await self._get(self._list, {"To": message.recipient, "PageSize": str(PAGE_SIZE)})
            since = self._earliest_now(answer) - within - _WHOLE_SECONDS
            return [
                each["sid"]
                for each in reversed(json.loads(answer.content)["messages"])
                if is_message_id(each["sid"])
                and each["direction"].startswith("outbound")
                and (each["body"] or "").endswith(message.body)
                and http_date(each["date_created"]) >= since
            ]
        except _BROKEN as error:
            raise _out_of_reach(error) from error

    async def received(self, number: str, since: datetime) -> ReadBack:
        parameters = {"To": number, "DateSent>": to_iso(since, "seconds")}
        found: list[RecordedSms] = []
        try:
            answer = await self._get(self._list, parameters | {"PageSize": str(PAGE_SIZE)})
            read_at = self._earliest_now(answer)
            while True:
                page = json.loads(answer.content)
                young = [(each, sent_at) for each in page["messages"] if (sent_at := _sent_at(each, read_at)) >= since]
                for each, sent_at in young:
                    if each.get("direction") == "inbound":
                        found += self._read(each, sent_at)
                if not young or not page.get("next_page_uri"):  # the next pages are older still
                    break
                answer = await self._get(page["next_page_uri"])
        except _BROKEN as error:
            raise _out_of_reach(error) from error
        found.reverse()  # oldest first; messages of the same second keep this order
        return ReadBack(sorted(found, key=lambda one: one.sent_at), read_at)

    def _read(self, listed: Mapping[str, Any], sent_at: datetime) -> list[RecordedSms]:
        names = {"MessageSid": "sid", "From": "from", "To": "to", "Body": "body"}
        fields = {field: listed.get(name) or "" for field, name in names.items()}
        try:
            return [RecordedSms(self._incoming(fields), sent_at)]
        except MalformedMessage:
            return []  # its webhook would have been refused too

    def _earliest_now(self, answer: HttpAnswer) -> datetime:
        """The time on Twilio's clock when it answered.

        If the answer has no date, this is the earliest time that it can have been.
        """
        try:
            return http_date(answer.headers["date"])
        except (KeyError, ValueError):
            return self._clock() - _CLOCKS_DIFFER

    async def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> HttpAnswer:
        query = f"?{urlencode(parameters)}" if parameters else ""
        answer = await self._http.request("GET", f"{self._api_url}{path}{query}", self._headers)
        if not answer.is_success:
            raise RecordsOutOfReach(f"Twilio's list of messages answered HTTP {answer.status}.")
        return answer


def _sent_at(listed: Mapping[str, Any], read_at: datetime) -> datetime:
    """When the message was sent. A message that has just arrived may have no date of sending yet.

    A message without any date that can be read counts as sent at `read_at`, so that the others can still be read.
    """
    try:
        return http_date(listed.get("date_sent") or listed.get("date_created") or "")
    except ValueError:
        return read_at


def _out_of_reach(error: Exception) -> RecordsOutOfReach:
    if isinstance(error, NoAnswer):
        return RecordsOutOfReach("Twilio's list of messages cannot be reached.")
    return RecordsOutOfReach("Twilio's list of messages could not be read.")
