"""The organisations that an administrator sees, with all that is known of each: searched, filtered, one page at a time.

The shortcomings of all of them are found before they are filtered, because one may filter by shortcomings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from smsbot.agents.administration import Mandate
from smsbot.agents.directory import DirectoryEntry, read_directory
from smsbot.agents.permissions import OutOfReach, read_id
from smsbot.agents.search import MOST_CHARACTERS
from smsbot.model import OrganisationReference
from smsbot.organisations.own_rules import OrganisationRules, ServiceDefaults, rules_of
from smsbot.organisations.shortcomings import Shortcoming, shortcomings_of
from smsbot.organisations.standing import MonthFigures, OrganisationStandings, read_standing
from smsbot.policy import Policy

IN_A_PAGE = 25
_ORDER = {shortcoming: number for number, shortcoming in enumerate(Shortcoming)}
"""The worst first."""


class OrganisationFilter(StrEnum):
    """Which organisations to show, as a word in the address."""

    WRONG = "a-verifier"
    WITHOUT_ACCOUNTS = "sans-compte"
    WITHOUT_APPOINTMENTS = "sans-rendez-vous"


@dataclass(frozen=True, slots=True)
class OrganisationQuery:
    """What is asked for; `page` counts from 1."""

    words: str = ""
    only: OrganisationFilter | None = None
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, str]) -> OrganisationQuery:
        """Read the parameters of the page's address. What cannot be read counts as not given."""
        return cls(
            words=query.get("q", "").strip()[:MOST_CHARACTERS],
            only=next((each for each in OrganisationFilter if each == query.get("voir")), None),
            page=max(1, read_id(query.get("page", "")) or 1),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Everything except the page, as parameters of the address."""
        return {name: str(value) for name, value in (("q", self.words), ("voir", self.only)) if value}


@dataclass(frozen=True, slots=True)
class OrganisationOverview:
    """All that is known of one organisation. `accounts` counts the people for whom this organisation is named."""

    entry: DirectoryEntry
    rules: OrganisationRules
    shortcomings: tuple[Shortcoming, ...]
    accounts: int
    everywhere: int
    last_appointment: datetime | None
    waiting: int
    figures: MonthFigures


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """One page. `total` counts the organisations on all pages. `wrong` counts all with shortcomings that the
    administrator sees.
    """

    organisations: Sequence[OrganisationOverview]
    total: int
    wrong: int
    first: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Overviews:
    """Reads overviews. `connected` are the names of the connected sources."""

    policy: Policy
    defaults: ServiceDefaults
    connected: frozenset[str]

    def page(self, connection: Connection, mandate: Mandate, query: OrganisationQuery, now: datetime) -> OverviewPage:
        """One page of what is asked for; the first page where there is no such page.

        Sorted by name. If only those with shortcomings are asked for, the worst come first.
        """
        directory = read_directory(connection, self.policy, mandate)
        seen = self._overviews(connection, list(directory.values()), now)
        found = [each for each in seen if each.entry.is_called(query.words) and _is_asked_for(each, query.only)]
        if query.only is OrganisationFilter.WRONG:
            found.sort(key=lambda each: _ORDER[each.shortcomings[0]])
        pages = -(-len(found) // IN_A_PAGE)
        page = query.page if query.page <= pages else 1
        start = (page - 1) * IN_A_PAGE
        wrong = sum(bool(each.shortcomings) for each in seen)
        return OverviewPage(found[start : start + IN_A_PAGE], len(found), wrong, start + 1, page, pages)

    def one(
        self, connection: Connection, mandate: Mandate, key: OrganisationReference, now: datetime
    ) -> OrganisationOverview:
        """This organisation. Raises OutOfReach where the administrator does not see it."""
        entry = read_directory(connection, self.policy, mandate).get(key)
        if entry is None:
            raise OutOfReach("no such organisation")
        return self._overviews(connection, [entry], now)[0]

    def _overviews(
        self, connection: Connection, entries: Sequence[DirectoryEntry], now: datetime
    ) -> list[OrganisationOverview]:
        ids = [entry.id for entry in entries if entry.id is not None]
        standing = read_standing(connection, [entry.key for entry in entries], ids, self.connected, now)
        in_policy = sum(kind == "organisations" for _, kind, _ in self.policy.named_ids)
        return [self._overview(entry, standing, in_policy, now) for entry in entries]

    def _overview(
        self, entry: DirectoryEntry, standing: OrganisationStandings, in_policy: int, now: datetime
    ) -> OrganisationOverview:
        rules, own_id = rules_of(self.policy, self.defaults, entry), entry.id or 0
        return OrganisationOverview(
            entry=entry,
            rules=rules,
            shortcomings=shortcomings_of(entry, rules, standing, in_policy=in_policy, now=now),
            accounts=standing.accounts.get(entry.key, 0),
            everywhere=standing.everywhere,
            last_appointment=standing.last_appointments.get(own_id),
            waiting=standing.waiting.get(own_id, 0),
            figures=standing.figures.get(own_id, MonthFigures()),
        )


def _is_asked_for(each: OrganisationOverview, only: OrganisationFilter | None) -> bool:
    match only:
        case OrganisationFilter.WRONG:
            return bool(each.shortcomings)
        case OrganisationFilter.WITHOUT_ACCOUNTS:
            return not each.accounts
        case OrganisationFilter.WITHOUT_APPOINTMENTS:
            return Shortcoming.NO_APPOINTMENT in each.shortcomings or Shortcoming.QUIET in each.shortcomings
    return True
