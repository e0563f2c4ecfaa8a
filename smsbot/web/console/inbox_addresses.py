"""The addresses of the inbox. Those of a thread keep what its list was asked for, so that an agent who is done with one
comes to the next of the same list.
"""

from __future__ import annotations

from urllib.parse import urlencode

from smsbot.inbox.thread_list import InboxQuery, ThreadPosition, View, next_thread, position_of
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
"""Words in the address that say what was done, with the thread before this one or, for a note, with this one."""


def asked_for(request: AgentRequest) -> InboxQuery:
    """What the list was asked for, as the address of the page says."""
    return InboxQuery.read(dict(request.query), local(request.now, DEFAULT_TIME_ZONE).date())


def just_done(request: AgentRequest) -> str | None:
    """The word of `_DONE` in the address; None where there is none."""
    return next((word for word in _DONE if word in request.query), None)


def address(request: AgentRequest, thread_id: int | None = None, done: str | None = None) -> str:
    """The address of a thread, or of the list, as the list was asked for, below `/agents`. `done` is of `_DONE`."""
    path = "/messages" if thread_id is None else f"/messages/{thread_id}"
    words = [word for word in (urlencode(asked_for(request).parameters), done) if word]
    return f"{path}?{'&'.join(words)}" if words else path


def position_in_list(request: AgentRequest, thread: Thread) -> ThreadPosition | None:
    """Where the thread is in the list that was asked for; None where it is not in it."""
    return position_of(request.connection, request.agent, asked_for(request), thread, request.now)


def address_of_next(request: AgentRequest, position: ThreadPosition | None, done: str | None = None) -> str:
    """The address of the thread after this position, or of the list where it is the last one to work on."""
    query, found = asked_for(request), None
    if query.view not in (View.LATER, View.HANDLED):
        found = next_thread(request.connection, request.agent, query, position, request.now)
    return address(request, found, done)
