"""Access to every route of the service: without signing in, as an agent of another organisation, as a removed agent.

The routes come from the service's own table, so that none can be forgotten. A new route is tested at once. If it
is open to everybody, or has a key of its own, it must be named here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import delete, select
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from smsbot.agents.account_changes import name_administrator
from smsbot.agents.service_accounts import add_service, find_service
from smsbot.agents.tokens import ApiScope, issue_token, known_token, note_used
from smsbot.app import Service, web_application
from smsbot.batches.records import BatchAct, NewBatch, begin_batch
from smsbot.diary.calendar_feeds import feeds_of, make_feed
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.model import Via
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import agent_organisations, metadata
from tests.web.console_site import ADA, ADAS, BOB, CLO, NOW, OUR_NUMBER, PHONE, SECRET_KEY, Browser, Office

OPEN_TO_EVERYBODY = {
    ("GET", "/"),
    ("GET", "/agents/console.js"),
    ("GET", "/agents/connexion"),
    ("GET", "/agents/connexion/openid"),
    ("GET", "/agents/connexion/retour"),
    ("POST", "/agents/connexion"),
    ("GET", "/agents/mot-de-passe"),
    ("POST", "/agents/mot-de-passe"),
    ("GET", "/agents/mot-de-passe/{token}"),
    ("POST", "/agents/mot-de-passe/{token}"),
    ("GET", "/api/openapi.json"),
}
READY = "/health/ready"
KEYS_OF_THEIR_OWN = {
    ("POST", "/webhooks/twilio/sms"): 403,  # a signature
    ("POST", "/webhooks/twilio/status"): 403,
    ("POST", "/webhooks/rdvsp"): 401,
    ("POST", "/webhooks/rdvsp/{source}"): 404,
    ("GET", "/metrics"): 401,
    ("GET", "/r/{token}"): 404,  # the usager's link, and the three letters
    ("POST", "/r/{token}"): 404,
    ("GET", "/r/{token}/rdv"): 404,
    ("POST", "/r/{token}/rdv"): 404,
    ("GET", "/r/{token}/confirmation"): 404,
    ("POST", "/r/{token}/confirmation"): 404,
    ("GET", "/r/{token}/annule"): 404,
    ("GET", "/r/{token}/maintenu"): 404,
    ("GET", "/r/{anything:path}"): 404,
    ("POST", "/r/{anything:path}"): 404,
    ("GET", "/accessibilite"): 200,  # with nobody in them
    ("GET", "/mentions-legales"): 200,
    ("GET", "/donnees-personnelles"): 200,
    ("GET", "/agents/calendriers/{token}.ics"): 404,  # a secret address
    ("GET", "/health/live"): 200,
    ("GET", READY): 503,  # on SQLite, where the tests make their tables without migrations
}
"""The routes outside the console and the API, and their answers to a request with an agent's keys."""

MEANT_FOR_EACH = {
    ("GET", "/agents"),
    ("GET", "/agents/"),
    ("GET", "/agents/rdv"),
    ("GET", "/agents/rdv.csv"),
    ("GET", "/agents/calendriers"),
    ("GET", "/agents/ensemble"),
    ("GET", "/agents/messages"),
    ("GET", "/agents/messages/liste"),
    ("GET", "/agents/messages/nombre"),
    ("POST", "/agents/messages/compte"),
    ("POST", "/agents/messages/ensemble"),
    ("GET", "/agents/reponses"),
    ("GET", "/agents/chiffres"),
    ("GET", "/agents/chiffres.csv"),
    ("GET", "/agents/comptes"),
    ("GET", "/agents/comptes.csv"),
    ("GET", "/agents/logiciels"),
    ("GET", "/agents/logiciels/ajout"),
    ("GET", "/agents/comptes/ajout"),
    ("GET", "/agents/comptes/import"),
    ("POST", "/agents/comptes/import"),
    ("POST", "/agents/comptes/import/fait"),
    ("GET", "/agents/organisations"),
    ("POST", "/agents/deconnexion"),
    ("GET", "/api/v1/appointments"),
    ("PUT", "/api/v1/appointments"),  # each appointment of the request is refused by itself
    ("POST", "/api/v1/appointments/cancel"),
    ("GET", "/api/v1/messages"),
    ("GET", "/api/v1/organisations"),
    ("GET", "/api/v1/stop-list"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/webhooks"),
    ("POST", "/api/v1/webhooks"),
}
"""The routes that every agent may use; they only show the agent's own data."""

BODIES = {
    "hand-over": {"to": "clo@mairie.fr"},
    "put-off": {"until": "2025-05-06T09:00:00Z"},
    "note": {"text": "Rappelée"},
    "appointments/cancel": {"cancellations": [{"id": "0"}]},
    "answer": {"text": "C'est noté"},
    "replay": {"since": "2025-05-01T09:00:00Z"},
}
"""The bodies that the API needs, by the end of the route."""

SECRETS = ("Dupont", "sophie@", PHONE[3:], "06 12 34 56 78", "je serai en retard", "Rappel pour Sophie", "CCAS n° 1")
NOT_OURS = ("agent_sessions", "sign_in_throttles")


@dataclass
class Building:
    """The service with Ada's appointment and message, in a state in which everything may be done with them."""

    office: Office

    def __post_init__(self) -> None:
        office = self.office
        office.app = asyncio.run(self._service())
        self.appointment = office.appointment(ADAS)
        self.participation = office.participation(self.appointment, wrong_answers=3, locked_until=NOW.replace(hour=20))
        self.message = office.incoming("je serai en retard")
        self.failed = office.outgoing(
            "Rappel pour Sophie",
            kind="reminder",
            appointment_id=self.appointment,
            participation_id=self.participation,
            delivery_status="failed",
        )
        ada = office.agent(ADA)
        batch = NewBatch(BatchAct.WRITE, Via.CONSOLE, ada, None, "Rappel pour Sophie", NOW)
        office.database.write_now(lambda c: begin_batch(c, batch, [self.appointment], NOW))
        ada = office.agent(ADA)
        office.database.write_now(lambda c: make_feed(c, ada, office.organisation_ids[ADAS], None, NOW))
        [self.feed] = office.database.read_now(lambda c: feeds_of(c, ada))
        administrators = [office.agent(email) for email in (ADA, BOB)]
        for agent in administrators:
            office.database.write_now(partial(name_administrator, agent=agent, now=NOW))
        scopes = {ApiScope.APPOINTMENTS_READ}
        office.database.write_now(lambda c: add_service(c, "connected", scopes, [("rdvsp", ADAS)], NOW))
        self.service = office.database.read_now(lambda c: find_service(c, "connected", NOW)).agent.id
        self.tokens = {email: self._token(email) for email in (ADA, BOB)}
        self.bob, self.clo = (office.agent(email).id for email in (BOB, CLO))

    def _token(self, email: str) -> str:
        """A token that was just used, so that its next use is not written down."""
        agent = self.office.agent(email)
        token = self.office.database.write_now(lambda c: issue_token(c, agent, NOW))
        known = self.office.database.read_now(lambda c: known_token(c, token, NOW))
        assert known is not None
        self.office.database.write_now(lambda c: note_used(c, known, NOW))
        return token

    async def _service(self) -> Starlette:
        """The application with all routes, also those that depend on settings."""
        settings = ServiceSettings.exactly(
            public_url=self.office.public_url,
            secret_key=SECRET_KEY,
            twilio_account_sid="AC1",
            twilio_auth_token="secret",
            sender=OUR_NUMBER,
            mail_from="rdv@example.fr",
            rdvsp_webhook_secret="secret",
            metrics_token="secret",
            api_failures_per_minute=1_000_000,
            oidc_issuer="https://provider.example",
            oidc_client_id="client",
            oidc_client_secret="secret",
        )
        service = Service(settings, self.office.database, clock=self.office.clock)
        async with open_gateways(settings, service.policy) as gateways:
            return web_application(service, gateways, {})

    def path(self, route: str) -> str:
        ids: dict[str, int | str] = {
            "/calendriers/": self.feed.id,
            "/api/v1/messages/": f"sms-{self.message}",
            "/rdv/": self.appointment,
            "/comptes/": self.clo,
            "/logiciels/": self.service,
            "/messages/": self.message,
            "/appointments/": f"rdv-{self.appointment}",
            "/v1/batches/": "batch-1",
            "/v1/organisations/": ADAS,
        }
        own = next((number for part, number in ids.items() if part in route), 1)
        return (
            route.replace("{id}", str(own))
            .replace("{external_id:path}", "0")
            .replace("{anything:path}", "nulle-part")
            .replace("{token}", "0" * 43)
            .replace("{source}", "mairie")
        ) + self.query(route)

    def query(self, route: str) -> str:
        if route.endswith("retrait"):
            return "?" + urlencode({name: self.fields()[name] for name in ("agent", "structure")})
        if route.endswith("fiche"):
            return "?" + urlencode({"structure": self.fields()["structure"]})
        return f"?personne={self.participation}" if "donnees" in route else ""

    def fields(self) -> dict[str, str]:
        """The fields of all forms, filled in for Ada's appointment and message."""
        return {
            "personne": str(self.participation),
            "certain": "oui",
            "lesquels": str(self.appointment),
            "acte": "ecrire",
            "meme-a-venir": "oui",
            "email": "dan@mairie.fr",
            "organisation": str(self.office.organisation_ids[ADAS]),
            "agent": str(self.clo),
            "structure": f"rdvsp:{ADAS}",
            "role": "administrator",
            "lignes": f"e-mail;organisations\ndan@mairie.fr;{ADAS}\n",
            "nom": "agenda",
            f"dans-rdvsp:{ADAS}": "oui",
            "droit-appointments:read": "oui",
            "message": str(self.failed),
            "raison": "service",
            "texte": "Oui",
            "bouton": "envoyer",
            "mot": "Rappelée",
            "quand": "heure",
            "titre": "Bonjour",
            "version": "1",
            "vu": f"{self.message}.0",
            "reprendre": "oui",
            "collegue": str(self.bob),
            "adresse": "sophie@example.fr",
        }

    def state(self) -> list[Any]:
        """All rows of the database, except those that note when somebody was seen."""
        tables = [table for table in metadata.sorted_tables if table.name not in NOT_OURS]
        held = [select(*(column for column in table.c if column.name != "signed_in_at")) for table in tables]
        return self.office.database.read_now(lambda c: [sorted(map(repr, c.execute(each))) for each in held])

    def call(self, method: str, path: str, token: str | None, body: object = None) -> httpx.Response:
        """Make a request with an API token and without a session."""

        async def call() -> httpx.Response:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            transport = httpx.ASGITransport(self.office.app)
            appointment = {
                "starts_at": NOW.isoformat(),
                "organisation": {"external_id": ADAS},
                "participations": [],
            }
            async with httpx.AsyncClient(transport=transport, base_url=self.office.public_url) as client:
                of_path = BODIES.get(path.removeprefix("/api/v1/")) or BODIES.get(path.rpartition("/")[2])
                asked = body or of_path
                if method == "PUT" and not asked:
                    many = {"appointments": [appointment | {"external_id": "0"}]}
                    asked = many if path.endswith("/appointments") else appointment
                return await client.request(method, path, headers=headers, json=asked)

        return asyncio.run(call())


def _routes(building: Building) -> list[tuple[str, str]]:
    found = []
    for route in building.office.app.routes:
        prefix, inner = (route.path, route.routes) if isinstance(route, Mount) else ("", [route])
        for each in inner:
            assert isinstance(each, Route)
            found += [(method, prefix + each.path) for method in sorted(each.methods or ()) if method != "HEAD"]
    return found


@pytest.fixture
def building(database: Database) -> Building:
    return Building(Office(database))


def _console_routes(building: Building) -> list[tuple[str, str]]:
    return [route for route in _routes(building) if _is_guarded(route) and route[1].startswith("/agents")]


def _api_routes(building: Building) -> list[tuple[str, str]]:
    return [route for route in _routes(building) if _is_guarded(route) and route[1].startswith("/api/")]


def _is_guarded(route: tuple[str, str]) -> bool:
    return route not in OPEN_TO_EVERYBODY and route not in KEYS_OF_THEIR_OWN


def _request(building: Building, browser: Browser, method: str, path: str, token: str) -> httpx.Response:
    browser.client.follow_redirects = False
    if method == "GET":
        return browser.client.get(path)
    return browser.client.post(path, data=building.fields() | {"jeton": token})


def _is_shut_out(response: httpx.Response) -> bool:
    """Whether the answer sends the browser to sign in, or says that one must."""
    if response.status_code == 303:
        return response.headers["location"].startswith("/agents/connexion")
    return response.status_code == 401


def test_every_route_is_walked_or_named(building: Building) -> None:
    routes = set(_routes(building))
    assert OPEN_TO_EVERYBODY | KEYS_OF_THEIR_OWN.keys() | MEANT_FOR_EACH <= routes
    console, api = _console_routes(building), _api_routes(building)
    assert {route for route in routes if _is_guarded(route)} == {*console, *api}
    assert len(console) > 20  # the tests above walk something
    assert len(api) > 30


def test_no_key_of_an_agent_opens_what_has_keys_of_its_own(building: Building) -> None:
    before = building.state()
    ada = building.office.at_desk(ADA)
    token = ada.get("/rdv").forms[0].fields["jeton"]

    def ask(method: str, route: str, status: int) -> None:
        with_session = _request(building, ada, method, building.path(route), token)
        with_token = building.call(method, building.path(route), building.tokens[ADA])
        for response in (with_session, with_token):
            assert response.status_code == status, (method, route, response.status_code)
            assert not any(secret in response.text for secret in SECRETS), route

    for (method, route), status in KEYS_OF_THEIR_OWN.items():
        if route != READY:
            ask(method, route, status)
    assert building.state() == before
    ask("GET", READY, 503 if building.office.database.is_sqlite else 200)  # where it is ready, it writes that down


def test_nobody_gets_anywhere_in_the_console(building: Building) -> None:
    before = building.state()
    visitor = building.office.visitor()
    token = visitor.get("/connexion").forms[0].fields["jeton"]
    for method, route in _console_routes(building):
        response = _request(building, visitor, method, building.path(route), token)
        assert _is_shut_out(response), (method, route, response.status_code)
        assert not any(secret in response.text for secret in SECRETS), route
    assert building.state() == before


def test_a_removed_agent_gets_nowhere_in_the_console(building: Building) -> None:
    ada = building.office.at_desk(ADA)
    token = ada.get("/rdv").forms[0].fields["jeton"]
    building.office.revoke(ADA)
    before = building.state()
    for method, route in _console_routes(building):
        response = _request(building, ada, method, building.path(route), token)
        assert _is_shut_out(response), (method, route, response.status_code)
        assert not any(secret in response.text for secret in SECRETS), route
    assert building.state() == before


def test_an_agent_of_another_organisation_finds_nothing_of_it_in_the_console(building: Building) -> None:
    before = building.state()
    bob = building.office.at_desk(BOB)
    token = bob.get("/rdv").forms[0].fields["jeton"]
    routes = _console_routes(building)
    leaving = ("POST", "/agents/deconnexion")
    for method, route in sorted(routes, key=lambda each: each == leaving):
        response = _request(building, bob, method, building.path(route), token)
        if (method, route) in MEANT_FOR_EACH:
            assert response.status_code in (200, 303), (method, route, response.status_code)
        else:
            assert response.status_code == 404, (method, route, response.status_code)
        assert not any(secret in response.text for secret in SECRETS), route
    assert building.state() == before


def test_ada_is_let_in_by_all_of_them(building: Building) -> None:
    """Without this, the tests above would prove nothing."""
    last = ("effacement", "retrait", "deconnexion")
    places = {
        route: next((n for n, end in enumerate(last) if route[1].endswith(end)), -1)
        for route in _console_routes(building)
    }
    routes = sorted(places, key=lambda route: (route[0] == "POST", places[route]))
    browser = building.office.at_desk(ADA)
    token = browser.get("/rdv").forms[0].fields["jeton"]
    fields = {"collegue": str(building.clo)}
    browser.client.follow_redirects = False
    for method, route in routes:
        if "{anything" in route:
            continue
        path = building.path(route)
        if method == "GET":
            response = browser.client.get(path)
        else:
            response = browser.client.post(path, data=building.fields() | fields | {"jeton": token})
        assert response.status_code in (200, 303, 409), (method, route, response.status_code)
        assert not _is_shut_out(response) or "deconnexion" in route, (method, route)


@pytest.mark.parametrize("address", ["?personne=", "?organisation="])
def test_ids_of_others_in_the_address_are_refused_too(building: Building, address: str) -> None:
    office = building.office
    bob = office.at_desk(BOB)
    own = office.appointment("2")
    office.participation(own, last_name="Autre")
    if "personne" in address:
        page = bob.get(f"/rdv/{own}{address}{building.participation}")
    else:
        page = bob.get(f"/chiffres{address}{office.organisation_ids[ADAS]}")
    assert page.status == 404


def test_an_organisation_taken_away_is_gone_at_the_next_click(building: Building) -> None:
    ada = building.office.at_desk(ADA)
    assert ada.get(f"/rdv/{building.appointment}").status == 200
    building.office.database.write_now(lambda c: c.execute(delete(agent_organisations)))
    assert ada.get(f"/rdv/{building.appointment}").status == 404
    assert "Dupont" not in ada.get("/rdv").text
    assert ada.get(f"/messages/{building.message}").status == 404


# The API


def test_nobody_and_a_removed_agent_get_nowhere_in_the_api(building: Building) -> None:
    building.office.revoke(ADA)
    before = building.state()
    for method, route in _api_routes(building):
        for token in (None, "", "smsbot_wrong", building.tokens[ADA]):
            response = building.call(method, building.path(route), token)
            assert response.status_code == 401, (method, route)
            assert not any(secret in response.text for secret in SECRETS), route
    assert building.state() == before


def test_an_agent_of_another_organisation_finds_nothing_of_it_in_the_api(building: Building) -> None:
    before = building.state()
    for method, route in _api_routes(building):
        response = building.call(method, building.path(route), building.tokens[BOB])
        if (method, route) in MEANT_FOR_EACH:
            nothing_to_read = (method, route) == ("POST", "/api/v1/webhooks")  # so that nothing is registered
            assert response.status_code == (415 if nothing_to_read else 200), (method, route)
        else:
            assert response.status_code in (403, 404), (method, route, response.status_code)
        assert not any(secret in response.text for secret in SECRETS), route
    assert building.state() == before


def test_a_session_is_no_token_and_a_token_no_session(building: Building) -> None:
    ada = building.office.at_desk(ADA)
    session = ada.session
    assert session is not None
    assert building.call("GET", "/api/v1/appointments", session).status_code == 401
    visitor = building.office.visitor()
    visitor.session = building.tokens[ADA]
    assert visitor.get("/rdv").heading == "Connexion"


@pytest.mark.parametrize(
    ("public_url", "said"), [("https://rdv.example.fr", "max-age=31536000"), ("http://localhost", None)]
)
def test_over_https_every_answer_says_that_it_stays_so(
    sqlite_database: Database, public_url: str, said: str | None
) -> None:
    building = Building(Office(sqlite_database, public_url=public_url))
    for path in ("/agents/connexion", "/r/x", "/api/v1/appointments", "/health/live", "/nowhere"):
        assert building.call("GET", path, "x").headers.get("strict-transport-security") == said
