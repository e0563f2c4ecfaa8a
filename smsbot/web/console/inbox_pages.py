"""The pages of the inbox: what waits, one thread, and what an agent does about it.

    /agents/messages                        what waits; `?vue=` for what was left to oneself, or is done
    /agents/messages/{id}                   one thread, with the form to answer it
    /agents/messages/{id}/prise, /rendu     "je m'en occupe", and no longer
    /agents/messages/{id}/reponse           looks an answer over, or sends it
    /agents/messages/{id}/fin, /reouverture done, and not done after all
    /agents/messages/{id}/relais            left to a colleague
    /agents/messages/liste, /nombre, /compte and /{id}/direct    what the script asks for

An answer leaves from the number that was written to. Where the person takes no SMS any more it goes by e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

import structlog
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, colleagues, organisations_of, row_id
from smsbot.diary.correspondence import Line, correspondence_with
from smsbot.inbox import threads as inbox
from smsbot.inbox.threads import OpenThread, Overtaken, Seen, Stopped, Thread
from smsbot.messages.gsm7 import SEPTETS_ALONE, SEPTETS_JOINED, segments, septets, to_gsm7
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import OutgoingMessage, enqueue
from smsbot.store.database import Database
from smsbot.web.console.console_page import PATH, ConsolePages, Desk, Visitor
from smsbot.web.console.guard import Fields, Guard
from smsbot.web.console.sign_in_pages import SigningIn

MOST_SEGMENTS = 4

logger = structlog.get_logger(__name__)


class View(StrEnum):
    """Which threads are listed, as a word in the address."""

    WAITING = "a-traiter"
    MINE = "pour-moi"
    HANDLED = "traites"


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer as typed, and as an SMS would carry it. `room` is how many signs its last segment still takes."""

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
    def problem(self) -> str | None:
        if not self.sms:
            return "vide"
        return "long" if self.segments > MOST_SEGMENTS else None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread on its page."""

    opened: OpenThread
    lines: Sequence[Line]
    colleagues: Sequence[Agent]

    @property
    def thread(self) -> Thread:
        return self.opened.thread


@dataclass(frozen=True, slots=True)
class InboxPages:
    """What waits for an agent. `segment_price` is in euros, None where nobody has said it."""

    database: Database
    guard: Guard
    pages: ConsolePages
    letters: AgentEmails
    signing_in: SigningIn
    segment_price: Decimal | None

    def routes(self) -> list[Route]:
        page, post, listen = self.guard.agents, self.guard.agents_posting, self.guard.agents_listening
        one = f"{PATH}/messages/{{id}}"
        return [
            Route(f"{PATH}/messages", page(self.list), methods=["GET"]),
            Route(f"{PATH}/messages/liste", listen(self.listed), methods=["GET"]),
            Route(f"{PATH}/messages/nombre", listen(self.number), methods=["GET"]),
            Route(f"{PATH}/messages/compte", post(self.count), methods=["POST"]),
            Route(one, page(self.thread), methods=["GET"]),
            Route(f"{one}/direct", listen(self.thread_now), methods=["GET"]),
            Route(f"{one}/prise", post(self.take), methods=["POST"]),
            Route(f"{one}/rendu", post(self.release), methods=["POST"]),
            Route(f"{one}/reponse", post(self.answer, out_of_time=self.answer_late), methods=["POST"]),
            Route(f"{one}/fin", post(self.close), methods=["POST"]),
            Route(f"{one}/reouverture", post(self.reopen), methods=["POST"]),
            Route(f"{one}/relais", post(self.hand_over), methods=["POST"]),
        ]

    # Looking ----------------------------------------------------------------------------------------------------------

    async def list(self, desk: Desk) -> Response:
        view = _view(desk)
        done = next((word for word in ("repondu", "fini", "confie") if word in desk.request.query_params), None)
        threads, several = await self._threads(desk, view)
        return self.pages.page("inbox", desk, view=view, threads=threads, several=several, done=done)

    async def listed(self, desk: Desk) -> Response:
        view = _view(desk)
        threads, several = await self._threads(desk, view)
        return self.pages.part("_threads", desk, view=view, threads=threads, several=several)

    async def number(self, desk: Desk) -> Response:
        return self.pages.part("_waiting", desk)

    async def thread(self, desk: Desk) -> Response:
        return self._page(desk, await self._conversation(desk))

    async def thread_now(self, desk: Desk) -> Response:
        conversation = await self._conversation(desk)
        return self.pages.part("_thread_now", desk, conversation=conversation, thread=conversation.thread)

    async def count(self, desk: Desk, form: Fields) -> Response:
        return self.pages.part(
            "_count",
            desk,
            draft=Draft.of(form.get("texte", "")),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
        )

    # Doing ------------------------------------------------------------------------------------------------------------

    async def take(self, desk: Desk, form: Fields) -> Response:
        message_id, over = _id(desk), form.get("reprendre") == "oui"
        try:
            await self.database.write(
                lambda connection: inbox.take(connection, desk.agent, message_id, desk.now, over=over)
            )
        except Overtaken:
            return self.pages.redirect(f"/messages/{message_id}")
        return self.pages.redirect(f"/messages/{message_id}#texte")

    async def release(self, desk: Desk, _form: Fields) -> Response:
        message_id = _id(desk)
        await self.database.write(lambda connection: inbox.release(connection, desk.agent, message_id))
        return self.pages.redirect("/messages")

    async def answer(self, desk: Desk, form: Fields) -> Response:
        draft, seen = Draft.of(form.get("texte", "")), _seen(form)
        conversation = await self._conversation(desk)
        by_mail = conversation.opened.opted_out
        address = form.get("adresse", "")
        if by_mail and address not in conversation.opened.emails:
            return self._page(desk, conversation, 422, draft=draft, problem="adresse")
        problem = ("vide" if not draft.typed.strip() else None) if by_mail else draft.problem
        if problem is not None:
            return self._page(desk, conversation, 422, draft=draft, problem=problem)
        if form.get("bouton") != "envoyer":
            await self._hold(desk)
            return self._page(desk, conversation, draft=draft, seen=seen, preview=True, address=address)
        message = self._message(desk, conversation.opened, draft, address if by_mail else None)
        try:
            await self.database.write(
                lambda connection: inbox.answer(connection, desk.agent, conversation.thread.id, message, seen, desk.now)
            )
        except Overtaken as problem_then:
            now = await self._conversation(desk)
            return self._page(desk, now, 409, draft=draft, overtaken=True, overtaken_by=problem_then.by)
        except Stopped:
            return self._page(desk, await self._conversation(desk), 409, draft=draft, problem="stop")
        logger.info("answered from the console", channel=message.channel, agent_id=desk.agent.id)
        return self.pages.redirect("/messages?repondu")

    async def answer_late(self, visitor: Visitor, form: Fields) -> Response:
        """The session was over before the answer was sent: what was typed is shown again, after signing in."""
        if not isinstance(visitor, Desk):
            return self.signing_in.with_answer(visitor, _id(visitor), form.get("texte", ""))
        draft = Draft.of(form.get("texte", ""))
        return self._page(visitor, await self._conversation(visitor), 403, draft=draft, problem="session")

    async def close(self, desk: Desk, form: Fields) -> Response:
        message_id, seen = _id(desk), _seen(form)
        try:
            await self.database.write(
                lambda connection: inbox.close(connection, desk.agent, message_id, seen, desk.now)
            )
        except Overtaken as problem:
            conversation = await self._conversation(desk)
            return self._page(desk, conversation, 409, overtaken=True, overtaken_by=problem.by)
        return self.pages.redirect("/messages?fini")

    async def reopen(self, desk: Desk, _form: Fields) -> Response:
        message_id = _id(desk)
        await self.database.write(lambda connection: inbox.reopen(connection, desk.agent, message_id))
        return self.pages.redirect(f"/messages/{message_id}")

    async def hand_over(self, desk: Desk, form: Fields) -> Response:
        message_id, colleague_id = _id(desk), row_id(form.get("collegue", ""))

        def work(connection: Connection) -> None:
            thread = inbox.open_thread(connection, desk.agent, message_id).thread
            known = colleagues(connection, desk.agent, thread.organisation_id)
            colleague = next((each for each in known if each.id == colleague_id), None)
            if colleague is None:
                raise OutOfReach("no such colleague")
            inbox.hand_over(connection, desk.agent, message_id, colleague)
            enqueue(connection, self.letters.handed_over(colleague, desk.agent, message_id), desk.now)

        await self.database.write(work)
        return self.pages.redirect("/messages?confie")

    # Underneath -------------------------------------------------------------------------------------------------------

    async def _threads(self, desk: Desk, view: View) -> tuple[Sequence[Thread], bool]:
        """With them, whether the agent has several organisations."""

        def look(connection: Connection) -> tuple[Sequence[Thread], bool]:
            if view is View.HANDLED:
                threads = inbox.handled_threads(connection, desk.agent)
            else:
                threads = inbox.waiting_threads(connection, desk.agent)
            if view is View.MINE:
                threads = [thread for thread in threads if desk.agent in (thread.assigned_to, thread.holder(desk.now))]
            return threads, len(organisations_of(connection, desk.agent)) > 1

        return await self.database.read(look)

    async def _conversation(self, desk: Desk) -> Conversation:
        message_id = _id(desk)

        def look(connection: Connection) -> Conversation:
            opened = inbox.open_thread(connection, desk.agent, message_id)
            return Conversation(
                opened,
                correspondence_with(connection, desk.agent, desk.now, phone=opened.thread.phone),
                colleagues(connection, desk.agent, opened.thread.organisation_id),
            )

        return await self.database.read(look)

    async def _hold(self, desk: Desk) -> None:
        """Whoever looks an answer over is still at it; who has lost the thread meanwhile is told when sending."""
        message_id = _id(desk)
        try:
            await self.database.write(lambda connection: inbox.take(connection, desk.agent, message_id, desk.now))
        except Overtaken:
            return

    def _message(self, desk: Desk, opened: OpenThread, draft: Draft, address: str | None) -> OutgoingMessage:
        """By SMS, or to this address."""
        thread, about = opened.thread, opened.about(desk.now)
        message = OutgoingMessage(
            channel="sms",
            kind="reply",
            recipient=thread.phone,
            sender=thread.our_number,
            body=draft.sms,
            segments=draft.segments,
            appointment_id=about.appointment_id if about else None,
            participation_id=about.participation_id if about else None,
            in_reply_to=opened.seen.message_id,
            agent_id=desk.agent.id,
        )
        if address is None:
            return message
        values = {"text": draft.typed.strip(), "thread": thread}
        return replace(
            message,
            channel="email",
            recipient=address,
            sender=self.letters.mail_from,
            subject=self.pages.text("email/answer_subject.txt", **values),
            body=self.pages.text("email/answer.txt", **values),
            html=self.pages.text("email/answer.html", **values),
            segments=None,
        )

    def _page(
        self,
        desk: Desk,
        conversation: Conversation,
        status: int = 200,
        *,
        draft: Draft | None = None,
        seen: Seen | None = None,
        **values: object,
    ) -> Response:
        """`seen` is what the agent has seen already, where that is less than the page now shows."""
        return self.pages.page(
            "thread",
            desk,
            status,
            conversation=conversation,
            thread=conversation.thread,
            opened=conversation.opened,
            draft=draft,
            seen=(seen or conversation.opened.seen).written(),
            most_segments=MOST_SEGMENTS,
            segment_price=self.segment_price,
            writes_again="ecrire" in desk.request.query_params,
            **values,
        )


def _id(visitor: Visitor) -> int:
    return row_id(visitor.request.path_params["id"])


def _view(desk: Desk) -> View:
    return next((view for view in View if view == desk.request.query_params.get("vue")), View.WAITING)


def _seen(form: Fields) -> Seen:
    seen = Seen.read(form.get("vu", ""))
    if seen is None:
        raise HTTPException(400)
    return seen
