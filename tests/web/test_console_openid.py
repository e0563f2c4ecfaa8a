"""Signing in with OpenID Connect, at a real provider, and at a scripted one that lies or fails and is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import httpx
import oidc_provider_mock
import pytest
import respx
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from oidc_provider_mock._storage import storage
from sqlalchemy import select
from werkzeug.serving import make_server

from smsbot.agents.signing_in.openid_provider import Registration
from smsbot.settings import ServiceSettings, SettingsProblem
from smsbot.store.database import Database
from smsbot.store.tables import agent_identities
from tests.lines import every_line
from tests.web.console_site import ADA, BOB, Browser, Clock, Office, Seen

CLIENT_ID, CLIENT_SECRET = "the-client", "the secret"
BUTTON = "Se connecter avec ProConnect"

# A real provider ------------------------------------------------------------------------------------------------------


@dataclass
class Provider:
    """oidc-provider-mock on a port of its own. With `signs_userinfo`, it answers like ProConnect."""

    url: str
    app: flask.Flask
    signs_userinfo: bool = False

    def know(self, subject: str, **claims: Any) -> None:
        httpx.put(f"{self.url}/users/{subject}", json=claims).raise_for_status()

    def sign_in(self, authorization_url: str, subject: str) -> str:
        """Sign in there as a person would. Returns the address to which the browser is then sent."""
        return httpx.post(authorization_url, data={"sub": subject}).headers["location"]


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    app = oidc_provider_mock.app(require_nonce=True)
    server = make_server("localhost", 0, app, threaded=True)
    provider = Provider(f"http://localhost:{server.server_port}", app)

    def sign(response: flask.Response) -> flask.Response:
        if provider.signs_userinfo and flask.request.path == "/userinfo":
            key = RSAKey.import_key(storage.jwk.as_dict(is_private=True))
            claims = {**(response.get_json() or {}), "iss": provider.url, "aud": CLIENT_ID}
            response.set_data(jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key))
            response.content_type = "application/jwt; charset=utf-8"
        return response

    app.after_request(sign)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.signs_userinfo = False
    return running


def _office(database: Database, issuer: str, *, emails_are_verified: bool = False) -> Office:
    registration = Registration(
        issuer, CLIENT_ID, CLIENT_SECRET, name="ProConnect", emails_are_verified=emails_are_verified
    )
    # The real provider uses the real time.
    clock = Clock() if issuer == ISSUER else Clock(datetime.now(UTC))
    return Office(database, openid=registration, clock=clock)


def _walk(provider: Provider, browser: Browser, subject: str) -> Seen:
    """Press the button, sign in at the provider, and return the page that follows."""
    browser.get("/messages")
    browser.client.follow_redirects = False
    away = browser.follow(BUTTON)
    assert away.status == 303
    back = urlsplit(provider.sign_in(away.response.headers["location"], subject))
    browser.client.follow_redirects = True
    return browser.get(f"{back.path.removeprefix('/agents')}?{back.query}")


@pytest.mark.parametrize("signed", [False, True])
def test_a_registered_agent_comes_in(database: Database, provider: Provider, signed: bool) -> None:
    provider.signs_userinfo = signed
    provider.know("ada", email=ADA.upper(), email_verified=True)
    page = _walk(provider, _office(database, provider.url).visitor(), "ada")
    assert (page.status, page.path) == (200, "/messages")
    assert ADA in page.text


def test_later_the_person_is_known_by_their_subject(database: Database, provider: Provider) -> None:
    office = _office(database, provider.url)
    provider.know("ada-moves", email=ADA, email_verified=True)
    assert _walk(provider, office.visitor(), "ada-moves").status == 200
    provider.know("ada-moves", email="ada.nouveau@mairie.fr", email_verified=False)
    assert ADA in _walk(provider, office.visitor(), "ada-moves").text
    [row] = office.database.read_now(lambda c: c.execute(select(agent_identities)).all())
    assert (row.issuer, row.subject) == (provider.url, "ada-moves")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"email": "nobody@mairie.fr", "email_verified": True}, "n’est pas enregistrée ici"),
        ({"email": ADA, "email_verified": False}, "n’est pas vérifiée auprès de ProConnect"),
        ({"email": ADA}, "n’est pas vérifiée auprès de ProConnect"),
        ({"email_verified": True}, "n’est pas vérifiée auprès de ProConnect"),
    ],
)
def test_nobody_else_comes_in(
    sqlite_database: Database, provider: Provider, claims: dict[str, Any], words: str
) -> None:
    provider.know("somebody", **claims)
    office = _office(sqlite_database, provider.url)
    browser = office.visitor()
    page = _walk(provider, browser, "somebody")
    assert (page.status, words in page.text) == (403, True)
    assert browser.get("/rdv").heading == "Connexion"


def test_a_provider_that_vouches_for_every_address_need_not_say_so(
    sqlite_database: Database, provider: Provider
) -> None:
    provider.signs_userinfo = True
    provider.know("ada-agent", email=ADA)
    office = _office(sqlite_database, provider.url, emails_are_verified=True)
    assert _walk(provider, office.visitor(), "ada-agent").status == 200
    provider.know("bob-agent", email=BOB, email_verified=False)
    assert _walk(provider, office.visitor(), "bob-agent").status == 403


def test_a_revoked_agent_is_refused_by_subject_and_by_address(sqlite_database: Database, provider: Provider) -> None:
    provider.know("ada-gone", email=ADA, email_verified=True)
    office = _office(sqlite_database, provider.url)
    _walk(provider, office.visitor(), "ada-gone")
    office.revoke(ADA)
    assert _walk(provider, office.visitor(), "ada-gone").status == 403


def test_signing_out_goes_on_at_the_provider(sqlite_database: Database, provider: Provider) -> None:
    provider.know("ada-leaves", email=ADA, email_verified=True)
    office = _office(sqlite_database, provider.url)
    browser = office.visitor()
    _walk(provider, browser, "ada-leaves")
    page = browser.press("Se déconnecter")
    assert page.heading == "Vous êtes déconnecté"
    elsewhere = urlsplit(page.links["Continuer"])
    query = parse_qs(elsewhere.query)
    assert (elsewhere.path, query["post_logout_redirect_uri"]) == (
        "/oauth2/end_session",
        ["https://rdv.example.fr/agents/connexion"],
    )
    assert len(query["state"][0]) >= 32
    assert query["id_token_hint"][0].count(".") == 2
    assert browser.get("/rdv").heading == "Connexion"


def test_an_answer_to_another_browser_is_worth_nothing(sqlite_database: Database, provider: Provider) -> None:
    provider.know("ada-tricked", email=ADA, email_verified=True)
    office = _office(sqlite_database, provider.url)
    mine, theirs = office.visitor(), office.visitor()
    for browser in (mine, theirs):
        browser.get("/rdv")
        browser.client.follow_redirects = False
        browser.follow(BUTTON)
    back = urlsplit(provider.sign_in(theirs.page.response.headers["location"], "ada-tricked"))
    page = mine.get(f"/connexion/retour?{back.query}")
    assert (page.status, "a pris trop de temps" in page.text) == (403, True)


def test_a_no_at_the_provider_is_said(sqlite_database: Database, provider: Provider) -> None:
    office = _office(sqlite_database, provider.url)
    browser = office.visitor()
    browser.get("/rdv")
    browser.client.follow_redirects = False
    url = browser.follow(BUTTON).response.headers["location"]
    state = parse_qs(urlsplit(url).query)["state"][0]
    page = browser.get(f"/connexion/retour?error=access_denied&state={state}")
    assert (page.status, "a été interrompue" in page.text) == (403, True)


# A provider that lies or fails ----------------------------------------------------------------------------------------

ISSUER = "https://auth.example.fr/api/v2"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
MISSING = object()
"""The value of a claim that the provider leaves out."""
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


@dataclass
class Liar:
    """A provider that answers as the test says.

    `claims` and `header` are those of the ID token, `told` is the userinfo.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    key: RSAKey | OctKey = field(default_factory=lambda: KEY)
    header: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo_is_signed: bool = False
    userinfo_key: RSAKey = field(default_factory=lambda: KEY)
    keys: tuple[RSAKey, ...] = field(default_factory=lambda: (KEY,))
    nonce: str = ""
    token_request: httpx.Request | None = None

    def routes(self, router: respx.MockRouter) -> None:
        metadata = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "jwks_uri": f"{ISSUER}/jwks",
            **self.metadata,
        }
        router.get(f"{ISSUER}/.well-known/openid-configuration").respond(json=metadata)
        router.get(f"{ISSUER}/jwks").mock(side_effect=self._jwks)
        router.post(f"{ISSUER}/token").mock(side_effect=self._token)
        router.get(f"{ISSUER}/userinfo").mock(side_effect=self._userinfo)

    def _jwks(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})

    def _token(self, request: httpx.Request) -> httpx.Response:
        self.token_request = request
        claims = {"iss": ISSUER, "aud": CLIENT_ID, "sub": "ada", "iat": 1746435600, "exp": 1746436200}
        header = {"alg": "RS256", "kid": "one", **self.header}
        algorithms = ["RS256", "HS256", "none"]
        told = _without_missing(claims | {"nonce": self.nonce} | self.claims)
        token = jwt.encode(header, told, self.key, algorithms=algorithms)
        return httpx.Response(200, json={"access_token": "at", "token_type": "Bearer", "id_token": token})

    def _userinfo(self, _request: httpx.Request) -> httpx.Response:
        told = _without_missing({"sub": "ada", "email": ADA, "email_verified": True, **self.told})
        if not self.userinfo_is_signed:
            return httpx.Response(200, json=told)
        signed = {"iss": ISSUER, "aud": CLIENT_ID, **told}
        body = jwt.encode({"alg": "RS256", "kid": "one"}, signed, self.userinfo_key)
        return httpx.Response(200, content=body, headers={"Content-Type": "application/jwt"})


def _without_missing(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not MISSING}


def _try(database: Database, liar: Liar) -> Seen:
    office = _office(database, ISSUER)
    browser = office.visitor()
    with respx.mock(assert_all_called=False) as router:
        liar.routes(router)
        browser.get("/rdv")
        browser.client.follow_redirects = False
        away = browser.follow(BUTTON)
        if away.status != 303:
            return away
        query = parse_qs(urlsplit(away.response.headers["location"]).query)
        liar.nonce = query["nonce"][0]
        browser.client.follow_redirects = True
        return browser.get(f"/connexion/retour?code=c&state={query['state'][0]}")


def test_the_honest_one_is_believed_and_gets_proofs(sqlite_database: Database) -> None:
    liar = Liar()
    assert _try(sqlite_database, liar).status == 200
    assert liar.token_request is not None
    sent = parse_qs(liar.token_request.content.decode())
    assert len(sent["code_verifier"][0]) >= 43
    assert sent["redirect_uri"] == ["https://rdv.example.fr/agents/connexion/retour"]
    assert liar.token_request.headers["authorization"].startswith("Basic ")
    assert "client_secret" not in sent


def test_the_secret_goes_where_the_provider_wants_it(sqlite_database: Database) -> None:
    liar = Liar(metadata={"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    assert _try(sqlite_database, liar).status == 200
    assert liar.token_request is not None
    sent = parse_qs(liar.token_request.content.decode())
    assert (sent["client_id"], sent["client_secret"]) == ([CLIENT_ID], [CLIENT_SECRET])


LIES = {
    "another nonce": Liar(claims={"nonce": "x" * 64}),
    "another issuer": Liar(claims={"iss": "https://evil.example"}),
    "another audience": Liar(claims={"aud": "somebody else"}),
    "several audiences and another party": Liar(claims={"aud": [CLIENT_ID, "b"], "azp": "b"}),
    "over": Liar(claims={"exp": 1746430000}),
    "not yet": Liar(claims={"nbf": 1746450000}),
    "the hash of another access token": Liar(claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    "several audiences and no party": Liar(claims={"aud": [CLIENT_ID, "b"]}),
    "one audience and another party": Liar(claims={"azp": "b"}),
    "for ever": Liar(claims={"exp": None}),
    "no time of issue": Liar(claims={"iat": None}),
    "issued in the future": Liar(claims={"iat": 1746450000}),
    "no nonce": Liar(claims={"nonce": None}),
    "no subject": Liar(claims={"sub": None}),
    "an empty subject": Liar(claims={"sub": ""}, told={"sub": ""}),
    "another key": Liar(key=OTHER_KEY),
    "no signature": Liar(header={"alg": "none"}),
    "our own secret as a key": Liar(key=OctKey.import_key(CLIENT_SECRET.ljust(32)), header={"alg": "HS256"}),
    "userinfo about another": Liar(told={"sub": "bob"}),
    "signed userinfo about another": Liar(told={"sub": "bob"}, userinfo_is_signed=True),
    "userinfo for another": Liar(told={"aud": "somebody else"}, userinfo_is_signed=True),
    "userinfo from another": Liar(told={"iss": "https://evil.example"}, userinfo_is_signed=True),
    "userinfo signed by another": Liar(userinfo_is_signed=True, userinfo_key=OTHER_KEY),
    "a provider that is another": Liar(metadata={"issuer": "https://evil.example"}),
    "no token endpoint": Liar(metadata={"token_endpoint": None}),
    "no keys": Liar(keys=()),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed(sqlite_database: Database, lie: str) -> None:
    page = _try(sqlite_database, LIES[lie])
    assert (page.status, page.heading) == (503, "Connexion impossible")


HONEST = {
    "the hash of this access token": Liar(claims={"at_hash": "sda5G2fCr6XjIpiNlGJjjQ"}),
    "several audiences and ours the party": Liar(claims={"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}),
    "a clock that differs by less than a minute": Liar(claims={"iat": 1746435600 + 30}),
    "the address in the ID token alone": Liar(
        claims={"email": ADA, "email_verified": True}, told={"email": None, "email_verified": None}
    ),
    "verified as a text": Liar(told={"email_verified": "true"}),
}


@pytest.mark.parametrize("truth", HONEST)
def test_what_the_protocol_allows_is_believed(sqlite_database: Database, truth: str) -> None:
    assert _try(sqlite_database, HONEST[truth]).status == 200


@pytest.mark.parametrize(
    "liar",
    [
        Liar(claims={"email_verified": True}, told={"email_verified": MISSING}),
        Liar(claims={"email": BOB, "email_verified": True}, told={"email_verified": False}),
        Liar(claims={"email": ADA}, told={"email": MISSING}),
        Liar(told={"email_verified": 1}),
    ],
)
def test_address_and_verified_come_from_the_same_document(sqlite_database: Database, liar: Liar) -> None:
    page = _try(sqlite_database, liar)
    assert (page.status, "n’est pas vérifiée auprès de ProConnect" in page.text) == (403, True)


def test_the_verified_address_counts_and_no_other(sqlite_database: Database) -> None:
    """One document says that Bob's address is verified. The other has Ada's and does not say whether it is verified."""
    liar = Liar(claims={"email": BOB, "email_verified": True}, told={"email_verified": MISSING})
    assert BOB in _try(sqlite_database, liar).text


def test_an_answer_that_comes_too_late_is_worth_nothing(sqlite_database: Database) -> None:
    office = _office(sqlite_database, ISSUER)
    for late, status in ((timedelta(), 200), (timedelta(minutes=10), 403)):
        browser, liar = office.visitor(), Liar()
        with respx.mock(assert_all_called=False) as router:
            liar.routes(router)
            browser.get("/rdv")
            browser.client.follow_redirects = False
            query = parse_qs(urlsplit(browser.follow(BUTTON).response.headers["location"]).query)
            liar.nonce = query["nonce"][0]
            office.clock.now += late
            browser.client.follow_redirects = True
            assert browser.get(f"/connexion/retour?code=c&state={query['state'][0]}").status == status


def test_keys_that_change_are_fetched_again(sqlite_database: Database) -> None:
    liar = Liar()
    newer = RSAKey.generate_key(2048, {"kid": "two"})
    office = _office(sqlite_database, ISSUER)
    for key, kid in ((KEY, "one"), (newer, "two")):
        browser = office.visitor()
        liar.key, liar.keys, liar.header = key, (key,), {"kid": kid}
        with respx.mock(assert_all_called=False) as router:
            liar.routes(router)
            browser.get("/rdv")
            browser.client.follow_redirects = False
            query = parse_qs(urlsplit(browser.follow(BUTTON).response.headers["location"]).query)
            liar.nonce = query["nonce"][0]
            browser.client.follow_redirects = True
            assert browser.get(f"/connexion/retour?code=c&state={query['state'][0]}").status == 200


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="no JSON"),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=json.dumps({"issuer": "x" * 300_000})),
        httpx.ConnectError("down"),
        httpx.ReadTimeout("slow"),
    ],
)
def test_a_provider_that_fails_is_said_to(sqlite_database: Database, answer: httpx.Response | Exception) -> None:
    browser = _office(sqlite_database, ISSUER).visitor()
    with respx.mock() as router:
        route = router.get(f"{ISSUER}/.well-known/openid-configuration")
        route.mock(**({"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}))
        browser.get("/rdv")
        page = browser.follow(BUTTON)
    assert (page.status, "ne répond pas" in page.text) == (503, True)


def test_without_a_provider_there_is_no_button(sqlite_database: Database) -> None:
    browser = Office(sqlite_database).visitor()
    assert BUTTON not in browser.get("/connexion").links
    assert browser.get("/connexion/openid").heading == "Connexion"


# The settings -------------------------------------------------------------------------------------------------------

NEEDED = {
    "secret_key": "a secret of the tests, of 32 bytes or more",
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "token",
    "sender": "+33937000000",
    "mail_from": "rdv@example.fr",
}
REGISTERED = {"oidc_issuer": ISSUER, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}


def test_settings_of_a_provider() -> None:
    settings = ServiceSettings.exactly(**NEEDED, **REGISTERED, oidc_scopes="openid  email profile")
    assert (settings.oidc_issuer, settings.oidc_scopes) == (ISSUER, "openid email profile")
    assert (settings.oidc_name, settings.oidc_emails_verified) == (None, False)
    assert ServiceSettings.exactly(**NEEDED).oidc_issuer is None


@every_line(
    ("variable", "value"),
    [
        ("oidc_issuer", "auth.example.fr"),
        ("oidc_issuer", f"{ISSUER}?x=1"),
        ("oidc_client_id", None),
        ("oidc_client_secret", None),
        ("oidc_scopes", "openid"),
        ("oidc_scopes", "email"),
        ("oidc_emails_verified", "perhaps"),
    ],
)
def test_wrong_settings_of_a_provider_are_named(variable: str, value: str | None) -> None:
    with pytest.raises(SettingsProblem, match=rf"^SMSBOT_{variable.upper()} is wrong: it should be "):
        ServiceSettings.exactly(**{**NEEDED, **REGISTERED, variable: value})
