"""Calendars (iCalendar, RFC 5545) of an organisation's appointments, which Outlook and telephones read by themselves.

A program reads a calendar at a secret address, without signing in, and keeps copies elsewhere. So a calendar tells
little: the hour, the place, the label, and the initials of people. Each event has a link to the console, which shows
more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import icalendar
from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from smsbot.agents.accounts import AGENT_COLUMNS, Agent
from smsbot.agents.permissions import OutOfReach, organisations_of, within_reach
from smsbot.appointments.appointment import APPOINTMENT_COLUMNS, Appointment, appointment_from, place_key
from smsbot.appointments.audit import AuditedAct, note
from smsbot.appointments.terms import TermsBook
from smsbot.messages.email import CALENDAR_PRODUCT
from smsbot.messages.fitting import one_line
from smsbot.model import Actor, LocationType, Status, Via
from smsbot.problem import Problem
from smsbot.store.tables import agents, appointments, calendar_feeds, organisations, participations

MOST_OF_AN_AGENT = 20
MOST_EVENTS = 1000
"""The most events in a calendar, the soonest first."""

_BACK, _AHEAD = timedelta(days=7), timedelta(days=60)
_NOTED_EVERY = timedelta(hours=1)
_TOLD_INITIALS = 3


class TooManyFeeds(Problem):
    """The agent already has as many calendars as one agent may have."""


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """A calendar of one of the agent's organisations. `place` is None for all its places.

    `read_at` is when a program last read it, exact to an hour; None where none has.
    """

    id: int
    nonce: str
    agent: Agent
    organisation_id: int
    organisation: str
    place: str | None
    created_at: datetime
    read_at: datetime | None

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether `read_at` is old enough to write it again."""
        return self.read_at is None or now - self.read_at >= _NOTED_EVERY


def feeds_of(connection: Connection, agent: Agent) -> list[CalendarFeed]:
    """The agent's own calendars, in the order in which they were made."""
    return [_feed(row) for row in connection.execute(_feeds().where(calendar_feeds.c.agent_id == agent.id))]


def feed_of_id(connection: Connection, feed_id: int) -> CalendarFeed | None:
    """The calendar with this id, of an agent who may still act in its organisation; None for any other."""
    row = connection.execute(_feeds().where(calendar_feeds.c.id == feed_id)).one_or_none()
    if row is None:
        return None
    feed = _feed(row)
    theirs = {each.id for each in organisations_of(connection, feed.agent)}
    return feed if feed.organisation_id in theirs else None


def make_feed(connection: Connection, agent: Agent, organisation_id: int, place: str | None, now: datetime) -> None:
    """Make a calendar of this organisation (our id), of one place or of all. Raises OutOfReach and TooManyFeeds."""
    if organisation_id not in {each.id for each in organisations_of(connection, agent)}:
        raise OutOfReach("no such organisation")
    its = calendar_feeds.c.agent_id == agent.id
    if connection.execute(select(func.count()).where(its)).scalar_one() >= MOST_OF_AN_AGENT:
        raise TooManyFeeds(f"You have {MOST_OF_AN_AGENT} calendars already: end one first.")
    values = {"organisation_id": organisation_id, "place": place or None, "created_at": now}
    connection.execute(insert(calendar_feeds).values(agent_id=agent.id, nonce=_nonce(), **values))
    _note(connection, "calendar_made", agent, now)


def renew_feed(connection: Connection, agent: Agent, feed_id: int, now: datetime) -> None:
    """Give the calendar a new address. The present one stops working. Raises OutOfReach."""
    renewed = update(calendar_feeds).where(_is_own(agent, feed_id)).values(nonce=_nonce(), read_at=None)
    if connection.execute(renewed).rowcount != 1:
        raise OutOfReach("no such calendar")
    _note(connection, "calendar_renewed", agent, now)


def end_feed(connection: Connection, agent: Agent, feed_id: int, now: datetime) -> None:
    """End the calendar: nobody can read it any more. Raises OutOfReach."""
    if connection.execute(delete(calendar_feeds).where(_is_own(agent, feed_id))).rowcount != 1:
        raise OutOfReach("no such calendar")
    _note(connection, "calendar_ended", agent, now)


def note_feed_read(connection: Connection, feed: CalendarFeed, now: datetime) -> None:
    this = (calendar_feeds.c.id == feed.id) & (calendar_feeds.c.nonce == feed.nonce)
    connection.execute(update(calendar_feeds).where(this).values(read_at=now))


def calendar_of(
    connection: Connection,
    terms_book: TermsBook,
    feed: CalendarFeed,
    words: Mapping[str, str],
    console_url: str,
    now: datetime,
) -> bytes:
    """The calendar as a program reads it: from a week ago to two months ahead, without what is cancelled.

    `words` are those of `calendar_words.txt`; `console_url` is the address of the console.
    """
    calendar = icalendar.Calendar()
    named = feed.organisation if feed.place is None else f"{feed.organisation} – {words.get(feed.place, feed.place)}"
    for name, value in (("prodid", CALENDAR_PRODUCT), ("version", "2.0"), ("x-wr-calname", one_line(named))):
        calendar.add(name, value)
    calendar.add("refresh-interval", timedelta(minutes=30), parameters={"value": "DURATION"})
    for appointment, people in _planned(connection, feed, now):
        terms = terms_book.of_appointment(appointment)
        url = f"{console_url}/rdv/{appointment.id}"
        ends_at = appointment.ends_at
        calendar.add_component(
            icalendar.Event.new(
                uid=f"agenda-{appointment.id}@{urlsplit(console_url).hostname}",
                sequence=appointment.calendar_sequence,
                stamp=now.astimezone(UTC),
                start=appointment.starts_at.astimezone(UTC),
                end=ends_at.astimezone(UTC) if ends_at and ends_at > appointment.starts_at else None,
                summary=one_line(_summary(appointment, people, terms.label, words)),
                location=one_line(_location(appointment, words)) or None,
                description=url,
                url=url,
                classification=icalendar.CLASS.PRIVATE,
            )
        )
    octets: bytes = calendar.to_ical()
    return octets


# Helpers --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Expected:
    """A participant who has not cancelled."""

    initials: str
    has_announced: bool


def _planned(
    connection: Connection, feed: CalendarFeed, now: datetime
) -> Iterator[tuple[Appointment, list[_Expected]]]:
    """The appointments that take place, with who is expected."""
    rows = connection.execute(_appointments_of(feed, now))
    found = {appointment.id: appointment for appointment in map(appointment_from, rows)}
    people: dict[int, list[_Expected]] = {}
    part = participations.c
    taking_part = select(part.appointment_id, part.first_name, part.last_name, part.status, part.announced_at).where(
        part.appointment_id.in_(list(found)), part.removed_at.is_(None)
    )
    for row in connection.execute(taking_part.order_by(part.id)):
        theirs = people.setdefault(row.appointment_id, [])
        if not Status(row.status).is_cancelled:
            theirs.append(_Expected(_initials(row.first_name, row.last_name), row.announced_at is not None))
    for appointment_id, appointment in found.items():
        if people.get(appointment_id, True):
            yield appointment, people.get(appointment_id, [])


def _appointments_of(feed: CalendarFeed, now: datetime) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [
        within_reach(feed.agent),
        appointments.c.organisation_id == feed.organisation_id,
        appointments.c.destroyed_at.is_(None),
        appointments.c.starts_at >= now - _BACK,
        appointments.c.starts_at < now + _AHEAD,
    ]
    if feed.place is not None:
        conditions.append(place_key() == feed.place)
    return (
        select(*APPOINTMENT_COLUMNS)
        .select_from(appointments.join(organisations))
        .where(*conditions)
        .order_by(appointments.c.starts_at, appointments.c.id)
        .limit(MOST_EVENTS)
    )


def _initials(first_name: str | None, last_name: str | None) -> str:
    """The initials: "S. D." for Sophie Dupont."""
    return " ".join(f"{name.strip()[0].upper()}." for name in (first_name, last_name) if name and name.strip())


def _summary(appointment: Appointment, people: Sequence[_Expected], label: str, words: Mapping[str, str]) -> str:
    if appointment.collective:
        return f"{label} ({len(people)} {words['one_registered' if len(people) < 2 else 'registered']})"
    initials = ", ".join(each.initials for each in people[:_TOLD_INITIALS] if each.initials)
    announced = f" ({words['announced']})" if people and all(each.has_announced for each in people) else ""
    return f"{initials or words['somebody']} – {label}{announced}"


def _location(appointment: Appointment, words: Mapping[str, str]) -> str:
    if appointment.location_type is LocationType.PUBLIC_OFFICE:
        return appointment.place_name or ""
    return words[f"@{appointment.location_type.value}"]


def _feeds() -> Select[Any]:
    return (
        select(calendar_feeds, *AGENT_COLUMNS[1:], organisations.c.name, organisations.c.external_id)
        .select_from(calendar_feeds.join(agents).join(organisations))
        .where(agents.c.revoked_at.is_(None))
        .order_by(calendar_feeds.c.id)
    )


def _feed(row: Row[Any]) -> CalendarFeed:
    return CalendarFeed(
        id=row.id,
        nonce=row.nonce,
        agent=Agent(row.agent_id, row.email, row.role_everywhere is not None),
        organisation_id=row.organisation_id,
        organisation=row.name or row.external_id,
        place=row.place,
        created_at=row.created_at,
        read_at=row.read_at,
    )


def _is_own(agent: Agent, feed_id: int) -> ColumnElement[bool]:
    return (calendar_feeds.c.id == feed_id) & (calendar_feeds.c.agent_id == agent.id)


def _nonce() -> str:
    return secrets.token_urlsafe(16)


def _note(connection: Connection, act: AuditedAct, agent: Agent, now: datetime) -> None:
    note(connection, now, act, Actor.AGENT, Via.CONSOLE, agent=agent.email)
