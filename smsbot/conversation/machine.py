"""The conversation: one message in, one step out. Pure: no clock, no database, no network.

`step(memory, text, facts, now)` reads the message in the light of the open question (`perceive`), looks the result up
in `table.TABLE`, and returns what to remember, what to say and what to do. Its caller (`smsbot.incoming.turn`) loads
the facts and carries out the effects in the same transaction, so the facts still hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from smsbot.conversation.facts import Facts, one_of_each
from smsbot.conversation.memory import Limits, Memory
from smsbot.conversation.open_question import page_length
from smsbot.conversation.perceived import Perceived
from smsbot.conversation.perceiving import may_cancel, perceive, topic_for_agents
from smsbot.conversation.states import Deed, Event, Reply, State
from smsbot.conversation.table import TABLE
from smsbot.made_often import made_often
from smsbot.rules.lock import TRIES, Lock, after_wrong_answer
from smsbot.understanding.topics import Topic

EXPIRY = timedelta(hours=1)


@made_often
@dataclass(frozen=True, slots=True)
class Say:
    """A reply.

    `options` are pairs of the number in the list and the participation. `more` is whether the list goes on. `named` are
    the participations that the reply has to name by a first name, because another one is at the same moment.
    `may_cancel` is whether one of the appointments can still be cancelled by SMS. `is_discreet` is whether the reply
    must tell nothing of the appointment, because the letters for it were not given in this conversation.
    """

    reply: Reply
    options: tuple[tuple[int, int], ...] = ()
    more: bool = False
    tries_left: int | None = None
    named: frozenset[int] = frozenset()
    may_cancel: bool = True
    is_discreet: bool = False


@made_often
@dataclass(frozen=True, slots=True)
class Step:
    """The one outcome of a message: a reply (`says`) or a silence with its `reason`, and what has to be done.

    `about` is the participation that the message concerns; it may be past or cancelled. The reply tells the telephone
    number of its organisation, whose agents see the message. Participations are given as our ids.
    """

    memory: Memory
    event: Event
    says: Say | None
    reason: str | None = None
    about: int | None = None
    cancels: int | None = None
    requests: int | None = None  # the participation whose source is asked to cancel it
    takes_back: int | None = None  # the participation whose cancellation was an error
    requests_taking_back: int | None = None  # the same, where its source is asked to take the cancellation back
    locks: tuple[Lock, ...] = ()
    forgives: tuple[int, ...] = ()
    announces: tuple[int, ...] = ()
    opts_out: bool = False
    opts_in: bool = False
    for_agents: bool = False
    topic: Topic | None = None  # what the message is about


def step(memory: Memory, text: str, facts: Facts, now: datetime, *, expiry: timedelta = EXPIRY) -> Step:
    """The outcome of one message. `now` is aware. A question that is older than `expiry` is closed."""
    state, perceived = perceive(memory, text, facts, now, expiry)
    move = TABLE[state][perceived.event]
    deeds = move.does
    locks = tuple(after_wrong_answer(facts.coming, now)) if Deed.COUNT_WRONG in deeds else ()
    limits = _count(memory.limits, move.says, text, now) if move.says else memory.limits
    if perceived.event is Event.REPEATS_ITSELF:
        limits = replace(limits, said_at=now)  # so the silence lasts as long as the repetition goes on
    after = _remember(memory, state, move.to, perceived, deeds, limits, facts, now)
    return Step(
        memory=after,
        event=perceived.event,
        says=_say(move.says, memory, after, locks, facts, perceived, now) if move.says else None,
        reason=_reason(perceived.event, facts) if move.says is None else None,
        about=_about(perceived, memory, facts),
        cancels=perceived.about.id if Deed.CANCEL in deeds and perceived.about else None,
        requests=perceived.about.id if Deed.REQUEST in deeds and perceived.about else None,
        takes_back=perceived.about.id if Deed.TAKE_BACK in deeds and perceived.about else None,
        requests_taking_back=perceived.about.id if Deed.REQUEST_TAKING_BACK in deeds and perceived.about else None,
        locks=locks,
        forgives=tuple(fit.id for fit in perceived.fits if fit.wrong_answers) if Deed.FORGET_WRONG in deeds else (),
        announces=tuple(one.id for one in perceived.fits) if Deed.ANNOUNCE in deeds else (),
        opts_out=Deed.OPT_OUT in deeds,
        opts_in=Deed.OPT_IN in deeds,
        for_agents=Deed.KEEP_FOR_AGENTS in deeds,
        topic=topic_for_agents(text, facts, now),
    )


def _remember(
    memory: Memory,
    state: State,
    to: State,
    perceived: Perceived,
    deeds: tuple[Deed, ...],
    limits: Limits,
    facts: Facts,
    now: datetime,
) -> Memory:
    """The memory after a move. What belongs to an earlier question is forgotten."""
    ended_at, cancelled_at, cancelled = memory.ended_at, memory.cancelled_at, memory.cancelled
    if to is State.IDLE:
        if memory.state is not State.IDLE:
            ended_at = now
        if Deed.CANCEL in deeds or Deed.REQUEST in deeds:
            cancelled_at, cancelled = now, perceived.about.id if perceived.about else None
        if Deed.TAKE_BACK in deeds or Deed.REQUEST_TAKING_BACK in deeds:
            cancelled_at, cancelled = None, None
        return Memory(ended_at=ended_at, cancelled_at=cancelled_at, cancelled=cancelled, limits=limits)
    same_question = state is to
    after = Memory(
        state=to,
        asked_at=memory.asked_at if perceived.event in _LEAVES_THE_CLOCK else now,
        doubts=memory.doubts + (Deed.COUNT_DOUBT in deeds) if same_question else 0,
        ended_at=ended_at,
        cancelled_at=cancelled_at,
        cancelled=cancelled,
        limits=limits,
    )
    if to is State.LETTERS:
        return replace(after, named=perceived.named or (memory.named if same_question else ()))
    if to is State.CHOICE:
        if not same_question:
            return replace(after, offered=tuple(fit.id for fit in one_of_each(perceived.fits) if not fit.is_requested))
        pages = -(-len(memory.offered) // page_length(memory.offered, facts))
        page = (memory.page + (Deed.TURN_PAGE in deeds)) % pages
        return replace(after, offered=memory.offered, page=page)
    if to in (State.CONFIRMATION, State.TAKING_BACK):
        if perceived.about is None:  # nothing new was asked
            return replace(after, chosen=memory.chosen, chosen_starts_at=memory.chosen_starts_at)
        return replace(after, chosen=perceived.about.id, chosen_starts_at=perceived.about.starts_at)
    return after


# Silences after which the open question expires as early as before.
_LEAVES_THE_CLOCK = (Event.TOO_MANY, Event.REPEATS_ITSELF, Event.NOT_THEIR_WORDS, Event.GATEWAY_HELP)


def _count(limits: Limits, reply: Reply, text: str, now: datetime) -> Limits:
    told: dict[str, Any] = {_TOLD_RARELY[reply]: now} if reply in _TOLD_RARELY else {}
    counted = limits.after_reply(text, now)
    return replace(counted, **told) if told else counted


_TOLD_RARELY = {
    Reply.OUTSIDE_FLOW: "help_at",
    Reply.REQUEST_UNDER_WAY: "help_at",
    Reply.TAKING_BACK_UNDER_WAY: "help_at",
    Reply.OTHER_DATE: "other_date_at",
    Reply.NOT_TAKEN_BACK: "help_at",
    Reply.NO_APPOINTMENT: "neutral_at",
    Reply.LOCKED: "locked_at",
}


def _about(perceived: Perceived, before: Memory, facts: Facts) -> int | None:
    """The participation that the event is about, else the one that was chosen last, else the soonest."""
    if perceived.about is not None:
        return perceived.about.id
    if before.chosen is not None:
        return before.chosen
    return facts.coming[0].id if facts.coming else None


def _say(
    reply: Reply,
    before: Memory,
    after: Memory,
    locks: tuple[Lock, ...],
    facts: Facts,
    perceived: Perceived,
    now: datetime,
) -> Say:
    if reply in (Reply.CHOOSE, Reply.CHOOSE_AGAIN):
        there = {coming.id for coming in facts.coming}
        length = page_length(after.offered, facts)
        page = list(enumerate(after.offered, start=1))[after.page * length : (after.page + 1) * length]
        shown = tuple((number, one) for number, one in page if one in there)
        named = facts.needing_first_names().intersection(one for _, one in shown)
        return Say(reply, shown, more=len(after.offered) > length, named=named)
    if reply is Reply.WRONG_LETTERS:
        return Say(reply, tries_left=max(TRIES - lock.wrong_answers for lock in locks))
    if reply in _AFTER_THE_LETTERS and perceived.about is not None:
        return Say(reply, named=facts.needing_first_names() & {perceived.about.id})
    if reply in _ABOUT_WHAT_WAS_CANCELLED:
        is_discreet = perceived.about is None or perceived.about.id != before.cancelled
        needed = frozenset() if is_discreet or perceived.about is None else frozenset({perceived.about.id})
        return Say(reply, named=facts.needing_first_names() & needed, is_discreet=is_discreet)
    return Say(reply, may_cancel=may_cancel(facts, now))


_AFTER_THE_LETTERS = frozenset(
    {
        Reply.CONFIRM,
        Reply.CONFIRM_AGAIN,
        Reply.CONFIRM_MOVED,
        Reply.CONFIRM_LATE,
        Reply.CANCELLED,
        Reply.REQUEST_REGISTERED,
        Reply.KEPT,
    }
)
"""Replies about one appointment to somebody whose letters fitted it. Only these replies may tell a first name."""
_ABOUT_WHAT_WAS_CANCELLED = frozenset(
    {Reply.TAKE_BACK, Reply.TAKE_BACK_AGAIN, Reply.TAKEN_BACK, Reply.STAYS_CANCELLED, Reply.NOT_TAKEN_BACK}
)


def _reason(event: Event, facts: Facts) -> str:
    if event in (Event.STRANGER_AGAIN, Event.FORMER_AGAIN) and facts.stranger_silence:
        return facts.stranger_silence
    return event.value
