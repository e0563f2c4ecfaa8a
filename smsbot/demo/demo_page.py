"""The demo's page: a telephone, a mailbox, the page behind the link, the agents' console, and what happens inside.

The page reads its panels again and again, and posts what the person does to the sandbox's API. The usager's page and
the console are the service's own, in frames.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial

import jinja2
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from smsbot.agents.accounts import find_agent
from smsbot.agents.tokens import open_session
from smsbot.demo.demo_requests import Playhouse, PostedDocument, read_document
from smsbot.demo.panels import FOLDER, PageQuestion, read_telephones, render_panels
from smsbot.demo.sandbox_api import part_of
from smsbot.demo.stage import Stage
from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail
from smsbot.demo.tours import tours
from smsbot.messages.templates import template_environment
from smsbot.web.console.guard import COOKIE, Cookies

_COMMON = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; frame-ancestors 'self'"
)
"""An e-mail has its own style; nothing in it is run or loaded."""
_FILES = {"demo.js": "text/javascript", "demo.css": "text/css"}


class SetAnew(PostedDocument):
    connected: bool = False


@dataclass(frozen=True, slots=True)
class DemoPage:
    """The page's routes. If the stage `is_kept`, the page does not offer to begin again."""

    house: Playhouse
    is_kept: bool = False
    environment: jinja2.Environment = field(default_factory=template_environment)

    def routes(self) -> list[Route]:
        return [
            Route("/demo", self.page, methods=["GET"]),
            Route("/demo/panneaux", self.panels, methods=["GET"]),
            Route("/demo/recommencer", self.set_anew, methods=["POST"]),
            Route("/demo/agents", self.console, methods=["GET"]),
            Route("/demo/courrier/{number:int}", self.mail, methods=["GET"]),
            *(Route(f"/demo/{name}", partial(self.file, name), methods=["GET"]) for name in _FILES),
        ]

    async def page(self, _request: Request) -> Response:
        """The page without its content, which comes when the stage is ready. A tour begins with a new stage."""
        template, plan = self.environment.get_template(f"{FOLDER}/page.html"), self.house.plan
        shown = tours(plan.now) if plan.has_town else ()
        html = template.render(tours=shown, is_kept=self.is_kept, version=self._version())
        return HTMLResponse(html, headers=_COMMON | {"Content-Security-Policy": _PAGE_POLICY})

    async def file(self, name: str, _request: Request) -> Response:
        content = self.environment.get_template(f"{FOLDER}/{name}").render()
        return Response(content, headers=_COMMON, media_type=_FILES[name])

    async def panels(self, request: Request) -> Response:
        """The panels; 204 if they still have the version `depuis`, 503 while the stage is being set."""
        stage, asked = self.house.stage, request.query_params
        if stage is None:
            return Response(status_code=503, headers=_COMMON | {"Retry-After": "1"})
        telephones = await stage.service.database.read(partial(read_telephones, stage))
        mail = asked.get("courrier", "")
        seen = PageQuestion(asked.get("telephone"), int(mail) if mail.isdecimal() and len(mail) < 9 else None)
        panels = render_panels(self.environment, stage, telephones, seen)
        if panels["version"] == asked.get("depuis"):
            return Response(status_code=204, headers=_COMMON)
        return JSONResponse(panels, headers=_COMMON)

    async def set_anew(self, request: Request) -> Response:
        posted = await read_document(request, SetAnew)
        if self.is_kept:
            raise HTTPException(409, "A sandbox cannot begin again: stop it, and remove its database.")
        await self.house.set_anew(connected=posted.connected)
        return Response(status_code=204)

    async def console(self, request: Request) -> Response:
        """Sign the agent in, and redirect to the path `vers` of the console."""
        stage = await self.house.on_stage()
        wanted = request.query_params.get("vers", "")
        answer = RedirectResponse(wanted if wanted.startswith("/agents") else "/agents/rdv", 303, _COMMON)
        token = await stage.service.database.write(partial(_signed_in, stage))
        if token is not None:
            Cookies(stage.service.links, "/agents").set(answer, COOKIE, token)
        return answer

    async def mail(self, request: Request) -> Response:
        """An e-mail as a mail program shows it."""
        stage = await self.house.on_stage()
        return HTMLResponse(
            part_of(_mail(stage, request.path_params["number"]).message, "text/html") or "",
            headers=_COMMON | {"Content-Security-Policy": _MAIL_POLICY},
        )

    def _version(self) -> str:
        contents = (self.environment.get_template(f"{FOLDER}/{name}").render() for name in _FILES)
        return hashlib.sha256("".join(contents).encode()).hexdigest()[:12]


def _mail(stage: Stage, number: int) -> ReceivedMail:
    mails = stage.smtp.messages
    if not 0 < number <= len(mails):
        raise HTTPException(404, "There is no such e-mail.")
    return mails[number - 1]


def _signed_in(stage: Stage, connection: Connection) -> str | None:
    agent = find_agent(connection, stage.plan.agent)
    return None if agent is None else open_session(connection, agent, stage.clock())
