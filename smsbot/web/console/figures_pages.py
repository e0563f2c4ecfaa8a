"""The figures of an agent's organisations: a year of months, as charts with tables beside them, and as CSV.

/agents/chiffres        `?mois=` is the last of the twelve months, `?organisation=` one of several
/agents/chiffres.csv    the same, one line for each organisation and month

A chart is horizontal bars one below the other, each with one or more parts. Its geometry is computed here. The template
draws it as inline SVG and adds the words. It is 320 units wide, like the narrowest telephone; the longest bar fits with
its number behind it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, row_id
from smsbot.figures.closing import kept_or_counted
from smsbot.figures.results import Figures, Lead, Month, to_french_csv
from smsbot.model import DEFAULT_TIME_ZONE, Via
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, csv_file
from smsbot.web.console.guard import Guard

WIDTH = 320
ROW = 26
BAR = 18
LABELS = 100
"""The width of the labels before the bars."""

_NUMBERS = 44
_LONGEST = WIDTH - LABELS - _NUMBERS

K = TypeVar("K")

MONTHS = 12
OFFERED = 36
"""How many months there are to choose the last one from."""

_WAYS = {
    "sms": (Via.SMS,),
    "link": (Via.LINK,),
    "agents": (Via.CONSOLE, Via.API, Via.SHELL),
    "source": (Via.WEBHOOK,),
}
"""The ways of cancelling that agents tell apart: through the bot, by agents, or in the source's calendar."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar. `series` counts from 0 and tells its colour."""

    series: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """`y` is its upper edge, `end` is where its number stands."""

    y: int
    total: int
    end: float
    parts: tuple[Part, ...]

    @property
    def baseline(self) -> float:
        """The baseline of its label and number."""
        return self.y + BAR * 0.75


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        return len(self.bars) * ROW

    @property
    def is_empty(self) -> bool:
        return not any(bar.total for bar in self.bars)


def chart(rows: Sequence[Sequence[int]]) -> Chart:
    """A bar for each of `rows`, with a part for each number in it that is not 0."""
    most = max((sum(row) for row in rows), default=0) or 1
    return Chart(tuple(_bar(index, row, most) for index, row in enumerate(rows)))


def _bar(index: int, row: Sequence[int], most: int) -> Bar:
    parts: list[Part] = []
    x = float(LABELS)
    for series, number in enumerate(row):
        width = number / most * _LONGEST
        if number:
            parts.append(Part(series, round(x, 2), round(width, 2)))
        x += width
    return Bar(index * ROW + (ROW - BAR) // 2, sum(row), round(x + 6, 2), tuple(parts))


@dataclass(frozen=True, slots=True)
class MonthSums:
    """The sums of one month over all organisations asked for. `cost` is in euros, None without a price."""

    month: Month
    ways: Mapping[str, int]
    leads: Mapping[Lead, int]
    freed_early: int
    understood: int
    not_understood: int
    not_read: int
    stops: int
    sms_sent: int
    segments: int
    sms_failed: int
    emails_sent: int
    emails_failed: int
    cost: Decimal | None

    @property
    def cancellations(self) -> int:
        return sum(self.ways.values())


@dataclass(frozen=True, slots=True)
class AskedFigures:
    """What was asked for and found. `chosen` is None for all of the agent's organisations."""

    months: tuple[Month, ...]
    known: Sequence[KnownOrganisation]
    chosen: KnownOrganisation | None
    found: Sequence[Figures]


@dataclass(frozen=True, slots=True)
class FiguresPages:
    """`segment_price` is in euros, None where it is not set."""

    guard: Guard
    pages: ConsolePages
    segment_price: Decimal | None

    def routes(self) -> list[Route]:
        return [
            Route(f"{PATH}/chiffres", self.guard.agents(self.page), methods=["GET"]),
            Route(f"{PATH}/chiffres.csv", self.guard.agents(self.csv), methods=["GET"]),
        ]

    def page(self, request: AgentRequest) -> Response:
        asked = self._asked(request)
        by_month: defaultdict[Month, list[Figures]] = defaultdict(list)
        for each in asked.found:
            by_month[each.month].append(each)
        sums = [self._sums(month, by_month[month]) for month in asked.months]
        leads = {lead: sum(month.leads[lead] for month in sums) for lead in Lead}
        charts: dict[str, Chart] = {
            "ways": chart([[month.ways[way] for way in _WAYS] for month in sums]),
            "freed": chart([[month.freed_early] for month in sums]),
            "leads": chart([[number] for number in leads.values()]),
            "understood": chart([[month.understood, month.not_understood] for month in sums]),
            "failures": chart([[month.sms_failed, month.emails_failed] for month in sums]),
            "segments": chart([[month.segments] for month in sums]),
        }
        return self.pages.page(
            "figures",
            request,
            asked=asked,
            sums=sums,
            charts=charts,
            leads=leads,
            latest=_last_month("", request.now).and_before(OFFERED)[::-1],
        )

    def csv(self, request: AgentRequest) -> Response:
        asked = self._asked(request)
        headings = dict(line.split(": ", 1) for line in self.pages.text("figures_csv.txt").splitlines())
        text = to_french_csv(asked.found, self.segment_price, headings)
        return csv_file(text, f"chiffres-{asked.months[-1]}.csv")

    def _asked(self, request: AgentRequest) -> AskedFigures:
        months = _last_month(request.query.get("mois", ""), request.now).and_before(MONTHS)
        wanted = row_id(request.query["organisation"]) if request.query.get("organisation") else None
        known = organisations_of(request.connection, request.agent)
        chosen = next((each for each in known if each.id == wanted), None)
        if wanted is not None and chosen is None:
            raise OutOfReach("no such organisation")
        ids = [each.id for each in known] if chosen is None else [chosen.id]
        return AskedFigures(months, known, chosen, kept_or_counted(request.connection, months, organisation_ids=ids))

    def _sums(self, month: Month, found: Sequence[Figures]) -> MonthSums:
        by_way = _added(each.cancellations_by_way for each in found)
        segments = sum(each.segments for each in found)
        costs = [each.cost(self.segment_price) for each in found]
        return MonthSums(
            month=month,
            ways={name: sum(by_way[way] for way in ways) for name, ways in _WAYS.items()},
            leads=_added(each.cancellations_by_lead for each in found),
            freed_early=sum(each.freed_early for each in found),
            understood=sum(each.understood for each in found),
            not_understood=sum(each.not_understood for each in found),
            not_read=sum(each.not_read for each in found),
            stops=sum(each.stops for each in found),
            sms_sent=sum(each.sms_sent for each in found),
            segments=segments,
            sms_failed=sum(each.sms_failed for each in found),
            emails_sent=sum(each.emails_sent for each in found),
            emails_failed=sum(each.emails_failed for each in found),
            cost=None if self.segment_price is None else sum((cost or Decimal(0) for cost in costs), Decimal(0)),
        )


def _added(counts: Iterable[Mapping[K, int]]) -> Counter[K]:
    added: Counter[K] = Counter()
    for each in counts:
        added.update(each)
    return added


def _last_month(text: str, now: datetime) -> Month:
    """The month in `text`; the present one where it cannot be read or is in the future."""
    this = Month.of(now, ZoneInfo(DEFAULT_TIME_ZONE))
    try:
        return min(Month.parse(text), this)
    except ValueError:
        return this
