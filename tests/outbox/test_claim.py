"""Which messages go next: in order for each phone, conversations first, and no sender holds up another.

On both engines.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, event

from smsbot.gateways.base import Handed
from smsbot.outbox.claim import MASS_AT_MOST, MOST_DOUBTS, MOST_MASS_DOUBTS
from smsbot.outbox.messages import Lane
from smsbot.outbox.outcomes import Held, InDoubt, Postponed, Refused, Sent
from smsbot.store.database import Database
from tests.outbox.outbox_at_work import DOUBT_LEASE, LEASE, NOW, A, B, C, Outbox, seconds


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def phones(number: int) -> list[str]:
    return [f"+336001{n:05}" for n in range(number)]


class TestOrder:
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
        outbox.slots = 2
        assert outbox.taken() == [later, late]
        assert outbox.taken(busy={("36123", Lane.CONVERSATION): 1, ("36123", Lane.MASS): 1}) == []
        assert outbox.taken() == [last]

    def test_a_claimed_message_is_nobody_elses_and_in_doubt_once_its_lease_ends(self, outbox: Outbox) -> None:
        this = outbox.put()
        first = outbox.take()[0]
        assert (first.attempt, first.in_doubt) == (1, False)
        assert outbox.taken(NOW + LEASE - seconds(0.001)) == []
        again = outbox.take(NOW + LEASE)[0]
        assert (again.id, again.attempt, again.in_doubt, again.attempted_at) == (this, 1, True, NOW)
        assert outbox.row(this).repeats == 0
        assert outbox.taken(NOW + LEASE + DOUBT_LEASE - seconds(1)) == []
        assert outbox.taken(NOW + LEASE + DOUBT_LEASE) == [this]

    def test_one_message_of_a_recipient_at_a_time_oldest_first(self, outbox: Outbox) -> None:
        first, other, second = outbox.put(A), outbox.put(B), outbox.put(A)
        assert outbox.taken() == [first, other]
        assert outbox.taken() == []
        outbox.settle(Sent(first, 1, Handed("twilio", "SM1")))
        assert outbox.taken() == [second]

    def test_a_message_put_off_keeps_the_next_ones_waiting(self, outbox: Outbox) -> None:
        first, second = outbox.put(A), outbox.put(A)
        outbox.take()
        outbox.settle(Postponed(first, 1, "503", "Not now.", NOW + seconds(60)))
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
        outbox.slots = 3
        numbers = [f"+336000000{n:02}" for n in range(20)]
        written = {number: [outbox.put(number) for _ in range(5)] for number in numbers}
        sent: list[tuple[str, int]] = []
        guard = threading.Lock()
        problems: list[BaseException] = []

        def work() -> None:
            try:
                while len(sent) < 100:
                    for message in outbox.take():
                        with guard:
                            sent.append((message.recipient, message.id))
                        outbox.settle(Sent(message.id, message.attempt, Handed("twilio", f"SM{message.id}")))
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

    def test_a_reminder_that_waits_for_later_lets_others_pass(self, outbox: Outbox) -> None:
        reminder, reply = outbox.put(A, kind="reminder"), outbox.put(A)
        outbox.take()
        outbox.settle(Held(reminder, 1, NOW + timedelta(hours=9)))
        assert outbox.taken() == [reply]
        outbox.settle(Sent(reply, 1, Handed("twilio", "SM1")))
        assert outbox.taken(NOW + timedelta(hours=9)) == [reminder]

    def test_a_reminder_that_is_being_sent_does_not(self, outbox: Outbox) -> None:
        reminder, _ = outbox.put(A, kind="reminder"), outbox.put(A)
        assert outbox.taken() == [reminder]
        outbox.settle(InDoubt(reminder, 1, "timeout", "?", NOW + seconds(5)))
        assert outbox.taken() == []


class TestLanes:
    def test_conversations_go_first(self, outbox: Outbox) -> None:
        for number, kind in zip(phones(12), ["notification", "reminder", "reply", "receipt"] * 3, strict=True):
            outbox.put(number, kind=kind, due_at=NOW - seconds(9) if kind == "reminder" else NOW)
        outbox.slots = 6
        assert [message.kind for message in outbox.take()] == ["reply", "receipt"] * 3

    def test_the_mass_gets_what_they_leave(self, outbox: Outbox) -> None:
        for number in phones(3):
            outbox.put(number, kind="notification")
        reply = outbox.put(A)
        outbox.slots = 4
        assert outbox.taken() == [reply, 1, 2, 3]

    @pytest.mark.parametrize(
        ("slots", "draw", "mass"),
        [(64, 0.0, 8), (64, 0.99, 8), (12, 0.0, 1), (12, 0.5, 2), (1, 0.0, 0), (1, 0.87, 0), (1, 0.875, 1)],
    )
    def test_the_mass_gets_its_share_when_conversations_would_take_it_all(
        self, sqlite_database: Database, slots: int, draw: float, mass: int
    ) -> None:
        outbox = Outbox(sqlite_database)
        for number in phones(64):
            outbox.put(number)
            outbox.put(f"{number}9", kind="notification")
        outbox.slots, outbox.draw = slots, lambda: draw
        lanes = Counter(message.lane for message in outbox.take(busy={("36123", Lane.MASS): 0}))
        assert lanes == Counter({Lane.CONVERSATION: slots - mass, Lane.MASS: mass})

    def test_the_mass_leaves_slots_for_replies_that_may_come(self, outbox: Outbox) -> None:
        for number in phones(20):
            outbox.put(number, kind="reminder")
        outbox.slots = 16
        assert len(outbox.take()) == 16 * MASS_AT_MOST
        busy = {("36123", Lane.MASS): 12}
        assert outbox.taken(busy=busy) == []
        reply = outbox.put(A)
        assert outbox.taken(busy=busy) == [reply]

    def test_what_stands_before_a_reply_goes_in_its_lane(self, outbox: Outbox) -> None:
        for number in phones(20):
            outbox.put(number, kind="notification")
        first = outbox.put(A, kind="notification", sender="RdvSoli")
        reply = outbox.put(A)
        outbox.slots = 1
        by_sender = {message.sender: message for message in outbox.take() if message.id == first}
        assert by_sender["RdvSoli"].lane is Lane.CONVERSATION
        outbox.settle(Sent(first, 1, Handed("twilio", "SM1")))
        assert outbox.taken() == [reply]

    def test_a_reply_passes_what_is_not_taken_of_the_mass(self, outbox: Outbox) -> None:
        news = outbox.put(A, kind="notification")
        outbox.take()
        reply, second = outbox.put(A), outbox.put(A)
        assert outbox.taken() == []
        outbox.settle(Postponed(news, 1, "503", "Not now.", NOW + seconds(600)))
        assert outbox.taken() == [reply]
        assert outbox.taken() == []
        outbox.settle(Sent(reply, 1, Handed("twilio", "SM1")))
        assert outbox.taken(NOW + seconds(600)) == [news]
        assert outbox.taken(NOW + seconds(600)) == []
        outbox.settle(Sent(news, 2, Handed("twilio", "SM2")))
        assert outbox.taken(NOW + seconds(600)) == [second]

    @pytest.mark.parametrize("trouble", ["sent again", "in doubt", "paused"])
    def test_a_reply_does_not_wait_for_another_senders_trouble(self, outbox: Outbox, trouble: str) -> None:
        news = outbox.put(A, kind="notification", sender="RdvSoli")
        if trouble == "paused":
            outbox.pause("RdvSoli", NOW + seconds(600))
        else:
            outbox.take()
        if trouble == "sent again":
            outbox.settle(Postponed(news, 1, "503", "Not now.", NOW))
            assert outbox.taken() == [news]
        if trouble == "in doubt":
            outbox.settle(InDoubt(news, 1, "500", "?", NOW + seconds(60)))
        reply = outbox.put(A)
        later_news = outbox.put(A, kind="notification")
        assert outbox.taken() == [reply]
        outbox.settle(Sent(reply, 1, Handed("twilio", "SM1")))
        assert later_news not in outbox.taken()

    def test_with_many_doubts_the_mass_waits_and_conversations_go_on(self, outbox: Outbox) -> None:
        ids = [outbox.put(number, kind="notification") for number in phones(MOST_MASS_DOUBTS + 5)]
        outbox.slots = 100
        outbox.take()
        doubts = ids[:MOST_MASS_DOUBTS]
        outbox.settle(*(InDoubt(this, 1, "500", "?", NOW + seconds(60)) for this in doubts))
        outbox.settle(*(Postponed(this, 1, "503", "Not now.", NOW) for this in ids[MOST_MASS_DOUBTS:]))
        reply = outbox.put(A)
        assert outbox.taken() == [reply]
        outbox.settle(Sent(doubts[0], 1, Handed("twilio", "SM1")))
        assert set(outbox.taken()) == set(ids[MOST_MASS_DOUBTS:])

    def test_not_too_many_doubts_are_looked_into_at_once(self, outbox: Outbox) -> None:
        for number in phones(MOST_DOUBTS):
            outbox.put(number, kind="notification")
        replies = [outbox.put(f"{number}9") for number in phones(5)]
        outbox.take()
        looked_into = outbox.taken(NOW + LEASE)
        assert len(looked_into) == MOST_DOUBTS
        assert looked_into[:5] == replies
        assert outbox.taken(NOW + LEASE, looking=MOST_DOUBTS) == []
        assert len(outbox.take(NOW + LEASE, looking=MOST_DOUBTS - 2)) == 2


class TestSenders:
    def test_each_has_its_own_slots(self, outbox: Outbox) -> None:
        for number in phones(20):
            outbox.put(number)
        other = [outbox.put(number, sender="36999") for number in (A, B)]
        outbox.slots = 4
        assert set(outbox.taken(busy={("36123", Lane.CONVERSATION): 4})) == set(other)

    def test_a_pause_is_its_own_and_doubts_are_looked_into_all_the_same(self, outbox: Outbox) -> None:
        doubtful = outbox.put(C)
        outbox.take()
        paused = outbox.put(A)
        other = outbox.put(B, sender="36999")
        outbox.pause("36123", NOW + LEASE + seconds(60))
        claimed = outbox.claim(NOW + LEASE)
        assert {message.id for message in claimed.messages} == {doubtful, other}
        assert claimed.again_at == NOW + LEASE + seconds(60)
        assert paused in outbox.taken(NOW + LEASE + seconds(60))

    def test_a_pause_that_was_asked_for_in_the_future_holds_nobody_up(self, outbox: Outbox) -> None:
        this = outbox.put(A)
        ahead = NOW + timedelta(hours=1)
        outbox.pause("36123", ahead + seconds(60), at=ahead)
        assert outbox.taken() == [this]

    def test_a_pause_holds_for_every_process_and_channel_of_that_name_only(self, outbox: Outbox) -> None:
        outbox.pause("rdv@example.fr", NOW + seconds(60))
        mail = outbox.put("a@b.fr", channel="email", sender="rdv@example.fr")
        assert outbox.taken(channel="email") == [mail]

    def test_a_rate_spaces_messages_and_says_when_to_look_again(self, outbox: Outbox) -> None:
        for number in phones(10):
            outbox.put(number)
        free = [outbox.put(number, sender="36999") for number in (A, B, C)]
        outbox.rate = lambda sender: 4.0 if sender == "36123" else None
        claimed = outbox.claim()
        assert {message.id for message in claimed.messages} == {1, *free}
        assert claimed.again_at == NOW - seconds(0.1) + seconds(0.25)
        assert outbox.taken(NOW + seconds(0.1)) == []
        assert outbox.taken(NOW + seconds(0.15)) == [2]
        assert outbox.taken(NOW + seconds(0.4)) == [3]

    def test_a_reply_is_first_under_a_rate_too(self, outbox: Outbox) -> None:
        for number in phones(10):
            outbox.put(number, kind="notification")
        outbox.rate = lambda sender: 4.0
        assert outbox.taken() == [1]
        reply = outbox.put(A)
        assert outbox.taken(NOW + seconds(0.25)) == [reply]
        assert outbox.taken(NOW + seconds(0.5)) == [2]

    def test_a_rate_that_is_not_used_up_needs_no_other_look(self, outbox: Outbox) -> None:
        outbox.put(A, due_at=NOW + seconds(60))
        outbox.rate = lambda sender: 4.0
        claimed = outbox.claim()
        assert (claimed.messages, claimed.again_at) == ([], None)

    def test_many_processes_share_one_rate(self, database: Database) -> None:
        outbox = Outbox(database)
        for number in phones(60):
            outbox.put(number)
        outbox.rate = lambda sender: 10.0
        taken: list[int] = []
        guard = threading.Lock()
        step = threading.Barrier(4)

        def work() -> None:
            for tenth in range(20):
                step.wait(30)
                claimed = outbox.taken(NOW + seconds(tenth / 10))
                with guard:
                    taken.extend(claimed)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert len(taken) == len(set(taken))
        assert 20 <= len(taken) <= 21


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_order_and_limits_hold(sqlite_database: Database, seed: int) -> None:
    """With random kinds, phones and outcomes, the order holds for each phone.

    Only a reply may pass an untaken message.
    """
    outbox, chance = Outbox(sqlite_database), random.Random(seed)
    outbox.slots, outbox.draw = 6, chance.random
    numbers = phones(8)
    now, busy = NOW, Counter[tuple[str, Lane]]()
    under_way: dict[int, Any] = {}
    failed: set[int] = set()
    finished: dict[str, list[Any]] = {number: [] for number in numbers}
    for number in numbers:
        for _ in range(5):
            kind, sender = chance.choice(["reply", "notification"]), chance.choice(["36123", "RdvSoli"])
            outbox.put(number, kind=kind, sender=sender)
    while sum(map(len, finished.values())) < 40:
        for message in outbox.take(now, busy=busy):
            beside = [other for other in under_way.values() if other.recipient == message.recipient]
            assert all(_may_pass(message, one, failed) or _may_pass(one, message, failed) for one in beside)
            under_way[message.id] = message
            busy[message.sender, message.lane] += 1
        assert all(busy[sender, Lane.CONVERSATION] + busy[sender, Lane.MASS] <= 6 for sender in ("36123", "RdvSoli"))
        for message in list(under_way.values()):
            if chance.random() < 0.5:
                continue
            del under_way[message.id]
            busy[message.sender, message.lane] -= 1
            end = chance.choice(["sent", "refused", "postponed"])
            if end == "postponed":
                failed.add(message.id)
                outbox.settle(Postponed(message.id, message.attempt, "503", "Not now.", now + seconds(2)))
                continue
            finished[message.recipient].append(message)
            if end == "sent":
                outbox.settle(Sent(message.id, message.attempt, Handed("twilio", f"SM{message.id}")))
            else:
                outbox.settle(Refused(message.id, message.attempt, "21610", "No."))
        now += seconds(1)
    for messages in finished.values():
        for first, second in combinations(messages, 2):
            assert first.id < second.id or _may_pass(first, second, failed)
    assert any(one.id > two.id for messages in finished.values() for one, two in pairwise(messages))


def _may_pass(message: Any, earlier: Any, failed: set[int]) -> bool:
    return message.kind == "reply" and earlier.kind == "notification" and earlier.id in failed


def _plan(database: Database, statement: str) -> list[str]:
    def explained(connection: Connection) -> list[str]:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]

    return database.read_now(explained)


def test_the_indexes_serve_the_claim(sqlite_database: Database) -> None:
    statements: list[str] = []

    @event.listens_for(sqlite_database.engine, "checkout")
    def trace(connection: sqlite3.Connection, *_: Any) -> None:
        connection.set_trace_callback(statements.append)

    outbox = Outbox(sqlite_database)
    outbox.put(A, kind="notification")
    outbox.put(B)
    outbox.take()
    outbox.put(C)
    statements.clear()
    outbox.take(NOW + LEASE)
    outbox.put(A, kind="notification")
    outbox.take(NOW + LEASE)
    looks = [statement for statement in statements if statement.lstrip().startswith(("SELECT", "WITH"))]
    plans = [_plan(sqlite_database, look) for look in looks]
    assert len(looks) >= 5
    for look, steps in zip(looks, plans, strict=True):
        for step in steps:
            touches = "outgoing_messages" in step or "earlier" in step or "following" in step or "reply" in step
            assert not (touches and "SCAN" in step), (look, steps)
            small = "state = 'sending'" in look or "earlier" in look
            assert "TEMP B-TREE" not in step or small, (look, steps)
    told = "\n".join(step for steps in plans for step in steps)
    assert "ix_outgoing_messages_waiting (channel=? AND lane=? AND sender=? AND due_at<?)" in told
    assert "ix_outgoing_messages_waiting (channel=? AND lane=? AND sender>?)" in told
    assert "ix_outgoing_messages_sending (channel=? AND due_at<?)" in told
    assert "ix_outgoing_messages_unfinished (channel=? AND recipient=? AND id<?)" in told
