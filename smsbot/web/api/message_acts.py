"""The endpoints for one message of the inbox: read it, answer it, mark it as done, hand it over, put it off, add a
note.

Each act applies to the thread of the message, up to this message. A thread is everything that one telephone wrote to
one of our numbers about one organisation. Messages that came later still wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import OutOfReach, colleagues
from smsbot.agents.public_ids import PublicId
from smsbot.agents.tokens import ApiScope
from smsbot.diary.messages_in_reach import find_message
from smsbot.inbox.answering import AnswerWriter, Draft
from smsbot.inbox.handling import Overtaken, add_note, close, hand_over, lock_thread, put_off, send_answer
from smsbot.inbox.putting_off import MOST_DAYS_AHEAD, may_come_back
from smsbot.inbox.thread_queries import open_thread
from smsbot.inbox.threads import OpenThread, Seen, Thread
from smsbot.model import Via
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.store.database import Database
from smsbot.web.api.answering_requests import ApiProblem, json_answer
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import HandingOver, NewAnswer, NewNote, PuttingOff
from smsbot.web.api.reading_requests import read_json
from smsbot.web.api.resources import MessageResource, message_resource

MessageAct = Callable[[Connection, Agent, Thread, int], None]
"""An act on a thread, which is locked in this transaction. The last argument is our id of the message."""


@dataclass(frozen=True, slots=True)
class MessageActs:
    """The endpoints at and below `/api/v1/messages/{id}`. `agent_of` returns whose request it is, or refuses it."""

    database: Database
    agent_emails: AgentEmails
    answers: AnswerWriter
    clock: Callable[[], datetime]
    agent_of: AgentOf

    def routes(self) -> list[Route]:
        one = "/v1/messages/{id}"
        return [
            Route(one, self.read, methods=["GET"]),
            Route(f"{one}/answer", self.answer, methods=["POST"]),
            Route(f"{one}/done", self.done, methods=["POST"]),
            Route(f"{one}/hand-over", self.hand_over, methods=["POST"]),
            Route(f"{one}/put-off", self.put_off, methods=["POST"]),
            Route(f"{one}/note", self.note, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        agent, number = await self.agent_of(request, ApiScope.MESSAGES_READ), _number(request)
        now = self.clock()
        return json_answer(await self.database.read(lambda connection: _read(connection, agent, number, now)))

    async def answer(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.MESSAGES_WRITE), self.clock()
        asked = await read_json(request, NewAnswer)

        def act(connection: Connection, agent: Agent, _thread: Thread, message_id: int) -> None:
            opened = open_thread(connection, agent, message_id)
            address = _mail_address(opened, asked.email)
            message = self.answers.message(connection, opened, agent, Draft.of(asked.text), address, now)
            send_answer(connection, opened, agent, message, _seen(opened, message_id), now, Via.API)

        return await self._do(request, agent, act)

    async def done(self, request: Request) -> Response:
        now = self.clock()

        def act(connection: Connection, agent: Agent, thread: Thread, message_id: int) -> None:
            close(connection, thread, agent, Seen(message_id, 0), now)

        return await self._do(request, await self.agent_of(request, ApiScope.MESSAGES_WRITE), act)

    async def hand_over(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.MESSAGES_WRITE), self.clock()
        asked = await read_json(request, HandingOver)

        def act(connection: Connection, agent: Agent, thread: Thread, message_id: int) -> None:
            known = colleagues(connection, agent, thread.organisation_id)
            colleague = next((each for each in known if each.email == asked.to.lower()), None)
            if colleague is None:
                detail = "No colleague with this address may act in the message's organisation."
                raise ApiProblem(HTTPStatus.CONFLICT, detail)
            hand_over(connection, thread, agent, colleague)
            enqueue(connection, self.agent_emails.handed_over(colleague, agent, [message_id]), now)

        return await self._do(request, agent, act)

    async def put_off(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.MESSAGES_WRITE), self.clock()
        asked = await read_json(request, PuttingOff)

        def act(connection: Connection, agent: Agent, thread: Thread, message_id: int) -> None:
            if not may_come_back(asked.until, now):
                detail = f"`until` is in the past, or more than {MOST_DAYS_AHEAD} days ahead."
                raise ApiProblem(HTTPStatus.CONFLICT, detail)
            put_off(connection, thread, agent, Seen(message_id, 0), asked.until, now, thread.comes_back_at)

        return await self._do(request, agent, act)

    async def note(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.MESSAGES_WRITE), self.clock()
        asked = await read_json(request, NewNote)

        def act(connection: Connection, agent: Agent, thread: Thread, _message_id: int) -> None:
            add_note(connection, thread, agent, asked.text, now)

        return await self._do(request, agent, act)

    async def _do(self, request: Request, agent: Agent, act: MessageAct) -> Response:
        number = _number(request)
        done = partial(_done, agent=agent, message_id=number, act=act, now=self.clock())
        return json_answer(await self.database.write(done))


def _done(connection: Connection, *, agent: Agent, message_id: int, act: MessageAct, now: datetime) -> MessageResource:
    """Lock the message's thread, do `act`, and return the message as it is then.

    Raises ApiProblem before anything is written.
    """
    try:
        act(connection, agent, lock_thread(connection, agent, message_id), message_id)
    except OutOfReach:
        raise _not_found() from None
    except Overtaken:
        detail = "A colleague is working on it or has dealt with it, or the person has written since: nothing was done."
        raise ApiProblem(HTTPStatus.CONFLICT, detail) from None
    return message_resource(find_message(connection, agent, message_id), now)


def _read(connection: Connection, agent: Agent, message_id: int, now: datetime) -> MessageResource:
    try:
        return message_resource(find_message(connection, agent, message_id), now)
    except OutOfReach:
        raise _not_found() from None


def _mail_address(opened: OpenThread, wanted: str | None) -> str | None:
    """The address to which the answer goes by e-mail, or None if it goes by SMS.

    Raises ApiProblem if `wanted` does not fit how the person can be reached.
    """
    if not opened.opted_out:
        if wanted is not None:
            raise ApiProblem(HTTPStatus.CONFLICT, "The person takes SMS: leave `email` out.")
        return None
    if wanted is None and len(opened.emails) == 1:
        return opened.emails[0]
    if wanted is None or wanted not in opened.emails:
        detail = "The person has sent STOP: `email` has to be one of the addresses of their participations."
        raise ApiProblem(HTTPStatus.CONFLICT, detail)
    return wanted


def _seen(opened: OpenThread, message_id: int) -> Seen:
    """What the caller has seen of the thread.

    If nothing waits in it, the caller counts as having seen no answer: so a repeated request sends no second answer.
    """
    return Seen(message_id, opened.seen.answer_id if opened.thread.waiting else 0)


def _number(request: Request) -> int:
    number = PublicId.MESSAGE.number_in(request.path_params["id"])
    if number is None:
        raise _not_found()
    return number


def _not_found() -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "There is no such message in the agent's organisations.")
