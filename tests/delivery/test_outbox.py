"""The outbox's states: who may be claimed, what an outcome changes, what a status callback proves. On both engines."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from smsbot.delivery.outbox import (
    ClaimedMessage,
    Outcome,
    OutgoingMessage,
    Postponed,
    Refused,
    Resting,
    Sent,
    claim,
    enqueue,
    record_status,
    settle,
    topic,
)
from smsbot.gateways.base import DeliveryStatus, StatusReport
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
LEASE = timedelta(seconds=40)
A, B, C = "+33600000001", "+33600000002", "+33600000003"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Outbox:
    """The functions under test, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, recipient: str = A, at: datetime = NOW, due_at: datetime | None = None, **fields: Any) -> int:
        message = replace(OutgoingMessage("sms", "reply", recipient, "36123", "Bonjour"), **fields)
        return self.database.write_now(lambda connection: enqueue(connection, message, at, due_at=due_at))

    def take(self, at: datetime = NOW, at_most: int = 10, channel: Any = "sms") -> list[ClaimedMessage]:
        return self.database.write_now(
            lambda connection: claim(connection, channel, at, at_most=at_most, lease_until=at + LEASE)
        )

    def taken(self, at: datetime = NOW, at_most: int = 10, channel: Any = "sms") -> list[int]:
        return [message.id for message in self.take(at, at_most, channel)]

    def settle(self, *outcomes: Outcome, at: datetime = NOW) -> None:
        self.database.write_now(lambda connection: settle(connection, outcomes, at))

    def report(
        self, sid: str, outgoing_id: int | None, status: DeliveryStatus, code: str | None = None, at: datetime = NOW
    ) -> bool:
        report = StatusReport("twilio", sid, outgoing_id, status, code)
        return self.database.write_now(lambda connection: record_status(connection, report, at))

    def row(self, this: int) -> Any:
        query = select(outgoing_messages).where(outgoing_messages.c.id == this)
        return self.database.read_now(lambda connection: connection.execute(query).one())


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


class TestEnqueue:
    def test_everything_is_kept(self, outbox: Outbox) -> None:
        this = outbox.put(channel="email", recipient="a@b.fr", subject="S", html="<p>", calendar="VCAL", segments=1)
        message = outbox.take(channel="email")[0]
        assert message == ClaimedMessage(
            id=this,
            channel="email",
            kind="reply",
            recipient="a@b.fr",
            sender="36123",
            subject="S",
            body="Bonjour",
            html="<p>",
            calendar="VCAL",
            created_at=NOW,
            attempt=1,
            in_doubt=False,
        )
        assert outbox.row(this).segments == 1

    def test_the_channels_lane_is_woken_after_the_commit_and_only_then(self, sqlite_database: Database) -> None:
        woken: list[str] = []
        sqlite_database.subscribe(topic("sms"), lambda: woken.append("sms"))
        sqlite_database.subscribe(topic("email"), lambda: woken.append("email"))

        def work(connection: Connection) -> None:
            enqueue(connection, OutgoingMessage("sms", "reply", A, "36123", "x"), NOW)
            assert woken == []

        sqlite_database.write_now(work)
        assert woken == ["sms"]

    def test_what_is_rolled_back_was_never_there(self, outbox: Outbox) -> None:
        def work(connection: Connection) -> None:
            enqueue(connection, OutgoingMessage("sms", "reply", A, "36123", "x"), NOW)
            raise LookupError

        with pytest.raises(LookupError):
            outbox.database.write_now(work)
        assert outbox.taken() == []


class TestClaim:
    def test_only_what_is_due_on_the_channel(self, outbox: Outbox) -> None:
        due = outbox.put(A)
        outbox.put(B, due_at=NOW + seconds(1))
        outbox.put(C, channel="email")
        assert outbox.taken() == [due]
        assert outbox.taken(NOW + seconds(1)) == [due + 1]

    def test_the_longest_due_first_and_not_too_many(self, outbox: Outbox) -> None:
        late = outbox.put(A, due_at=NOW - seconds(1))
        later = outbox.put(B, due_at=NOW - seconds(9))
        last = outbox.put(C)
        assert outbox.taken(at_most=2) == [later, late]
        assert outbox.taken(at_most=0) == []
        assert outbox.taken() == [last]

    def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(self, outbox: Outbox) -> None:
        this = outbox.put()
        first = outbox.take()[0]
        assert (first.attempt, first.in_doubt) == (1, False)
        assert outbox.taken(NOW + LEASE - seconds(0.001)) == []
        again = outbox.take(NOW + LEASE)[0]
        assert (again.id, again.attempt, again.in_doubt) == (this, 2, True)
        assert outbox.row(this).repeats == 1

    def test_one_message_of_a_recipient_at_a_time_oldest_first(self, outbox: Outbox) -> None:
        first, other, second = outbox.put(A), outbox.put(B), outbox.put(A)
        assert outbox.taken() == [first, other]
        assert outbox.taken() == []
        outbox.settle(Sent(first, 1, "twilio", "SM1"))
        assert outbox.taken() == [second]

    def test_a_message_put_off_keeps_the_next_ones_waiting(self, outbox: Outbox) -> None:
        first, second = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.settle(Postponed(first, 1, "503", "Not now.", NOW + seconds(60), in_doubt=False))
        assert outbox.taken(NOW + seconds(59)) == []
        assert outbox.taken(NOW + seconds(60)) == [first]
        outbox.settle(Refused(first, 2, "21610", "No."))
        assert outbox.taken(NOW + seconds(60)) == [second]

    def test_a_later_message_that_is_due_before_still_waits_its_turn(self, outbox: Outbox) -> None:
        first = outbox.put(A, due_at=NOW + seconds(10))
        outbox.put(A)
        assert outbox.taken() == []
        assert outbox.taken(NOW + seconds(10)) == [first]

    def test_channels_do_not_wait_for_each_other(self, outbox: Outbox) -> None:
        outbox.put("a@b.fr")
        mail = outbox.put("a@b.fr", channel="email")
        outbox.take()
        assert outbox.taken(channel="email") == [mail]

    def test_many_workers_claim_each_message_once_and_in_order(self, database: Database) -> None:
        outbox = Outbox(database)
        numbers = [f"+336000000{n:02}" for n in range(20)]
        written = {number: [outbox.put(number) for _ in range(5)] for number in numbers}
        sent: list[tuple[str, int]] = []
        guard = threading.Lock()
        problems: list[BaseException] = []

        def work() -> None:
            try:
                while len(sent) < 100:
                    for message in outbox.take(at_most=3):
                        with guard:
                            sent.append((message.recipient, message.id))
                        outbox.settle(Sent(message.id, message.attempt, "twilio", f"SM{message.id}"))
            except BaseException as problem:
                problems.append(problem)
                raise

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert problems == []
        assert {number: [this for to, this in sent if to == number] for number in numbers} == written

    def test_the_indexes_of_unfinished_messages_serve_the_claim(self, sqlite_database: Database) -> None:
        statements: list[tuple[str, Any]] = []

        @event.listens_for(sqlite_database.engine, "before_cursor_execute")
        def note(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        Outbox(sqlite_database).take()
        claiming, parameters = next(pair for pair in statements if "LIMIT" in pair[0])
        plan = sqlite_database.read_now(
            lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {claiming}", parameters).all()
        )
        steps = [row[3] for row in plan]
        assert any("ix_outgoing_messages_due (channel=? AND due_at<?)" in step for step in steps)
        assert any("ix_outgoing_messages_unfinished (channel=? AND recipient=? AND id<?)" in step for step in steps)
        assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps)


class TestSettle:
    def test_sent(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Sent(this, 1, "twilio", "SM1"), at=NOW + seconds(1))
        row = outbox.row(this)
        assert (row.state, row.gateway, row.gateway_message_id) == ("sent", "twilio", "SM1")
        assert (row.sent_at, row.finished_at, row.error_code) == (NOW + seconds(1), NOW + seconds(1), None)

    @pytest.mark.parametrize(("outcome", "state"), [(Refused, "refused"), (Resting, "resting")])
    def test_the_end_without_success_is_visible(self, outbox: Outbox, outcome: Any, state: str) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(outcome(this, 1, "21610", "The recipient has opted out with STOP."), at=NOW + seconds(1))
        row = outbox.row(this)
        assert (row.state, row.error_code, row.error) == (state, "21610", "The recipient has opted out with STOP.")
        assert (row.finished_at, row.sent_at) == (NOW + seconds(1), None)
        assert outbox.taken(NOW + timedelta(days=9)) == []

    def test_put_off_for_certain_is_no_repetition(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Postponed(this, 1, "429", "Wait.", NOW + seconds(5), in_doubt=False))
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.attempt, again.in_doubt, outbox.row(this).repeats) == (2, False, 0)

    def test_put_off_in_doubt_is_one(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Postponed(this, 1, "ReadTimeout", "?", NOW + seconds(5), in_doubt=True))
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.attempt, again.in_doubt, outbox.row(this).repeats) == (2, True, 1)

    def test_success_clears_what_failed_before(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Postponed(this, 1, "429", "Wait.", NOW, in_doubt=False))
        outbox.take()
        outbox.settle(Sent(this, 2, "twilio", "SM1"))
        row = outbox.row(this)
        assert (row.state, row.error_code, row.error) == ("sent", None, None)

    @pytest.mark.parametrize(
        "late",
        [
            Refused(1, 1, "21610", "No."),
            Resting(1, 1, "500", "No."),
            Postponed(1, 1, "500", "No.", NOW + timedelta(hours=1), in_doubt=False),
        ],
    )
    def test_a_failure_told_after_the_lease_changes_nothing(self, outbox: Outbox, late: Any) -> None:
        this = outbox.put()
        outbox.take()
        outbox.take(NOW + LEASE)
        outbox.settle(replace(late, id=this))
        row = outbox.row(this)
        assert (row.state, row.attempts, row.error_code) == ("sending", 2, None)
        assert row.due_at == NOW + 2 * LEASE

    def test_a_success_told_after_the_lease_is_believed(self, outbox: Outbox) -> None:
        this, following = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.take(NOW + LEASE)
        outbox.settle(Sent(this, 1, "twilio", "SM1"))
        assert outbox.row(this).state == "sent"
        assert outbox.taken() == [following]
        outbox.settle(Refused(this, 2, "21610", "No."), Sent(this, 2, "twilio", "SM2"), at=NOW + seconds(9))
        row = outbox.row(this)
        assert (row.state, row.gateway_message_id, row.sent_at, row.error_code) == ("sent", "SM1", NOW, None)

    def test_many_at_once(self, outbox: Outbox) -> None:
        ids = [outbox.put(f"+3360000000{n}") for n in range(6)]
        outbox.take()
        outbox.settle(
            Postponed(ids[4], 1, "429", "Wait.", NOW + seconds(1), in_doubt=False),
            Sent(ids[1], 1, "twilio", "SM1"),
            Refused(ids[2], 1, "21610", "No."),
            Sent(ids[0], 1, "twilio", "SM0"),
            Resting(ids[3], 1, "500", "No."),
        )
        states = [outbox.row(this).state for this in ids]
        assert states == ["sent", "sent", "refused", "resting", "waiting", "sending"]


STATUS = DeliveryStatus


class TestStatusCallbacks:
    @pytest.fixture
    def sent(self, outbox: Outbox) -> int:
        this = outbox.put()
        outbox.take()
        outbox.settle(Sent(this, 1, "twilio", "SM1"))
        return this

    @pytest.mark.parametrize(
        ("told", "kept"),
        [
            ([STATUS.QUEUED, STATUS.SENT, STATUS.DELIVERED], "delivered"),
            ([STATUS.DELIVERED, STATUS.SENT, STATUS.QUEUED], "delivered"),
            ([STATUS.SENT, STATUS.SENT], "sent"),
            ([STATUS.UNDELIVERED, STATUS.DELIVERED], "undelivered"),
            ([STATUS.DELIVERED, STATUS.FAILED], "delivered"),
            ([STATUS.DELIVERED, STATUS.READ], "read"),
            ([STATUS.UNKNOWN], None),
            ([STATUS.SENT, STATUS.UNKNOWN], "sent"),
        ],
    )
    def test_never_backwards(self, outbox: Outbox, sent: int, told: list[DeliveryStatus], kept: str | None) -> None:
        for status in told:
            assert outbox.report("SM1", sent, status)
        assert outbox.row(sent).delivery_status == kept
        assert outbox.row(sent).state == "sent"

    def test_the_code_of_what_failed_is_kept(self, outbox: Outbox, sent: int) -> None:
        outbox.report("SM1", sent, STATUS.UNDELIVERED, "30005")
        outbox.report("SM1", sent, STATUS.SENT)
        row = outbox.row(sent)
        assert (row.state, row.delivery_status, row.error_code) == ("sent", "undelivered", "30005")

    def test_the_gateways_id_finds_it_too(self, outbox: Outbox, sent: int) -> None:
        assert outbox.report("SM1", None, STATUS.DELIVERED)
        assert outbox.report("SM1", 999_999, STATUS.DELIVERED)
        assert outbox.row(sent).delivery_status == "delivered"

    def test_a_stranger_changes_nothing(self, outbox: Outbox, sent: int) -> None:
        assert not outbox.report("SM2", None, STATUS.DELIVERED)
        assert not outbox.report("SM2", 999_999, STATUS.DELIVERED)
        assert outbox.row(sent).delivery_status is None

    def test_one_that_comes_before_the_answer_settles_the_send(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.report("SM1", this, STATUS.SENT, at=NOW + seconds(1))
        outbox.settle(Sent(this, 1, "twilio", "SM1"), at=NOW + seconds(2))
        row = outbox.row(this)
        assert (row.state, row.gateway, row.gateway_message_id) == ("sent", "twilio", "SM1")
        assert (row.delivery_status, row.sent_at) == ("sent", NOW + seconds(1))

    @pytest.mark.parametrize("status", [STATUS.QUEUED, STATUS.DELIVERED, STATUS.UNKNOWN])
    def test_it_settles_a_doubt_and_lets_the_next_go(self, outbox: Outbox, status: DeliveryStatus) -> None:
        woken: list[bool] = []
        outbox.database.subscribe(topic("sms"), lambda: woken.append(True))
        this, following = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.settle(Postponed(this, 1, "ReadTimeout", "?", NOW + seconds(15), in_doubt=True))
        woken.clear()
        outbox.report("SM1", this, status)
        assert woken
        row = outbox.row(this)
        assert (row.state, row.error, row.error_code, row.repeats) == ("sent", None, None, 0)
        assert outbox.taken(NOW + seconds(99)) == [following]

    @pytest.mark.parametrize("end", [Refused, Resting])
    def test_it_is_believed_over_a_given_up_message(self, outbox: Outbox, end: Any) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(end(this, 1, "timeout", "?"))
        outbox.report("SM1", this, STATUS.FAILED, "30008")
        row = outbox.row(this)
        assert (row.state, row.delivery_status, row.error_code, row.error) == ("sent", "failed", "30008", None)
