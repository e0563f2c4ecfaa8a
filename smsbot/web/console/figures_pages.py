"""The figures of an agent's organisations: a year of months, as charts with tables beside them, and as CSV.

/agents/chiffres        `?mois=` is the last of the twelve months, `?organisation=` chooses one organisation
/agents/chiffres.csv    the same, one line for each organisation and month; with `?par=lieu` for each place

Each rate is shown with its denominator, and beside the rate of the year before.

A chart is a list of horizontal bars, each with one or more parts. Its geometry is computed here. The template draws it
as inline SVG and adds the words. It is 320 units wide, like the narrowest telephone. The longest bar leaves room for
the number behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.permissions import KnownOrganisation, OutOfReach, organisations_of, row_id
from smsbot.figures.closing import kept_or_counted
from smsbot.figures.results import AnsweredWithin, Lead, Month, cost_of, to_french_csv, to_french_csv_by_place
from smsbot.figures.totals import Sums, Totals, read_totals
from smsbot.model import Via
from smsbot.web.console.console_page import PATH, AgentRequest, ConsolePages, csv_file
from smsbot.web.console.guard import Guard

WIDTH = 320
ROW = 26
BAR = 18
LABELS = 100
"""The width of the labels before the bars, in units of the chart."""

_NUMBERS = 44
_LONGEST = WIDTH - LABELS - _NUMBERS

MONTHS = 12
PLACES_TOLD_BY_MONTH = 5
"""How many places are shown by month, because no more fit side by side. The file has all places."""
OFFERED = 36
"""How many months are offered in the form, to choose the last of the twelve."""

_WAYS = {
    name: tuple(f"cancelled_by_{way.value}" for way in ways)
    for name, ways in {
        "sms": (Via.SMS,),
        "link": (Via.LINK,),
        "agents": (Via.CONSOLE, Via.API, Via.SHELL),
        "source": (Via.WEBHOOK,),
    }.items()
}
"""The ways of cancelling that the page shows apart, each with the names of its counts.

Agents want to know who cancelled: the usager by SMS or by link, an agent, or the source itself.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar. `series` is the number of its colour, from 0."""

    series: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart. `y` is its upper edge, and `end` is the x of the number behind it."""

    y: int
    total: int
    end: float
    parts: tuple[Part, ...]

    @property
    def baseline(self) -> float:
        """The y on which the texts of its label and number stand."""
        return self.y + BAR * 0.75


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars one below the other."""

    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        return len(self.bars) * ROW

    @property
    def is_empty(self) -> bool:
        return not any(bar.total for bar in self.bars)


def chart(rows: Sequence[Sequence[int]]) -> Chart:
    """A chart with a bar for each of `rows`, and a part in it for each number that is not 0."""
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
    """The sums of one month over the chosen organisations. `before` are those of the same month a year before.

    `cost` is in euros, or None if no price is set.
    """

    month: Month
    counts: Sums
    before: Sums
    cost: Decimal | None

    @property
    def ways(self) -> dict[str, int]:
        return {name: sum(self.counts[each] for each in counts) for name, counts in _WAYS.items()}

    @property
    def cancellations(self) -> int:
        return sum(self.ways.values())


@dataclass(frozen=True, slots=True)
class AskedFigures:
    """What the address asks for. `chosen` is None for all of the agent's organisations."""

    months: tuple[Month, ...]
    known: Sequence[KnownOrganisation]
    chosen: KnownOrganisation | None

    @property
    def organisation_ids(self) -> list[int]:
        return [each.id for each in self.known] if self.chosen is None else [self.chosen.id]


def percent(part: int, whole: int) -> str:
    """ "12,5 %", or a dash if `whole` is 0."""
    if not whole:
        return "–"
    tenths = (2000 * part + whole) // (2 * whole)
    return f"{tenths // 10},{tenths % 10}\N{NO-BREAK SPACE}%"


@dataclass(frozen=True, slots=True)
class FiguresPages:
    """The pages of the figures. `segment_price` is in euros, None if it is not set."""

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
        totals = read_totals(request.connection, asked.months, asked.organisation_ids, request.now)
        sums = [self._sums(month, totals) for month in asked.months]
        year = totals.of(asked.months)
        before = totals.of(month.plus(-MONTHS) for month in asked.months)
        leads = {lead: year[f"cancelled_{lead.value}"] for lead in Lead}
        charts: dict[str, Chart] = {
            "appointments": chart([[_kept(month.counts), month.counts["appointments_cancelled"]] for month in sums]),
            "ways": chart([list(month.ways.values()) for month in sums]),
            "freed": chart([[month.counts["places_freed_early"]] for month in sums]),
            "leads": chart([[number] for number in leads.values()]),
            "understood": _charted(sums, "messages_understood", "messages_not_understood"),
            "answered": _charted(sums, *(f"answered_{within.value}" for within in AnsweredWithin)),
            "failures": _charted(sums, "sms_failed", "emails_failed"),
            "segments": _charted(sums, "sms_segments"),
        }
        return self.pages.page(
            "figures",
            request,
            asked=asked,
            sums=sums,
            year=year,
            before=before,
            year_cost=self._cost(year),
            before_cost=self._cost(before),
            charts=charts,
            leads=leads,
            by_organisation=totals.by_organisation,
            by_place=dict(sorted(totals.by_place.items())),
            cost_by_place=self._cost_by_place(asked.months, totals),
            cost=self._cost,
            percent=percent,
            latest=_last_month("", request.now).and_before(OFFERED)[::-1],
        )

    def csv(self, request: AgentRequest) -> Response:
        asked = self._asked(request)
        found = kept_or_counted(
            request.connection,
            asked.months,
            organisation_ids=asked.organisation_ids,
            counted_lately=request.now,
        )
        words = dict(line.split(": ", 1) for line in self.pages.text("figures_csv.txt").splitlines())
        if request.query.get("par") == "lieu":
            by_place = to_french_csv_by_place(found, self.segment_price, words, words)
            return csv_file(by_place, f"chiffres-lieux-{asked.months[-1]}.csv")
        return csv_file(to_french_csv(found, self.segment_price, words), f"chiffres-{asked.months[-1]}.csv")

    def _asked(self, request: AgentRequest) -> AskedFigures:
        months = _last_month(request.query.get("mois", ""), request.now).and_before(MONTHS)
        wanted = row_id(request.query["organisation"]) if request.query.get("organisation") else None
        known = organisations_of(request.connection, request.agent)
        chosen = next((each for each in known if each.id == wanted), None)
        if wanted is not None and chosen is None:
            raise OutOfReach("no such organisation")
        return AskedFigures(months, known, chosen)

    def _sums(self, month: Month, totals: Totals) -> MonthSums:
        counts = totals.of([month])
        return MonthSums(month, counts, totals.of([month.plus(-MONTHS)]), self._cost(counts))

    def _cost(self, counts: Sums, what: str = "sms_segments") -> Decimal | None:
        return cost_of(counts[what], self.segment_price)

    def _cost_by_place(self, months: Sequence[Month], totals: Totals) -> dict[str, list[Decimal | None]]:
        """The cost of each month in euros at the most expensive places, the most expensive first.

        Empty without a price.
        """
        if self.segment_price is None:
            return {}
        whole = {place: sums["segments_at_place"] for place, sums in totals.by_place.items()}
        dearest = sorted(whole, key=lambda place: (-whole[place], place))[:PLACES_TOLD_BY_MONTH]
        found = totals.by_place_and_month
        return {
            place: [self._cost(found.get((place, month), Counter()), "segments_at_place") for month in months]
            for place in dearest
        }


def _kept(counts: Sums) -> int:
    return counts["appointments"] - counts["appointments_cancelled"]


def _charted(sums: Sequence[MonthSums], *names: str) -> Chart:
    return chart([[month.counts[name] for name in names] for month in sums])


def _last_month(text: str, now: datetime) -> Month:
    """The month in `text`, or the present month if the text cannot be read or means a month in the future."""
    this = Month.of(now)
    try:
        return min(Month.parse(text), this)
    except ValueError:
        return this
