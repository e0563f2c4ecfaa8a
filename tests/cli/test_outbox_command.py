"""`smsbot outbox`: what an operator sees and does, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsbot.cli import outbox_commands as outbox
from smsbot.outbox.claim import Capacity, claim_outgoing
from smsbot.outbox.operator_actions import drop, retry
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages
from tests.retention.people import World
from tests.retention.shell import Shell, shell_on

NOW = datetime.now(UTC)
A, MAIL = "+33612345678", "sophie@exemple.fr"
FAILURE: dict[str, Any] = {
    "state": "resting",
    "attempts": 7,
    "error_code": "503",
    "error": "The gateway is out of order.",
    "finished_at": NOW,
}


@pytest.fixture
def shell(command_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    with shell_on(command_database_url, monkeypatch, group=outbox.app) as one:
        yield one


def state(world: World, this: int) -> str:
    text: str = world.row(outgoing_messages, this).state
    return text


class TestList:
    def test_what_rests_is_listed_without_anybody_in_it(self, shell: Shell) -> None:
        this = shell.world.sent(A, datetime(2026, 5, 4, 10, 5, tzinfo=UTC), "Bonjour Sophie", **FAILURE)
        shell.world.sent(A, NOW)
        answer = shell.run("outbox", "list")
        assert answer.told == [
            f"{this}  resting  sms reply  2026-05-04 10:05 UTC  7 attempts  503: The gateway is out of order."
        ]
        assert (answer.status, answer.complained) == (0, [])

    def test_nothing_rests(self, shell: Shell) -> None:
        assert shell.run("outbox", "list").told == ["No message is resting."]

    def test_another_state_and_no_more_than_asked_for(self, shell: Shell) -> None:
        ids = [shell.world.sent(A, NOW, state="waiting") for _ in range(3)]
        answer = shell.run("outbox", "list", "--state", "waiting", "--limit", "2")
        assert [line.split()[0] for line in answer.told[:2]] == [str(this) for this in ids[:2]]
        assert answer.told[2:] == ["There are more than these 2: see --limit."]

    def test_a_state_that_there_is_not_is_wrong_usage(self, shell: Shell) -> None:
        assert shell.run("outbox", "list", "--state", "asleep").status == 2


class TestShow:
    def test_all_of_one_message(self, shell: Shell) -> None:
        this = shell.world.sent(A, datetime(2026, 5, 4, 10, 5, tzinfo=UTC), "Bonjour Sophie", **FAILURE)
        told = shell.run("outbox", "show", str(this)).told
        assert f"recipient: {A}" in told
        assert "body: Bonjour Sophie" in told
        assert "created_at: 2026-05-04T10:05:00Z" in told
        assert not any(line.startswith("subject") for line in told)

    def test_one_that_there_is_not(self, shell: Shell) -> None:
        answer = shell.run("outbox", "show", "12")
        assert (answer.status, answer.told) == (1, [])
        assert answer.complained == ["There is no message 12 in the outbox: see smsbot outbox list."]


class TestRetry:
    def test_what_rests_or_was_refused_leaves_again(self, shell: Shell) -> None:
        rests, refused = shell.world.sent(A, NOW, **FAILURE), shell.world.sent(MAIL, NOW, state="refused")
        answer = shell.run("outbox", "retry", str(refused), str(rests), str(rests))
        assert (answer.status, answer.told) == (0, [f"Sent again: {rests}, {refused}."])
        message = shell.world.row(outgoing_messages, rests)
        assert (message.state, message.attempts, message.finished_at) == ("waiting", 7, None)
        assert NOW - timedelta(seconds=1) < message.due_at <= datetime.now(UTC)

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"state": "waiting"}, "is on its way already"),
            ({"state": "sending"}, "is on its way already"),
            ({"state": "sent"}, "has been sent"),
            ({"state": "refused", "recipient": ""}, "has been erased with its recipient's data"),
        ],
    )
    def test_what_cannot_leave_is_said_and_nothing_is_done(
        self, shell: Shell, values: dict[str, Any], why: str
    ) -> None:
        good = shell.world.sent(A, NOW, **FAILURE)
        bad = shell.world.sent(**{"recipient": A, "at": NOW, **values})
        answer = shell.run("outbox", "retry", str(good), str(bad))
        assert (answer.status, answer.complained) == (1, [f"Nothing has been done: {bad} {why}."])
        assert state(shell.world, good) == "resting"

    def test_wrong_ids_are_one_clear_line_and_nothing_is_done(self, shell: Shell) -> None:
        good = shell.world.sent(A, NOW, **FAILURE)
        answer = shell.run("outbox", "retry", "98", str(good), "99")
        assert answer.complained == ["There is no message 98, 99 in the outbox: see smsbot outbox list."]
        assert state(shell.world, good) == "resting"

    def test_after_stop_no_sms_leaves(self, shell: Shell) -> None:
        shell.world.opt_out(A, NOW)
        sms, email = shell.world.sent(A, NOW, **FAILURE), shell.world.sent(MAIL, NOW, **FAILURE)
        answer = shell.run("outbox", "retry", str(sms))
        assert answer.complained == [f"Nothing has been done: {sms} is an SMS to somebody who wrote STOP."]
        assert shell.run("outbox", "retry", str(email)).status == 0

    def test_all_that_rests_but_what_should_leave_no_more(self, shell: Shell) -> None:
        world = shell.world
        begun, coming = world.appointment(NOW - timedelta(hours=1)), world.appointment(NOW + timedelta(hours=1))
        stopped = "+33600000001"
        world.opt_out(stopped, NOW)
        left = [
            world.sent(stopped, NOW, **FAILURE),
            world.sent(A, NOW, kind="reminder", appointment_id=begun, **FAILURE),
            world.sent(MAIL, NOW, kind="notification", appointment_id=begun, **FAILURE),
        ]
        again = [
            world.sent(A, NOW, kind="reminder", appointment_id=coming, **FAILURE),
            world.sent(MAIL, NOW, kind="receipt", appointment_id=begun, **FAILURE),
            world.sent(A, NOW, **FAILURE),
        ]
        refused = world.sent(A, NOW, state="refused")
        answer = shell.run("outbox", "retry", "--all-resting")
        assert answer.told == [
            "Sent again: 3 of 6 that rested.",
            "Left resting: 1, each of which is an SMS to somebody who wrote STOP.",
            "Left resting: 2, each of which is about an appointment that has begun.",
        ]
        assert [state(world, this) for this in left] == ["resting"] * 3
        assert [state(world, this) for this in again] == ["waiting"] * 3
        assert state(world, refused) == "refused"

    def test_nothing_rests(self, shell: Shell) -> None:
        assert shell.run("outbox", "retry", "--all-resting").told == ["Sent again: 0 of 0 that rested."]

    @pytest.mark.parametrize("arguments", [[], ["1", "--all-resting"], ["x"]])
    def test_neither_or_both_is_wrong_usage(self, shell: Shell, arguments: list[str]) -> None:
        assert shell.run("outbox", "retry", *arguments).status == 2


class TestDrop:
    @pytest.mark.parametrize(
        "values",
        [FAILURE, {"state": "waiting"}, {"state": "sending", "due_at": NOW - timedelta(seconds=1)}],
    )
    def test_what_waits_or_rests_is_given_up_and_can_be_brought_back(
        self, shell: Shell, values: dict[str, Any]
    ) -> None:
        this = shell.world.sent(A, NOW, **values)
        assert shell.run("outbox", "drop", str(this)).told == [f"Dropped: {this}."]
        message = shell.world.row(outgoing_messages, this)
        assert (message.state, message.error_code) == ("refused", "dropped")
        assert shell.run("outbox", "retry", str(this)).status == 0
        assert state(shell.world, this) == "waiting"

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"state": "sent"}, "has been sent"),
            ({"state": "refused"}, "has been given up already"),
            ({"state": "sending", "due_at": NOW + timedelta(days=1)}, "is being sent at this moment"),
        ],
    )
    def test_what_cannot_be_is_said(self, shell: Shell, values: dict[str, Any], why: str) -> None:
        this = shell.world.sent(A, NOW, **values)
        answer = shell.run("outbox", "drop", str(this))
        assert (answer.status, answer.complained) == (1, [f"Nothing has been done: {this} {why}."])

    def test_what_was_stuck_behind_it_may_go(self, shell: Shell) -> None:
        first, second = (shell.world.sent(A, NOW, state="waiting") for _ in range(2))

        def claimed() -> list[int]:
            room = Capacity(9, {}, 0, lambda sender: None, lambda: 0.0)
            lease = NOW + timedelta(hours=1)
            taken = shell.world.database.write_now(
                lambda connection: claim_outgoing(
                    connection, "sms", datetime.now(UTC), room, lease=lease, doubt_lease=lease
                )
            )
            return [message.id for message in taken.messages]

        shell.run("outbox", "drop", str(first))
        assert claimed() == [second]


HUGE = "99999999999999999999"  # too large for eight bytes


@pytest.mark.parametrize("command", ["show", "retry", "drop"])
@pytest.mark.parametrize("ids", [(HUGE,), ("9223372036854775807",), ("--", f"-{HUGE}")])
def test_an_id_that_no_database_gives_is_no_message(shell: Shell, command: str, ids: tuple[str, ...]) -> None:
    answer = shell.run("outbox", command, *ids)
    assert (answer.status, answer.told) == (1, [])
    assert answer.complained == [f"There is no message {ids[-1]} in the outbox: see smsbot outbox list."]


def test_with_an_id_that_no_database_gives_nothing_is_done(shell: Shell) -> None:
    good = shell.world.sent(A, NOW, **FAILURE)
    assert shell.run("outbox", "drop", str(good), HUGE).status == 1
    assert state(shell.world, good) == "resting"


@pytest.mark.parametrize(("act", "before"), [(retry, "resting"), (drop, "waiting")])
def test_delivery_is_woken(sqlite_database: Database, act: Any, before: str) -> None:
    woken: list[str] = []
    sqlite_database.subscribe("outgoing sms", lambda: woken.append("sms"))
    sqlite_database.subscribe("outgoing email", lambda: woken.append("email"))
    this = World(sqlite_database).sent(MAIL, NOW, state=before)
    sqlite_database.write_now(lambda connection: act(connection, [this], NOW))
    assert woken == ["email"]
