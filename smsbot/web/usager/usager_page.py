"""Renders the usager's pages: a template of `templates/web/usager/` in a brand's name and colours, with its headers."""

from __future__ import annotations

from functools import lru_cache

import jinja2
from starlette.responses import HTMLResponse, RedirectResponse, Response

from smsbot.messages.brands import Brand, brand_of
from smsbot.notifications.wording import appointment_text, told_address
from smsbot.policy import Policy
from smsbot.web.security import page_headers
from smsbot.web.usager.visit import Visit

_FOLDER = "web/usager"


class Pages:
    """Renders the pages. `base_path` is the path of the public URL, as in `Links`."""

    def __init__(self, environment: jinja2.Environment, policy: Policy, base_path: str = "") -> None:
        self._environment = environment
        self._policy = policy
        self._base_path = base_path
        self._style = lru_cache(maxsize=None)(self._rendered_style)

    def page(self, name: str, status: int = 200, *, verticale: str | None = None, **values: object) -> Response:
        """The page of the template `name` in the brand of `verticale`. `values` are for the template."""
        brand = brand_of(verticale)
        style = self._style(brand)
        html = self._environment.get_template(f"{_FOLDER}/{name}.html").render(
            values,
            brand_name=self._policy.brand(verticale).name or brand.name,
            verticale=verticale,
            base_path=self._base_path,
            style=style,
        )
        return HTMLResponse(html, status, page_headers(style))

    def about(self, name: str, visit: Visit, path: str, status: int = 200, **values: object) -> Response:
        """A page about one appointment. `path` is where its pages begin. The template decides how much it tells."""
        appointment = visit.participation.appointment
        return self.page(
            name,
            status,
            verticale=appointment.organisation.verticale if appointment.organisation else None,
            visit=visit,
            terms=visit.terms,
            path=path,
            appointment=appointment_text(visit.participation, visit.terms),
            organisation=appointment.organisation.name if appointment.organisation else None,
            location=appointment.location_type,
            address=told_address(appointment),
            **values,
        )

    def _rendered_style(self, brand: Brand) -> str:
        """The style sheet in one line, which is shorter to send."""
        css = self._environment.get_template(f"{_FOLDER}/style.css").render(brand=brand)
        return "".join(line.strip() for line in css.splitlines())


def redirect(path: str) -> Response:
    """The answer to a POST: go to `path` with a GET, so that reloading repeats nothing."""
    return RedirectResponse(path, 303, page_headers())
