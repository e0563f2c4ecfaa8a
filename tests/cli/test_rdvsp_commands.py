"""What the commands of a connected source print while they work. `tests/walks` tests the commands as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from smsbot.cli.common import CommandFailed
from smsbot.cli.operations import rdvsp_operations
from smsbot.connected.source_login import SourceLogins
from smsbot.connected.sync import SyncReport
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store.database import Database
from tests.connected.sources import PUBLIC_URL, api_to


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def reports() -> list[SyncReport]:
    """A list of 130 entries for 100 appointments, which grows by five while it is read."""
    pages = [SyncReport(all_rows=130, rows=rows, read=rows * 100 // 130) for rows in (13, 65, 66, 135)]
    pages[-1].is_finished = True
    return pages


def test_the_bar_is_full_at_the_end_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    tell = rdvsp_operations._progress_bar("rdvsp")
    for report in reports():
        tell(report)
    shown = terminal.getvalue().split("\r")[1:]
    assert [line.split("%")[0].split()[-1] for line in shown] == ["10", "50", "51", "100"]
    assert [line.count("#") for line in shown] == [3, 15, 15, 30]
    assert shown[-1].endswith("]\n")


def test_a_log_gets_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    tell = rdvsp_operations._progress_bar("rdvsp")
    for report in reports():
        tell(report)
    assert capsys.readouterr().err.splitlines() == [
        "rdvsp: 10 appointments,  10%",
        "rdvsp: 50 appointments,  50%",
        "rdvsp: 103 appointments, 100%",
    ]


def test_what_is_waited_for_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    tell = rdvsp_operations._progress_bar("rdvsp")
    tell(SyncReport(trouble="It answered 503. Trying again in 4 s."))
    assert capsys.readouterr().err == "It answered 503. Trying again in 4 s.\n"


@pytest.mark.anyio
async def test_a_login_to_which_nobody_comes_back_says_what_to_do(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rdvsp_operations, "LOGIN_LASTS", timedelta(seconds=0.01))
    back = f"{PUBLIC_URL}/rdvsp/callback"
    with RdvspStandIn() as source:
        async with api_to(source, sqlite_database, signed_in=False) as api:
            logins = SourceLogins({"rdvsp": api}, sqlite_database, back, lambda: datetime.now(UTC))
            with pytest.raises(CommandFailed) as problem:
                await rdvsp_operations._wait_for(logins, await logins.begin("rdvsp"))
    for part in ("run the login again", "write to its team", back):
        assert part in problem.value.sentence
