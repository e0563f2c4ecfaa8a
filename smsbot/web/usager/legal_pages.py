"""The pages "Accessibilité", "Mentions légales" and "Données personnelles", one text for each brand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.policy import Policy
from smsbot.policy.values import VERTICALES
from smsbot.web.usager.usager_page import Pages


@dataclass(frozen=True, slots=True)
class LegalPages:
    """The texts of `smsbot.toml`, or those of the templates. `?marque=` is the `verticale` of the brand.

    `retention` is how long after an appointment personal data is kept.
    """

    pages: Pages
    policy: Policy
    retention: timedelta

    def routes(self) -> list[Route]:
        return [
            Route("/accessibilite", self.accessibility, methods=["GET"]),
            Route("/mentions-legales", self.legal_notice, methods=["GET"]),
            Route("/donnees-personnelles", self.personal_data, methods=["GET"]),
        ]

    async def accessibility(self, request: Request) -> Response:
        verticale = _verticale(request)
        return self._page("accessibility", verticale, self.policy.brand(verticale).accessibility)

    async def legal_notice(self, request: Request) -> Response:
        verticale = _verticale(request)
        return self._page("legal_notice", verticale, self.policy.brand(verticale).legal_notice)

    async def personal_data(self, request: Request) -> Response:
        verticale = _verticale(request)
        return self._page("personal_data", verticale, self.policy.brand(verticale).personal_data)

    def _page(self, name: str, verticale: str | None, text: str | None) -> Response:
        """The page with `text`, which is plain text; an empty line ends a paragraph."""
        paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text or "") if part.strip()]
        return self.pages.page(name, verticale=verticale, paragraphs=paragraphs, retention_days=self.retention.days)


def _verticale(request: Request) -> str | None:
    named = request.query_params.get("marque")
    return named if named in VERTICALES else None
