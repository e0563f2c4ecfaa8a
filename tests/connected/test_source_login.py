"""Signing in through the browser: the address, the return, and one sentence for every failure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from smsbot.connected.client import RdvspApi
from smsbot.connected.source_api import NotSignedIn
from smsbot.connected.source_login import LOGIN_LASTS, BegunLogin, SourceLogins
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.messages.templates import template_environment
from smsbot.policy import Policy
from smsbot.store.database import Database
from smsbot.web.source_endpoints import RdvspCallback
from smsbot.web.usager import Pages
from tests.connected.sources import PUBLIC_URL, api_to

pytestmark = pytest.mark.anyio

BACK = f"{PUBLIC_URL}/rdvsp/callback"


class Site:
    """The running service as the browser sees it, and a login in another process."""

    def __init__(self, api: RdvspApi, database: Database, shell: RdvspApi, now: datetime) -> None:
        self.now = now
        self.api = api
        self.service = SourceLogins({"rdvsp": api}, database, BACK, lambda: self.now)
        self.shell = SourceLogins({"rdvsp": shell}, database, BACK, lambda: self.now)
        pages = Pages(template_environment(), Policy())
        application = Starlette(routes=RdvspCallback(self.service, pages).routes())
        transport = httpx.ASGITransport(application)
        self.browser = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)

    async def consent(self, login: BegunLogin) -> str:
        """What RDV Service Public redirects the browser to, once the agent has decided."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(login.address)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])


@asynccontextmanager
async def site(source: RdvspStandIn, database: Database) -> AsyncIterator[Site]:
    source.tokens.redirect_uri = BACK
    async with api_to(source, database, signed_in=False) as api, api_to(source, database, signed_in=False) as shell:
        yield Site(api, database, shell, datetime.now(UTC))


async def test_an_agent_consents_and_the_login_says_as_whom(source: RdvspStandIn, database: Database) -> None:
    async with site(source, database) as there:
        login = await there.shell.begin("rdvsp")
        wanted = parse_qs(urlsplit(login.address).query)
        assert wanted["response_type"] == ["code"]
        assert wanted["scope"] == ["write"]
        assert wanted["redirect_uri"] == [BACK]
        assert not await there.shell.is_finished(login)
        page = await there.browser.get(await there.consent(login))
        assert page.status_code == 200
        assert "SMS de l" in page.text
        assert await there.shell.is_finished(login)
        assert (await there.api.account()).name == "SMS de l'usager"
    async with api_to(source, database, signed_in=False) as another_process:
        await another_process.account()


async def test_a_state_counts_once(source: RdvspStandIn, database: Database) -> None:
    async with site(source, database) as there:
        back = await there.consent(await there.shell.begin("rdvsp"))
        first, second = await there.browser.get(back), await there.browser.get(back)
    assert (first.status_code, second.status_code) == (200, 400)
    assert "déjà servi" in second.text
    assert len(source.calls_of("token")) == 1


@pytest.mark.parametrize("query", ["", "?state=guessed&code=x", "?code=x", f"?state={'x' * 5000}&code=x"])
async def test_who_was_not_waited_for_gets_a_sentence(
    source: RdvspStandIn, sqlite_database: Database, query: str
) -> None:
    async with site(source, sqlite_database) as there:
        page = await there.browser.get(f"/rdvsp/callback{query}")
    assert page.status_code == 400
    assert "Aucune connexion n’attend cette page" in page.text
    assert source.calls == []


async def test_a_login_ends_after_ten_minutes(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with site(source, sqlite_database) as there:
        back = await there.consent(await there.shell.begin("rdvsp"))
        there.now += LOGIN_LASTS
        page = await there.browser.get(back)
    assert page.status_code == 400
    assert "dix minutes" in page.text


async def test_a_refused_consent(source: RdvspStandIn, sqlite_database: Database) -> None:
    source.consents = False
    async with site(source, sqlite_database) as there:
        login = await there.shell.begin("rdvsp")
        page = await there.browser.get(await there.consent(login))
        assert page.status_code == 400
        assert "L’autorisation a été refusée" in page.text
        with pytest.raises(NotSignedIn, match="consent was refused"):
            await there.shell.is_finished(login)


async def test_a_wrong_secret(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with site(source, sqlite_database) as there:
        login = await there.shell.begin("rdvsp")
        back = await there.consent(login)
        source.tokens.client_secret = "another"
        page = await there.browser.get(back)
        assert page.status_code == 502
        assert BACK in page.text
        with pytest.raises(NotSignedIn, match="team of RDV Service Public"):
            await there.shell.is_finished(login)


@pytest.mark.parametrize("on", ["token", "me"])
@pytest.mark.parametrize("fault", [StandInFault(503), StandInFault(cuts=True)])
async def test_no_answer(source: RdvspStandIn, sqlite_database: Database, on: str, fault: StandInFault) -> None:
    async with site(source, sqlite_database) as there:
        login = await there.shell.begin("rdvsp")
        back = await there.consent(login)
        source.fail(fault, on=on)
        page = await there.browser.get(back)
        assert page.status_code == 502
        assert "n’a pas répondu" in page.text
        with pytest.raises(NotSignedIn, match="Run the login again"):
            await there.shell.is_finished(login)


async def test_another_error_of_the_source_is_told_without_its_text(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    async with site(source, sqlite_database) as there:
        for error in ("invalid_scope", "<script>"):
            login = await there.shell.begin("rdvsp")
            state = parse_qs(urlsplit(login.address).query)["state"][0]
            page = await there.browser.get("/rdvsp/callback", params={"state": state, "error": error})
            assert page.status_code == 400
            assert "<script>" not in page.text
            with pytest.raises(NotSignedIn) as problem:
                await there.shell.is_finished(login)
            assert ("invalid_scope" in problem.value.sentence) is (error == "invalid_scope")


async def test_the_page_is_kept_by_nobody_and_leads_nowhere(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with site(source, sqlite_database) as there:
        page = await there.browser.get(await there.consent(await there.shell.begin("rdvsp")))
    assert "no-store" in page.headers["cache-control"]
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_old_logins_are_forgotten(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with site(source, sqlite_database) as there:
        first = await there.shell.begin("rdvsp")
        there.now += timedelta(days=2)
        await there.shell.begin("rdvsp")
        page = await there.browser.get(await there.consent(first))
    assert "Aucune connexion" in page.text
