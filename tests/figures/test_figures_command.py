"""`smsbot figures`, on both engines."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from smsbot.cli.figures_command import figures
from smsbot.figures.closing import closing_months
from smsbot.store.tables import outgoing_messages
from tests.retention.shell import Shell, shell_on

AT = datetime(2026, 5, 12, 9, 30, tzinfo=UTC)


@pytest.fixture
def shell(command_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    with shell_on(command_database_url, monkeypatch, figures) as one:
        yield one


def busy(shell: Shell, **organisation: str) -> None:
    here = shell.world.organisation(**organisation)
    appointment = shell.world.appointment(AT, here)
    shell.world.sent("+33612345678", AT, segments=2, appointment_id=appointment)


def test_as_csv_with_the_price_of_a_segment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_SEGMENT_PRICE", "0.07")
    busy(shell, external_id="12", name="Arras")
    busy(shell, external_id="13", name="Lyon")
    lines = list(csv.DictReader(shell.run("figures", "--month", "2026-05", "--csv").told))
    assert [(line["organisation_name"], line["estimated_cost_euros"]) for line in lines] == [
        ("Arras", "0.14"),
        ("Lyon", "0.14"),
    ]


def test_of_one_organisation_to_be_read(shell: Shell) -> None:
    busy(shell, external_id="12", name="Arras")
    busy(shell, external_id="13", name="Lyon")
    assert shell.run("figures", "--month", "2026-05", "--organisation", "13").told == [
        "2026-05  Lyon (13 of rdvsp)",
        "  sms sent: 1",
        "  sms segments: 2",
        "  sms tried: 1",
    ]


def test_without_a_month_the_last_twelve(shell: Shell) -> None:
    now = datetime.now(UTC)
    shell.world.received("+33612345678", now)
    assert shell.run("figures").told == [f"{now:%Y-%m}  of no organisation", "  messages understood: 1"]


def test_nothing_to_count(shell: Shell) -> None:
    assert shell.run("figures", "--month", "2020-01").told == ["There is nothing to count."]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--month", "mai"], "'mai' is not a month written as 2026-05."),
        (["--organisation", "99"], "There is no organisation 99 of the source rdvsp."),
    ],
)
def test_what_is_wrong_is_one_clear_line(shell: Shell, arguments: list[str], sentence: str) -> None:
    answer = shell.run("figures", *arguments)
    assert (answer.status, answer.told, answer.complained) == (1, [], [sentence])


def test_a_price_that_is_none_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMSBOT_SEGMENT_PRICE", "cheap")
    answer = shell.run("figures")
    assert answer.status == 1
    assert answer.complained[0].startswith("SMSBOT_SEGMENT_PRICE is wrong: it should be the price of one SMS segment")


def test_what_is_kept_of_closed_months_is_proved_and_repaired(shell: Shell) -> None:
    busy(shell, external_id="12", name="Arras")
    assert shell.run("figures", "--check").told == ["Figures of 0 months counted again, 0 differed."]
    asyncio.run(closing_months(shell.world.database, timedelta(days=90), lambda: AT + timedelta(days=60)).once())
    assert shell.run("figures", "--check").told == ["Figures of 1 months counted again, 0 differed."]
    with shell.world.database.engine.begin() as connection:
        connection.execute(update(outgoing_messages).values(segments=5))
    checked = shell.run("figures", "--check")
    assert checked.status == 1
    assert checked.told == ["2026-05, organisation 12, sms segments: 2 kept, 5 counted"]
    assert shell.run("figures", "--month", "2026-05").told[-2] == "  sms segments: 2"
    assert shell.run("figures", "--recount").status == 0
    assert shell.run("figures", "--month", "2026-05").told[-2] == "  sms segments: 5"
    assert shell.run("figures", "--check").status == 0
