"""The calendars that Outlook or a telephone can read.

/agents/calendriers                       the agent's calendars, and the form to make one
/agents/calendriers/{id}/renouvellement   gives a calendar another address
/agents/calendriers/{id}/suppression      ends a calendar, so that nobody can read it any more
/agents/calendriers/{token}.ics           the calendar itself; it needs no session, because its address is secret
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smsbot.agents.permissions import organisations_of, read_id, row_id
from smsbot.appointments.terms import TermsBook
from smsbot.diary.calendar_feeds import (
    MOST_OF_AN_AGENT,
    CalendarFeed,
    TooManyFeeds,
    calendar_of,
    end_feed,
    feed_of_id,
    feeds_of,
    make_feed,
    note_feed_read,
    renew_feed,
)
from smsbot.diary.day_list import offered_matters
from smsbot.signing import FeedAddresses
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard, PageAnswer
from smsbot.web.security import page_headers

_HERE = f"{PATH}/calendriers"

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CalendarPages:
    """The pages of calendars, and the calendars themselves."""

    terms: TermsBook
    guard: Guard
    pages: ConsolePages
    addresses: FeedAddresses

    def routes(self) -> list[Route]:
        guard = self.guard
        return [
            Route(_HERE, guard.agents(self.page), methods=["GET"]),
            Route(_HERE, guard.agents_posting(self.make), methods=["POST"]),
            Route(f"{_HERE}/{{token}}.ics", self.feed, methods=["GET"]),
            Route(f"{_HERE}/{{id}}/renouvellement", guard.agents_posting(self.renew), methods=["POST"]),
            Route(f"{_HERE}/{{id}}/suppression", guard.agents_posting(self.end), methods=["POST"]),
        ]

    def page(self, request: AgentRequest) -> Response:
        return self._page(request)

    def make(self, request: AgentRequest, form: Fields) -> PageAnswer:
        place = form.get("lieu", "")
        organisation_id = row_id(form.get("organisation", ""))
        try:
            make_feed(
                request.connection, request.agent, organisation_id, place if place.isprintable() else "", request.now
            )
        except TooManyFeeds:
            return self._page(request, 409, too_many=True)
        return self.pages.redirect("/calendriers?fait")

    def renew(self, request: AgentRequest, _form: Fields) -> PageAnswer:
        renew_feed(request.connection, request.agent, request.id, request.now)
        return self.pages.redirect("/calendriers?renouvele")

    def end(self, request: AgentRequest, _form: Fields) -> PageAnswer:
        end_feed(request.connection, request.agent, request.id, request.now)
        return self.pages.redirect("/calendriers?supprime")

    async def feed(self, http: Request) -> Response:
        """The calendar, for a program. An address that never was valid, or no longer is, gets a 404."""
        read = self.guard.only_read(self._answered, self._note_read)
        try:
            return await read(http)
        except SQLAlchemyError as error:
            logger.error("a calendar could not be read", error=type(error).__name__)
            return PlainTextResponse("Try again later.\n", 503, page_headers())

    async def _answered(self, http: Request) -> Response:
        answer = await self._calendar(http)
        if answer is None:
            return PlainTextResponse("There is nothing here.\n", 404, page_headers())
        headers = page_headers() | {"Content-Disposition": 'inline; filename="rendez-vous.ics"'}
        return Response(answer, 200, headers, "text/calendar; charset=utf-8")

    async def _calendar(self, http: Request) -> bytes | None:
        now = self.guard.clock()
        words = dict(line.split(": ", 1) for line in self.pages.text("calendar_words.txt").splitlines())

        def work(connection: Connection) -> tuple[CalendarFeed, bytes] | None:
            feed = self._feed(http, connection)
            if feed is None:
                return None
            console = f"{self.addresses.public_url}{PATH}"
            return feed, calendar_of(connection, self.terms, feed, words, console, now)

        read = await self.guard.database.read(work)
        if read is None:
            return None
        feed, calendar = read
        if feed.is_worth_noting(now):
            await self.guard.note_in_use(http, partial(note_feed_read, feed=feed, now=now))
        return calendar

    def _note_read(self, http: Request, connection: Connection) -> None:
        feed = self._feed(http, connection)
        if feed is not None:
            note_feed_read(connection, feed, self.guard.clock())

    def _feed(self, http: Request, connection: Connection) -> CalendarFeed | None:
        """The calendar at this address, or None if the address is not valid."""
        number, _, tag = http.path_params["token"].partition("-")
        feed_id = read_id(number)
        if feed_id is None or not tag:
            return None
        feed = feed_of_id(connection, feed_id)
        return feed if feed is not None and self.addresses.fits(tag, feed.id, feed.nonce) else None

    def _page(self, request: AgentRequest, status: int = 200, *, too_many: bool = False) -> Response:
        feeds = feeds_of(request.connection, request.agent)
        matters = offered_matters(request.connection, self.terms, request.agent, request.now)
        return self.pages.page(
            "calendars",
            request,
            status,
            feeds=[(feed, self.addresses.url_for(_HERE, feed.id, feed.nonce)) for feed in feeds],
            organisations=organisations_of(request.connection, request.agent),
            places=matters.places,
            too_many=too_many,
            most=MOST_OF_AN_AGENT,
            done=next((word for word in ("fait", "renouvele", "supprime") if word in request.query), None),
        )
