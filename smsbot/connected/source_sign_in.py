"""Gives the tokens for calls to a connected source, in every process that calls it.

All processes share the tokens in the database, and one of them renews for all (`kept_tokens`). New tokens are stored
before they are first used. Until then the source also accepts the former refresh token, so the sign-in survives a lost
answer or a killed process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from smsbot.connected.connections import EmailAndPassword, OAuthApplication, SourceConnection
from smsbot.connected.kept_tokens import KeptTokens, SourceTokens, TokenKeeper, UnreadableTokens
from smsbot.connected.source_api import CallFailedForNow, NotSignedIn
from smsbot.connected.source_http import SourceAnswer, SourceHttp
from smsbot.store.database import Database

RENEWED_BEFORE = timedelta(minutes=10)
"""Tokens are renewed this long before their end; short-lived ones in the last tenth of their lifetime."""
LOOKED_AT_AGAIN_SECONDS = 60.0
"""How often a process checks whether somebody has signed in again in another process, perhaps as another agent."""
TWO_HOURS = timedelta(hours=2)
LONGEST_LIFETIME = timedelta(days=365)
"""Tokens of every source expire sooner. Without a limit, a huge number would lead to a date that Python cannot hold."""
CALLBACK_PATH = "/rdvsp/callback"

_DEVISE_HEADERS = ("access-token", "client", "uid")
_LOOK_AGAIN_SECONDS = 0.2

logger = structlog.get_logger(__name__)


@dataclass
class SourceSignIn:
    """The sign-in to one source in this process. `redirect_uri` is where OAuth sends the browser back."""

    connection: SourceConnection
    keeper: TokenKeeper
    database: Database
    http: SourceHttp
    redirect_uri: str
    clock: Callable[[], datetime]
    _held: KeptTokens | None = None
    _look_again_at: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def headers(self) -> Mapping[str, str]:
        """The headers that sign a call in. They are renewed first if they end soon.

        Raises `NotSignedIn`, and `CallFailedForNow` where a needed renewal gets no answer.
        """
        held = self._held
        if held is None or self._ends_soon(held.tokens) or time.monotonic() >= self._look_again_at:
            held = await self._fresh(refused=None)
        return held.tokens.headers

    async def headers_after(self, refused: Mapping[str, str]) -> Mapping[str, str]:
        """Other headers, after a call with `refused` was answered with 401. Raises what `headers` raises."""
        return (await self._fresh(refused)).tokens.headers

    async def note_use(self, headers: Mapping[str, str]) -> None:
        """Note that a call with these headers was accepted, so that the tokens before them are no longer needed."""
        held = self._held
        if held is None or held.tokens.headers != headers or held.tokens.former is None:
            return
        await self.database.write(lambda connection: self.keeper.forget_former(connection, held))
        tokens = held.tokens
        self._held = KeptTokens(
            SourceTokens(tokens.headers, tokens.refresh, tokens.issued_at, tokens.expires_at), held.version
        )

    async def redeem(self, code: str) -> SourceTokens:
        """The tokens for the code that the consent gave. They are not stored yet. Raises `SourceCallFailed`."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        return await self._ask_for_tokens(form, former=None)

    async def keep(self, tokens: SourceTokens, account: str) -> None:
        """Store these tokens, with which all processes call from now on. `account` names the account."""
        now = self.clock()
        version = await self.database.write(lambda connection: self.keeper.keep(connection, tokens, now, account))
        self._held = KeptTokens(tokens, version)

    async def _fresh(self, refused: Mapping[str, str] | None) -> KeptTokens:
        """Tokens that do not end soon and whose headers are not `refused`: from another process, or renewed here."""
        async with self._one_at_a_time:
            while True:
                kept = self._held = await self._read()
                self._look_again_at = time.monotonic() + LOOKED_AT_AGAIN_SECONDS
                if kept is not None and kept.tokens.headers != refused and not self._ends_soon(kept.tokens):
                    return kept
                version = kept.version if kept is not None else None
                claiming = partial(self.keeper.claim_renewal, version=version, now=self.clock())
                claim = await self.database.write(claiming)
                if claim is None:
                    if kept is not None and kept.tokens.headers != refused and self.clock() < kept.tokens.expires_at:
                        return kept  # another process renews them, and they are still valid
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                    continue
                if kept is None and await self._read() is not None:  # somebody signed in before this claim
                    await self.database.write(partial(self.keeper.give_up_claim, claim=claim))
                    continue
                renewed = await self._renew(kept, claim, refused)
                if renewed is not None:
                    self._held = renewed
                    return renewed

    async def _read(self) -> KeptTokens | None:
        try:
            return await self.database.read(self.keeper.read)
        except UnreadableTokens as problem:
            if isinstance(self.connection.sign_in, EmailAndPassword):
                return None
            raise NotSignedIn(problem.sentence) from None

    async def _renew(self, kept: KeptTokens | None, claim: str, refused: Mapping[str, str] | None) -> KeptTokens | None:
        """Renew with this claim. None where the claim has ended and another process is renewing."""
        try:
            tokens = await self._renewed(kept)
        except CallFailedForNow:
            await self.database.write(lambda connection: self.keeper.give_up_claim(connection, claim))
            if kept is not None and kept.tokens.headers != refused and self.clock() < kept.tokens.expires_at:
                return kept  # still valid; the next call tries again
            raise
        except BaseException:
            await self.database.write(lambda connection: self.keeper.give_up_claim(connection, claim))
            raise
        now = self.clock()
        version = await self.database.write(lambda connection: self.keeper.keep_renewed(connection, tokens, claim, now))
        if version is None:
            return None
        logger.info("signed in again", source=self.connection.source, until=tokens.expires_at.isoformat())
        return KeptTokens(tokens, version)

    async def _renewed(self, kept: KeptTokens | None) -> SourceTokens:
        sign_in = self.connection.sign_in
        if isinstance(sign_in, EmailAndPassword):
            return await self._signed_in_by_password(sign_in)
        if kept is None or kept.tokens.refresh is None:
            raise NotSignedIn(
                f"Nobody is signed in to {self.http.name}: run smsbot rdvsp login --source {self.connection.source}."
            )
        tokens = kept.tokens
        candidates = [each for each in (tokens.refresh, tokens.former) if each is not None]
        for position, refresh in enumerate(candidates):
            try:
                form = {"grant_type": "refresh_token", "refresh_token": refresh}
                return await self._ask_for_tokens(form, former=refresh)
            except _GrantRefused:
                if position == len(candidates) - 1:
                    break
        raise NotSignedIn(
            f"{self.http.name} no longer takes the sign-in (the consent was withdrawn, or another service signed in "
            f"with the same application and agent): run smsbot rdvsp login --source {self.connection.source}."
        )

    async def _ask_for_tokens(self, form: Mapping[str, str], former: str | None) -> SourceTokens:
        """Ask the token endpoint. The client's id and secret go as parameters: Doorkeeper does not decode Basic."""
        sign_in = self.connection.sign_in
        assert isinstance(sign_in, OAuthApplication), "only OAuth has a token endpoint"
        client = {"client_id": sign_in.client_id, "client_secret": sign_in.client_secret}
        answer = await self.http.send("POST", "/oauth/token", form={**form, **client})
        self._check_token_answer(answer)
        document: Any = answer.document
        try:
            access, refresh = str(document["access_token"]), document.get("refresh_token")
        except (TypeError, KeyError, AttributeError):
            raise CallFailedForNow(f"{self.http.name} answered no token where one was asked for.") from None
        now = self.clock()
        headers = {"Authorization": f"Bearer {access}"}
        expires_at = now + _lifetime(document.get("expires_in"))
        return SourceTokens(headers, None if refresh is None else str(refresh), now, expires_at, former)

    def _check_token_answer(self, answer: SourceAnswer) -> None:
        code = answer.document.get("error") if isinstance(answer.document, dict) else None
        if code == "invalid_grant":
            raise _GrantRefused(f"{self.http.name} does not take the code or token (invalid_grant).")
        if code in ("invalid_client", "unauthorized_client") or answer.status == 401:
            raise ApplicationUnknown(
                f"{self.http.name} does not know this application or its secret: check the client's id and secret "
                "(SMSBOT_RDVSP_CLIENT_ID and SMSBOT_RDVSP_CLIENT_SECRET, or client_id and client_secret_env in "
                "smsbot.toml). The team of RDV Service Public can tell both: write to them with the redirect address "
                f"{self.redirect_uri}."
            )
        failure = self.http.failure(answer, "asking for tokens")
        if failure is not None:
            raise failure

    async def _signed_in_by_password(self, sign_in: EmailAndPassword) -> SourceTokens:
        wanted = {"email": sign_in.email, "password": sign_in.password}
        answer = await self.http.send("POST", "/api/v1/auth/sign_in", json=wanted)
        if answer.status in (400, 401, 403, 404, 422):
            raise NotSignedIn(
                f"{self.http.name} does not take the e-mail address and password: check SMSBOT_RDVSP_EMAIL and "
                "SMSBOT_RDVSP_PASSWORD (or email and password_env in smsbot.toml). Where it no longer allows "
                "programs to sign in with them, write to the team of RDV Service Public and ask for an OAuth "
                f"application with the redirect address {self.redirect_uri}."
            )
        failure = self.http.failure(answer, "signing in")
        if failure is not None:
            raise failure
        headers = {name: answer.headers.get(name, "") for name in _DEVISE_HEADERS}
        if not all(headers.values()):
            raise CallFailedForNow(f"{self.http.name} answered the sign-in without the headers of one.")
        now = self.clock()
        return SourceTokens(headers, None, now, now + _lifetime_until(answer.headers.get("expiry"), now))

    def _ends_soon(self, tokens: SourceTokens) -> bool:
        lifetime = tokens.expires_at - tokens.issued_at
        return self.clock() >= tokens.expires_at - min(RENEWED_BEFORE, lifetime / 10)


class ApplicationUnknown(NotSignedIn):
    """The source does not know the OAuth application, or its secret is wrong."""


class _GrantRefused(NotSignedIn):
    """The token endpoint does not take this code or refresh token."""


def _lifetime(seconds: object) -> timedelta:
    """How long the tokens are valid, from the seconds that the source gives. None: two hours. At most a year."""
    try:
        told = float(seconds)  # type: ignore[arg-type] # raises if it is not a number
    except (TypeError, ValueError, OverflowError):
        return TWO_HOURS
    return timedelta(seconds=min(told, LONGEST_LIFETIME.total_seconds())) if told > 0 else TWO_HOURS


def _lifetime_until(expiry: str | None, now: datetime) -> timedelta:
    """The same for a source that gives the time of their expiry, in Unix seconds."""
    try:
        return _lifetime(float(expiry or "") - now.timestamp())
    except ValueError:
        return TWO_HOURS
