"""The answers of the stand-in for RDV Service Public: pages, tokens, lists and refusals, by what its account may see.

Sources: github.com/betagouv/rdv-service-public (controllers below `api/v1`, blueprints) and Doorkeeper's documentation.
`rdvsp_stand_in` serves these answers.
"""

from __future__ import annotations

import base64
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from smsbot.demo.stand_ins.agenda_records import STATUSES, AgendaRdv
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.stand_ins.rdvsp_sign_in import OAuthRefused, TokenOffice
from smsbot.demo.stand_ins.rdvsp_webhooks import WebhookEndpoint, WebhookPosting

PAGE = 100


class InstanceAnswers(ABC):
    """Answers for one instance.

    `consents` is whether the agent who is asked for consent gives it. `sees` are the organisations that the signed-in
    account may see (None: all), and `services` the services (None: all, as for admins and secretaries).
    `is_territorial_admin` is whether it may register webhooks, and `shows_webhooks` whether it sees them.
    `allowed_domains` are the hosts that webhooks may be posted to (None: any). With `shuffles`, a list has another
    order in each answer, so that its pages repeat and omit rows.
    """

    clock: Callable[[], datetime]
    agenda: Agenda
    tokens: TokenOffice
    webhooks: WebhookPosting
    consents = True
    sees: Collection[int] | None = None
    services: Collection[int] | None = None
    is_territorial_admin = True
    shows_webhooks = True
    allowed_domains: Collection[str] | None = None
    shuffles = False

    @abstractmethod
    def _replay(self, endpoint: WebhookEndpoint) -> None:
        """Post all records to this endpoint."""

    def subscribe(self, target_url: str, secret: str, organisation_id: int = 12) -> WebhookEndpoint:
        """Register a webhook as if it had always been there: nothing is replayed."""
        endpoint = WebhookEndpoint(
            len(self.webhooks.endpoints) + 1, organisation_id, target_url, secret, ["rdv", "user", "user_profile"]
        )
        self.webhooks.endpoints.append(endpoint)
        return endpoint

    def consent_page(self, wanted: Mapping[str, str]) -> Response:
        """The answer of the consent page: an error page, or a redirection back to the program."""
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

    def token_answer(self, authorization: str, form: Mapping[str, str]) -> Response:
        """The answer to a request for tokens."""
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

    def organisations_listed(self, wanted: Mapping[str, str]) -> Response:
        """The organisations that the account sees."""
        seen = [each for key, each in sorted(self.agenda.organisations.items()) if self._sees(key)]
        return _page("organisations", seen, wanted)

    def rdvs_listed(self, wanted: Mapping[str, str]) -> Response:
        """The appointments that the account sees and that the query asks for."""
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

    def status_set(self, participation_id: int, given: Mapping[str, Any]) -> Response:
        """Give a participation another status."""
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

    def endpoints_listed(self, organisation_id: int, wanted: Mapping[str, str]) -> Response:
        """The webhooks of an organisation."""
        shown = [
            endpoint.as_json()
            for endpoint in self.webhooks.endpoints
            if self.is_territorial_admin
            and self.shows_webhooks
            and endpoint.organisation_id == organisation_id
            and wanted.get("target_url") in (None, endpoint.target_url)
        ]
        return _page("webhook_endpoints", shown, wanted)

    def endpoint_registered(self, organisation_id: int, given: Mapping[str, Any]) -> Response:
        """Register a webhook."""
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

    def endpoint_changed(self, endpoint_id: int, given: Mapping[str, Any]) -> Response:
        """Change a webhook."""
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

    def _shows(self, rdv: AgendaRdv) -> bool:
        service = self.agenda.motifs[rdv.motif_id]["service_id"]
        return self._sees(rdv.organisation_id) and (self.services is None or service in self.services)

    def _sees(self, organisation_id: int) -> bool:
        return self.sees is None or organisation_id in self.sees


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
