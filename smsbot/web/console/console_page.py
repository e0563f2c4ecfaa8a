"""Renders the console's pages: a template of `templates/web/console/`, with the style, the headers and the script.

There is one script, which is our own file. Every page works without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import jinja2
from babel.dates import format_date
from sqlalchemy import Connection
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import row_id
from smsbot.agents.tokens import Session
from smsbot.inbox.thread_list import count_waiting
from smsbot.messages import french_dates
from smsbot.messages.appointment_facts import RDV_SERVICE_PUBLIC
from smsbot.notifications.agent_emails import CONSOLE_PATH
from smsbot.web.security import content_security_policy, page_headers

PATH = CONSOLE_PATH
_FOLDER = "web/console"
_A_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who asks for a page or posts a form. `csrf` is the token that their forms carry."""

    http: Request
    now: datetime
    csrf: str

    @property
    def query(self) -> QueryParams:
        """The parameters of the address, without NUL characters, because PostgreSQL cannot store these.

        `read_form` does the same with the fields of forms.
        """
        asked = self.http.query_params
        if b"%00" not in self.http.scope["query_string"]:
            return asked
        return QueryParams([(name, value.replace("\0", "")) for name, value in asked.multi_items()])

    @property
    def id(self) -> int:
        """Our id in the path. Raises OutOfReach if the text there cannot be an id."""
        return row_id(self.http.path_params["id"])


@dataclass(frozen=True, slots=True)
class AgentRequest(Visitor):
    """The request of an agent who is signed in. It is answered in one transaction, on `connection`."""

    connection: Connection = field(repr=False)
    session: Session

    @property
    def agent(self) -> Agent:
        return self.session.agent

    @property
    def manages(self) -> bool:
        """Whether the agent is an administrator."""
        return self.session.manages

    @property
    def waiting(self) -> int:
        """How many threads wait in the agent's inbox. It is counted only if a page shows it."""
        return count_waiting(self.connection, self.agent, self.now)


@dataclass(frozen=True, slots=True)
class Dates:
    """Writes dates and times for the templates, in French, as clocks in the IANA `zone` show them."""

    now: datetime

    def moment(self, moment: datetime, zone: str) -> str:
        """ "lundi 12 mai à 14h30"."""
        return french_dates.long_date(moment, zone, now=self.now)

    def short(self, moment: datetime, zone: str) -> str:
        """ "lun 12/05 14h30"."""
        return french_dates.short_date(moment, zone, now=self.now)

    def written(self, moment: str, zone: str) -> str:
        """ "lundi 12 mai 2025 à 14h30", for a time as `export` writes it.

        The export may be kept, so the year is told.
        """
        there = french_dates.local(datetime.fromisoformat(moment), zone)
        day = format_date(there.date(), "EEEE d MMMM y", locale="fr").replace(" 1 ", " 1er ", 1)
        return f"{day} à {there.hour}h{there.minute:02}"

    def hour(self, moment: datetime, zone: str) -> str:
        """ "14h30"."""
        there = french_dates.local(moment, zone)
        return f"{there.hour}h{there.minute:02}"

    def iso(self, moment: datetime, zone: str) -> str:
        """The value of `datetime` in a `<time>` element."""
        return french_dates.local(moment, zone).isoformat(timespec="minutes")

    def day(self, day: date, zone: str) -> str:
        """ "lundi 12 mai", with the year unless it is the present one."""
        this_year = french_dates.local(self.now, zone).year
        written = format_date(day, "EEEE d MMMM" if day.year == this_year else "EEEE d MMMM y", locale="fr")
        return written.replace(" 1 ", " 1er ", 1)

    def day_of(self, moment: datetime, zone: str) -> str:
        """The day of this moment, written like `day`."""
        return self.day(french_dates.local(moment, zone).date(), zone)

    def month(self, year: int, month: int) -> str:
        """ "mai 2025"."""
        return _month(year, month, "MMMM y")

    def short_month(self, year: int, month: int) -> str:
        """ "mai 25", "juil. 25"."""
        return _month(year, month, "MMM yy")

    def days_ahead(self, day: date, zone: str) -> int:
        """How many days ahead this day is: 0 for today in `zone`, 1 for tomorrow."""
        return (day - french_dates.local(self.now, zone).date()).days


@lru_cache(maxsize=1024)
def _month(year: int, month: int, pattern: str) -> str:
    return format_date(date(year, month, 1), pattern, locale="fr")


def euros(amount: Decimal) -> str:
    """ "0,07 €", "0,0725 €": to the cent, or with as many decimals as the amount has."""
    exact = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:.{exact}f}\N{NO-BREAK SPACE}€".replace(".", ",")


def csv_file(text: str, name: str) -> Response:
    """A file to save. It has a byte order mark, because without it spreadsheets read the text as Windows-1252."""
    headers = page_headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode("utf-8-sig"), headers=headers, media_type="text/csv; charset=utf-8")


class ConsolePages:
    """Renders the pages. `base_path` is the path of the public URL, as in `Links`."""

    def __init__(self, environment: jinja2.Environment, base_path: str, clock: Callable[[], datetime]) -> None:
        self._environment = environment
        self._clock = clock
        self.base = f"{base_path}{PATH}"
        css = environment.get_template(f"{_FOLDER}/style.css").render(brand=RDV_SERVICE_PUBLIC)
        self._style = "".join(line.strip() for line in css.splitlines())
        self._script = environment.get_template(f"{_FOLDER}/console.js").render()
        self._script_version = hashlib.sha256(self._script.encode()).hexdigest()[:12]
        policy = f"{content_security_policy(self._style)}; script-src 'self'; connect-src 'self'"
        self._headers = page_headers(self._style) | {"Content-Security-Policy": policy}

    def routes(self) -> list[Route]:
        return [Route(f"{PATH}/console.js", self.script, methods=["GET"])]

    async def script(self, _request: Request) -> Response:
        headers = {"Cache-Control": f"public, max-age={_A_YEAR}, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(self._script, headers=headers, media_type="text/javascript")

    def page(self, name: str, visitor: Visitor, status: int = 200, **values: object) -> Response:
        """The page of the template `name`. `values` are for the template."""
        return HTMLResponse(self._render(name, visitor, values), status, self._headers)

    def part(self, name: str, visitor: Visitor, **values: object) -> Response:
        """A part of a page. The script puts it in place of the part shown."""
        return HTMLResponse(self._render(name, visitor, values), headers=page_headers())

    def text(self, name: str, **values: object) -> str:
        """A text that is not a page, such as an e-mail's."""
        template = self._environment.get_template(f"{_FOLDER}/{name}")
        return template.render(values, dates=Dates(self._clock())).strip()

    def redirect(self, path: str, status: int = 303) -> Response:
        """The answer to a POST: go to `path`, below `/agents`, with a GET.

        With status 307, post the form there again.
        """
        return RedirectResponse(f"{self.base}{path}", status, page_headers())

    def _render(self, name: str, visitor: Visitor, values: Mapping[str, object]) -> str:
        return self._environment.get_template(f"{_FOLDER}/{name}.html").render(
            values,
            base=self.base,
            style=self._style,
            script=f"{self.base}/console.js?v={self._script_version}",
            signed_in=visitor if isinstance(visitor, AgentRequest) else None,
            csrf=visitor.csrf,
            now=visitor.now,
            dates=Dates(visitor.now),
            euros=euros,
        )
