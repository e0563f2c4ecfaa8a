"""A stand-in for one instance of RDV Service Public: its API, its sign-in, its webhooks, and their faults.

Sources: github.com/betagouv/rdv-service-public (pull requests 4749, 4875, 5998, 6051, 6104), the documentation of its
API. The agenda is in `rdvsp_agenda`, and the answers are in `rdvsp_answers`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.demo.stand_ins.agenda_records import AgendaChange
from smsbot.demo.stand_ins.http_stand_in import HttpStandIn, StandInFault, cut
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.stand_ins.rdvsp_answers import InstanceAnswers
from smsbot.demo.stand_ins.rdvsp_sign_in import TokenOffice
from smsbot.demo.stand_ins.rdvsp_webhooks import PendingWebhook, PostedWebhook, WebhookEndpoint, WebhookPosting

LONGEST_ECHO_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """A call as it came.

    `endpoint` is its name, as `fail` takes it. `status` is the answer's, 0 if the connection was cut.
    """

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    seconds: float


class RdvspStandIn(InstanceAnswers, HttpStandIn):
    """One instance; `url` is for `SMSBOT_RDVSP_URL`. Change its data in `agenda`, and look at the results there.

    Endpoints, for `fail` and in `calls`: `authorize`, `token`, `sign_in`, `me`, `organisations`, `rdvs`,
    `participations`, `webhook_endpoints`.

    `echoes` is when the webhooks of a PATCH are posted: `after` or `before` its answer. `InstanceAnswers` has what the
    account may do and see.
    """

    dates_its_answers = False

    def __init__(
        self,
        client_id: str = "smsbot-stand-in",
        client_secret: str = "stand-in",  # noqa: S107 - it guards nothing
        *,
        redirect_uri: str | None = None,
        email: str = "sms@example.fr",
        password: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_newest: bool = True,
        is_silenced: bool = False,
        page_seconds: float = 0.0,
    ) -> None:
        super().__init__("rdvsp-stand-in")
        self.clock = clock
        self.agenda = Agenda(clock, is_newest=is_newest, is_silenced=is_silenced, on_change=self._on_change)
        self.tokens = TokenOffice(clock, client_id, client_secret, redirect_uri, email=email, password=password)
        self.webhooks = WebhookPosting(self.agenda, lambda: self._http, clock)
        self.echoes = "after"
        self.page_seconds = page_seconds
        self.agent = {"id": 1, "first_name": "SMS", "last_name": "de l'usager", "email": email}
        self._calls: list[ReceivedCall] = []
        self._jobs: set[asyncio.Task[None]] = set()
        self._collected: list[PendingWebhook] | None = None

    def routes(self) -> Sequence[Route]:
        api = "/api/v1"
        return [
            Route("/oauth/authorize", self._authorize),
            Route("/oauth/token", self._token, methods=["POST"]),
            Route(f"{api}/auth/sign_in", self._sign_in, methods=["POST"]),
            Route(f"{api}/agents/me", self._me),
            Route(f"{api}/organisations", self._organisations),
            Route(f"{api}/rdvs", self._rdvs),
            Route(f"{api}/organisations/{{organisation_id:int}}/rdvs", self._rdvs),
            Route(f"{api}/participations/{{id:int}}", self._set_status, methods=["PATCH"]),
            Route(
                f"{api}/organisations/{{organisation_id:int}}/webhook_endpoints",
                self._endpoints,
                methods=["GET", "POST"],
            ),
            Route(
                f"{api}/organisations/{{organisation_id:int}}/webhook_endpoints/{{id:int}}",
                self._endpoint,
                methods=["PATCH"],
            ),
        ]

    # For tests

    @property
    def calls(self) -> list[ReceivedCall]:
        """All calls so far, oldest first."""
        with self._changed:
            return list(self._calls)

    def calls_of(self, endpoint: str) -> list[ReceivedCall]:
        """The calls of one endpoint so far."""
        return [call for call in self.calls if call.endpoint == endpoint]

    def wait_for(self, endpoint: str, count: int, seconds: float = 10.0) -> None:
        """Wait until an endpoint was called `count` times. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.calls_of(endpoint)) >= count, seconds):
                raise TimeoutError(f"{len(self.calls_of(endpoint))} of {count} calls of {endpoint} after {seconds} s")

    def hold_webhooks(self) -> None:
        """Keep all webhooks back from now on; `release_webhooks` posts them."""
        self.webhooks.is_held = True

    def release_webhooks(self, arrange: Callable[[list[PendingWebhook]], list[PendingWebhook]] = list) -> None:
        """Post the held webhooks one by one, in the order that `arrange` gives (reversed, doubled …), and wait."""
        self.webhooks.is_held = False
        held, self.webhooks.held = self.webhooks.held, []

        async def post() -> None:
            for pending in arrange(held):
                await self.webhooks.post(pending)

        self._thread.submit(post()).result(60)

    def posted(self) -> list[PostedWebhook]:
        """All attempts to post a webhook so far."""
        return list(self.webhooks.posted)

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until no webhook is on its way any more, including those that wait for another attempt."""
        deadline = time.monotonic() + seconds
        while self._thread.submit(self._are_posting()).result():
            if time.monotonic() > deadline:
                raise TimeoutError(f"webhooks are still on their way after {seconds} s")
            time.sleep(0.005)

    async def _are_posting(self) -> bool:
        return bool(self._jobs)

    # Webhooks

    def _on_change(self, change: AgendaChange) -> None:
        for pending in self.webhooks.pending(change):
            if self.webhooks.is_held:
                self.webhooks.held.append(pending)
            elif self._collected is not None:
                self._collected.append(pending)
            else:
                self._start(pending)

    def _start(self, pending: PendingWebhook) -> Future[None]:
        async def begin() -> None:
            self._begin(pending)

        return self._thread.submit(begin())

    def _begin(self, pending: PendingWebhook) -> asyncio.Task[None]:
        job = asyncio.get_running_loop().create_task(self.webhooks.post(pending))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    # Its API

    @asynccontextmanager
    async def _received(self, request: Request, endpoint: str) -> AsyncIterator[_Answering]:
        """Record a call, and do what the next fault for it says."""
        began = time.perf_counter()
        answering = _Answering(self._fault_for(endpoint))
        yield answering
        fault = answering.fault
        if fault is not None:
            await asyncio.sleep(fault.hangs_seconds)
        status = 0 if fault is not None and fault.cuts else answering.response.status_code
        with self._changed:
            self._calls.append(
                ReceivedCall(
                    endpoint,
                    request.method,
                    request.url.path,
                    dict(request.query_params),
                    status,
                    time.perf_counter() - began,
                )
            )
            self._changed.notify_all()
        answering.response.headers["Date"] = format_datetime(self.clock(), usegmt=True)
        if status == 0:
            await cut(request)

    async def _authorize(self, request: Request) -> Response:
        async with self._received(request, "authorize") as answering:
            answering.give(self.consent_page(request.query_params))
        return answering.response

    async def _token(self, request: Request) -> Response:
        async with self._received(request, "token") as answering:
            form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
            if answering.acts:
                answering.give(self.token_answer(request.headers.get("authorization", ""), form))
        return answering.response

    async def _sign_in(self, request: Request) -> Response:
        async with self._received(request, "sign_in") as answering:
            given = await _parameters(request)
            headers = self.tokens.sign_in(str(given.get("email")), str(given.get("password")))
            if headers is None:
                document = {"success": False, "errors": ["Mot de passe ou identifiant invalide."]}
                answering.give(JSONResponse(document, status_code=401))
            else:
                answering.give(JSONResponse({"data": self.agent}, headers=headers))
        return answering.response

    async def _me(self, request: Request) -> Response:
        async with self._received(request, "me") as answering:
            if self._is_let_in(request, answering):
                answering.give(JSONResponse({"agent": self.agent}))
        return answering.response

    async def _organisations(self, request: Request) -> Response:
        async with self._received(request, "organisations") as answering:
            if self._is_let_in(request, answering):
                answering.give(self.organisations_listed(request.query_params))
        return answering.response

    async def _rdvs(self, request: Request) -> Response:
        async with self._received(request, "rdvs") as answering:
            if self._is_let_in(request, answering):
                await asyncio.sleep(self.page_seconds)
                wanted = dict(request.query_params)
                if "organisation_id" in request.path_params:
                    wanted["organisation_id"] = str(request.path_params["organisation_id"])
                answering.give(self.rdvs_listed(wanted))
        return answering.response

    async def _set_status(self, request: Request) -> Response:
        async with self._received(request, "participations") as answering:
            if self._is_let_in(request, answering):
                given = await _parameters(request)
                posted: list[PendingWebhook] | None = [] if self.echoes == "before" else None
                self._collected = posted
                answering.give(self.status_set(request.path_params["id"], given))
                self._collected = None
                if posted:
                    await asyncio.wait([self._begin(pending) for pending in posted], timeout=LONGEST_ECHO_SECONDS)
        return answering.response

    async def _endpoints(self, request: Request) -> Response:
        async with self._received(request, "webhook_endpoints") as answering:
            if self._is_let_in(request, answering):
                organisation_id = request.path_params["organisation_id"]
                if request.method == "GET":
                    answering.give(self.endpoints_listed(organisation_id, request.query_params))
                else:
                    answering.give(self.endpoint_registered(organisation_id, await _parameters(request)))
        return answering.response

    async def _endpoint(self, request: Request) -> Response:
        async with self._received(request, "webhook_endpoints") as answering:
            if self._is_let_in(request, answering):
                answering.give(self.endpoint_changed(request.path_params["id"], await _parameters(request)))
        return answering.response

    def _replay(self, endpoint: WebhookEndpoint) -> None:
        """Post all records as `created`, whatever `trigger` says."""
        for change in self.agenda.all_of(endpoint.organisation_id, endpoint.subscriptions):
            pending = PendingWebhook(endpoint, change)
            if self.webhooks.is_held:
                self.webhooks.held.append(pending)
            else:
                self._start(pending)

    def _is_let_in(self, request: Request, answering: _Answering) -> bool:
        """Whether the call must be carried out: it is signed in, and no fault prevents it."""
        if not self.tokens.is_good(request.headers):
            headers = {"WWW-Authenticate": 'Bearer realm="Doorkeeper", error="invalid_token"'}
            answering.give(Response(status_code=401, headers=headers))
            return False
        return answering.acts


class _Answering:
    """The answer to one call, and the fault for it."""

    def __init__(self, fault: StandInFault | None) -> None:
        self.fault = fault
        self.response = (None if fault is None else fault.answer) or Response(status_code=500)

    @property
    def acts(self) -> bool:
        return self.fault is None or self.fault.is_carried_out

    def give(self, response: Response) -> None:
        """Give the usual answer, unless the fault has one of its own."""
        if self.fault is None or self.fault.status is None:
            self.response = response


async def _parameters(request: Request) -> dict[str, Any]:
    """The parameters in the body, which is JSON, or a form with `subscriptions[]`."""
    if request.headers.get("content-type", "").startswith("application/json"):
        document = await request.json()
        return dict(document)
    form = parse_qs((await request.body()).decode())
    return {name.removesuffix("[]"): values if name.endswith("[]") else values[-1] for name, values in form.items()}
