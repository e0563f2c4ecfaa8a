"""Signs in to a source with OAuth 2: an operator begins in the shell, and an agent consents in a browser.

    smsbot rdvsp login ──address──> operator ──browser──> RDV Service Public ──code──> /rdvsp/callback of the service

The two processes meet in the database. The `state` in the address belongs to one login, is valid once, and is stored as
a hash. The service that the browser comes back to asks for the tokens. The login command waits until this is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

import structlog
from sqlalchemy import Connection, delete, select, update

from smsbot.agents.tokens import hash_of, new_token
from smsbot.connected.client import RdvspApi, SourceAccount, account_of
from smsbot.connected.connections import OAuthApplication
from smsbot.connected.source_api import CallFailedForNow, NotSignedIn, SourceCallFailed
from smsbot.connected.source_sign_in import ApplicationUnknown
from smsbot.store.database import Database
from smsbot.store.tables import source_logins

LOGIN_LASTS = timedelta(minutes=10)
_LONGEST_PARAMETER = 500

logger = structlog.get_logger(__name__)


class LoginOutcome(StrEnum):
    """The result when the browser comes back. The callback's page has a sentence for each."""

    SIGNED_IN = "signed_in"
    UNKNOWN_STATE = "unknown_state"
    USED_STATE = "used_state"
    TOO_LATE = "too_late"
    CONSENT_REFUSED = "consent_refused"
    WRONG_APPLICATION = "wrong_application"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A login that waits for the browser. `address` is where the agent consents; `expires_at` is in UTC."""

    source: str
    address: str
    expires_at: datetime
    state_hash: str


@dataclass(frozen=True, slots=True)
class LoginReturn:
    """The result when the browser comes back, and the account that is signed in."""

    outcome: LoginOutcome
    source: str | None = None
    account: SourceAccount | None = None


@dataclass(frozen=True, slots=True)
class SourceLogins:
    """Logins to the connected sources. `redirect_uri` is the address to which the browser comes back."""

    apis: Mapping[str, RdvspApi]
    database: Database
    redirect_uri: str
    clock: Callable[[], datetime]

    async def begin(self, source: str) -> BegunLogin:
        """Begin a login to a source that uses OAuth."""
        api = self.apis[source]
        sign_in = api.connection.sign_in
        assert isinstance(sign_in, OAuthApplication), "there is nobody to consent for an e-mail address"
        state, now = new_token(), self.clock()
        login = BegunLogin(
            source,
            f"{api.connection.url}/oauth/authorize?"
            + urlencode(
                {
                    "client_id": sign_in.client_id,
                    "redirect_uri": self.redirect_uri,
                    "response_type": "code",
                    "scope": "write",
                    "state": state,
                }
            ),
            now + LOGIN_LASTS,
            hash_of(state),
        )
        await self.database.write(lambda connection: _begin(connection, login, now))
        return login

    async def is_finished(self, login: BegunLogin) -> bool:
        """Whether the browser has come back and its tokens are stored. Raises `NotSignedIn` where the login failed."""
        this = select(source_logins).where(source_logins.c.state_hash == login.state_hash)
        row = await self.database.read(lambda connection: connection.execute(this).one())
        if row.finished_at is None:
            return False
        if row.problem is not None:
            raise NotSignedIn(row.problem)
        return True

    async def come_back(self, parameters: Mapping[str, str]) -> LoginReturn:
        """Handle the browser's return, with the parameters of the address."""
        given = {name: value for name, value in parameters.items() if len(value) <= _LONGEST_PARAMETER}
        state_hash, now = hash_of(given.get("state", "")), self.clock()
        known = await self.database.read(lambda connection: _is_known(connection, state_hash))
        if not known:  # anybody can call this address, so nothing is written for an unknown state
            return LoginReturn(LoginOutcome.UNKNOWN_STATE)
        source, outcome = await self.database.write(lambda connection: _use(connection, state_hash, now))
        api = self.apis.get(source) if source is not None else None
        if outcome is not None or api is None:
            return LoginReturn(outcome or LoginOutcome.UNKNOWN_STATE, source)
        outcome, sentence, account = await self._sign_in(api, given)
        await self.database.write(lambda connection: _finish(connection, state_hash, sentence, self.clock()))
        if sentence is None:
            logger.info("signed in to the source", source=source)
        else:
            logger.error("nobody is signed in by this login", source=source, sentence=sentence)
        return LoginReturn(outcome, source, account)

    async def _sign_in(
        self, api: RdvspApi, given: Mapping[str, str]
    ) -> tuple[LoginOutcome, str | None, SourceAccount | None]:
        """The outcome; the sentence for the operator, if it failed; and the account, if it is signed in."""
        name = api.http.name
        if "code" not in given:
            if given.get("error") == "access_denied":
                return LoginOutcome.CONSENT_REFUSED, f"The consent was refused at {name}: run the login again.", None
            code = given.get("error", "")
            told = f" ({code})" if code.isascii() and code.replace("_", "").isalnum() else ""
            return LoginOutcome.REFUSED, f"{name} gave no consent{told}: run the login again.", None
        try:
            tokens = await api.sign_in.redeem(given["code"])
            account = await account_of(api.http, tokens.headers)
            await api.sign_in.keep(tokens, account.told)
        except CallFailedForNow as problem:
            return LoginOutcome.NO_ANSWER, f"{problem.sentence} Run the login again.", None
        except ApplicationUnknown as problem:
            return LoginOutcome.WRONG_APPLICATION, problem.sentence, None
        except SourceCallFailed as problem:
            return LoginOutcome.REFUSED, problem.sentence, None
        return LoginOutcome.SIGNED_IN, None, account


def _begin(connection: Connection, login: BegunLogin, now: datetime) -> None:
    connection.execute(delete(source_logins).where(source_logins.c.expires_at < now - timedelta(days=1)))
    values = {"state_hash": login.state_hash, "source": login.source, "expires_at": login.expires_at}
    connection.execute(source_logins.insert().values(values))


def _is_known(connection: Connection, state_hash: str) -> bool:
    this = select(source_logins.c.source).where(source_logins.c.state_hash == state_hash)
    return connection.execute(this).first() is not None


def _use(connection: Connection, state_hash: str, now: datetime) -> tuple[str | None, LoginOutcome | None]:
    """Use up the login with this state.

    Returns its source (None for an unknown state), and why the login is not valid (None where it is).
    """
    this = source_logins.c.state_hash == state_hash
    unused = update(source_logins).where(this, source_logins.c.used_at.is_(None), source_logins.c.expires_at > now)
    if connection.execute(unused.values(used_at=now)).rowcount:
        return connection.execute(select(source_logins.c.source).where(this)).scalar_one(), None
    row = connection.execute(select(source_logins).where(this)).first()
    if row is None:
        return None, LoginOutcome.UNKNOWN_STATE
    return row.source, LoginOutcome.TOO_LATE if row.used_at is None else LoginOutcome.USED_STATE


def _finish(connection: Connection, state_hash: str, problem: str | None, now: datetime) -> None:
    this = update(source_logins).where(source_logins.c.state_hash == state_hash)
    connection.execute(this.values(finished_at=now, problem=problem))
