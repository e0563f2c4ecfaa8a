"""The report at the end of a run: what happened in the crash tests, and the results."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pytest

PROPERTY = "crash"
"""The property of a test's report that has its `Figures` as JSON."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one test, or of several together.

    `accepted` are the incoming messages that were handled, `repeats` the repetitions that the service counted,
    `sms_twice` and `emails_twice` the copies that were taken in addition to the first of each message.
    """

    engine: str
    disasters: dict[str, int]
    accepted: int
    sms: int
    emails: int
    repeats: int
    sms_twice: int
    emails_twice: int

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        disasters = ", ".join(f"{number} × {kind}" for kind, number in sorted(self.disasters.items()))
        return (
            f"{disasters or 'no disaster'}; {self.accepted} messages accepted, "
            f"{self.sms} SMS and {self.emails} e-mails taken; {self.repeats} repeats counted, "
            f"of which seen: {self.sms_twice} SMS and {self.emails_twice} e-mails taken once more"
        )


def together(all_figures: Iterable[Figures]) -> list[Figures]:
    """The sums, by engine."""
    by_engine: defaultdict[str, list[Figures]] = defaultdict(list)
    for figures in all_figures:
        by_engine[figures.engine].append(figures)
    return [
        Figures(
            engine,
            dict(sum((Counter(each.disasters) for each in these), Counter[str]())),
            *(
                sum(getattr(each, name) for each in these)
                for name in ("accepted", "sms", "emails", "repeats", "sms_twice", "emails_twice")
            ),
        )
        for engine, these in sorted(by_engine.items())
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write a line for each crash test and one for each engine. `tests/conftest.py` passes this function to pytest."""
    told: dict[str, Figures] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    told[report.nodeid.rpartition("::")[2]] = Figures(**json.loads(value))
    if not told:
        return
    terminalreporter.section("crash tests")
    for test, figures in sorted(told.items()):
        terminalreporter.write_line(f"{test}: {figures}")
    for figures in together(told.values()):
        terminalreporter.write_line(f"all on {figures.engine}: {figures}", bold=True)
