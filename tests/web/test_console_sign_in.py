"""Signing in with a password, sessions and their end, forgotten passwords, forged forms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Connection, event, select
from starlette.types import Message, Receive, Scope, Send

from smsbot.agents.signing_in.sign_in import sweeping
from smsbot.agents.signing_in.sign_in_limits import Throttle
from smsbot.agents.tokens import SESSION_IDLE, SESSION_LIFETIME, issue_token, known_token
from smsbot.store.database import Database
from smsbot.store.tables import agent_password_resets, agent_passwords, agent_sessions, sign_in_throttles
from tests.web.console_site import ADA, BOB, CLO, PASSWORD, SECRET_KEY, Browser, Direct, Office, Seen


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


@pytest.fixture
def either_office(database: Database) -> Office:
    """An office on each of the two engines, for tests that write."""
    return Office(database)


def _link(office: Office) -> str:
    """The path, below /agents, of the link in the newest e-mail."""
    found = re.search(r"https://rdv\.example\.fr/agents(/mot-de-passe/\S+)", office.sent()[-1].body)
    assert found is not None
    return found[1]


# In and out


def test_the_right_password_leads_to_where_one_wanted_to_go(either_office: Office) -> None:
    either_office.give_password(ADA)
    visitor = either_office.visitor()
    assert visitor.get("/messages").heading == "Connexion"
    page = visitor.press("Se connecter", email=ADA.upper(), motdepasse=PASSWORD)
    assert (page.status, page.path) == (200, "/messages")
    assert ADA in page.text


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (ADA, "another password"),
        (ADA, ""),
        (BOB, PASSWORD),  # has none yet
        ("nobody@mairie.fr", PASSWORD),
        ("no address", PASSWORD),
        ("a\0@mairie.fr", PASSWORD),
        ("", ""),
        (ADA, "x" * 10_000),
    ],
)
def test_anything_else_is_refused_in_the_same_words(office: Office, email: str, password: str) -> None:
    office.give_password(ADA)
    page = office.visitor().sign_in(email, password)
    assert page.status == 422
    assert "L’adresse e-mail ou le mot de passe ne convient pas." in page.text
    assert page.title.startswith("Erreur : Connexion")


def test_a_revoked_agent_cannot_sign_in_and_is_out_at_once(either_office: Office) -> None:
    either_office.give_password(ADA)
    visitor = either_office.visitor()
    visitor.sign_in()
    either_office.revoke(ADA)
    assert visitor.get("/rdv").heading == "Connexion"
    assert visitor.sign_in().status == 422


def test_signing_out_ends_the_session_everywhere_it_could_have_been_copied_to(either_office: Office) -> None:
    browser, copy = either_office.at_desk(), either_office.visitor()
    copy.client.cookies.update(browser.client.cookies)
    browser.get("/rdv")
    assert browser.press("Se déconnecter").text.count("Vous êtes déconnecté.") == 1
    assert copy.get("/rdv").heading == "Connexion"
    assert browser.session is None


def test_the_session_ends_after_an_hour_of_doing_nothing(office: Office) -> None:
    browser = office.at_desk()
    for _ in range(3):
        office.clock.now += SESSION_IDLE - timedelta(minutes=1)
        assert browser.get("/rdv").heading != "Connexion"
    office.clock.now += SESSION_IDLE
    assert browser.get("/rdv").heading == "Connexion"


def test_what_the_script_asks_for_keeps_no_session_alive(office: Office) -> None:
    browser = office.at_desk()
    for _ in range(4):
        office.clock.now += SESSION_IDLE / 4
        status = browser.client.get("/agents/messages/nombre").status_code
    assert status == 401


def test_the_session_ends_after_a_working_day(office: Office) -> None:
    browser = office.at_desk()
    ends_at = office.clock.now + SESSION_LIFETIME
    while office.clock.now < ends_at - timedelta(minutes=30):
        assert browser.get("/rdv").heading != "Connexion"
        office.clock.now += timedelta(minutes=30)
    office.clock.now = ends_at
    assert browser.get("/rdv").heading == "Connexion"


def test_a_form_sent_after_the_end_says_that_nothing_was_done(office: Office) -> None:
    browser = office.at_desk()
    browser.get("/rdv")
    office.clock.now += SESSION_IDLE
    assert "votre dernière action n’a pas été enregistrée" in browser.press("Se déconnecter").text


@pytest.mark.parametrize(
    ("public_url", "prefix", "attributes"),
    [
        ("https://rdv.example.fr", "__Host-", "HttpOnly; Path=/; SameSite=lax; Secure"),
        ("https://ville.example.fr/rdv", "__Secure-", "HttpOnly; Path=/rdv/agents; SameSite=lax; Secure"),
        ("http://localhost:8000", "", "HttpOnly; Path=/agents; SameSite=lax"),
    ],
)
def test_cookies_are_kept_from_scripts_other_sites_other_hosts_and_plain_http(
    sqlite_database: Database, public_url: str, prefix: str, attributes: str
) -> None:
    office = Office(sqlite_database, public_url=public_url)
    office.give_password(ADA)
    host = httpx.URL(public_url).copy_with(path="/")
    with httpx.Client(transport=Direct(office.app, "192.0.2.1"), base_url=host) as client:
        form = Seen(client.get("/agents/connexion"))
        fields = form.forms[0].fields | {"email": ADA, "motdepasse": PASSWORD}
        header = {"Cookie": "; ".join(each.partition(";")[0] for each in _set_cookies(form.response))}
        signed_in = client.post("/agents/connexion", data=fields, headers=header)
    assert signed_in.status_code == 303
    cookies = {cookie.partition("=")[0]: cookie for cookie in _set_cookies(form.response) + _set_cookies(signed_in)}
    assert set(cookies) == {f"{prefix}{name}" for name in ("agent", "visiteur", "appareil")}
    session, device = cookies[f"{prefix}agent"], cookies[f"{prefix}appareil"]
    assert re.fullmatch(rf"{prefix}agent=[\w-]{{43}}; {attributes}", session)
    assert re.fullmatch(rf"{prefix}appareil=[\w.-]+; HttpOnly; Max-Age=31536000; {attributes[10:]}", device)
    gone = rf'{prefix}visiteur=""; expires=[^;]+; HttpOnly; Max-Age=0; {attributes[10:]}'
    assert re.fullmatch(gone, cookies[f"{prefix}visiteur"])


def _set_cookies(response: httpx.Response) -> list[str]:
    return response.headers.get_list("set-cookie")


def test_no_secret_is_stored_as_it_is(either_office: Office) -> None:
    either_office.give_password(ADA)
    visitor = either_office.visitor()
    visitor.sign_in()
    visitor.get("/mot-de-passe")
    tables = (agent_passwords, agent_sessions, sign_in_throttles)
    stored = str(either_office.database.read_now(lambda c: [c.execute(select(table)).all() for table in tables]))
    for secret in (PASSWORD, visitor.session, ADA, "192.0.2.1"):
        assert secret is not None
        assert secret not in stored
    assert "$argon2id$" in stored


def test_where_to_go_is_never_elsewhere(office: Office) -> None:
    office.give_password(ADA)
    for wanted in ("//evil.example", "/\\evil.example", "https://evil.example", "/../r", "/connexion", "/rdv\nx", ""):
        visitor = office.visitor()
        visitor.get(f"/connexion?suite={wanted.encode().hex() and wanted}".replace("\n", "%0A"))
        page = visitor.press("Se connecter", email=ADA, motdepasse=PASSWORD, suite=wanted)
        assert (page.url.host, page.path) == ("rdv.example.fr", "/rdv")


# Too often


def test_an_account_is_tried_ten_times_at_once_from_one_address_then_slowly(either_office: Office) -> None:
    either_office.give_password(ADA)
    for _ in range(10):
        assert either_office.visitor().sign_in(password="wrong").status == 422
    page = either_office.visitor().sign_in()
    assert (page.status, "Trop d’essais" in page.text) == (429, True)
    either_office.clock.now += timedelta(minutes=2)
    assert either_office.visitor().sign_in().path == "/rdv"
    either_office.revoke(ADA)
    assert either_office.visitor().sign_in().status == 422  # the right password has set the count back


def test_ten_wrong_passwords_from_one_address_shut_nobody_out_elsewhere(either_office: Office) -> None:
    either_office.give_password(ADA)
    for _ in range(10):
        either_office.visitor().sign_in(password="wrong")
    assert Browser(either_office, "203.0.113.1").sign_in().path == "/rdv"
    assert either_office.visitor().sign_in().status == 429


def _try_from_everywhere(office: Office) -> None:
    """Send wrong passwords for Ada, ten from each address, until strangers may no longer try her account."""
    _count_tries(office, ADA, 100)
    assert Browser(office, "198.51.100.99").sign_in(password="wrong").status == 429


def _count_tries(office: Office, email: str, number: int) -> None:
    """Count `number` wrong passwords, ten from each address, without opening a page for each."""
    throttle = Throttle(SECRET_KEY)

    def count(connection: Connection) -> None:
        for each in range(number):
            tries = throttle.passwords_by_stranger(email, f"198.51.100.{each // 10}")
            throttle.admit(connection, tries.limits, office.clock.now)

    office.database.write_now(count)


def test_all_strangers_together_have_a_hundred_tries_at_an_account(office: Office) -> None:
    office.give_password(ADA)
    _count_tries(office, ADA, 98)
    assert [Browser(office, "203.0.113.1").sign_in(password="wrong").status for _ in range(3)] == [422, 422, 429]
    assert Browser(office, "203.0.113.2").sign_in().status == 429
    assert Browser(office, "203.0.113.1").sign_in(BOB).status == 422
    office.clock.now += timedelta(minutes=2)
    assert Browser(office, "203.0.113.1").sign_in().path == "/rdv"
    assert Browser(office, "203.0.113.2").sign_in().status == 429, "one right password does not forgive strangers"


# Known devices


def test_strangers_do_not_shut_out_a_device_that_is_known(office: Office) -> None:
    office.give_password(ADA)
    known = office.visitor()
    known.sign_in()
    known.press("Se déconnecter")
    _try_from_everywhere(office)
    throttle = Throttle(SECRET_KEY)
    for number in range(40):  # somebody with the same address
        limits = throttle.passwords_by_stranger(f"{number}@mairie.fr", "192.0.2.1").limits
        office.database.write_now(lambda c, limits=limits: throttle.admit(c, limits, office.clock.now))  # type: ignore[misc]
    assert office.visitor().sign_in().status == 429
    assert known.sign_in().path == "/rdv"


def test_whoever_has_chosen_a_password_by_link_has_a_known_device(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    visitor.get(_link(office))
    visitor.press("Enregistrer et se connecter", motdepasse=PASSWORD)
    visitor.press("Se déconnecter")
    _try_from_everywhere(office)
    assert visitor.sign_in().path == "/rdv"


def test_a_known_device_has_ten_tries_of_its_own(office: Office) -> None:
    office.give_password(ADA)
    known = office.visitor()
    known.sign_in()
    known.press("Se déconnecter")
    assert [known.sign_in(password="wrong").status for _ in range(11)] == [422] * 10 + [429]
    assert known.sign_in().status == 429
    assert office.visitor().sign_in().path == "/rdv", "which shut nobody else out"


def test_a_device_is_known_for_the_accounts_that_signed_in_there_alone(office: Office) -> None:
    office.give_password(ADA)
    office.give_password(CLO)
    shared = office.visitor()
    shared.sign_in()
    shared.press("Se déconnecter")
    _count_tries(office, CLO, 100)
    assert shared.sign_in(CLO).status == 429
    office.clock.now += timedelta(minutes=2)
    assert shared.sign_in(CLO).path == "/rdv"
    shared.press("Se déconnecter")
    _try_from_everywhere(office)
    assert shared.sign_in().path == "/rdv", "it is known for both now"


@pytest.mark.parametrize("forged", ["", "x", "WzksW10.x", "%C3%A9.x"])
def test_a_forged_device_is_none(office: Office, forged: str) -> None:
    office.give_password(ADA)
    _try_from_everywhere(office)
    visitor = Browser(office, "203.0.113.1")
    visitor.client.cookies.set("__Host-appareil", forged, domain=visitor.host, path="/")
    assert visitor.sign_in().status == 429


def test_a_device_is_known_for_a_year(office: Office) -> None:
    office.give_password(ADA)
    known = office.visitor()
    known.sign_in()
    known.press("Se déconnecter")
    office.clock.now += timedelta(days=365)
    _try_from_everywhere(office)
    assert known.sign_in().status == 429


# Many at once


def _all_at_once(office: Office, tries: Sequence[tuple[str, str, str]]) -> list[httpx.Response]:
    """Begin these tries (address, e-mail address, password) together.

    Returns the answers in the order in which they came.
    """
    answers: list[httpx.Response] = []

    async def try_one(address: str, email: str, password: str) -> None:
        transport = httpx.ASGITransport(office.app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url=office.public_url) as client:
            token = Seen(await client.get("/agents/connexion")).forms[0].fields["jeton"]
            ready.release()
            await begin.wait()
            fields = {"jeton": token, "email": email, "motdepasse": password, "suite": "/rdv"}
            answers.append(await client.post("/agents/connexion", data=fields))

    async def run() -> None:
        tasks = []
        for one in tries:
            tasks.append(asyncio.create_task(try_one(*one)))
            await ready.acquire()
        begin.set()
        await asyncio.gather(*tasks)

    ready, begin = asyncio.Semaphore(0), asyncio.Event()
    asyncio.run(run())
    return answers


def test_a_right_password_waits_behind_few_of_two_hundred_wrong_ones(office: Office) -> None:
    office.give_password(ADA)
    flood = [("198.51.100.1", f"{number}@mairie.fr", "wrong") for number in range(200)]
    answers = _all_at_once(office, [*flood, ("203.0.113.1", ADA, PASSWORD)])
    statuses = [answer.status_code for answer in answers]
    looked_at = [status for status in statuses if status != 429]
    assert looked_at.index(303) < len(looked_at) - 1, "their turn is not the last"
    assert statuses.count(429) == 200 - 2 - 6, "two are looked at, six wait, and nobody else does"
    turned_away = next(answer for answer in answers if answer.status_code == 429)
    assert "Réessayez dans quelques secondes" in Seen(turned_away).text
    rows = office.database.read_now(lambda c: c.execute(select(sign_in_throttles)).all())
    assert len(rows) == 2 * 8 + 1 + 2, "who was turned away was not counted"


def test_one_network_address_tries_forty_accounts_at_once(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/connexion")
    statuses = [
        visitor.press("Se connecter", email=f"{number}@mairie.fr", motdepasse="x").status for number in range(41)
    ]
    assert statuses == [422] * 40 + [429]
    assert Browser(office, "203.0.113.1").sign_in("0@mairie.fr").status == 422


def test_what_was_counted_is_forgotten_in_time(office: Office) -> None:
    office.visitor().sign_in("one@mairie.fr")
    office.clock.now += timedelta(days=1)
    office.visitor().sign_in("two@mairie.fr")
    rows = office.database.read_now(lambda c: c.execute(select(sign_in_throttles)).all())
    assert len(rows) == 3  # the newer account, its network's address, and both together


def test_what_has_had_its_time_is_not_kept(either_office: Office) -> None:
    either_office.at_desk()
    visitor = either_office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    tables = (agent_sessions, agent_password_resets, sign_in_throttles)

    def kept(after: timedelta) -> list[int]:
        now = either_office.clock.now + after
        asyncio.run(sweeping(either_office.database, lambda: now).once())
        return either_office.database.read_now(lambda c: [len(c.execute(select(table)).all()) for table in tables])

    assert kept(timedelta(minutes=1)) == [1, 1, 2]
    assert kept(timedelta(hours=1)) == [0, 0, 0]


# Choosing a password


def test_the_first_password_comes_by_a_link_that_works_once(either_office: Office) -> None:
    visitor = either_office.visitor()
    visitor.get("/connexion")
    visitor.follow("Première connexion, ou mot de passe oublié")
    assert visitor.press("Recevoir le lien", email=ADA).heading == "Consultez votre messagerie"
    [message] = either_office.sent()
    assert (message.channel, message.recipient, message.state) == ("email", ADA, "waiting")
    link = _link(either_office)
    assert link in message.html
    visitor.get(link)
    page = visitor.press("Enregistrer et se connecter", motdepasse="une belle phrase secrète")
    assert (page.path, ADA in page.text) == ("/rdv", True)
    assert visitor.get(link).heading == "Ce lien n’est plus valable"
    assert either_office.visitor().sign_in(password="une belle phrase secrète").path == "/rdv"


def test_the_answer_is_the_same_for_an_address_that_nobody_has(office: Office) -> None:
    answers = set()
    for email in (ADA, "nobody@mairie.fr"):
        visitor = office.visitor()
        visitor.get("/mot-de-passe")
        answers.add(visitor.press("Recevoir le lien", email=email).text)
    assert len(answers) == 1
    assert [message.recipient for message in office.sent()] == [ADA]


def test_nothing_that_depends_on_the_account_is_done_before_the_answer_is_out(office: Office) -> None:
    """So the time until the answer does not tell who has an account."""
    statements: list[str] = []
    before_answer: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            before_answer[:] = statements
            await send(message)

        await office.app(scope, receive, note)

    @event.listens_for(office.database.engine, "before_cursor_execute")
    def keep(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    seen = {}
    for email in (ADA, "nobody@mairie.fr"):
        with httpx.Client(transport=Direct(watched, "192.0.2.1"), base_url=office.public_url) as client:
            token = Seen(client.get("/agents/mot-de-passe")).forms[0].fields["jeton"]
            statements.clear()
            client.post("/agents/mot-de-passe", data={"jeton": token, "email": email})
        seen[email] = list(before_answer), list(statements)
    assert seen[ADA][0] == seen["nobody@mairie.fr"][0]
    assert seen[ADA][1] != seen["nobody@mairie.fr"][1]
    assert [message.recipient for message in office.sent()] == [ADA]


def test_a_revoked_agent_gets_no_link_and_has_no_use_of_an_old_one(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    link = _link(office)
    visitor.get(link)
    office.revoke(ADA)
    page = visitor.press("Enregistrer et se connecter", motdepasse="une belle phrase secrète")
    assert (page.status, page.heading) == (410, "Ce lien n’est plus valable")
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    assert len(office.sent()) == 1


def test_the_link_is_good_for_half_an_hour(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    link = _link(office)
    office.clock.now += timedelta(minutes=29)
    assert visitor.get(link).heading == "Choisir un mot de passe"
    office.clock.now += timedelta(minutes=1)
    assert visitor.get(link).status == 410


def test_links_are_not_sent_without_end(office: Office) -> None:
    for number in range(5):
        visitor = Browser(office, f"198.51.100.{number}")
        visitor.get("/mot-de-passe")
        page = visitor.press("Recevoir le lien", email=ADA)
        assert page.heading == "Consultez votre messagerie"
        assert "Si vous avez déjà demandé plusieurs liens, attendez 20 minutes" in page.text
    assert len(office.sent()) == 3


def test_a_new_password_ends_every_session_and_every_other_link(either_office: Office) -> None:
    elsewhere, visitor = either_office.at_desk(), either_office.visitor()
    links = []
    for _ in range(2):
        visitor.get("/mot-de-passe")
        visitor.press("Recevoir le lien", email=ADA)
        links.append(_link(either_office))
    visitor.get(links[0])
    visitor.press("Enregistrer et se connecter", motdepasse="une belle phrase secrète")
    assert elsewhere.get("/rdv").heading == "Connexion"
    assert visitor.get(links[1]).status == 410


@pytest.mark.parametrize("password", ["court", "a" * 20, "ababababababab", ADA, f"{ADA}!", "x" * 201])
def test_a_password_that_is_easily_guessed_is_not_taken(office: Office, password: str) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    visitor.get(_link(office))
    page = visitor.press("Enregistrer et se connecter", motdepasse=password)
    assert (page.status, page.heading) == (422, "Choisir un mot de passe")
    assert office.visitor().sign_in(password=password).status == 422


@pytest.mark.parametrize("asked", [True, False])
def test_api_tokens_end_with_a_new_password_where_the_agent_asks_for_it(either_office: Office, asked: bool) -> None:
    now, ada, bob = either_office.clock.now, either_office.agent(ADA), either_office.agent(BOB)
    tokens = either_office.database.write_now(lambda c: [issue_token(c, agent, now) for agent in (ada, bob)])
    visitor = either_office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    assert "Mettre fin aussi à mes jetons d’API" in visitor.get(_link(either_office)).text
    filled_in = {"jetons": "fin"} if asked else {}
    visitor.press("Enregistrer et se connecter", motdepasse=PASSWORD, **filled_in)
    known = either_office.database.read_now(lambda c: [known_token(c, token, now) for token in tokens])
    assert [each is None for each in known] == [asked, False]


def test_who_has_no_api_token_is_not_asked_about_it(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    visitor.press("Recevoir le lien", email=ADA)
    assert "jetons" not in visitor.get(_link(office)).text


def test_what_is_no_address_is_said_so(office: Office) -> None:
    visitor = office.visitor()
    visitor.get("/mot-de-passe")
    page = visitor.press("Recevoir le lien", email="sophie")
    assert (page.status, "écrivez une adresse e-mail" in page.text) == (422, True)


# Forged forms


@pytest.mark.parametrize("path", ["/connexion", "/mot-de-passe", "/deconnexion"])
def test_a_form_without_its_token_does_nothing(office: Office, path: str) -> None:
    office.give_password(ADA)
    browser = office.at_desk()
    browser.get("/rdv")
    for token in ("", "0" * 64, "é"):
        response = browser.client.post(
            f"/agents{path}", data={"jeton": token, "email": ADA, "motdepasse": PASSWORD}, follow_redirects=False
        )
        assert response.status_code == 403
        assert "Rien n’a été changé" in response.text
    assert browser.get("/rdv").heading != "Connexion"
    assert office.sent() == []


def test_the_token_of_another_browser_is_none(office: Office) -> None:
    mine, theirs = office.visitor(), office.visitor()
    mine.get("/connexion")
    theirs.get("/connexion")
    forged = theirs.press("Se connecter", jeton=mine.page.forms[0].fields["jeton"])
    assert forged.status == 403


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"jeton=%FF", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"x" * 40_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_is_no_form_is_refused(office: Office, content: bytes, content_type: str, status: int) -> None:
    response = office.visitor().client.post(
        "/agents/connexion", content=content, headers={"Content-Type": content_type}
    )
    assert response.status_code == status


def test_every_page_is_kept_to_itself(office: Office) -> None:
    page = office.visitor().get("/connexion")
    headers = page.response.headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=", page.response.text)
