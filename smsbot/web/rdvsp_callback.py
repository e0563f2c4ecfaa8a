"""`GET /rdvsp/callback`: where the browser of the agent who has consented at RDV Service Public comes back.

No session is needed: the single-use `state` in the address belongs to one `smsbot rdvsp login`.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.connected.source_login import LoginOutcome, SourceLogins
from smsbot.connected.source_sign_in import CALLBACK_PATH
from smsbot.web.usager import Pages

_STATUSES = {LoginOutcome.SIGNED_IN: 200, LoginOutcome.NO_ANSWER: 502, LoginOutcome.WRONG_APPLICATION: 502}


@dataclass(frozen=True, slots=True)
class RdvspCallback:
    """Finishes a login and tells the browser in one sentence how it ended."""

    logins: SourceLogins
    pages: Pages

    def routes(self) -> list[Route]:
        return [Route(CALLBACK_PATH, self.come_back, methods=["GET"])]

    async def come_back(self, request: Request) -> Response:
        returned = await self.logins.come_back(dict(request.query_params))
        return self.pages.page(
            "source_login",
            _STATUSES.get(returned.outcome, 400),
            outcome=returned.outcome.value,
            account=returned.account,
            redirect_uri=self.logins.redirect_uri,
        )
