"""Renders the usager's pages: a template of `templates/web/usager/`, with a brand's name and colours, and the headers.

It also has the pages "Accessibilité", "Mentions légales" and "Données personnelles". Their text depends on the brand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from smsbot.appointments.link_visit import Visit
from smsbot.appointments.terms import appointment_text, told_address
from smsbot.messages.appointment_facts import Brand, brand_of
from smsbot.model import DEFAULT_SOURCE
from smsbot.policy import BrandWords, Policy
from smsbot.policy.values import VERTICALES
from smsbot.web.security import page_headers

_FOLDER = "web/usager"


class Pages:
    """Renders the pages. `base_path` is the path of the public URL, as in `Links`."""

    def __init__(self, environment: jinja2.Environment, policy: Policy, base_path: str = "") -> None:
        self._environment = environment
        self._policy = policy
        self._base_path = base_path
        self._style = lru_cache(maxsize=None)(self._rendered_style)

    def page(
        self,
        name: str,
        status: int = 200,
        *,
        verticale: str | None = None,
        source: str = DEFAULT_SOURCE,
        organisation: str | None = None,
        **values: object,
    ) -> Response:
        """The page of the template `name`. `values` are for the template.

        The page has the brand of `verticale`. If the `organisation` (its external id at `source`) has a name or texts
        of its own in `smsbot.toml`, these are used instead.
        """
        words = self._policy.brand(verticale, source=source, organisation=organisation)
        brand = words.over(brand_of(verticale))
        style = self._style(brand)
        html = self._environment.get_template(f"{_FOLDER}/{name}.html").render(
            values,
            brand_name=brand.name,
            contact=words.contact,
            legal_query=self._legal_query(verticale, source, organisation),
            base_path=self._base_path,
            style=style,
        )
        return HTMLResponse(html, status, page_headers(style))

    def about(
        self,
        name: str,
        visit: Visit,
        path: str,
        status: int = 200,
        *,
        after_letters: bool = False,
        **values: object,
    ) -> Response:
        """A page about one appointment. `path` is the path that the pages of its link begin with.

        The template decides how much it tells. If the appointment is for a relative of the person reached, the page
        names the relative only `after_letters`: once the three letters were given.
        """
        participation, appointment = visit.participation, visit.participation.appointment
        named = after_letters and participation.is_for_another
        organisation = appointment.organisation
        return self.page(
            name,
            status,
            verticale=appointment.verticale,
            source=appointment.source,
            organisation=organisation.external_id if organisation else None,
            visit=visit,
            terms=visit.terms,
            path=path,
            appointment=appointment_text(participation, visit.terms, named=named),
            organisation_name=organisation.name if organisation else None,
            location=appointment.location_type,
            address=told_address(appointment),
            **values,
        )

    def _legal_query(self, verticale: str | None, source: str, organisation: str | None) -> str:
        """The query that the links to the legal pages need, so that they show the texts of this brand or
        organisation.
        """
        asked = {} if verticale is None else {"marque": verticale}
        if organisation is not None and self._policy.has_own_words(source, organisation):
            asked |= {"source": source, "organisation": organisation}
        return f"?{urlencode(asked)}" if asked else ""

    def _rendered_style(self, brand: Brand) -> str:
        """The style sheet in one line, which is shorter to send."""
        css = self._environment.get_template(f"{_FOLDER}/style.css").render(brand=brand)
        return "".join(line.strip() for line in css.splitlines())


def redirect(path: str) -> Response:
    """The answer to a POST: go to `path` with a GET, so that reloading repeats nothing."""
    return RedirectResponse(path, 303, page_headers())


@dataclass(frozen=True, slots=True)
class LegalPages:
    """The three legal pages. Their texts come from `smsbot.toml`, or else from the templates.

    In the address, `marque=` is the `verticale` of the brand. `source=` and `organisation=` are the ids of an
    organisation that has texts of its own. `retention` says how long after an appointment personal data is kept.
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
        return self._page("accessibility", request, lambda words: words.accessibility)

    async def legal_notice(self, request: Request) -> Response:
        return self._page("legal_notice", request, lambda words: words.legal_notice)

    async def personal_data(self, request: Request) -> Response:
        return self._page("personal_data", request, lambda words: words.personal_data)

    def _page(self, name: str, request: Request, text_of: Callable[[BrandWords], str | None]) -> Response:
        """The page with its text. The text is plain, and an empty line ends a paragraph."""
        verticale, source, organisation = _verticale(request), DEFAULT_SOURCE, None
        asked = request.query_params
        if self.policy.has_own_words(asked.get("source", DEFAULT_SOURCE), asked.get("organisation", "")):
            source, organisation = asked.get("source", DEFAULT_SOURCE), asked["organisation"]
        text = text_of(self.policy.brand(verticale, source=source, organisation=organisation))
        return self.pages.page(
            name,
            verticale=verticale,
            source=source,
            organisation=organisation,
            paragraphs=[part.strip() for part in re.split(r"\n\s*\n", text or "") if part.strip()],
            retention_days=self.retention.days,
        )


def _verticale(request: Request) -> str | None:
    named = request.query_params.get("marque")
    return named if named in VERTICALES else None
