"""The list of the inbox, and what an agent can do with several threads at once.

/agents/messages            the threads that wait, or those that the filters choose
/agents/messages/ensemble   marks several threads as done, or hands them over to a colleague
/agents/messages/liste, /nombre    the list and the number of threads, for the script

The address of a thread keeps the filters of the list from which the agent came. So after one thread the agent gets to
the next thread of the same list.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import OutOfReach, colleagues, organisations_of, row_id
from smsbot.inbox.handling import close_together, hand_over_together
from smsbot.inbox.inbox_query import InboxQuery, ThreadPosition, View
from smsbot.inbox.thread_list import list_threads, next_thread, places_to_choose, position_of
from smsbot.inbox.threads import Thread
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages
from smsbot.web.console.guard import Fields, Guard

MARKED = "coche-"
"""Names the checkbox of a thread in the form: this word, then the id of the thread's message."""
_DONE = (
    "repondu",
    "repondu-et-note",
    "fini",
    "confie",
    "plus-tard",
    "note",
    "ensemble",
    "en-partie",
    "confies",
    "confies-en-partie",
    "aucun",
)
"""Words in the address of a page. They say what was just done with the thread before (a note: with this thread)."""


@dataclass(frozen=True, slots=True)
class InboxPages:
    """The list, and the forms that act on several of its threads."""

    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails

    def routes(self) -> list[Route]:
        page, post, listen = self.guard.agents, self.guard.agents_posting, self.guard.agents_listening
        return [
            Route(f"{PATH}/messages", page(self.list), methods=["GET"]),
            Route(f"{PATH}/messages/liste", listen(self.listed), methods=["GET"]),
            Route(f"{PATH}/messages/nombre", listen(self.number), methods=["GET"]),
            Route(f"{PATH}/messages/ensemble", post(self.together), methods=["POST"]),
        ]

    def list(self, request: AgentRequest) -> Response:
        listed = _listed(request)
        asked = listed["query"].organisation_id
        is_theirs = any(each.id == asked for each in listed["organisations"])
        return self.pages.page(
            "inbox",
            request,
            done=just_done(request),
            places=places_to_choose(request.connection, request.agent, request.now),
            colleagues=colleagues(request.connection, request.agent, asked if is_theirs else None),
            **listed,
        )

    def listed(self, request: AgentRequest) -> Response:
        return self.pages.part("_threads", request, **_listed(request))

    def number(self, request: AgentRequest) -> Response:
        return self.pages.part("_waiting", request, waiting=request.waiting)

    def together(self, request: AgentRequest, form: Fields) -> Response:
        seen = {row_id(name.removeprefix(MARKED)) for name in form if name.startswith(MARKED)}
        if not seen:
            done = "aucun"
        elif form.get("bouton") == "confier":
            done = self._hand_over(request, row_id(form.get("collegue", "")), seen)
        else:
            are_all = close_together(request.connection, request.agent, seen, request.now)
            done = "ensemble" if are_all else "en-partie"
        return self.pages.redirect(address(request, done=done))

    def _hand_over(self, request: AgentRequest, colleague_id: int, seen: Collection[int]) -> str:
        known = colleagues(request.connection, request.agent)
        colleague = next((each for each in known if each.id == colleague_id), None)
        if colleague is None:
            raise OutOfReach("no such colleague")
        handed = hand_over_together(request.connection, request.agent, colleague, seen, request.now)
        if handed:
            enqueue(request.connection, self.agent_emails.handed_over(colleague, request.agent, handed), request.now)
        return "confies" if len(handed) == len(seen) else "confies-en-partie"


def _listed(request: AgentRequest) -> dict[str, Any]:
    """The values that the template of the list needs."""
    query = asked_for(request)
    page = list_threads(request.connection, request.agent, query, request.now)
    following = None if page.position is None else query.parameters | {"apres": page.position.written()}
    here = query.parameters | ({} if query.after is None else {"apres": query.after.written()})
    return {
        "query": query,
        "page": page,
        "organisations": organisations_of(request.connection, request.agent),
        "marked": MARKED,
        "filters": urlencode(query.filters),
        "parameters": urlencode(query.parameters),
        "here": urlencode(here),
        "following": following and urlencode(following),
    }


# Addresses ------------------------------------------------------------------------------------------------------------


def asked_for(request: AgentRequest) -> InboxQuery:
    """The filters of the list, from the address of the page."""
    return InboxQuery.read(dict(request.query), local(request.now, DEFAULT_TIME_ZONE).date())


def just_done(request: AgentRequest) -> str | None:
    """The word of `_DONE` that the address has, or None."""
    return next((word for word in _DONE if word in request.query), None)


def address(request: AgentRequest, thread_id: int | None = None, done: str | None = None) -> str:
    """The address of a thread, or without `thread_id` of the list, below `/agents`. It keeps the filters of the list.

    `done` is a word of `_DONE`.
    """
    path = "/messages" if thread_id is None else f"/messages/{thread_id}"
    words = [word for word in (urlencode(asked_for(request).parameters), done) if word]
    return f"{path}?{'&'.join(words)}" if words else path


def position_in_list(request: AgentRequest, thread: Thread) -> ThreadPosition | None:
    """The position of the thread in the filtered list, or None if it is not in it."""
    return position_of(request.connection, request.agent, asked_for(request), thread, request.now)


def address_of_next(request: AgentRequest, position: ThreadPosition | None, done: str | None = None) -> str:
    """The address of the next thread after this position, or of the list if no thread follows."""
    query, found = asked_for(request), None
    if query.view not in (View.LATER, View.HANDLED):
        found = next_thread(request.connection, request.agent, query, position, request.now)
    return address(request, found, done)
