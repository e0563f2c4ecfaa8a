"""The list of the inbox: filtered, sorted, counted, one page at a time; and the thread to work on next.

Of the waiting threads, those with the soonest appointment come first, because an answer after the appointment is of no
use. The others follow, the longest waiting first. Threads that were put off are sorted by when they come back, handled
ones by when they were handled, the last first.

The position of a thread in the list is made of its own times. So a page begins where the last one ended, even if
threads were handled or have come in the meantime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
    tuple_,
)

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import AnyAgent, GivenAgent, PreparedForAgents, incoming_within_reach
from smsbot.agents.search import IS_KNOWN, Number
from smsbot.appointments.appointment import place_key
from smsbot.inbox.inbox_query import ANYWHERE, NEVER, InboxQuery, ThreadPosition, View
from smsbot.inbox.thread_queries import read_threads
from smsbot.inbox.threads import HANDLED, IS_SOMEBODYS, THREAD_KEY, WAITING, Thread, ThreadKey, is_due
from smsbot.model import CANCELLED_STATUSES
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, appointments, incoming_messages, participations
from smsbot.understanding.topics import Topic

IN_A_PAGE = 25
PLACE_COUNTS_FOR = timedelta(days=7)
"""For how long after its start the place of an appointment counts, when messages are filtered by place."""


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """A page of the list. `total` counts the threads on all pages; `first` is the number of the first on this page.

    `position` is where the next page begins; None at the end.
    """

    threads: tuple[Thread, ...]
    total: int
    first: int
    position: ThreadPosition | None


def list_threads(connection: Connection, agent: Agent, query: InboxQuery, now: datetime) -> ThreadPage:
    """One page of the threads that the agent asks for: those after `query.after`, or the first page if none is left."""
    rows = [_ListedThread(*row) for row in _page(agent, query).rows(connection, _values(agent, query, now))]
    if not rows and query.after is not None:
        return list_threads(connection, agent, replace(query, after=None), now)
    shown = rows[:IN_A_PAGE]
    keys: list[ThreadKey] = [(row.from_number, row.to_number, row.organisation_id) for row in shown]
    return ThreadPage(
        threads=tuple(read_threads(connection, agent, keys, handled=query.view is View.HANDLED)) if keys else (),
        total=rows[0].total if rows else 0,
        first=rows[0].before + 1 if rows else 0,
        position=shown[-1].position if len(rows) > IN_A_PAGE else None,
    )


def places_to_choose(connection: Connection, agent: Agent, now: datetime) -> list[str]:
    """The keys of the places, in order, where people who wait have their next appointment or had one lately."""
    rows = _PLACES.rows(connection, agent, {"place_since": now - PLACE_COUNTS_FOR})
    return sorted(key for [key] in rows if key is not None)


def position_of(
    connection: Connection, agent: Agent, query: InboxQuery, thread: Thread, now: datetime
) -> ThreadPosition | None:
    """Where the thread is in the list that the agent asks for; None where it is not in it."""
    listed = _listed(agent, query)
    its_key = (thread.phone, thread.our_number, thread.organisation_id)
    this = (listed.c[column.name] == value for column, value in zip(THREAD_KEY, its_key, strict=True))
    row = connection.execute(select(listed).where(*this), _values(agent, query, now)).one_or_none()
    return None if row is None else _ListedThread(*row).position


def next_thread(
    connection: Connection, agent: Agent, query: InboxQuery, position: ThreadPosition | None, now: datetime
) -> int | None:
    """Our id of a message of the next thread to work on: after `position`, else from the beginning of the list.

    Threads that are assigned to other agents or held by them are skipped. None where there is no other thread.
    """
    after = replace(query, after=position)
    found = _page(agent, after, is_free=True).row(connection, _values(agent, after, now))
    if found is None and position is not None:
        return next_thread(connection, agent, query, None, now)
    return None if found is None else _ListedThread(*found).id


def count_waiting(connection: Connection, agent: Agent, now: datetime) -> int:
    """How many threads wait in all of the agent's organisations. Those that are put off do not count."""
    [[number]] = _COUNT_WAITING.rows(connection, agent, {"now": now})
    return int(number)


def count_waiting_by_organisation(
    connection: Connection, organisation_ids: Sequence[int], now: datetime
) -> dict[int, int]:
    """How many threads wait in each of these organisations (our ids) that has any."""
    these = (WAITING, is_due(now), IS_SOMEBODYS, incoming_messages.c.organisation_id.in_(organisation_ids))
    distinct = select(*THREAD_KEY).where(*these).distinct().subquery()
    counted = select(distinct.c.organisation_id, func.count().label("number")).group_by(distinct.c.organisation_id)
    return {row.organisation_id: row.number for row in connection.execute(counted)}


# Underneath -----------------------------------------------------------------------------------------------------------


class _ListedThread(NamedTuple):
    """A row of the list. The whole list has `total` threads, and `before` of them are before this page."""

    from_number: str
    to_number: str
    organisation_id: int
    since: datetime
    id: int
    first: datetime
    total: int = 0
    before: int = 0

    @property
    def position(self) -> ThreadPosition:
        return ThreadPosition(self.first, self.since, self.id)


_NOW = bindparam("now", type_=UtcDateTime())
_PLACE_SINCE = bindparam("place_since", type_=UtcDateTime())


def _values(agent: Agent, query: InboxQuery, now: datetime) -> dict[str, Any]:
    """The values for the bind parameters of all statements below."""
    after = query.after or ANYWHERE
    return {
        "agent_id": agent.id,
        "now": now,
        "place_since": now - PLACE_COUNTS_FOR,
        "organisation_id": query.organisation_id,
        "place": query.place,
        "after_first": after.first,
        "after_since": after.since,
        "after_id": after.id,
    }


def _page(agent: Agent, query: InboxQuery, *, is_free: bool = False) -> Prepared:
    """The threads after `query.after` in order, as `_ListedThread`: those of a page and one more. With `is_free`, only
    the first one that no other agent holds or is assigned to.
    """
    if query.words:  # not cached, so that no name stays in memory
        return _prepared_page.__wrapped__(agent.everywhere, query, is_free)
    shape = replace(
        query,
        organisation_id=None if query.organisation_id is None else 0,
        place="somewhere" if query.place else "",
        after=None if query.after is None else ANYWHERE,
    )
    return _prepared_page(agent.everywhere, shape, is_free)


@lru_cache(maxsize=256)
def _prepared_page(everywhere: bool, query: InboxQuery, is_free: bool) -> Prepared:
    """The statement for all queries with the same filters, whatever their values are."""
    listed = _listed(GivenAgent(everywhere), query, is_free=is_free)
    total, before = select(func.count()).select_from(listed).scalar_subquery(), None
    order = [listed.c.first, listed.c.since, listed.c.id]
    backwards = query.view is View.HANDLED
    statement = select(listed)
    if query.after is not None:
        place = tuple_(*order)
        after = tuple_(
            bindparam("after_first", type_=UtcDateTime()),
            bindparam("after_since", type_=UtcDateTime()),
            bindparam("after_id", type_=BigInteger()),
        )
        statement = statement.where(place < after if backwards else place > after)
        is_before = place >= after if backwards else place <= after
        before = select(func.count()).select_from(listed).where(is_before).scalar_subquery()
    if not is_free:
        statement = statement.add_columns(total, literal(0, BigInteger()) if before is None else before)
    statement = statement.order_by(*([column.desc() for column in order] if backwards else order))
    return Prepared(statement.limit(1 if is_free else IN_A_PAGE + 1))


def _listed(agent: AnyAgent, query: InboxQuery, *, is_free: bool = False) -> CTE:
    """All threads that are asked for, with the values by which they are sorted."""
    message = incoming_messages.c
    state = HANDLED if query.view is View.HANDLED else WAITING
    wanted = [state, IS_SOMEBODYS, incoming_within_reach(agent)]
    if query.organisation_id is not None:
        wanted.append(message.organisation_id == bindparam("organisation_id", type_=BigInteger()))
    grouped = (
        select(
            *THREAD_KEY,
            func.min(message.received_at).label("since"),
            func.max(message.handled_at).label("handled_at"),
            func.min(message.comes_back_at).label("comes_back_at"),
            func.min(message.id).label("id"),
        )
        .where(*wanted)
        .group_by(*THREAD_KEY)
        .having(*_having(agent, query, is_free=is_free))
        .subquery()
    )
    first: ColumnElement[Any] = grouped.c.comes_back_at if query.view is View.LATER else grouped.c.handled_at
    if query.view not in (View.LATER, View.HANDLED):
        soonest = (
            select(func.min(appointments.c.starts_at))
            .join_from(participations, appointments)
            .where(
                participations.c.phone == grouped.c.from_number,
                participations.c.removed_at.is_(None),
                participations.c.status.not_in(CANCELLED_STATUSES),
                appointments.c.organisation_id == grouped.c.organisation_id,
                appointments.c.destroyed_at.is_(None),
                _NOW < _ENDS_AT,
            )
            .scalar_subquery()
        )
        first = func.coalesce(soonest, literal(NEVER, UtcDateTime()))
    columns = [grouped.c[column.name] for column in THREAD_KEY]
    statement = select(*columns, grouped.c.since, grouped.c.id, first.label("first"))
    # Materialised, because SQLite would search the appointment again at each use of `first`.
    return statement.cte("listed").prefix_with("MATERIALIZED")


def _having(agent: AnyAgent, query: InboxQuery, *, is_free: bool) -> Iterator[ColumnElement[bool]]:
    """Conditions on threads. Most are about single messages: one message meets them, or no message does."""
    message = incoming_messages.c
    is_held = message.held_until > _NOW
    if query.view is View.LATER:
        yield ~_some(is_due(_NOW))
    elif query.view is not View.HANDLED:
        yield _some(is_due(_NOW))
    if query.view is View.MINE:
        yield _some((message.assigned_to == agent.id) | (is_held & (message.held_by == agent.id)))
    if query.view is View.UNASSIGNED:
        yield ~_some(message.assigned_to.is_not(None) | is_held)
    if is_free:
        yield ~_some((message.assigned_to != agent.id) | (is_held & (message.held_by != agent.id)))
    if query.topic is not None:
        is_about = message.topic == query.topic
        yield _some(is_about | message.topic.is_(None) if query.topic is Topic.OTHER else is_about)
    if query.place:
        here = exists().where(
            participations.c.appointment_id == appointments.c.id,
            place_key() == bindparam("place", type_=Text()),
            *_at_place(message),
        )
        yield _some(here)
    if query.words:
        yield _some(_says(query))


def _some(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return func.max(case((condition, 1), else_=0)) == 1


_ENDS_AT = func.coalesce(appointments.c.ends_at, appointments.c.starts_at)
"""An expression, which no index has. Otherwise SQLite would begin at all appointments of an organisation and not at the
telephone.
"""


def _at_place(message: Any) -> tuple[ColumnElement[bool], ...]:
    """Conditions on participations and appointments: those whose place counts for a message (given by its columns)."""
    return (
        participations.c.phone == message.from_number,
        participations.c.removed_at.is_(None),
        appointments.c.organisation_id == message.organisation_id,
        _PLACE_SINCE < _ENDS_AT,
        appointments.c.destroyed_at.is_(None),
    )


def _places(agent: GivenAgent) -> Select[Any]:
    waits = select(*THREAD_KEY).where(WAITING, IS_SOMEBODYS, incoming_within_reach(agent)).distinct().subquery()
    # One search for each thread.
    place = (
        select(place_key())
        .join_from(participations, appointments)
        .where(*_at_place(waits.c), place_key() != "")
        .order_by(_ENDS_AT)
        .limit(1)
        .correlate(waits)
        .scalar_subquery()
    )
    return select(place).select_from(waits).distinct()


_PLACES = PreparedForAgents(_places)


def _says(query: InboxQuery) -> ColumnElement[bool]:
    """A condition on a message: it contains the words, or the words mean its sender."""
    says = incoming_messages.c.body.icontains(query.words, autoescape=True)
    if query.sought is None:
        return says
    if isinstance(query.sought, Number):
        says |= query.sought.is_in(incoming_messages.c.from_number)
    return says | exists().where(
        participations.c.phone == incoming_messages.c.from_number,
        participations.c.appointment_id == appointments.c.id,
        appointments.c.organisation_id == incoming_messages.c.organisation_id,
        IS_KNOWN,
        query.sought.condition(),
    )


def _all_that_wait(agent: GivenAgent) -> Select[Any]:
    these = (WAITING, is_due(bindparam("now", type_=UtcDateTime())), IS_SOMEBODYS, incoming_within_reach(agent))
    distinct = select(*THREAD_KEY).where(*these).distinct().subquery()
    return select(func.count()).select_from(distinct)


_COUNT_WAITING = PreparedForAgents(_all_that_wait)
