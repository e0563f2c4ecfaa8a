"""Setting a source up: its webhooks are looked up first, and nothing is changed that is right already."""

from __future__ import annotations

import pytest

from smsbot.connected.setup import SUBSCRIPTIONS, OrganisationSetUp, WebhookFound, set_webhooks_up
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store.database import Database
from tests.connected.sources import api_to

pytestmark = pytest.mark.anyio

TARGET = "https://smsbot.example.fr/webhooks/rdvsp"


async def set_up(source: RdvspStandIn, database: Database) -> list[OrganisationSetUp]:
    async with api_to(source, database) as api:
        return [each async for each in set_webhooks_up(api, TARGET, "shared")]


async def test_a_webhook_is_registered_once_for_each_organisation(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    source.agenda.add_organisation(13, name="Maison de quartier")
    source.hold_webhooks()
    assert [each.found for each in await set_up(source, sqlite_database)] == [WebhookFound.REGISTERED] * 2
    assert [(each.organisation_id, each.target_url, each.secret) for each in source.webhooks.endpoints] == [
        (12, TARGET, "shared"),
        (13, TARGET, "shared"),
    ]
    assert all(set(each.subscriptions) == set(SUBSCRIPTIONS) for each in source.webhooks.endpoints)
    assert [each.found for each in await set_up(source, sqlite_database)] == [WebhookFound.THERE] * 2
    changes = [call for call in source.calls_of("webhook_endpoints") if call.method != "GET"]
    assert len(changes) == 2  # each change there posts all records again


async def test_a_webhook_that_tells_of_less_is_left_to_people(source: RdvspStandIn, sqlite_database: Database) -> None:
    source.subscribe(TARGET, "shared").subscriptions = ["rdv"]
    (found,) = await set_up(source, sqlite_database)
    assert found.found is WebhookFound.INCOMPLETE
    assert "user, user_profile" in found.sentence
    assert all(call.method == "GET" for call in source.calls_of("webhook_endpoints"))


async def test_who_is_no_territorial_administrator_is_told_whom_to_ask(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    source.is_territorial_admin = False
    (found,) = await set_up(source, sqlite_database)
    assert found.found is WebhookFound.NOT_ALLOWED
    for part in ("territorial administrator", TARGET, "rdv, user, user_profile", "SMSBOT_RDVSP_WEBHOOK_SECRET"):
        assert part in found.sentence


async def test_a_domain_that_is_not_allowed_says_whom_to_write_to(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    source.allowed_domains = {"else.example.fr"}
    (found,) = await set_up(source, sqlite_database)
    assert found.found is WebhookFound.REFUSED
    assert "write to the team of RDV Service Public" in found.sentence
    assert "smsbot.example.fr" in found.sentence


async def test_a_webhook_that_we_may_not_see_is_there_all_the_same(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    """A webhook is unique per organisation and address, so the source says that the address is taken."""
    source.subscribe(TARGET, "shared")
    source.shows_webhooks = False
    (found,) = await set_up(source, sqlite_database)
    assert found.found is WebhookFound.THERE
