"""The sign-in to a source: one renewal for all processes, and it survives a lost answer."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from smsbot.connected.kept_tokens import RENEWAL_LEASE, TokenKeeper
from smsbot.connected.source_api import CallFailedForNow, NotSignedIn
from smsbot.connected.source_sign_in import LONGEST_LIFETIME, TWO_HOURS, _lifetime_until
from smsbot.connected.source_state import source_states
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store.database import Database
from smsbot.store.tables import connected_sources
from tests.connected.sources import SECRET_KEY, api_to, everything_in
from tests.lines import every_line

pytestmark = pytest.mark.anyio


async def test_one_renewal_serves_all_calls_of_all_processes(source: RdvspStandIn, database: Database) -> None:
    async with AsyncExitStack() as processes:
        apis = [
            await processes.enter_async_context(api_to(source, database, signed_in=is_first))
            for is_first in (True, False, False, False)
        ]
        await asyncio.gather(*(api.account() for api in apis))
        source.tokens.expire()
        source.fail(StandInFault(hangs_seconds=0.3), on="token")
        await asyncio.gather(*(api.account() for api in apis for _ in range(5)))
    assert source.tokens.renewals == 1


async def test_tokens_are_renewed_before_they_end(source: RdvspStandIn, sqlite_database: Database) -> None:
    source.tokens.token_seconds = 10
    real = datetime.now(UTC)
    now = [real]
    async with api_to(source, sqlite_database, clock=lambda: now[0]) as api:
        await api.account()
        now[0] = real + timedelta(seconds=9.5)
        await api.account()
    assert source.tokens.renewals == 1
    assert [call.status for call in source.calls_of("me")] == [200, 200]


async def test_a_lost_answer_of_a_renewal_strands_nobody(source: RdvspStandIn, database: Database) -> None:
    async with api_to(source, database) as api:
        for _ in range(3):
            source.tokens.expire()
            source.fail(StandInFault(cuts=True, acts=True), on="token")
            with pytest.raises(CallFailedForNow):
                await api.account()
            await api.account()
    assert source.tokens.renewals == 6


async def test_a_process_killed_after_the_renewal_strands_nobody(source: RdvspStandIn, database: Database) -> None:
    """Its new tokens are lost. The lease ends, and the former refresh token renews again."""
    now = [datetime.now(UTC)]
    async with api_to(source, database, clock=lambda: now[0]) as api:
        await api.account()
        kept = await database.read(api.sign_in.keeper.read)
        assert kept is not None
        assert await database.write(lambda each: api.sign_in.keeper.claim_renewal(each, kept.version, now[0]))
        client = {"client_id": source.tokens.client_id, "client_secret": source.tokens.client_secret}
        form = {"grant_type": "refresh_token", "refresh_token": str(kept.tokens.refresh)}
        await api.http.send("POST", "/oauth/token", form=form | client)
        source.tokens.expire()
        now[0] += RENEWAL_LEASE
        await api.account()
    assert source.tokens.renewals == 2


async def test_the_former_refresh_token_is_kept_until_the_new_access_token_is_used(
    source: RdvspStandIn, database: Database
) -> None:
    async with api_to(source, database) as api:
        first = await database.read(api.sign_in.keeper.read)
        assert first is not None
        source.tokens.expire()
        refused = await api.sign_in.headers_after(first.tokens.headers)
        second = await database.read(api.sign_in.keeper.read)
        assert second is not None
        assert second.tokens.former == first.tokens.refresh
        assert second.tokens.headers == refused
        await api.account()
        third = await database.read(api.sign_in.keeper.read)
        assert third is not None
        assert third.tokens.former is None
        assert third.tokens.refresh == second.tokens.refresh


async def test_while_a_renewal_fails_tokens_that_are_still_good_are_used(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    source.tokens.token_seconds = 1000
    real = datetime.now(UTC)
    now = [real]
    async with api_to(source, sqlite_database, clock=lambda: now[0]) as api:
        now[0] = real + timedelta(seconds=950)
        source.fail(StandInFault(503), on="token")
        await api.account()
        assert source.tokens.renewals == 0
        await api.account()
    assert source.tokens.renewals == 1


async def test_who_withdraws_the_consent_ends_it_with_one_sentence(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    async with api_to(source, sqlite_database) as api:
        source.tokens.revoke()
        with pytest.raises(NotSignedIn, match="smsbot rdvsp login --source rdvsp"):
            await api.account()
        state = await sqlite_database.read(lambda each: source_states(each, ["rdvsp"], datetime.now(UTC))["rdvsp"])
        assert not state.is_signed_in
        assert state.problem is not None
    async with api_to(source, sqlite_database) as api:
        await api.account()
    state = await sqlite_database.read(lambda each: source_states(each, ["rdvsp"], datetime.now(UTC))["rdvsp"])
    assert state.is_well


async def test_a_wrong_secret_says_whom_to_write_to_and_what_to_send(
    source: RdvspStandIn, sqlite_database: Database
) -> None:
    async with api_to(source, sqlite_database) as api:
        source.tokens.expire()
        source.tokens.client_secret = "another"
        with pytest.raises(NotSignedIn) as problem:
            await api.account()
    for part in (
        "team of RDV Service Public",
        "https://smsbot.example.fr/rdvsp/callback",
        "SMSBOT_RDVSP_CLIENT_SECRET",
    ):
        assert part in problem.value.sentence


async def test_nobody_is_signed_in_at_first(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with api_to(source, sqlite_database, signed_in=False) as api:
        with pytest.raises(NotSignedIn, match="smsbot rdvsp login"):
            await api.account()
    assert source.calls == []


async def test_with_a_password_nobody_has_to_log_in(source: RdvspStandIn, database: Database) -> None:
    async with AsyncExitStack() as processes:
        apis = [
            await processes.enter_async_context(api_to(source, database, by_password=True, signed_in=False))
            for _ in range(3)
        ]
        await asyncio.gather(*(api.account() for api in apis for _ in range(3)))
        assert len(source.calls_of("sign_in")) == 1  # another one would end the first
        source.tokens.expire()
        await asyncio.gather(*(api.account() for api in apis))
    assert len(source.calls_of("sign_in")) == 2


async def test_who_found_nobody_signed_in_looks_again_before_signing_in(
    source: RdvspStandIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        api_to(source, database, by_password=True, signed_in=False) as first,
        api_to(source, database, by_password=True, signed_in=False) as second,
    ):
        reading = second.sign_in._read
        found: list[object] = []

        async def read_just_before_the_first_signs_in() -> object:
            kept = await reading()
            if not found:
                await first.account()
            found.append(kept)
            return kept

        monkeypatch.setattr(second.sign_in, "_read", read_just_before_the_first_signs_in)
        await second.account()
        assert found[0] is None
    assert len(source.calls_of("sign_in")) == 1


async def test_a_refused_password_is_one_sentence(source: RdvspStandIn, sqlite_database: Database) -> None:
    source.tokens.password = None  # as when RDV Service Public has switched it off
    async with api_to(source, sqlite_database, by_password=True) as api:
        with pytest.raises(NotSignedIn, match="ask for an OAuth application") as problem:
            await api.account()
    assert "hunter2" not in problem.value.sentence


async def test_the_tokens_are_not_to_be_read_in_the_database(
    source: RdvspStandIn, sqlite_database: Database, tmp_path: Path
) -> None:
    async with api_to(source, sqlite_database) as api:
        kept = await sqlite_database.read(api.sign_in.keeper.read)
        assert kept is not None
        sqlite_database.truncate_log_now()
        content = everything_in(tmp_path)
        assert source.tokens.client_id.encode() not in content
        for secret in (str(kept.tokens.refresh), kept.tokens.headers["Authorization"].removeprefix("Bearer ")):
            assert secret.encode() not in content


async def test_tokens_of_one_source_are_no_tokens_of_another(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with api_to(source, sqlite_database, "loire") as api:
        await api.account()
        sealed = select(connected_sources.c.tokens)
        stolen = await sqlite_database.read(lambda each: each.execute(sealed).scalar_one())
    async with api_to(source, sqlite_database, "rhone") as api:
        put = update(connected_sources).where(connected_sources.c.source == "rhone").values(tokens=stolen)
        await sqlite_database.write(lambda each: each.execute(put))
        api.sign_in._held = None
        with pytest.raises(NotSignedIn, match="SMSBOT_SECRET_KEY"):
            await api.account()


async def test_another_secret_key_asks_to_sign_in_again(source: RdvspStandIn, sqlite_database: Database) -> None:
    async with api_to(source, sqlite_database) as api:
        await api.account()
    other = SECRET_KEY[::-1]
    async with api_to(source, sqlite_database, signed_in=False, secret_key=other) as api:
        with pytest.raises(NotSignedIn, match="another SMSBOT_SECRET_KEY"):
            await api.account()
    async with api_to(source, sqlite_database, by_password=True, secret_key=other) as api:
        await api.account()


async def test_the_tokens_go_on_under_another_address(source: RdvspStandIn, sqlite_database: Database) -> None:
    """The host of an instance changes. The application there is the same, and the tokens stay valid."""
    async with api_to(source, sqlite_database) as api:
        await api.account()
    with RdvspStandIn() as moved:
        moved.tokens = source.tokens
        async with api_to(moved, sqlite_database, signed_in=False) as api:
            await api.account()
        assert [call.status for call in moved.calls] == [200]


async def test_a_new_login_elsewhere_is_noticed(
    source: RdvspStandIn, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new login may be of another agent, while the first tokens are still valid."""
    monkeypatch.setattr("smsbot.connected.source_sign_in.LOOKED_AT_AGAIN_SECONDS", 0.0)
    async with api_to(source, sqlite_database) as api:
        first = await api.sign_in.headers()
        async with api_to(source, sqlite_database):
            assert await api.sign_in.headers() != first


def test_a_claim_is_one_at_a_time_and_ends(database: Database) -> None:
    keeper = TokenKeeper("rdvsp", SECRET_KEY)
    now = datetime.now(UTC)
    first = database.write_now(lambda each: keeper.claim_renewal(each, None, now))
    assert first is not None
    assert database.write_now(lambda each: keeper.claim_renewal(each, None, now)) is None
    later = now + RENEWAL_LEASE
    second = database.write_now(lambda each: keeper.claim_renewal(each, None, later))
    assert second is not None
    database.write_now(lambda each: keeper.give_up_claim(each, first))  # the claim is no longer valid
    assert database.write_now(lambda each: keeper.claim_renewal(each, None, later)) is None


@pytest.mark.parametrize(
    ("told", "good_for"),
    [
        (10**400, TWO_HOURS),
        (10**300, LONGEST_LIFETIME),
        ("9" * 5000, LONGEST_LIFETIME),
        ("nan", TWO_HOURS),
        ("soon", TWO_HOURS),
        ([], TWO_HOURS),
        (-1, TWO_HOURS),
        (None, TWO_HOURS),
        (900, timedelta(minutes=15)),
    ],
)
async def test_a_lifetime_that_cannot_be_ends_nothing_here(
    source: RdvspStandIn, sqlite_database: Database, told: object, good_for: timedelta
) -> None:
    now = datetime.now(UTC)
    async with api_to(source, sqlite_database, signed_in=False, clock=lambda: now) as api:
        document = {"access_token": "a", "refresh_token": "b", "expires_in": told}
        source.fail(StandInFault(200, document), on="token")
        tokens = await api.sign_in.redeem(source.tokens.consent(api.sign_in.redirect_uri))
    assert tokens.expires_at - now == good_for


@every_line("expiry", ["9" * 5000, "nan", "", "soon", "-1", "1e400"])
def test_nor_does_an_end_that_cannot_be(expiry: str) -> None:
    now = datetime.now(UTC)
    assert timedelta(0) < _lifetime_until(expiry, now) <= LONGEST_LIFETIME
    assert _lifetime_until(str(int(now.timestamp()) + 900), now) <= timedelta(minutes=15)
