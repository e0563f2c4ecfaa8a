"""The states of the outbox: what is written, and what outcomes and status callbacks change. On both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from smsbot.gateways.base import DeliveryStatus, Handed, StatusReport
from smsbot.outbox.messages import ClaimedMessage, Lane, OutgoingMessage, enqueue, topic
from smsbot.outbox.outcomes import (
    Held,
    InDoubt,
    Postponed,
    Refused,
    Reported,
    Resting,
    Sent,
    known_ids,
    record_statuses,
)
from smsbot.store.daily_counts import DELIVERIES, OUTGOING, REPEATS, counted_on_day_of
from smsbot.store.database import Database
from tests.outbox.outbox_at_work import LEASE, NOW, A, B, C, Outbox, seconds


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


class TestEnqueue:
    def test_everything_is_kept(self, outbox: Outbox) -> None:
        this = outbox.put(
            channel="email",
            recipient="a@b.fr",
            subject="S",
            html="<p>",
            calendar="VCAL",
            calendar_method="CANCEL",
            reply_to="accueil@b.fr",
            segments=1,
        )
        message = outbox.take(channel="email")[0]
        assert message == ClaimedMessage(
            id=this,
            channel="email",
            lane=Lane.CONVERSATION,
            kind="reply",
            recipient="a@b.fr",
            sender="36123",
            subject="S",
            body="Bonjour",
            html="<p>",
            calendar="VCAL",
            calendar_method="CANCEL",
            reply_to="accueil@b.fr",
            participation_id=None,
            created_at=NOW,
            attempt=1,
            attempted_at=NOW,
            repeats=0,
            gateway=None,
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


class TestSettle:
    def test_sent(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Sent(this, 1, Handed("twilio", "SM1")), at=NOW + seconds(1))
        row = outbox.row(this)
        assert (row.state, row.gateway, row.gateway_message_id) == ("sent", "twilio", "SM1")
        assert (row.sent_at, row.finished_at, row.error_code) == (NOW + seconds(1), NOW + seconds(1), None)

    @pytest.mark.parametrize(("kind", "body", "html"), [("agents", "", None), ("receipt", "Bonjour", "<p>")])
    def test_what_is_for_agents_is_not_kept_once_it_was_sent(
        self, outbox: Outbox, kind: Any, body: str, html: str | None
    ) -> None:
        this = outbox.put(channel="email", kind=kind, recipient="a@b.fr", subject="S", html="<p>")
        [claimed] = outbox.take(channel="email")
        outbox.settle(Postponed(this, 1, "421", "Later.", NOW))
        assert outbox.take(channel="email")[0].body == claimed.body == "Bonjour"
        outbox.settle(Sent(this, 2, Handed("smtp", "<1@b>")))
        row = outbox.row(this)
        assert (row.state, row.recipient, row.subject, row.body, row.html) == ("sent", "a@b.fr", "S", body, html)

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
        outbox.settle(Postponed(this, 1, "429", "Wait.", NOW + seconds(5)))
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.attempt, again.in_doubt, outbox.row(this).repeats) == (2, False, 0)

    def test_sent_again_in_doubt_is_one(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Postponed(this, 1, "in-doubt", "?", NOW + seconds(5), is_repetition=True))
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.attempt, again.in_doubt, again.repeats, outbox.row(this).repeats) == (2, False, 1, 1)

    def test_a_doubt_stays_where_it_is_and_is_looked_into_at_its_time(self, outbox: Outbox) -> None:
        this, _ = outbox.put(), outbox.put()
        outbox.take()
        outbox.settle(InDoubt(this, 1, "ReadTimeout", "?", NOW + seconds(5), "twilio"))
        assert outbox.taken(NOW + seconds(4)) == []
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.id, again.attempt, again.in_doubt, again.gateway) == (this, 1, True, "twilio")
        assert again.attempted_at == NOW
        assert (outbox.row(this).state, outbox.row(this).error_code) == ("sending", "ReadTimeout")
        assert outbox.taken(NOW + seconds(6)) == []  # another process is looking it up

    def test_what_was_not_begun_was_no_attempt(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Held(this, 1, NOW + seconds(5)))
        assert (outbox.row(this).state, outbox.row(this).attempts) == ("waiting", 0)
        again = outbox.take(NOW + seconds(5))[0]
        assert (again.id, again.attempt, again.in_doubt) == (this, 1, False)

    def test_who_takes_it_after_a_doubt_elsewhere_is_remembered(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(InDoubt(this, 1, "ReadTimeout", "?", NOW, "twilio"))
        outbox.settle(Postponed(this, 1, "in-doubt", "?", NOW))
        outbox.take()
        outbox.settle(Sent(this, 2, Handed("vonage", "V1")))
        assert (outbox.row(this).gateway, outbox.row(this).gateway_message_id) == ("vonage", "V1")

    def test_success_clears_what_failed_before(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.settle(Postponed(this, 1, "429", "Wait.", NOW))
        outbox.take()
        outbox.settle(Sent(this, 2, Handed("twilio", "SM1")))
        row = outbox.row(this)
        assert (row.state, row.error_code, row.error) == ("sent", None, None)

    @pytest.mark.parametrize(
        "late",
        [
            Refused(1, 1, "21610", "No."),
            Resting(1, 1, "500", "No."),
            Postponed(1, 1, "500", "No.", NOW + timedelta(hours=1)),
            InDoubt(1, 1, "500", "No.", NOW + timedelta(hours=1)),
            Held(1, 1, NOW + timedelta(hours=1)),
        ],
    )
    def test_a_failure_told_when_it_was_sent_again_already_changes_nothing(self, outbox: Outbox, late: Any) -> None:
        this = outbox.put()
        outbox.take()
        outbox.take(NOW + LEASE)
        outbox.settle(Postponed(this, 1, "in-doubt", "It was not taken.", NOW + LEASE))
        outbox.take(NOW + LEASE)
        outbox.settle(replace(late, id=this))
        row = outbox.row(this)
        assert (row.state, row.attempts, row.error_code) == ("sending", 2, None)
        assert row.due_at == NOW + 2 * LEASE

    def test_a_success_told_after_the_lease_is_believed(self, outbox: Outbox) -> None:
        this, following = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.take(NOW + LEASE)
        outbox.settle(Sent(this, 1, Handed("twilio", "SM1")))
        assert outbox.row(this).state == "sent"
        assert outbox.taken() == [following]
        outbox.settle(Refused(this, 1, "21610", "No."), Sent(this, 1, Handed("twilio", "SM2")), at=NOW + seconds(9))
        row = outbox.row(this)
        assert (row.state, row.gateway_message_id, row.sent_at, row.error_code) == ("sent", "SM1", NOW, None)

    def test_many_at_once(self, outbox: Outbox) -> None:
        ids = [outbox.put(f"+3360000000{n}") for n in range(6)]
        outbox.take()
        outbox.settle(
            Postponed(ids[4], 1, "429", "Wait.", NOW + seconds(1)),
            Sent(ids[1], 1, Handed("twilio", "SM1")),
            Refused(ids[2], 1, "21610", "No."),
            Sent(ids[0], 1, Handed("twilio", "SM0")),
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
        outbox.settle(Sent(this, 1, Handed("twilio", "SM1")))
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

    @pytest.mark.parametrize("channel", ["sms", "email"])
    def test_what_was_never_given_to_a_gateway_is_not_meant(self, outbox: Outbox, channel: Any) -> None:
        this = outbox.put(channel=channel)
        if channel == "email":
            outbox.take(channel="email")
        before = outbox.row(this)
        assert not outbox.report("SM9", this, STATUS.DELIVERED)
        assert outbox.row(this) == before

    def test_one_that_comes_before_the_answer_settles_the_send(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take()
        outbox.report("SM1", this, STATUS.SENT, at=NOW + seconds(1))
        outbox.settle(Sent(this, 1, Handed("twilio", "SM1")), at=NOW + seconds(2))
        row = outbox.row(this)
        assert (row.state, row.gateway, row.gateway_message_id) == ("sent", "twilio", "SM1")
        assert (row.delivery_status, row.sent_at) == ("sent", NOW + seconds(1))

    @pytest.mark.parametrize("status", [STATUS.QUEUED, STATUS.DELIVERED, STATUS.UNKNOWN])
    def test_it_settles_a_doubt_and_lets_the_next_go(self, outbox: Outbox, status: DeliveryStatus) -> None:
        woken: list[bool] = []
        outbox.database.subscribe(topic("sms"), lambda: woken.append(True))
        this, following = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.settle(InDoubt(this, 1, "ReadTimeout", "?", NOW + seconds(15)))
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


def test_whose_message_an_id_of_the_gateway_is(outbox: Outbox) -> None:
    this = outbox.put()
    outbox.take()
    outbox.settle(Sent(this, 1, Handed("twilio", "SM1")))
    known = outbox.database.read_now(lambda connection: known_ids(connection, "twilio", ["SM1", "SM2"]))
    assert known == {"SM1"}
    assert outbox.database.read_now(lambda connection: known_ids(connection, "vonage", ["SM1"])) == set()


class TestClock:
    """After a clock that was ahead is set back, nothing waits until it reaches that time again."""

    AHEAD = NOW + timedelta(hours=1)

    @staticmethod
    def later(this: int, due_at: datetime) -> Postponed:
        return Postponed(this, 1, "503", "Not now.", due_at)

    def test_what_was_written_in_the_future_leaves_now(self, outbox: Outbox) -> None:
        this = outbox.put(at=self.AHEAD)
        assert outbox.taken() == []
        outbox.make_up_for_clock(NOW)
        assert outbox.taken() == [this]

    def test_what_was_attempted_in_the_future_is_looked_into_now(self, outbox: Outbox) -> None:
        this = outbox.put()
        outbox.take(self.AHEAD)
        assert outbox.taken() == []
        outbox.make_up_for_clock(NOW)
        looked_into = outbox.take()[0]
        assert (looked_into.id, looked_into.in_doubt, looked_into.attempted_at) == (this, True, NOW)

    def test_what_failed_in_the_future_is_tried_again_now(self, outbox: Outbox) -> None:
        this, other = outbox.put(), outbox.put(B)
        outbox.take(self.AHEAD)
        outbox.settle(self.later(this, self.AHEAD + seconds(5)), at=self.AHEAD)
        outbox.settle(Held(other, 1, self.AHEAD), at=self.AHEAD)
        assert outbox.taken() == []
        outbox.make_up_for_clock(NOW)
        assert outbox.taken() == [this, other]

    def test_what_the_clock_overtook_while_it_was_sent_is_tried_or_looked_into_now(self, outbox: Outbox) -> None:
        failed, held, doubtful = (outbox.put(number) for number in (A, B, C))
        outbox.take()
        outbox.settle(
            self.later(failed, self.AHEAD + seconds(5)),
            Held(held, 1, self.AHEAD),
            InDoubt(doubtful, 1, "timeout", "?", self.AHEAD + seconds(5)),
            at=self.AHEAD,
        )
        outbox.make_up_for_clock(NOW)
        assert {(message.id, message.in_doubt) for message in outbox.take()} == {
            (failed, False),
            (held, False),
            (doubtful, True),
        }

    def test_what_has_to_wait_for_long_by_a_right_clock_does(self, outbox: Outbox) -> None:
        this, other = outbox.put(kind="notification"), outbox.put(B, kind="reminder")
        outbox.take()
        outbox.settle(self.later(this, self.AHEAD), Held(other, 1, self.AHEAD))
        outbox.make_up_for_clock(NOW)
        assert outbox.taken() == []
        assert outbox.taken(self.AHEAD) == [this, other]

    def test_clocks_of_several_machines_may_differ_a_little(self, outbox: Outbox) -> None:
        outbox.put()
        outbox.take(NOW + seconds(30))
        outbox.put(B, due_at=NOW + timedelta(hours=2))
        outbox.make_up_for_clock(NOW)
        assert outbox.taken() == []


def test_of_two_ids_that_come_together_for_one_message_the_first_is_kept(outbox: Outbox) -> None:
    this = outbox.put()
    outbox.claim()
    reports = [
        StatusReport("twilio", "SM0", this, DeliveryStatus.SENT),  # before the answer to our request
        StatusReport("vonage", "SM1", this, DeliveryStatus.DELIVERED),
    ]
    outbox.database.write_now(lambda c: record_statuses(c, [Reported(report, NOW) for report in reports]))
    row = outbox.row(this)
    assert (row.state, row.delivery_status, row.gateway, row.gateway_message_id) == (
        "sent",
        "delivered",
        "twilio",
        "SM0",
    )


def test_statuses_that_come_together_are_each_written_down(outbox: Outbox) -> None:
    ids = [outbox.put(recipient=f"+3361234567{number}") for number in range(3)]
    outbox.claim()
    outbox.settle(Sent(ids[0], 1, Handed("twilio", "SM0")), Sent(ids[1], 1, Handed("twilio", "SM1")))
    reports = [
        StatusReport("twilio", "SM1", ids[1], DeliveryStatus.FAILED, "30006"),
        StatusReport("twilio", "SM0", ids[0], DeliveryStatus.DELIVERED),
        StatusReport("twilio", "SM2", ids[2], DeliveryStatus.SENT),  # before the answer to our request
        StatusReport("twilio", "SM-other", ids[0], DeliveryStatus.FAILED, "1"),  # at our address, with a foreign id
        StatusReport("twilio", "SM-unknown", 4711, DeliveryStatus.FAILED),
    ]
    found = outbox.database.write_now(lambda c: record_statuses(c, [Reported(report, NOW) for report in reports]))
    assert [one is not None for one in found] == [True, True, True, True, False]
    rows = [outbox.row(this) for this in ids]
    assert [(row.state, row.delivery_status, row.error_code, row.gateway_message_id) for row in rows] == [
        ("sent", "delivered", None, "SM0"),
        ("sent", "failed", "30006", "SM1"),
        ("sent", "sent", None, "SM2"),
    ]


def test_what_delivery_has_finished_is_counted_once(outbox: Outbox) -> None:
    def counted(what: str) -> dict[tuple[str, ...], int]:
        return outbox.database.read_now(lambda connection: counted_on_day_of(connection, NOW, what))

    ids = [outbox.put(recipient=f"+3361234567{number}") for number in range(4)]
    outbox.claim()
    outbox.report("SM1", ids[1], DeliveryStatus.SENT)
    outbox.report("SM1", ids[1], DeliveryStatus.DELIVERED)
    outbox.settle(
        Sent(ids[0], 1, Handed("twilio", "SM0")),
        Sent(ids[1], 1, Handed("twilio", "SM1")),  # its status came before
        Refused(ids[2], 1, "21211", "No."),
        Postponed(ids[3], 1, "in-doubt", "Nobody knows.", NOW, is_repetition=True),
        at=NOW + seconds(1),
    )
    outbox.settle(Resting(ids[1], 1, "late", "Too late."), Refused(ids[2], 1, "21211", "No."), at=NOW + seconds(2))
    outbox.report("SM0", ids[0], DeliveryStatus.DELIVERED)
    assert counted(OUTGOING) == {("sms", "reply", "sent"): 2, ("sms", "reply", "refused"): 1}
    for _ in range(2):  # gateways repeat statuses, and the first final one counts
        outbox.report("SM0", ids[0], DeliveryStatus.READ)
        outbox.report("SM3", ids[3], DeliveryStatus.UNDELIVERED)
    assert counted(DELIVERIES) == {("twilio", "36123", "delivered"): 2, ("twilio", "36123", "lost"): 1}
    assert counted(REPEATS) == {("sms",): 1}
