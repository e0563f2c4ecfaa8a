"""Reads the present facts about hundreds of organisations, in few statements that use indexes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from smsbot.agents.accounts import IS_AGENT, IS_PROGRAM, reference_in
from smsbot.appointments.intake import last_words_heard
from smsbot.connected.source_state import source_states
from smsbot.figures.closing import kept_or_counted
from smsbot.figures.results import Figures, Month
from smsbot.inbox.thread_list import count_waiting_by_organisation
from smsbot.model import OrganisationReference
from smsbot.outbox.messages import SENT, WITHDRAWN
from smsbot.store.prepared import Prepared
from smsbot.store.tables import (
    UtcDateTime,
    agent_organisations,
    agents,
    appointments,
    organisations,
    outgoing_messages,
)

SENDERS_LOOKED_AT = timedelta(hours=24)
SILENT_AFTER = timedelta(hours=24)
"""A connected source is silent if it neither told us anything nor could be read for this long."""


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """The figures of an organisation for the present month.

    `appointments` counts the places in appointments that begin in this month. `freed_early` of them were cancelled by
    their usager at least 24 hours before. `failed` of the `tried` SMS and e-mails did not arrive.
    """

    appointments: int = 0
    freed_early: int = 0
    tried: int = 0
    failed: int = 0

    @classmethod
    def of(cls, counted: Figures) -> MonthFigures:
        return cls(
            counted.of_places("appointments"),
            counted.of_places("appointments_freed_early"),
            counted.sms_tried + counted.emails_tried,
            counted.sms_failed + counted.emails_failed,
        )


@dataclass(frozen=True, slots=True)
class OrganisationStandings:
    """Facts about organisations. Mappings are by our ids, except `accounts`, which is by their keys.

    `accounts` counts the people for whom an organisation is named, `everywhere` those who may act in all.
    `known` is how many organisations there are in all. `last_appointments` is when the last appointment begins or
    began. `waiting` counts the threads to work on. `refused_senders` are senders whose SMS gateways have refused
    lately, and `silent_sources` are the connected sources that are silent.
    """

    accounts: Mapping[OrganisationReference, int] = field(default_factory=dict)
    everywhere: int = 0
    known: int = 0
    last_appointments: Mapping[int, datetime] = field(default_factory=dict)
    waiting: Mapping[int, int] = field(default_factory=dict)
    figures: Mapping[int, MonthFigures] = field(default_factory=dict)
    refused_senders: frozenset[str] = frozenset()
    silent_sources: frozenset[str] = frozenset()


def read_standing(
    connection: Connection,
    keys: Collection[OrganisationReference],
    organisation_ids: Sequence[int],
    connected: Collection[str],
    now: datetime,
) -> OrganisationStandings:
    """The facts about these organisations, given by their keys, and by our ids for those that are known here.

    `connected` are the names of the connected sources.
    """
    month = Month.of(now)
    counted = kept_or_counted(connection, [month], organisation_ids=organisation_ids, counted_lately=now)
    return OrganisationStandings(
        accounts=_accounts(connection, keys),
        everywhere=connection.execute(_EVERYWHERE).scalar_one(),
        known=connection.execute(select(func.count()).select_from(organisations)).scalar_one(),
        last_appointments=_last_appointments(connection, organisation_ids),
        waiting=count_waiting_by_organisation(connection, organisation_ids, now),
        figures={each.organisation.id: MonthFigures.of(each) for each in counted if each.organisation is not None},
        refused_senders=_refused_senders(connection, now - SENDERS_LOOKED_AT),
        silent_sources=_silent(connection, connected, now) if connected else frozenset(),
    )


_IS_HERE = agents.c.revoked_at.is_(None) & IS_AGENT & ~IS_PROGRAM
_EVERYWHERE = select(func.count()).where(_IS_HERE, agents.c.role_everywhere.is_not(None))


def _accounts(connection: Connection, keys: Collection[OrganisationReference]) -> dict[OrganisationReference, int]:
    held = agent_organisations.c
    statement = (
        select(held.source, held.organisation_external_id, func.count().label("accounts"))
        .select_from(agent_organisations.join(agents))
        .where(_IS_HERE, held.organisation_external_id.in_({key.external_id for key in keys}))
        .group_by(held.source, held.organisation_external_id)
    )
    found = {reference_in(row): row.accounts for row in connection.execute(statement)}
    return {key: found[key] for key in keys if key in found}


def _last_appointments(connection: Connection, organisation_ids: Sequence[int]) -> dict[int, datetime]:
    # One search in the index for each, instead of reading all appointments of all organisations.
    last = (
        select(func.max(appointments.c.starts_at))
        .where(appointments.c.organisation_id == organisations.c.id)
        .correlate(organisations)
        .scalar_subquery()
    )
    statement = select(organisations.c.id, last.label("last")).where(organisations.c.id.in_(organisation_ids))
    return {row.id: row.last for row in connection.execute(statement) if row.last is not None}


def _silent(connection: Connection, connected: Collection[str], now: datetime) -> frozenset[str]:
    heard: dict[str, datetime] = {}
    for (source, _), at in last_words_heard(connection).items():
        heard[source] = max(at, heard.get(source, at))
    silent = set()
    for source, state in source_states(connection, connected, now).items():
        lately = [at for at in (heard.get(source), state.synced_at) if at is not None and now - at < SILENT_AFTER]
        if not state.is_well or not lately:
            silent.add(source)
    return frozenset(silent)


_LEAST_REFUSALS = 3
"""How many refusals are needed. Fewer may be because of the recipients' numbers."""


def _refused_senders(connection: Connection, since: datetime) -> frozenset[str]:
    """The senders whose SMS since `since` (UTC) were all refused or given up, if they were at least `_LEAST_REFUSALS`.

    Such a sender was never bought, is of another account, or is not declared to the network operators.
    """
    return frozenset(sender for [sender] in _REFUSED_SENDERS.rows(connection, {"since": since}))


def _senders_refused() -> Select[Any]:
    """The statement begins with the SMS that were given up, because these are few.

    A whole country sends a hundred thousand SMS a day. So for each sender with failures it searches only one SMS that
    has left, which is usually one of the first.
    """
    since = bindparam("since", type_=UtcDateTime())
    given_up, sent = outgoing_messages.alias("given_up"), outgoing_messages.alias("sent")
    suspected = (
        select(given_up.c.sender)
        .where(
            text("given_up.state IN ('refused', 'resting')"),  # not bound, so that the partial index is used
            given_up.c.created_at >= since,
            given_up.c.channel == "sms",
            func.coalesce(given_up.c.error_code, "").not_in(WITHDRAWN),
        )
        .group_by(given_up.c.sender)
        .having(func.count() >= _LEAST_REFUSALS)
        .subquery("suspected")
    )
    has_left = (sent.c.created_at >= since, sent.c.channel == "sms", sent.c.state == SENT)
    # Not EXISTS, which PostgreSQL would turn into a join with all SMS of the day. ORDER BY follows an index, so that
    # the engines begin there and not at the oldest row.
    first_that_left = (
        select(sent.c.id)
        .where(sent.c.sender == suspected.c.sender, *has_left)
        .order_by(sent.c.created_at)
        .limit(1)
        .scalar_subquery()
    )
    return select(suspected.c.sender).where(first_that_left.is_(None))


_REFUSED_SENDERS = Prepared(_senders_refused())
