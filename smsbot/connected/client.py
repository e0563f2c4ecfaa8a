"""RDV Service Public's API, as far as smsbot uses it: appointments by id and by window of time, and cancelling.

A call that is answered with 401 is made once more with other tokens. The result of every call is noted
(`source_state`), so that operators learn of refusals.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import structlog

from smsbot.connected.connections import SourceConnection
from smsbot.connected.kept_tokens import TokenKeeper
from smsbot.connected.source_api import Answered, CallFailedForNow, NotSignedIn, SourceCallFailed
from smsbot.connected.source_http import Params, SourceAnswer, SourceHttp, open_client
from smsbot.connected.source_sign_in import CALLBACK_PATH, SourceSignIn
from smsbot.connected.source_state import SourceNotes
from smsbot.instants import to_iso
from smsbot.model import AppointmentRecord, Status
from smsbot.sources.rdvsp import appointment_record
from smsbot.sources.rdvsp_payloads import MalformedPayload
from smsbot.store.database import Database

API = "/api/v1"
READ_AT_ONCE = 50
"""The most ids in one call. An appointment with two agents comes twice in the answer, and a page has a hundred rows."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListedAppointments:
    """One page of a list. `rows` counts the entries on all pages, with repeated ones; `pages` counts the pages."""

    records: tuple[AppointmentRecord, ...]
    unreadable: frozenset[str]
    rows: int
    pages: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """The account there with which we are signed in."""

    external_id: str
    name: str
    email: str | None

    @property
    def told(self) -> str:
        """The account as operators read it."""
        return self.name if self.email is None else f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class SeenOrganisation:
    """An organisation that the account sees."""

    external_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """A webhook that an organisation has there. Its secret is never shown."""

    external_id: str
    target_url: str
    subscriptions: frozenset[str]


@dataclass(frozen=True, slots=True)
class RdvspApi:
    """One connected source. All methods that call it raise `SourceCallFailed`."""

    connection: SourceConnection
    http: SourceHttp
    sign_in: SourceSignIn
    notes: SourceNotes = field(repr=False)

    async def read(self, external_ids: Sequence[str]) -> Answered:
        """The appointments with these ids that our account there can see."""
        wanted = list(dict.fromkeys(external_ids))
        found: dict[str, AppointmentRecord] = {}
        unreadable: set[str] = set()
        moments: list[datetime] = []
        for start in range(0, len(wanted), READ_AT_ONCE):
            ids = wanted[start : start + READ_AT_ONCE]
            while ids:
                listed = await self._list({"id": ",".join(ids)})
                found |= {record.external_id: record for record in listed.records}
                unreadable |= listed.unreadable
                moments.append(listed.at)
                missing = [each for each in ids if each not in found and each not in unreadable]
                # Lists have no order, so several pages may leave some out. These are read again.
                ids = missing if listed.pages > 1 and len(missing) < len(ids) else []
        records = tuple(found[each] for each in wanted if each in found)
        return Answered(records, min(moments, default=self.http.clock()), frozenset(unreadable))

    async def set_status(self, participation_external_id: str, status: Status) -> Answered:
        """Give a participation this status. The answer has the appointment as it is afterwards."""
        answer = await self._call(
            "PATCH",
            f"{API}/participations/{participation_external_id}",
            "changing a participation",
            json={"participation": {"status": status.value}},
        )
        rdv = answer.document.get("rdv") if isinstance(answer.document, dict) else None
        try:
            return Answered((appointment_record(rdv),), answer.at)
        except MalformedPayload:
            raise CallFailedForNow(f"{self.http.name} answered a changed participation unreadably.") from None

    async def starting_between(self, after: datetime, before: datetime | None, page: int = 1) -> ListedAppointments:
        """The appointments that start from `after` until `before`, both included: one page of them, in no order.

        Without `before`, all that start from `after`.
        """
        window = {"starts_after": to_iso(after, "seconds"), "page": str(page)}
        if before is not None:
            window["starts_before"] = to_iso(before, "seconds")
        return await self._list(window)

    async def account(self) -> SourceAccount:
        """The account with which we are signed in."""
        answer = await self._call("GET", f"{API}/agents/me", "asking who is signed in")
        return _account(answer, self.http)

    async def organisations(self) -> list[SeenOrganisation]:
        """The organisations that the account sees."""
        seen = {}
        async for each in self._entries(f"{API}/organisations", "organisations", "listing organisations"):
            seen[str(each.get("id"))] = SeenOrganisation(str(each.get("id")), str(each.get("name") or each.get("id")))
        return list(seen.values())

    async def webhooks(self, organisation: str, target_url: str) -> list[RegisteredWebhook]:
        """The webhooks of an organisation with this address. Only an administrator's account sees any."""
        path = f"{API}/organisations/{organisation}/webhook_endpoints"
        found = []
        async for each in self._entries(path, "webhook_endpoints", "listing webhooks", {"target_url": target_url}):
            subscriptions = each.get("subscriptions")
            names = frozenset(map(str, subscriptions)) if isinstance(subscriptions, list) else frozenset[str]()
            if each.get("target_url") == target_url:
                found.append(RegisteredWebhook(str(each.get("id")), target_url, names))
        return found

    async def register_webhook(
        self, organisation: str, target_url: str, secret: str, subscriptions: Iterable[str]
    ) -> None:
        """Register a webhook. The source then posts all records of the organisation as created."""
        wanted = {"target_url": target_url, "secret": secret, "subscriptions": list(subscriptions)}
        path = f"{API}/organisations/{organisation}/webhook_endpoints"
        await self._call("POST", path, "registering a webhook", json=wanted)

    async def _entries(
        self, path: str, root: str, call: str, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        page = 1
        while True:
            answer = await self._call("GET", path, call, params={**(params or {}), "page": str(page)})
            rows, pages, _ = _listed(answer, root, self.http)
            for row in rows:
                yield row
            if page >= pages:
                return
            page += 1

    async def _list(self, params: Mapping[str, str]) -> ListedAppointments:
        answer = await self._call("GET", f"{API}/rdvs", "listing appointments", params=params)
        rows, pages, count = _listed(answer, "rdvs", self.http)
        # Reading a page takes tens of milliseconds, so it must not block the event loop.
        records, unreadable = await asyncio.to_thread(_read_rows, rows)
        for each in unreadable.values():
            logger.warning("appointment cannot be read", source=self.connection.source, sentence=each)
        return ListedAppointments(tuple(records.values()), frozenset(unreadable), count, pages, answer.at)

    async def _call(
        self, method: str, path: str, call: str, *, params: Params | None = None, json: object = None
    ) -> SourceAnswer:
        """The answer to a call that succeeded. `call` says in words what the call is for."""
        try:
            answer = await self._signed_in(method, path, params, json)
            failure = self.http.failure(answer, call)
            if failure is not None:
                raise failure
        except SourceCallFailed as problem:
            await self.notes.failed(problem)
            raise
        await self.notes.succeeded()
        return answer

    async def _signed_in(self, method: str, path: str, params: Params | None, json: object) -> SourceAnswer:
        headers = await self.sign_in.headers()
        answer = await self.http.send(method, path, headers=headers, params=params, json=json)
        if answer.status == 401:
            headers = await self.sign_in.headers_after(headers)
            answer = await self.http.send(method, path, headers=headers, params=params, json=json)
        if answer.status == 401:
            raise NotSignedIn(
                f"{self.http.name} refuses the sign-in that it has just given: run smsbot rdvsp login --source "
                f"{self.connection.source}."
            )
        await self.sign_in.note_use(headers)
        return answer


Sources: TypeAlias = Mapping[str, RdvspApi]
"""The APIs of the connected sources, by name."""


@asynccontextmanager
async def open_sources(
    connections: Mapping[str, SourceConnection],
    database: Database,
    *,
    secret_key: str,
    public_url: str,
    clock: Callable[[], datetime],
) -> AsyncIterator[Sources]:
    """The APIs of these connected sources by name, with connections that are closed at the end."""
    async with AsyncExitStack() as stack:
        opened = {}
        for name, connection in connections.items():
            http = SourceHttp(name, connection.url, await stack.enter_async_context(open_client()), clock)
            keeper = TokenKeeper(name, secret_key)
            sign_in = SourceSignIn(connection, keeper, database, http, f"{public_url}{CALLBACK_PATH}", clock)
            opened[name] = RdvspApi(connection, http, sign_in, SourceNotes(name, database, clock))
        yield opened


async def account_of(http: SourceHttp, headers: Mapping[str, str]) -> SourceAccount:
    """The account that these headers sign in. Raises `SourceCallFailed`."""
    answer = await http.send("GET", f"{API}/agents/me", headers=headers)
    failure = http.failure(answer, "asking who is signed in")
    if failure is not None:
        raise failure
    return _account(answer, http)


def _account(answer: SourceAnswer, http: SourceHttp) -> SourceAccount:
    document = answer.document if isinstance(answer.document, dict) else {}
    agent = document.get("agent", document)
    if not isinstance(agent, dict) or "id" not in agent:
        raise CallFailedForNow(f"{http.name} does not say who is signed in.")
    names = (agent.get("first_name"), agent.get("last_name"))
    name = " ".join(each.strip() for each in names if isinstance(each, str) and each.strip())
    email = agent.get("email")
    return SourceAccount(str(agent["id"]), name or str(agent["id"]), email if isinstance(email, str) else None)


def _read_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, AppointmentRecord], dict[str, str]]:
    """The appointments by their ids, and why the others cannot be read."""
    records: dict[str, AppointmentRecord] = {}
    unreadable: dict[str, str] = {}
    for row in rows:
        try:
            record = appointment_record(row)
        except MalformedPayload as problem:
            unreadable[str(row.get("id"))] = problem.sentence
        else:
            records[record.external_id] = record
    return records, unreadable


def _listed(answer: SourceAnswer, root: str, http: SourceHttp) -> tuple[list[Mapping[str, Any]], int, int]:
    """The entries of a page, how many pages there are, and how many entries in all."""
    document = answer.document
    rows = document.get(root) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise CallFailedForNow(f"{http.name} answered a list without {root}.")
    entries: list[Mapping[str, Any]] = [row for row in rows if isinstance(row, dict)]
    meta = document.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    return entries, _told_number(meta.get("total_pages"), 1), _told_number(meta.get("total_count"), len(entries))


_MOST_TOLD = 10**9


def _told_number(value: object, otherwise: int) -> int:
    """A number of pages or entries that the source gives; `otherwise` if it is not a possible number."""
    return value if type(value) is int and 0 <= value <= _MOST_TOLD else otherwise
