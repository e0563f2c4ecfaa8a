"""The pages of the inbox: what waits, one thread, and what an agent does about it.

    /agents/messages                        what waits; `smsbot.inbox.thread_list` reads what is asked for
    /agents/messages/ensemble               several threads at once are done
    /agents/messages/{id}                   one thread, with the form to answer it
    /agents/messages/{id}/suivant           to the thread that comes after it in the list
    /agents/messages/{id}/prise, /rendu     "je m'en occupe", and no longer
    /agents/messages/{id}/reponse           looks an answer over, or sends it
    /agents/messages/{id}/fin, /reouverture done, and not done after all
    /agents/messages/{id}/relais            left to a colleague
    /agents/messages/liste, /nombre, /compte and /{id}/direct    what the script asks for

An answer leaves from the number that was written to. Where the person takes no SMS any more it goes by e-mail.

The addresses of a thread keep what its list was asked for. So an agent who is done with one comes to the next of the
same list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import OutOfReach, colleagues, organisations_of, row_id
from smsbot.diary.dossier import Line, correspondence_with
from smsbot.inbox.handling import (
    Overtaken,
    answer,
    close,
    close_together,
    hand_over,
    lock_open_thread,
    lock_thread,
    release,
    reopen,
    take,
)
from smsbot.inbox.thread_list import InboxQuery, ThreadPosition, View, list_threads, next_thread, position_of
from smsbot.inbox.threads import OpenThread, Seen, Thread, open_thread, read_thread
from smsbot.messages.french_dates import local
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments, septets, to_gsm7
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, Visitor
from smsbot.web.console.guard import Fields, Guard, PageAnswer
from smsbot.web.console.sign_in_pages import SigningIn

MOST_SEGMENTS = 4
MARKED = "coche-"
"""Before the id of a message in the name of the box that marks its thread."""

logger = structlog.get_logger(__name__)


_DONE = ("repondu", "fini", "confie", "ensemble", "en-partie", "aucun")
"""Words in the address that say what was done, with the thread before this one."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as typed, and as an SMS carries it. `room` is how many more characters fit into its last segment."""

    typed: str
    sms: str
    segments: int
    room: int

    @classmethod
    def of(cls, typed: str) -> Draft:
        sms = to_gsm7(typed).strip()
        count = segments(sms)
        capacity = SEPTETS_ALONE if count == 1 else count * SEPTETS_JOINED
        return cls(typed, sms, count, max(capacity - septets(sms), 0))

    @property
    def excess(self) -> int:
        """By how many septets it is too long; 0 where it fits."""
        return max(septets(self.sms) - MOST_SEGMENTS * SEPTETS_JOINED, 1) if self.segments > MOST_SEGMENTS else 0

    @property
    def problem(self) -> str | None:
        if not self.sms:
            return "vide"
        return "long" if self.segments > MOST_SEGMENTS else None


@dataclass(frozen=True, slots=True)
class InboxPages:
    """The pages of the inbox. `segment_price` is in euros, None where it is not set."""

    guard: Guard
    pages: ConsolePages
    agent_emails: AgentEmails
    signing_in: SigningIn
    segment_price: Decimal | None

    def routes(self) -> list[Route]:
        page, post, listen = self.guard.agents, self.guard.agents_posting, self.guard.agents_listening
        one = f"{PATH}/messages/{{id}}"
        return [
            Route(f"{PATH}/messages", page(self.list), methods=["GET"]),
            Route(f"{PATH}/messages/liste", listen(self.listed), methods=["GET"]),
            Route(f"{PATH}/messages/nombre", listen(self.number), methods=["GET"]),
            Route(f"{PATH}/messages/compte", post(self.count, writes=False), methods=["POST"]),
            Route(f"{PATH}/messages/ensemble", post(self.close_together), methods=["POST"]),
            Route(one, page(self.thread), methods=["GET"]),
            Route(f"{one}/direct", listen(self.thread_now), methods=["GET"]),
            Route(f"{one}/suivant", page(self.following), methods=["GET"]),
            Route(f"{one}/prise", post(self.take), methods=["POST"]),
            Route(f"{one}/rendu", post(self.release), methods=["POST"]),
            Route(f"{one}/reponse", post(self.answer, out_of_time=self.answer_late), methods=["POST"]),
            Route(f"{one}/fin", post(self.close), methods=["POST"]),
            Route(f"{one}/reouverture", post(self.reopen), methods=["POST"]),
            Route(f"{one}/relais", post(self.hand_over), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    def list(self, request: AgentRequest) -> Response:
        return self.pages.page("inbox", request, done=_done(request), **_listed(request))

    def listed(self, request: AgentRequest) -> Response:
        return self.pages.part("_threads", request, **_listed(request))

    def number(self, request: AgentRequest) -> Response:
        return self.pages.part("_waiting", request, waiting=request.waiting)

    def thread(self, request: AgentRequest) -> Response:
        return self._page(request, open_thread(request.connection, request.agent, request.id))

    def following(self, request: AgentRequest) -> Response:
        """Go to the next thread, and leave this one as it is."""
        thread = read_thread(request.connection, request.agent, request.id)
        return self.pages.redirect(_next(request, _position(request, thread)))

    def thread_now(self, request: AgentRequest) -> Response:
        thread = read_thread(request.connection, request.agent, request.id)
        return self.pages.part("_thread_now", request, thread=thread, lines=_lines(request, thread))

    def count(self, request: AgentRequest, form: Fields) -> Response:
        return self.pages.part(
            "_count",
            request,
            draft=Draft.of(form.get("texte", "")),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
        )

    # Doing ------------------------------------------------------------------------------------------------------------

    def take(self, request: AgentRequest, form: Fields) -> Response:
        thread = lock_thread(request.connection, request.agent, request.id)
        try:
            take(request.connection, thread, request.agent, request.now, over=form.get("reprendre") == "oui")
        except Overtaken:
            return self.pages.redirect(_address(request, request.id))
        return self.pages.redirect(f"{_address(request, request.id)}#texte")

    def release(self, request: AgentRequest, _form: Fields) -> Response:
        release(request.connection, lock_thread(request.connection, request.agent, request.id), request.agent)
        return self.pages.redirect(_address(request))

    def answer(self, request: AgentRequest, form: Fields) -> PageAnswer:
        draft, seen = Draft.of(form.get("texte", "")), _seen(form)
        opened = lock_open_thread(request.connection, request.agent, request.id)
        by_mail = opened.opted_out
        address = form.get("adresse", "")
        if by_mail and address not in opened.emails:
            return self._page(request, opened, 422, draft=draft, problem="adresse")
        problem = ("vide" if not draft.typed.strip() else None) if by_mail else draft.problem
        if problem is not None:
            return self._page(request, opened, 422, draft=draft, problem=problem)
        if form.get("bouton") != "envoyer":
            return self._page(
                request, _still_at_it(request, opened), draft=draft, seen=seen, preview=True, address=address
            )
        message = self._message(request, opened, draft, address if by_mail else None)
        position = _position(request, opened.thread)
        try:
            answer(request.connection, opened, request.agent, message, seen, request.now)
        except Overtaken as problem_then:
            return self._page(request, opened, 409, draft=draft, overtaken=True, overtaken_by=problem_then.by)
        return partial(self._answered, message.channel, request.agent.id, _next(request, position, "repondu"))

    async def _answered(self, channel: str, agent_id: int, address: str) -> Response:
        logger.info("answered from the console", channel=channel, agent_id=agent_id)
        return self.pages.redirect(address)

    def answer_late(self, visitor: Visitor, form: Fields) -> Response:
        """The session ended before the answer was sent: show what was typed again, after signing in."""
        if not isinstance(visitor, AgentRequest):
            return self.signing_in.with_answer(visitor, visitor.id, form.get("texte", ""))
        opened = open_thread(visitor.connection, visitor.agent, visitor.id)
        return self._page(visitor, opened, 403, draft=Draft.of(form.get("texte", "")), problem="session")

    def close(self, request: AgentRequest, form: Fields) -> Response:
        seen = _seen(form)
        thread = lock_thread(request.connection, request.agent, request.id)
        position = _position(request, thread)
        try:
            close(request.connection, thread, request.agent, seen, request.now)
        except Overtaken as problem:
            opened = open_thread(request.connection, request.agent, request.id)
            return self._page(request, opened, 409, overtaken=True, overtaken_by=problem.by)
        return self.pages.redirect(_next(request, position, "fini"))

    def close_together(self, request: AgentRequest, form: Fields) -> Response:
        seen = {row_id(name.removeprefix(MARKED)) for name in form if name.startswith(MARKED)}
        done = "aucun"
        if seen:
            are_all = close_together(request.connection, request.agent, seen, request.now)
            done = "ensemble" if are_all else "en-partie"
        return self.pages.redirect(_address(request, done=done))

    def reopen(self, request: AgentRequest, _form: Fields) -> Response:
        reopen(request.connection, request.agent, request.id)
        return self.pages.redirect(_address(request, request.id))

    def hand_over(self, request: AgentRequest, form: Fields) -> Response:
        colleague_id = row_id(form.get("collegue", ""))
        thread = lock_thread(request.connection, request.agent, request.id)
        known = colleagues(request.connection, request.agent, thread.organisation_id)
        colleague = next((each for each in known if each.id == colleague_id), None)
        if colleague is None:
            raise OutOfReach("no such colleague")
        position = _position(request, thread)
        hand_over(request.connection, thread, request.agent, colleague)
        enqueue(request.connection, self.agent_emails.handed_over(colleague, request.agent, request.id), request.now)
        return self.pages.redirect(_next(request, position, "confie"))

    # Underneath -------------------------------------------------------------------------------------------------------

    def _message(self, request: AgentRequest, opened: OpenThread, draft: Draft, address: str | None) -> OutgoingMessage:
        """The answer to send, by SMS or by e-mail to `address`."""
        thread = opened.thread
        about = thread.about(request.now)
        answered = partial(
            OutgoingMessage,
            kind="reply",
            appointment_id=about.appointment_id if about else None,
            participation_id=about.id if about else None,
            in_reply_to=opened.seen.message_id,
            agent_id=request.agent.id,
        )
        if address is None:
            return answered(
                channel="sms",
                recipient=thread.phone,
                sender=thread.our_number,
                body=draft.sms,
                segments=draft.segments,
            )
        values = {"text": draft.typed.strip(), "thread": thread}
        return answered(
            channel="email",
            recipient=address,
            sender=self.agent_emails.mail_from,
            subject=self.pages.text("email/answer_subject.txt", **values),
            body=self.pages.text("email/answer.txt", **values),
            html=self.pages.text("email/answer.html", **values),
        )

    def _page(
        self,
        request: AgentRequest,
        opened: OpenThread,
        status: int = 200,
        *,
        draft: Draft | None = None,
        seen: Seen | None = None,
        **values: object,
    ) -> Response:
        """The thread's page. `seen` is what the agent has seen, where that is less than the page now shows."""
        thread = opened.thread
        return self.pages.page(
            "thread",
            request,
            status,
            thread=thread,
            opened=opened,
            lines=_lines(request, thread),
            colleagues=colleagues(request.connection, request.agent, thread.organisation_id),
            draft=draft,
            seen=(seen or opened.seen).written(),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
            writes_again="ecrire" in request.query,
            done=_done(request),
            parameters=urlencode(_query(request).parameters),
            **values,
        )


def _query(request: AgentRequest) -> InboxQuery:
    return InboxQuery.read(dict(request.query), local(request.now, DEFAULT_TIME_ZONE).date())


def _listed(request: AgentRequest) -> dict[str, Any]:
    """The values for the list of threads."""
    query = _query(request)
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


def _done(request: AgentRequest) -> str | None:
    return next((word for word in _DONE if word in request.query), None)


def _address(request: AgentRequest, thread_id: int | None = None, done: str | None = None) -> str:
    """The address of a thread, or of the list, as the list was asked for, below `/agents`. `done` is of `_DONE`."""
    path = "/messages" if thread_id is None else f"/messages/{thread_id}"
    words = [word for word in (urlencode(_query(request).parameters), done) if word]
    return f"{path}?{'&'.join(words)}" if words else path


def _position(request: AgentRequest, thread: Thread) -> ThreadPosition | None:
    return position_of(request.connection, request.agent, _query(request), thread, request.now)


def _next(request: AgentRequest, position: ThreadPosition | None, done: str | None = None) -> str:
    """The address of the thread after this position, or of the list where it is the last one to work on."""
    query, found = _query(request), None
    if query.view is not View.HANDLED:
        found = next_thread(request.connection, request.agent, query, position, request.now)
    return _address(request, found, done)


def _lines(request: AgentRequest, thread: Thread) -> Sequence[Line]:
    return correspondence_with(request.connection, request.agent, request.now, phone=thread.phone)


def _still_at_it(request: AgentRequest, opened: OpenThread) -> OpenThread:
    """Prolong the agent's hold on the thread. An agent who has lost it meanwhile is told when sending."""
    try:
        thread = take(request.connection, opened.thread, request.agent, request.now)
    except Overtaken:
        return opened
    return replace(opened, thread=thread)


def _seen(form: Fields) -> Seen:
    seen = Seen.read(form.get("vu", ""))
    if seen is None:
        raise HTTPException(400)
    return seen
