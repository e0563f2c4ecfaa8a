"""Random messages, clocks and cancellations by the source: the rules that are always true.

Nothing is cancelled without the letters and a yes, after the deadline, or twice. A cancellation is taken back only by
the telephone that has just made it, with a yes, while nobody else has changed it. Every message has one outcome. A
connected source is asked once to cancel, and once to take it back. Nobody is told that an appointment is cancelled,
kept or taken back before the source has answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smsbot.conversation.facts import Coming, Facts
from smsbot.conversation.machine import Step, step
from smsbot.conversation.memory import Memory, memory_from_json, memory_to_json
from smsbot.conversation.states import Event, Reply, State
from smsbot.rules.letters import Names
from smsbot.rules.lock import LOCK, TRIES, is_locked
from smsbot.understanding import Answer, read_confirmation, read_taking_back
from smsbot.understanding.letters_given import LettersKind, read_letters

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
NOTICE = timedelta(hours=4)
FIRST_NAMES = ("Léa", "Tom", None)
SURNAMES = ("Dupont", "Martin", "Xi", "De La Fontaine", "Oui", "Non")

LINES = st.one_of(
    st.sampled_from(
        [
            *("ANNULER", "annuler dup", "annule mon rdv stp", "DUP", "MAR", "xi", "del", "oui", "non", "OUI", "1", "2"),
            *("suite", "3", "aide", "STOP", "START", "merci", "je confirme", "oui je serai là", "?", "", "zzz"),
            *("n annulez pas", "erreur", "finalement je viens", "je viens"),
            *("annuler mardi", "annuler dup lundi", "mardi", "celui de 12h", "le dernier", "celui de Léa", "pour Tom"),
        ]
    ),
    st.text(max_size=40),
)


class AnyConversation(RuleBasedStateMachine):
    """One phone with up to five appointments, which change from outside too."""

    @initialize(data=st.data(), number=st.integers(0, 5))
    def begin(self, data: st.DataObject, number: int) -> None:
        self.now = NOW
        self.memory = Memory()
        self.opted_out = False
        self.coming = [
            Coming(
                id=index + 1,  # as the database numbers them
                starts_at=NOW + timedelta(hours=data.draw(st.integers(1, 200))),
                names=Names((data.draw(st.sampled_from(SURNAMES)),), ("Sophie",)),
                notice=NOTICE,
                may_be_cancelled=data.draw(st.integers(0, 5)) > 0,
                first_name=data.draw(st.sampled_from(FIRST_NAMES)),
                asks_its_source=data.draw(st.booleans()),
            )
            for index in range(number)
        ]
        for index in range(1, number):
            if data.draw(st.booleans()):  # the same moment, perhaps the same individual appointment
                before = self.coming[index - 1]
                together = before.id if data.draw(st.booleans()) else None
                self._change(before.id, appointment_id=before.appointment_id or together)
                self._change(
                    index + 1,
                    starts_at=before.starts_at,
                    may_be_cancelled=before.may_be_cancelled,
                    appointment_id=self.coming[index - 1].appointment_id,
                    asks_its_source=before.asks_its_source,
                )
        self.cancelled: set[int] = set()
        self.lately: list[Coming] = []  # cancelled by this telephone
        self.shown_letters_for: set[int] = set()  # those whose letters were given right in this conversation
        self.asked_back: int | None = None  # the one that the last reply asked to take back
        self.asked: int | None = None  # the one that the last reply asked to cancel

    def _facts(self) -> Facts:
        there = sorted((one for one in self.coming if one.starts_at > self.now), key=lambda one: one.starts_at)
        lately = tuple(one for one in reversed(self.lately) if one.starts_at > self.now)
        return Facts(tuple(there), lately, opted_out=self.opted_out)

    @rule(text=LINES, long_ago=st.integers(0, 4).map(lambda number: number == 0))
    def writes(self, text: str, long_ago: bool) -> None:
        facts = replace(self._facts(), written_long_ago=long_ago)
        before = self.memory
        taken = step(before, text, facts, self.now)
        self._hold(before, text, facts, taken)
        self.memory = memory_from_json(memory_to_json(taken.memory))
        assert self.memory == taken.memory
        self.opted_out = (self.opted_out or taken.opts_out) and not taken.opts_in
        for lock in taken.locks:
            self._change(
                lock.participation_id,
                wrong_answers=lock.wrong_answers,
                wrong_answer_at=self.now,
                locked_until=lock.locked_until,
            )
        for forgiven in taken.forgives:
            self._change(forgiven, wrong_answers=0, wrong_answer_at=None, locked_until=None)
        if taken.cancels is not None:
            self.cancelled.add(taken.cancels)
            [meant] = [one for one in self.coming if one.id == taken.cancels]
            self.lately += [replace(meant, cancelled_at=self.now)]
            self.coming = [one for one in self.coming if one.ends_as != meant.ends_as]
        if taken.takes_back is not None:
            self.cancelled.remove(taken.takes_back)
            [again] = [one for one in self.lately if one.id == taken.takes_back]
            self.lately.remove(again)
            self.coming.append(replace(again, cancelled_at=None))
        if taken.requests is not None:
            self._request(taken.requests)
            self.cancelled.add(taken.requests)
            [meant] = [one for one in self.coming if one.id == taken.requests]
            self.lately += [replace(meant, cancelled_at=self.now)]
        if taken.requests_taking_back is not None:
            [again] = [one for one in self.lately if one.id == taken.requests_taking_back]
            place = self.lately.index(again)
            self.lately[place] = replace(again, is_taking_back_requested=True)
            for one in self.coming:
                if one.ends_as == again.ends_as:
                    self._change(one.id, is_requested=True, is_taking_back_requested=True)

    def _request(self, participation_id: int) -> None:
        [meant] = [one for one in self.coming if one.id == participation_id]
        for one in self.coming:
            if one.ends_as == meant.ends_as:
                self._change(one.id, is_requested=True)

    def _change(self, participation_id: int, **values: Any) -> None:
        self.coming = [replace(one, **values) if one.id == participation_id else one for one in self.coming]

    def _hold(self, before: Memory, text: str, facts: Facts, taken: Step) -> None:
        by_id = {one.id: one for one in facts.coming}
        assert (taken.says is None) == (taken.reason is not None), "one outcome for every message"
        if facts.opted_out and taken.event is not Event.START:
            assert taken.says is None, "nothing is said after STOP"
        if taken.event in (Event.FITS_ONE, Event.FITS_SEVERAL):
            unlocked = [one for one in facts.coming if not is_locked(one, self.now)]
            reading = read_letters(text.split()[-1], [one.names for one in unlocked])
            whole = read_letters(text, [one.names for one in unlocked])
            assert LettersKind.RIGHT in (reading.kind, whole.kind)
            offered = set(taken.memory.offered) | {taken.memory.chosen}
            self.shown_letters_for = {one for one in offered if one is not None}
        if taken.memory.state in (State.CHOICE, State.CONFIRMATION):
            assert {*taken.memory.offered, taken.memory.chosen} - {None} <= self.shown_letters_for
        if taken.cancels is None:
            assert taken.says is None or taken.says.reply is not Reply.CANCELLED
        ended = taken.requests if taken.cancels is None else taken.cancels
        if ended is not None:
            meant = by_id[ended]
            assert taken.cancels is None or taken.requests is None
            assert meant.asks_its_source == (taken.requests == ended), "its source first, and only its own"
            assert not meant.is_requested, "never asked for twice"
            assert taken.requests is None or taken.says is None, "nothing is told before the source has answered"
            assert ended == before.chosen == self.asked, "only the one just asked about"
            assert ended in self.shown_letters_for, "never without the letters"
            assert read_confirmation(text) is Answer.YES, "never without a yes"
            assert not facts.written_long_ago, "never by one that was written long ago"
            assert meant.starts_at == before.chosen_starts_at, "never at another time than was told"
            assert meant.starts_at > self.now + NOTICE, "never past the deadline"
            assert meant.may_be_cancelled
            assert not is_locked(meant, self.now)
            assert ended not in self.cancelled, "never twice"
        back_again = taken.requests_taking_back if taken.takes_back is None else taken.takes_back
        if taken.takes_back is None and taken.says is not None and taken.says.reply is Reply.TAKEN_BACK:
            assert taken.event is Event.STANDS
            assert taken.about is not None
            assert not by_id[taken.about].is_requested, "told only of what is so"
        if back_again is not None:
            [again] = [one for one in facts.cancelled if one.id == back_again]
            assert again.asks_its_source == (taken.requests_taking_back == back_again), "its source first"
            assert taken.takes_back is None or taken.requests_taking_back is None
            assert taken.requests_taking_back is None or taken.says is None, "nothing is told before it has answered"
            assert not again.is_taking_back_requested, "never asked for twice"
            assert again.id in self.cancelled, "only what was cancelled"
            assert before.state is State.TAKING_BACK
            assert again.id == before.chosen == self.asked_back, "only the one just asked about"
            assert read_taking_back(text) is Answer.YES, "never without a yes"
            assert not facts.written_long_ago
            assert again.starts_at == before.chosen_starts_at, "never at another time than was told"
            assert again.starts_at > self.now, "never once it has begun"
            assert taken.cancels is None
            assert taken.requests is None
        if taken.event is Event.TAKES_BACK:
            assert taken.memory.chosen is not None
            [asked] = [one for one in facts.cancelled if one.id == taken.memory.chosen]
            assert asked.cancelled_at is not None
            assert self.now - asked.cancelled_at < facts.take_back_within, "asked only as long as the rule says"
        if taken.says is not None:
            assert taken.says.named <= self.shown_letters_for, "no first name before the letters"
            lines = [by_id[one].ends_as for _, one in taken.says.options]
            assert len(set(lines)) == len(lines), "one line for what ends together"
        if taken.says is not None and taken.about in by_id and by_id[taken.about].is_requested:
            assert taken.says.reply not in (Reply.CONFIRM, Reply.KEPT, Reply.TOO_LATE, Reply.COMING_NOTED)
        if taken.says is not None and taken.says.reply in (Reply.CHOOSE, Reply.CHOOSE_AGAIN):
            assert taken.event is not Event.FITS_SEVERAL or not any(
                by_id[one].is_requested for _, one in taken.says.options
            )
        if taken.says is not None and taken.says.reply is Reply.REQUEST_REGISTERED:
            assert taken.about is not None
            assert by_id[taken.about].is_requested, "told only of what is so"
            unlocked = [one for one in facts.coming if not is_locked(one, self.now)]
            fits = read_letters(text.split()[-1] if text.split() else "", [one.names for one in unlocked])
            whole = read_letters(text, [one.names for one in unlocked])
            given = LettersKind.RIGHT in (fits.kind, whole.kind)
            assert given or taken.about in self.shown_letters_for, "no day before the letters"
        if taken.says is not None and taken.says.reply is Reply.REQUEST_UNDER_WAY:
            assert any(one.is_requested for one in facts.coming)
        if taken.says is not None and taken.says.reply is Reply.TAKING_BACK_UNDER_WAY:
            assert any(one.is_taking_back_requested for one in (*facts.cancelled, *facts.coming))
        if taken.says is not None and taken.says.reply in (Reply.STAYS_CANCELLED, Reply.NOT_TAKEN_BACK):
            assert taken.about not in by_id or before.chosen not in by_id, "told only of what is cancelled"
        confirming = (Reply.CONFIRM, Reply.CONFIRM_AGAIN, Reply.CONFIRM_MOVED, Reply.CONFIRM_LATE)
        if taken.says is not None:
            self.asked = taken.about if taken.says.reply in confirming else None
            back = (Reply.TAKE_BACK, Reply.TAKE_BACK_AGAIN)
            self.asked_back = taken.about if taken.says.reply in back else None

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(hours=st.integers(2, 30))
    def much_time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: self.coming)
    @rule(data=st.data())
    def the_source_cancels(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.coming))
        self.coming = [one for one in self.coming if one.ends_as != gone.ends_as]
        self.lately = [one for one in self.lately if not one.is_requested or one.ends_as != gone.ends_as]

    def _ended(self) -> list[Coming]:
        """Those that are cancelled, not only requested."""
        return [one for one in self.lately if not one.is_requested]

    @precondition(lambda self: self._ended())
    @rule(data=st.data())
    def somebody_changes_what_was_cancelled(self, data: st.DataObject) -> None:
        self.lately.remove(data.draw(st.sampled_from(self._ended())))

    @precondition(lambda self: self._ended())
    @rule(data=st.data(), hours=st.integers(-48, 48))
    def what_was_cancelled_moves(self, data: st.DataObject, hours: int) -> None:
        moved = data.draw(st.sampled_from(self._ended()))
        later = replace(moved, starts_at=moved.starts_at + timedelta(hours=hours))
        self.lately = [later if one is moved else one for one in self.lately]

    @precondition(lambda self: any(one.asks_its_source for one in self.coming))
    @rule(data=st.data())
    def requested_by_another_way(self, data: st.DataObject) -> None:
        self._request(data.draw(st.sampled_from([one for one in self.coming if one.asks_its_source])).id)

    @precondition(lambda self: any(one.is_requested for one in self.coming))
    @rule(data=st.data(), is_done=st.booleans())
    def the_source_answers(self, data: st.DataObject, is_done: bool) -> None:
        asked = data.draw(st.sampled_from([one for one in self.coming if one.is_requested]))
        for one in self.coming:
            if one.ends_as == asked.ends_as:
                self._change(one.id, is_requested=is_done and one.is_taking_back_requested)
        answered = [replace(one, is_requested=False) for one in self.lately if one.ends_as == asked.ends_as and is_done]
        self.lately = [one for one in self.lately if one.ends_as != asked.ends_as] + answered
        if is_done:
            self.coming = [one for one in self.coming if one.ends_as != asked.ends_as]
        else:
            for one in self.coming:
                if one.ends_as == asked.ends_as:
                    self._change(one.id, is_taking_back_requested=False)

    @precondition(lambda self: any(one.is_taking_back_requested for one in self._ended()))
    @rule(data=st.data(), is_done=st.booleans())
    def the_source_answers_what_is_taken_back(self, data: st.DataObject, is_done: bool) -> None:
        asked = data.draw(st.sampled_from([one for one in self._ended() if one.is_taking_back_requested]))
        self.lately.remove(asked)
        self.cancelled.discard(asked.id)
        if is_done:
            self.coming.append(replace(asked, cancelled_at=None, is_taking_back_requested=False))

    @precondition(lambda self: self.coming)
    @rule(data=st.data(), hours=st.integers(-48, 48))
    def the_source_moves(self, data: st.DataObject, hours: int) -> None:
        moved = data.draw(st.sampled_from(self.coming))
        starts_at = moved.starts_at + timedelta(hours=hours)
        for one in self.coming:
            if one.ends_as == moved.ends_as:
                self._change(one.id, starts_at=starts_at)
        self.lately = [
            replace(one, starts_at=starts_at) if one.is_requested and one.ends_as == moved.ends_as else one
            for one in self.lately
        ]

    @invariant()
    def three_wrong_answers_lock(self) -> None:
        for one in getattr(self, "coming", ()):
            assert one.wrong_answers <= TRIES
            if one.wrong_answers == TRIES:
                assert one.locked_until is not None
                assert one.wrong_answer_at is not None
                assert one.locked_until == one.wrong_answer_at + LOCK


AnyConversation.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestAnyConversation = AnyConversation.TestCase
