"""Calls to RDV Service Public's API: reading, changing, and what failures mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import respx
from structlog.testing import capture_logs

from smsbot.connected.client import READ_AT_ONCE, RdvspApi, open_sources
from smsbot.connected.source_api import CallFailedForNow, CallRefused, NotSignedIn, SourceCallFailed
from smsbot.connected.source_http import LONGEST_RETRY_AFTER
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.http_headers import told_wait
from smsbot.model import Status
from smsbot.store.database import Database
from tests.connected.sources import PUBLIC_URL, SECRET_KEY, api_to, connection_to
from tests.lines import every_line

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def add(source: RdvspStandIn, **other: object) -> tuple[str, list[str]]:
    """Make an appointment there. Returns its id, and those of its participations."""
    rdv_id = source.agenda.add(quietly=True, **other)  # type: ignore[arg-type]
    return str(rdv_id), [str(each) for each in source.agenda.rdv(rdv_id).statuses]


async def test_appointments_are_read_by_id(source: RdvspStandIn, sqlite_database: Database) -> None:
    (first, _), (second, _) = add(source), add(source, agents=(1, 2))
    async with api_to(source, sqlite_database) as api:
        answered = await api.read([second, "4711", first])
    assert [record.external_id for record in answered.records] == [second, first]
    assert answered.of("4711") is None
    assert answered.of(first) is not None


async def test_pages_that_repeat_and_leave_out_lose_nothing(source: RdvspStandIn, sqlite_database: Database) -> None:
    source.shuffles = True
    ids = [add(source, agents=(1, 2, 3, 4))[0] for _ in range(READ_AT_ONCE)]
    async with api_to(source, sqlite_database) as api:
        answered = await api.read(ids)
    assert [record.external_id for record in answered.records] == ids


async def test_a_participation_is_cancelled_there(source: RdvspStandIn, sqlite_database: Database) -> None:
    rdv_id, (part,) = add(source)
    async with api_to(source, sqlite_database) as api:
        answered = await api.set_status(part, Status.EXCUSED)
    record = answered.of(rdv_id)
    assert record is not None
    assert record.status is Status.EXCUSED
    assert source.agenda.rdv(int(rdv_id)).statuses == {int(part): "excused"}


async def test_the_answer_tells_when_it_was_given(sqlite_database: Database) -> None:
    past = datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC)
    with RdvspStandIn(clock=lambda: past) as source:
        rdv_id, _ = add(source, starts_at=past + timedelta(days=1))
        async with api_to(source, sqlite_database, clock=lambda: past) as api:
            assert (await api.read([rdv_id])).at == past
        ahead, behind = past + timedelta(minutes=3), past - timedelta(minutes=3)
        async with api_to(source, sqlite_database, signed_in=False, clock=lambda: behind) as api:
            assert (await api.read([rdv_id])).at == past.replace(microsecond=0)
        async with api_to(source, sqlite_database, signed_in=False, clock=lambda: ahead) as api:
            assert (await api.read([rdv_id])).at == past.replace(microsecond=999_999)


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_refusal_is_definite(source: RdvspStandIn, sqlite_database: Database, status: int) -> None:
    _, (part,) = add(source)
    source.fail(StandInFault(status, {"errors": ["Couldn't find Participation"]}), on="participations")
    async with api_to(source, sqlite_database) as api:
        with pytest.raises(CallRefused) as refused:
            await api.set_status(part, Status.EXCUSED)
    assert refused.value.status_code == status


@pytest.mark.parametrize(
    "fault",
    [
        StandInFault(500),
        StandInFault(503),
        StandInFault(429),
        StandInFault(302),
        StandInFault(cuts=True),
        StandInFault(cuts=True, acts=True),
        StandInFault(200, {"unexpected": True}),
    ],
)
async def test_what_brings_no_answer_may_be_tried_again(
    source: RdvspStandIn, sqlite_database: Database, fault: StandInFault
) -> None:
    _, (part,) = add(source)
    async with api_to(source, sqlite_database) as api:
        source.fail(fault, on="participations")
        with pytest.raises(CallFailedForNow):
            await api.set_status(part, Status.EXCUSED)
        await api.set_status(part, Status.EXCUSED)
    assert len(source.calls_of("participations")) == 2


async def test_how_long_to_wait_is_taken_over(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with api_to(source, sqlite_database) as api:
        source.fail(StandInFault(429, retry_after=7), on="rdvs")
        with pytest.raises(CallFailedForNow) as failed:
            await api.read(["1"])
    assert failed.value.retry_after == timedelta(seconds=7)


@every_line(
    ("given", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("Mon, 04 May 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("Mon, 04 May 2026 11:00:00 GMT", timedelta(0)),
        ("999999999", timedelta(hours=1)),
        ("9" * 5_000, timedelta(hours=1)),
        ("Fri, 31 Dec 9999 23:59:59 -0500", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(given: str, wait: timedelta | None) -> None:
    assert told_wait(given, NOW, LONGEST_RETRY_AFTER) == wait


async def test_a_redirection_is_not_followed_with_the_token(sqlite_database: Database, source: RdvspStandIn) -> None:
    connections = {"rdvsp": connection_to(source)}
    async with open_sources(
        connections, sqlite_database, secret_key=SECRET_KEY, public_url=PUBLIC_URL, clock=lambda: datetime.now(UTC)
    ) as opened:
        api = opened["rdvsp"]
        await api.sign_in.keep(await api.sign_in.redeem(source.tokens.consent(api.sign_in.redirect_uri)), "SMS")
        with respx.mock(assert_all_called=False) as peers:
            peers.get(f"{source.url}/api/v1/rdvs").respond(301, headers={"Location": "https://new.example.fr/x"})
            elsewhere = peers.route(host="new.example.fr").respond(200)
            with pytest.raises(CallFailedForNow, match=r"redirects to new\.example\.fr"):
                await api.read(["1"])
            assert not elsewhere.called


async def test_an_entry_that_cannot_be_read_is_not_taken_for_gone(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    (strange, _), (usual, _) = add(source), add(source)
    source.agenda.rdv(int(strange)).status = "a status of next year"
    async with api_to(source, sqlite_database) as api:
        answered = await api.read([strange, usual])
    assert answered.of(usual) is not None
    with pytest.raises(CallFailedForNow):
        answered.of(strange)


async def test_a_401_in_the_middle_is_renewed_once(source: RdvspStandIn, sqlite_database: Database) -> None:
    _, (part,) = add(source)
    async with api_to(source, sqlite_database) as api:
        source.tokens.expire()
        await api.set_status(part, Status.EXCUSED)
        assert source.tokens.renewals == 1
        assert [call.status for call in source.calls_of("participations")] == [401, 200]
        source.fail(StandInFault(401), times=2, on="participations")
        with pytest.raises(NotSignedIn):
            await api.set_status(part, Status.EXCUSED)
    assert source.tokens.renewals == 2


async def test_lists_of_organisations_and_webhooks_are_read_to_the_end(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    for number in range(100, 230):
        source.agenda.add_organisation(number, name=f"CCAS {number}")
    async with api_to(source, sqlite_database) as api:
        organisations = await api.organisations()
        assert len(organisations) == 131
        assert (await api.account()).told == "SMS de l'usager <sms@example.fr>"
        await api.register_webhook("12", "https://smsbot.example.fr/webhooks/rdvsp", "shared", ["rdv", "user"])
        (registered,) = await api.webhooks("12", "https://smsbot.example.fr/webhooks/rdvsp")
        assert registered.subscriptions == {"rdv", "user"}
        assert await api.webhooks("13", "https://smsbot.example.fr/webhooks/rdvsp") == []


async def test_no_sentence_and_no_log_tells_a_secret_or_a_person(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    rdv_id, (part,) = add(source)
    sentences: list[str] = []

    async def refused(api: RdvspApi, fault: StandInFault) -> None:
        source.fail(fault, times=2, on="participations")
        with pytest.raises(SourceCallFailed) as problem:
            await api.set_status(part, Status.EXCUSED)
        sentences.append(problem.value.sentence)
        source.recover()

    with capture_logs() as logged:
        async with api_to(source, sqlite_database) as api:
            for status in (401, 403, 404, 422, 429, 500):
                await refused(api, StandInFault(status, {"errors": ["Sophie Dupont +33612345678"]}))
            await refused(api, StandInFault(cuts=True))
            source.agenda.rdv(int(rdv_id)).status = "Sophie Dupont"
            await api.read([rdv_id])
    told = f"{sentences} {logged}"
    for secret in ("Dupont", "33612345678", source.tokens.client_secret, "Bearer", "hunter2"):
        assert secret not in told
    assert all(len(sentence.splitlines()) == 1 for sentence in sentences)


async def test_an_address_where_nobody_listens(sqlite_database: Database) -> None:
    source = RdvspStandIn().start()
    async with api_to(source, sqlite_database) as api:
        source.stop()
        with pytest.raises(CallFailedForNow, match="ConnectError"):
            await api.read(["1"])


@pytest.mark.parametrize("number", [10**400, -1, "2", True, None, 1e300])
async def test_a_number_of_pages_that_cannot_be_is_not_believed(
    source: RdvspStandIn, sqlite_database: Database, number: object
) -> None:
    meta = {"total_pages": number, "total_count": number}
    source.fail(StandInFault(200, {"rdvs": [], "meta": meta}), on="rdvs")
    async with api_to(source, sqlite_database) as api:
        listed = await api.starting_between(NOW, None)
    assert (listed.pages, listed.rows) == (1, 0)
