"""A stand-in for one instance of RDV Service Public: its API, its sign-in, its webhooks, and what goes wrong with them.

Sources: github.com/betagouv/rdv-service-public (controllers below `api/v1`, blueprints, pull requests 4749, 4875, 5998,
6051, 6104), the documentation of its API, and Doorkeeper's. The agenda itself is in `rdvsp_agenda`.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from smsbot.demo.http_stand_in import HttpStandIn, cut
from smsbot.demo.rdvsp_agenda import STATUSES, Agenda, AgendaChange, AgendaRdv
from smsbot.demo.rdvsp_sign_in import OAuthRefused, TokenOffice
from smsbot.demo.rdvsp_webhooks import PendingWebhook, PostedWebhook, WebhookEndpoint, WebhookPosting

PAGE = 100
LONGEST_ECHO_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SourceFault:
    """What goes wrong with one call.

    `status` and `document` replace the usual answer; without them the answer is the usual one. `hangs_seconds` is how
    late it comes, `cuts` closes the connection instead, and `acts` means that the call was carried out anyway.
    """

    status: int | None = None
    document: Mapping[str, Any] | None = None
    retry_after: int | str | None = None
    hangs_seconds: float = 0.0
    acts: bool = False
    cuts: bool = False

    @property
    def is_refusal(self) -> bool:
        return self.status is not None or self.cuts


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """A call as it came.

    `endpoint` is its name, as `fail` takes it. `status` is what was answered, 0 where the connection was cut.
    """

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    seconds: float


class RdvspStandIn(HttpStandIn):
    """One instance; `url` is for `SMSBOT_RDVSP_URL`. Change what is in `agenda`, and look there at what became of it.

    Endpoints, for `fail` and in `calls`: `authorize`, `token`, `sign_in`, `me`, `organisations`, `rdvs`,
    `participations`, `webhook_endpoints`.

    `consents` is whether the agent who is asked for consent gives it. `sees` are the organisations that the signed-in
    account may see (None: all), `services` the services (None: all, as admins and secretariats do),
    `is_territorial_admin` whether it may register webhooks, and `shows_webhooks` whether it sees them.
    `allowed_domains` are the hosts that webhooks may be posted to (None: any). `echoes` says when the webhooks of a
    PATCH are posted: `after` or `before` its answer. `shuffles` gives each answer of a list another order, so that
    pages repeat and leave out.
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
        self.consents = True
        self.sees: Collection[int] | None = None
        self.services: Collection[int] | None = None
        self.is_territorial_admin = True
        self.shows_webhooks = True
        self.allowed_domains: Collection[str] | None = None
        self.echoes = "after"
        self.shuffles = False
        self.page_seconds = page_seconds
        self.agent = {"id": 1, "first_name": "SMS", "last_name": "de l'usager", "email": email}
        self._calls: list[ReceivedCall] = []
        self._faults: list[tuple[SourceFault, str | None]] = []
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
        """Wait until an endpoint was called so often. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.calls_of(endpoint)) >= count, seconds):
                raise TimeoutError(f"{len(self.calls_of(endpoint))} of {count} calls of {endpoint} after {seconds} s")

    def fail(self, fault: SourceFault, times: int = 1, *, on: str | None = None) -> None:
        """Let the next `times` calls run into `fault`: those of the endpoint `on`, or of any."""
        with self._changed:
            self._faults.extend([(fault, on)] * times)

    def recover(self) -> None:
        """Forget the faults that have not happened yet."""
        with self._changed:
            self._faults.clear()

    def subscribe(self, target_url: str, secret: str, organisation_id: int = 12) -> WebhookEndpoint:
        """Register a webhook as if it had always been there: nothing is replayed."""
        endpoint = WebhookEndpoint(
            len(self.webhooks.endpoints) + 1, organisation_id, target_url, secret, ["rdv", "user", "user_profile"]
        )
        self.webhooks.endpoints.append(endpoint)
        return endpoint

    def hold_webhooks(self) -> None:
        """Keep all webhooks back from now on; `release_webhooks` posts them."""
        self.webhooks.is_held = True

    def release_webhooks(self, arrange: Callable[[list[PendingWebhook]], list[PendingWebhook]] = list) -> None:
        """Post what was kept back, one by one, as `arrange` orders it (reversed, doubled …), and wait for that."""
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
        """Wait until no webhook is on its way any more, those that wait for another attempt included."""
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

    # What the API answers

    @asynccontextmanager
    async def _received(self, request: Request, endpoint: str) -> AsyncIterator[_Answering]:
        """Count a call, and let it run into the fault that is meant for it."""
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

    def _fault_for(self, endpoint: str) -> SourceFault | None:
        with self._changed:
            for position, (fault, only_on) in enumerate(self._faults):
                if only_on in (None, endpoint):
                    del self._faults[position]
                    return fault
        return None

    async def _authorize(self, request: Request) -> Response:
        async with self._received(request, "authorize") as answering:
            answering.give(self._consent_page(request.query_params))
        return answering.response

    def _consent_page(self, wanted: Mapping[str, str]) -> Response:
        redirect_uri = wanted.get("redirect_uri", "")
        if wanted.get("client_id") != self.tokens.client_id:
            return HTMLResponse("<p>Le client est inconnu.</p>", status_code=401)
        if self.tokens.redirect_uri is not None and redirect_uri != self.tokens.redirect_uri:
            return HTMLResponse("<p>L'URL de redirection n'est pas valide.</p>", status_code=400)
        answer = {"state": wanted["state"]} if "state" in wanted else {}
        if wanted.get("response_type") != "code":
            answer |= {"error": "unsupported_response_type"}
        elif wanted.get("scope", "write") != "write":
            answer |= {"error": "invalid_scope"}
        elif self.consents:
            answer |= {"code": self.tokens.consent(redirect_uri)}
        else:
            answer |= {"error": "access_denied", "error_description": "Le propriétaire de la ressource a refusé."}
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        async with self._received(request, "token") as answering:
            form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
            if answering.acts:
                answering.give(self._tokens(request.headers.get("authorization", ""), form))
        return answering.response

    def _tokens(self, authorization: str, form: Mapping[str, str]) -> Response:
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            decoded = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            client_id, client_secret = (unquote(part) for part in decoded.split(":", 1))
        try:
            tokens = self.tokens.answer(client_id, client_secret, form)
        except OAuthRefused as refused:
            document = {"error": refused.code, "error_description": f"Refused: {refused.code}."}
            return JSONResponse(document, status_code=refused.status)
        return JSONResponse(
            {
                "access_token": tokens.access,
                "token_type": "Bearer",
                "expires_in": int(self.tokens.token_seconds),
                "refresh_token": tokens.refresh,
                "scope": "write",
                "created_at": int(self.clock().timestamp()),
            }
        )

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
                seen = [each for key, each in sorted(self.agenda.organisations.items()) if self._sees(key)]
                answering.give(_page("organisations", seen, request.query_params))
        return answering.response

    async def _rdvs(self, request: Request) -> Response:
        async with self._received(request, "rdvs") as answering:
            if self._is_let_in(request, answering):
                await asyncio.sleep(self.page_seconds)
                wanted = dict(request.query_params)
                if "organisation_id" in request.path_params:
                    wanted["organisation_id"] = str(request.path_params["organisation_id"])
                answering.give(self._list(wanted))
        return answering.response

    def _list(self, wanted: Mapping[str, str]) -> Response:
        after, before = (_moment(wanted.get(name)) for name in ("starts_after", "starts_before"))
        ids = _numbers(wanted.get("id"))
        organisations = _numbers(wanted.get("organisation_id"))
        statuses = wanted["status"].split(",") if wanted.get("status") else None
        with self.agenda.lock:
            found = [
                rdv
                for rdv in (self.agenda.between(after, before) if ids is None else self.agenda.with_ids(ids))
                if self._shows(rdv)
                and (after is None or rdv.starts_at >= after)
                and (before is None or rdv.starts_at <= before)
                and (organisations is None or rdv.organisation_id in organisations)
                and (statuses is None or rdv.status in statuses)
            ]
            rows = self.agenda.rows(found, random.getrandbits(32) if self.shuffles else 0)
            return _page("rdvs", rows, wanted, self.agenda.rdv_json)

    async def _set_status(self, request: Request) -> Response:
        async with self._received(request, "participations") as answering:
            if self._is_let_in(request, answering):
                given = await _parameters(request)
                posted: list[PendingWebhook] | None = [] if self.echoes == "before" else None
                self._collected = posted
                answering.give(self._patched(request.path_params["id"], given))
                self._collected = None
                if posted:
                    await asyncio.wait([self._begin(pending) for pending in posted], timeout=LONGEST_ECHO_SECONDS)
        return answering.response

    def _patched(self, participation_id: int, given: Mapping[str, Any]) -> Response:
        with self.agenda.lock:
            rdv = self.agenda.rdv_of(participation_id)
            if rdv is None or not self._shows(rdv):
                missing = f"Couldn't find Participation with 'id'={participation_id}"
                return JSONResponse({"success": False, "errors": [missing]}, status_code=404)
            wanted = given.get("participation")
            status = wanted.get("status") if isinstance(wanted, dict) else None
            if status not in STATUSES:
                return _unprocessable({"status": [{"error": "inclusion"}]}, ["status n'est pas inclus dans la liste"])
            self.agenda.set_status(participation_id, status)
            return JSONResponse({"rdv": self.agenda.rdv_json(rdv)})

    async def _endpoints(self, request: Request) -> Response:
        async with self._received(request, "webhook_endpoints") as answering:
            if self._is_let_in(request, answering):
                organisation_id = request.path_params["organisation_id"]
                if request.method == "GET":
                    answering.give(self._listed_endpoints(organisation_id, request.query_params))
                else:
                    answering.give(self._registered(organisation_id, await _parameters(request)))
        return answering.response

    def _listed_endpoints(self, organisation_id: int, wanted: Mapping[str, str]) -> Response:
        shown = [
            endpoint.as_json()
            for endpoint in self.webhooks.endpoints
            if self.is_territorial_admin
            and self.shows_webhooks
            and endpoint.organisation_id == organisation_id
            and wanted.get("target_url") in (None, endpoint.target_url)
        ]
        return _page("webhook_endpoints", shown, wanted)

    def _registered(self, organisation_id: int, given: Mapping[str, Any]) -> Response:
        if not self.is_territorial_admin or not self._sees(organisation_id):
            return _forbidden()
        target_url = str(given.get("target_url", ""))
        problem = self._wrong_endpoint(organisation_id, target_url, None)
        if problem is not None:
            return problem
        endpoint = self.subscribe(target_url, str(given.get("secret", "")), organisation_id)
        endpoint.subscriptions = list(given.get("subscriptions", []))
        self._replay(endpoint)
        return JSONResponse({"webhook_endpoint": endpoint.as_json()})

    async def _endpoint(self, request: Request) -> Response:
        async with self._received(request, "webhook_endpoints") as answering:
            if self._is_let_in(request, answering):
                answering.give(self._changed_endpoint(request.path_params["id"], await _parameters(request)))
        return answering.response

    def _changed_endpoint(self, endpoint_id: int, given: Mapping[str, Any]) -> Response:
        if not self.is_territorial_admin:
            return _forbidden()
        endpoint = next(each for each in self.webhooks.endpoints if each.id == endpoint_id)
        target_url = str(given.get("target_url", endpoint.target_url))
        problem = self._wrong_endpoint(endpoint.organisation_id, target_url, endpoint)
        if problem is not None:
            return problem
        endpoint.target_url = target_url
        endpoint.secret = str(given.get("secret", endpoint.secret))
        endpoint.subscriptions = list(given.get("subscriptions", endpoint.subscriptions))
        self._replay(endpoint)
        return JSONResponse({"webhook_endpoint": endpoint.as_json()})

    def _wrong_endpoint(self, organisation_id: int, url: str, itself: WebhookEndpoint | None) -> Response | None:
        others = (each for each in self.webhooks.endpoints if each is not itself)
        if any((each.organisation_id, each.target_url) == (organisation_id, url) for each in others):
            return _unprocessable({"target_url": [{"error": "taken"}]}, ["target_url est déjà utilisé(e)"])
        if self.allowed_domains is not None and urlsplit(url).hostname not in self.allowed_domains:
            return _unprocessable({"target_url": [{"error": "domain"}]}, ["target_url n'est pas un domaine autorisé"])
        return None

    def _replay(self, endpoint: WebhookEndpoint) -> None:
        """All records are posted as `created`, whatever `trigger` says."""
        for change in self.agenda.all_of(endpoint.organisation_id, endpoint.subscriptions):
            pending = PendingWebhook(endpoint, change)
            if self.webhooks.is_held:
                self.webhooks.held.append(pending)
            else:
                self._start(pending)

    def _is_let_in(self, request: Request, answering: _Answering) -> bool:
        """Whether the call is to be carried out: it is signed in, and no fault keeps it from that."""
        if not self.tokens.is_good(request.headers):
            headers = {"WWW-Authenticate": 'Bearer realm="Doorkeeper", error="invalid_token"'}
            answering.give(Response(status_code=401, headers=headers))
            return False
        return answering.acts

    def _shows(self, rdv: AgendaRdv) -> bool:
        service = self.agenda.motifs[rdv.motif_id]["service_id"]
        return self._sees(rdv.organisation_id) and (self.services is None or service in self.services)

    def _sees(self, organisation_id: int) -> bool:
        return self.sees is None or organisation_id in self.sees


class _Answering:
    """The answer to one call, with the fault that it runs into."""

    def __init__(self, fault: SourceFault | None) -> None:
        self.fault = fault
        self.response: Response = Response(status_code=500)
        if fault is not None and fault.status is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            self.response = (
                Response(status_code=fault.status, headers=headers)
                if fault.document is None
                else JSONResponse(dict(fault.document), status_code=fault.status, headers=headers)
            )

    @property
    def acts(self) -> bool:
        return self.fault is None or self.fault.acts or not self.fault.is_refusal

    def give(self, response: Response) -> None:
        """The usual answer, unless the fault has one of its own."""
        if self.fault is None or self.fault.status is None:
            self.response = response


def _page(
    root: str, rows: Sequence[Any], wanted: Mapping[str, str], write: Callable[[Any], Any] = lambda row: row
) -> Response:
    page = max(int(wanted.get("page") or "1"), 1)
    pages = -(-len(rows) // PAGE)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    meta = {
        "current_page": page,
        "next_page": page + 1 if page < pages else None,
        "prev_page": page - 1 if page > 1 else None,
        "total_pages": pages,
        "total_count": len(rows),
    }
    return JSONResponse({root: [write(row) for row in shown], "meta": meta})


async def _parameters(request: Request) -> dict[str, Any]:
    """What was sent, as JSON or as a form with `subscriptions[]`."""
    if request.headers.get("content-type", "").startswith("application/json"):
        document = await request.json()
        return dict(document)
    form = parse_qs((await request.body()).decode())
    return {name.removesuffix("[]"): values if name.endswith("[]") else values[-1] for name, values in form.items()}


def _forbidden() -> Response:
    return JSONResponse(
        {"errors": [{"base": "forbidden"}], "error_messages": ["Vous n'avez pas les droits."]}, status_code=403
    )


def _unprocessable(errors: Mapping[str, Any], messages: Sequence[str]) -> Response:
    document = {"success": False, "errors": dict(errors), "error_messages": list(messages)}
    return JSONResponse(document, status_code=422)


def _moment(value: str | None) -> datetime | None:
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _numbers(value: str | None) -> set[int] | None:
    return None if not value else {int(each) for each in value.split(",") if each.strip().isdigit()}
