"""What agents do with the messages of the inbox, through the API: done, left to a colleague, put off, and a note.

Each act is on the thread of one message: what one telephone wrote to one number of ours about one organisation. What
came after that message still waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.api_scopes import ApiScope
from smsbot.agents.appointment_actions import message_number
from smsbot.agents.permissions import OutOfReach, colleagues
from smsbot.diary.messages_in_reach import find_message
from smsbot.inbox.handling import Overtaken, close, hand_over, lock_thread, put_off
from smsbot.inbox.notes import add_note
from smsbot.inbox.putting_off import MOST_DAYS_AHEAD
from smsbot.inbox.threads import Seen, Thread
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.store.database import Database
from smsbot.web.api.callers import AgentOf
from smsbot.web.api.inputs import HandingOver, NewNote, PuttingOff
from smsbot.web.api.problems import ApiProblem
from smsbot.web.api.reading_requests import read_json
from smsbot.web.api.resources import MessageResource, message_resource

MessageAct = Callable[[Connection, Agent, Thread, int], None]
"""Done to the thread of the message with this id of ours, in the transaction that holds the thread."""


@dataclass(frozen=True, slots=True)
class MessageActs:
    """The endpoints below `/api/v1/messages/{id}`. `agent_of` tells whose request it is, or refuses it."""

    database: Database
    agent_emails: AgentEmails
    clock: Callable[[], datetime]
    agent_of: AgentOf

    def routes(self) -> list[Route]:
        one = "/v1/messages/{id}"
        return [
            Route(f"{one}/done", self.done, methods=["POST"]),
            Route(f"{one}/hand-over", self.hand_over, methods=["POST"]),
            Route(f"{one}/put-off", self.put_off, methods=["POST"]),
            Route(f"{one}/note", self.note, methods=["POST"]),
        ]

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
                detail = "Nobody else of this address may act in the message's organisation."
                raise ApiProblem(HTTPStatus.CONFLICT, detail)
            hand_over(connection, thread, agent, colleague)
            enqueue(connection, self.agent_emails.handed_over(colleague, agent, [message_id]), now)

        return await self._do(request, agent, act)

    async def put_off(self, request: Request) -> Response:
        agent, now = await self.agent_of(request, ApiScope.MESSAGES_WRITE), self.clock()
        asked = await read_json(request, PuttingOff)

        def act(connection: Connection, agent: Agent, thread: Thread, message_id: int) -> None:
            if not now < asked.until <= now + timedelta(days=MOST_DAYS_AHEAD):
                detail = f"`until` is not ahead, or more than {MOST_DAYS_AHEAD} days ahead."
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
        number = message_number(request.path_params["id"])
        if number is None:
            raise _not_found()
        resource = await self.database.write(partial(_done, agent=agent, message_id=number, act=act))
        return Response(
            resource.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json"
        )


def _done(connection: Connection, *, agent: Agent, message_id: int, act: MessageAct) -> MessageResource:
    """Do it, and return the message as it is then. Raises ApiProblem before anything is written."""
    try:
        act(connection, agent, lock_thread(connection, agent, message_id), message_id)
    except OutOfReach:
        raise _not_found() from None
    except Overtaken:
        detail = "A colleague is at this message, or has dealt with it in the meantime: nothing was done."
        raise ApiProblem(HTTPStatus.CONFLICT, detail) from None
    return message_resource(find_message(connection, agent, message_id))


def _not_found() -> ApiProblem:
    return ApiProblem(HTTPStatus.NOT_FOUND, "There is no such message in the agent's organisations.")
