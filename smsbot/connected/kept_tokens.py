"""Stores the tokens with which all processes are signed in to a connected source, sealed in the database.

They are sealed with a key of their own, derived from SMSBOT_SECRET_KEY (`smsbot.sealing`), so that nobody can use them
with a copy of the database alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select, true, update

from smsbot.problem import Problem
from smsbot.sealing import Seal, Unsealable
from smsbot.store.database import upsert
from smsbot.store.tables import connected_sources

RENEWAL_LEASE = timedelta(seconds=45)
"""How long one process may take to renew before another process tries. It is longer than a call can take."""


class UnreadableTokens(Problem):
    """The stored tokens were sealed with another SMSBOT_SECRET_KEY."""


@dataclass(frozen=True, slots=True)
class SourceTokens:
    """The result of a sign-in. `headers` go with each call. `refresh` renews them; None where they cannot be renewed.

    `former` is the refresh token before this one. It stays valid until the new access token is first used, so it is
    stored until then. Times are in UTC.
    """

    headers: Mapping[str, str] = field(repr=False)
    refresh: str | None = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    former: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """Tokens that are stored in the database. `version` counts how often they were replaced."""

    tokens: SourceTokens
    version: int


@dataclass(frozen=True, slots=True)
class TokenKeeper:
    """Stores the tokens of one source. `secret_key` is the service's."""

    source: str
    secret_key: str = field(repr=False)

    def read(self, connection: Connection) -> KeptTokens | None:
        """The tokens; None where nobody is signed in. Raises `UnreadableTokens`."""
        row = connection.execute(select(connected_sources).where(self._this)).first()
        if row is None or row.tokens is None:
            return None
        return KeptTokens(self._opened(row.tokens), row.version)

    def keep(self, connection: Connection, tokens: SourceTokens, now: datetime, account: str | None = None) -> int:
        """Replace the tokens, and return the new version. `account` names who is signed in; None: as before.

        If another process is just renewing the tokens, this does not wait for it, and its result is not stored.
        """
        values = {
            "tokens": self._sealed(tokens),
            "expires_at": tokens.expires_at,
            "renewing_until": None,
            "renewing_by": None,
            "signed_in_at": now,
            "problem": None,
            "problem_at": None,
            "signed_out": False,
        }
        if account is not None:
            values["account"] = account
        statement = upsert(connection, connected_sources).values(source=self.source, version=1, **values)
        replaced = statement.on_conflict_do_update(
            index_elements=["source"], set_={**values, "version": connected_sources.c.version + 1}
        )
        version: int = connection.execute(replaced.returning(connected_sources.c.version)).scalar_one()
        return version

    def claim_renewal(self, connection: Connection, version: int | None, now: datetime) -> str | None:
        """Claim the renewal of the tokens with this version. `version` is None where there are no readable tokens.

        Returns the claim, or None where another process has it or has replaced the tokens.
        """
        claim = secrets.token_hex(16)
        if version is None:
            connection.execute(
                upsert(connection, connected_sources)
                .values(source=self.source, version=0)
                .on_conflict_do_nothing(index_elements=["source"])
            )
        free = or_(connected_sources.c.renewing_until.is_(None), connected_sources.c.renewing_until <= now)
        same = true() if version is None else connected_sources.c.version == version
        claimed = update(connected_sources).where(self._this, same, free)
        changed = connection.execute(claimed.values(renewing_until=now + RENEWAL_LEASE, renewing_by=claim))
        return claim if changed.rowcount else None

    def keep_renewed(self, connection: Connection, tokens: SourceTokens, claim: str, now: datetime) -> int | None:
        """Store the result of a renewal. Returns the new version, or None where the claim is no longer valid."""
        held = select(connected_sources.c.source).where(self._this, connected_sources.c.renewing_by == claim)
        if connection.execute(held.with_for_update()).first() is None:
            return None
        return self.keep(connection, tokens, now)

    def give_up_claim(self, connection: Connection, claim: str) -> None:
        """Give up the claim after a failed renewal, so that others can try."""
        mine = update(connected_sources).where(self._this, connected_sources.c.renewing_by == claim)
        connection.execute(mine.values(renewing_until=None, renewing_by=None))

    def forget_former(self, connection: Connection, kept: KeptTokens) -> None:
        """Forget the former refresh token. It is no longer needed once the new access token was used."""
        tokens = SourceTokens(kept.tokens.headers, kept.tokens.refresh, kept.tokens.issued_at, kept.tokens.expires_at)
        same = update(connected_sources).where(self._this, connected_sources.c.version == kept.version)
        connection.execute(same.values(tokens=self._sealed(tokens)))

    @property
    def _this(self) -> ColumnElement[bool]:
        return connected_sources.c.source == self.source

    def _sealed(self, tokens: SourceTokens) -> str:
        content = {
            "headers": dict(tokens.headers),
            "refresh": tokens.refresh,
            "former": tokens.former,
            "issued_at": tokens.issued_at.isoformat(),
            "expires_at": tokens.expires_at.isoformat(),
        }
        return self._seal.close(json.dumps(content))

    def _opened(self, sealed: str) -> SourceTokens:
        try:
            content = json.loads(self._seal.open(sealed))
        except Unsealable:
            raise UnreadableTokens(
                f"The sign-in of source {self.source} was kept with another SMSBOT_SECRET_KEY: sign in again with "
                f"smsbot rdvsp login --source {self.source}."
            ) from None
        return SourceTokens(
            content["headers"],
            content["refresh"],
            datetime.fromisoformat(content["issued_at"]),
            datetime.fromisoformat(content["expires_at"]),
            content["former"],
        )

    @property
    def _seal(self) -> Seal:
        # Each source has a key of its own, so that the tokens of one cannot be used for another.
        return Seal(self.secret_key, f"tokens of the source {self.source}")
