"""Calls one instance of RDV Service Public over HTTP, and says what a failed call means.

Redirections are not followed, because the credentials would go with them. Sentences name the source, its host and the
kind of call, never an id, a token or what was sent.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from smsbot.connected.source_api import CallFailedForNow, CallRefused, SourceCallFailed
from smsbot.http_headers import http_date, told_wait

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
MOST_CONNECTIONS = 10
_KEEP_IDLE_SECONDS = 20.0  # shorter than servers do, so that calls hardly ever use a connection that is being closed
LONGEST_RETRY_AFTER = timedelta(hours=1)
_FOR_NOW = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)

_CODE = re.compile(r"[a-z_]{1,40}")

Params = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """An answer. `at` is its time, in UTC and by the source's clock. `document` is its JSON, or None."""

    status: int
    headers: Mapping[str, str]
    document: Any
    at: datetime


@asynccontextmanager
async def open_client() -> AsyncIterator[httpx.AsyncClient]:
    """A pool of HTTP connections to one instance, while the block runs."""
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=_KEEP_IDLE_SECONDS,
        ),
        headers={"User-Agent": "smsbot", "Accept": "application/json"},
        follow_redirects=False,
    ) as client:
        yield client


@dataclass(frozen=True, slots=True)
class SourceHttp:
    """One instance at `url`, which has no slash at its end."""

    source: str
    url: str
    client: httpx.AsyncClient
    clock: Callable[[], datetime]

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
    ) -> SourceAnswer:
        """The answer, whatever its status. Raises `CallFailedForNow` where there was none."""
        sent_at = self.clock()
        try:
            answer = await self.client.request(
                method,
                f"{self.url}{path}",
                headers=dict(headers or {}),
                params=dict(params or {}),
                json=json,
                data=dict(form) if form is not None else None,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The error's own text may hold the whole address.
            raise CallFailedForNow(f"{self.name} did not answer ({type(error).__name__}).") from None
        try:
            document = answer.json()
        except (ValueError, RecursionError):
            document = None
        return SourceAnswer(answer.status_code, answer.headers, document, _answered_at(answer.headers, sent_at))

    @property
    def name(self) -> str:
        """The name of this instance in sentences."""
        return f"RDV Service Public (source {self.source}, {urlsplit(self.url).netloc})"

    def failure(self, answer: SourceAnswer, call: str) -> SourceCallFailed | None:
        """The failure that an answer means; None for a success. `call` says in words what the call was for."""
        status = answer.status
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            target = urlsplit(answer.headers.get("location", "")).netloc
            elsewhere = f" to {target}" if target else ""
            return CallFailedForNow(
                f"{self.name} redirects{elsewhere} instead of answering ({call}): has its address changed? "
                "It is SMSBOT_RDVSP_URL, or url in smsbot.toml."
            )
        if status >= 500 or status in _FOR_NOW:
            wait = told_wait(answer.headers.get("retry-after"), self.clock(), LONGEST_RETRY_AFTER)
            return CallFailedForNow(f"{self.name} answered {status} ({call}).", wait)
        return CallRefused(f"{self.name} refused with {status} ({call}).", status, _reasons(answer.document))


def _reasons(document: Any) -> frozenset[str]:
    """The codes in `{"errors": {field: [{"error": code}]}}`, as Rails writes them."""
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, dict):
        return frozenset()
    listed = (entry for entries in errors.values() if isinstance(entries, list) for entry in entries)
    codes = (entry.get("error") for entry in listed if isinstance(entry, dict))
    return frozenset(code for code in codes if isinstance(code, str) and _CODE.fullmatch(code))


def _answered_at(headers: Mapping[str, str], sent_at: datetime) -> datetime:
    """When the source answered, by its own clock, in UTC.

    `Date` has whole seconds, but webhooks have more exact times. So within that second the time of our own clock is
    used, if the clocks agree. It is the time of sending and not a later one, because the answer may not have what
    changes there during the call.
    """
    try:
        second = http_date(headers.get("date", ""))
    except ValueError:
        return sent_at
    return min(max(sent_at, second), second + timedelta(microseconds=999_999))
