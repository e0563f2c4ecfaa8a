"""The addresses of the inbox.

The address of a thread keeps the filters of the list from which the agent came. So after one thread the agent gets to
the next thread of the same list.
"""

from __future__ import annotations

from urllib.parse import urlencode

from smsbot.inbox.inbox_query import InboxQuery, ThreadPosition, View
from smsbot.inbox.thread_list import next_thread, position_of
from smsbot.inbox.threads import Thread
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.web.console.console_page import AgentRequest

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
