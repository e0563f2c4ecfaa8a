"""Finds what is wrong with an organisation. The templates tell its administrator what to do about each shortcoming."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from smsbot.agents.directory import DirectoryEntry
from smsbot.organisations.own_rules import OrganisationRules
from smsbot.organisations.standing import MonthFigures, OrganisationStandings

QUIET_AFTER = timedelta(days=30)
"""If no appointment begins or began within this time, its source seems to send nothing any more."""
LEAST_TRIED = 20
MOST_FAILED = 0.05
"""Of at least `LEAST_TRIED` messages in the month, not more than this part may fail to arrive."""


class Shortcoming(StrEnum):
    """One thing that is wrong, the worst first."""

    NOBODY = "nobody"  # no account sees its messages
    SENDER_REFUSED = "sender_refused"
    SOURCE_SILENT = "source_silent"
    UNDELIVERED = "undelivered"
    NO_APPOINTMENT = "no_appointment"  # never had one
    QUIET = "quiet"  # has none any more
    NOBODY_OF_ITS_OWN = "nobody_of_its_own"  # only accounts of all organisations see its messages
    NOT_IN_POLICY = "not_in_policy"


_ORDER = tuple(Shortcoming)


def shortcomings_of(
    entry: DirectoryEntry, rules: OrganisationRules, standing: OrganisationStandings, *, in_policy: int, now: datetime
) -> tuple[Shortcoming, ...]:
    """What is wrong with this organisation, the worst first.

    `in_policy` is how many organisations have a table in `smsbot.toml`. If only few have one, it is no shortcoming to
    have none.
    """
    is_usual = in_policy * 2 > standing.known
    return tuple(sorted(_found(entry, rules, standing, is_usual, now), key=_ORDER.index))


def _found(
    entry: DirectoryEntry,
    rules: OrganisationRules,
    standing: OrganisationStandings,
    a_table_is_usual: bool,
    now: datetime,
) -> Iterator[Shortcoming]:
    if not standing.accounts.get(entry.key):
        yield Shortcoming.NOBODY_OF_ITS_OWN if standing.everywhere else Shortcoming.NOBODY
    if rules.sender.value in standing.refused_senders:
        yield Shortcoming.SENDER_REFUSED
    if entry.key.source in standing.silent_sources:
        yield Shortcoming.SOURCE_SILENT
    figures = standing.figures.get(entry.id or 0, MonthFigures())
    if figures.tried >= LEAST_TRIED and figures.failed > MOST_FAILED * figures.tried:
        yield Shortcoming.UNDELIVERED
    last = standing.last_appointments.get(entry.id or 0)
    if last is None:
        yield Shortcoming.NO_APPOINTMENT
    elif last < now - QUIET_AFTER:
        yield Shortcoming.QUIET
    if a_table_is_usual and not entry.is_in_policy and last is not None:
        yield Shortcoming.NOT_IN_POLICY
