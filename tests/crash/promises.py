"""The promises that must hold after every disaster, checked on the database and on what gateway and mail server
received.

`broken` is pure. It compares two records of the same events, and reports each difference in one sentence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash.peers import TakenSms
from tests.crash.usagers import Usager


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row of `incoming_messages`."""

    id: int
    sid: str
    phone: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of `outgoing_messages`."""

    id: int
    channel: str
    kind: str
    sender: str
    recipient: str
    body: str
    state: str
    repeats: int
    in_reply_to: int | None


@dataclass(frozen=True, slots=True)
class Participation:
    """A row of `participations`, and how many cancellations of it the audit holds."""

    phone: str
    status: str
    cancellations: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both records: what people outside did and received, and what the database holds.

    `answers` are the webhook's last answers by `MessageSid`, None if there was none. `taken` and `mailed` are what
    the gateway and the mail server took, in that order, `mailed` by recipient. `doubts` counts, by outgoing message,
    the times when nobody could know whether it had been taken.
    """

    usagers: Sequence[Usager]
    answers: Mapping[str, int | None]
    taken: Sequence[TakenSms]
    mailed: Sequence[str]
    incoming: Sequence[Incoming]
    outgoing: Sequence[Outgoing]
    participations: Sequence[Participation]
    doubts: Mapping[int, int] = field(default_factory=dict)
    mail_doubts: Mapping[str, int] = field(default_factory=dict)


def broken(evidence: Evidence) -> list[str]:
    """Every promise that was not kept."""
    checks = (
        _each_webhook_once,
        _each_message_answered_once,
        _each_appointment_as_wanted,
        _each_cancellation_one_receipt,
        _answers_in_order,
        _nothing_stuck,
        _everything_sent_was_taken,
        _repeats_only_in_doubt,
    )
    return [sentence for check in checks for sentence in _in_brief(list(check(evidence)))]


TOLD_OF_EACH = 5
MOST_REPEATS = 5  # of a message, says the README


def _in_brief(sentences: list[str]) -> list[str]:
    left_out = len(sentences) - TOLD_OF_EACH
    return sentences[:TOLD_OF_EACH] + ([f"… and {left_out} more like these"] if left_out > 0 else [])


def _each_webhook_once(evidence: Evidence) -> Iterator[str]:
    rows = Counter(one.sid for one in evidence.incoming)
    for sid, status in evidence.answers.items():
        if rows[sid] != 1:
            yield f"message {sid}, whose webhook was answered {status}, has {rows[sid]} rows"
    for sid in rows.keys() - evidence.answers.keys():
        yield f"message {sid} was never sent"


def _each_message_answered_once(evidence: Evidence) -> Iterator[str]:
    replies = Counter(one.in_reply_to for one in evidence.outgoing if one.kind == "reply")
    for message in evidence.incoming:
        wanted = 0 if message.outcome == "silence" else 1
        if replies[message.id] != wanted:
            yield f"message {message.sid}, outcome {message.outcome}, has {replies[message.id]} replies"
    for stray in replies.keys() - {message.id for message in evidence.incoming}:
        yield f"a reply answers message {stray}, which is not there"


def _each_appointment_as_wanted(evidence: Evidence) -> Iterator[str]:
    there = defaultdict(list)
    for one in evidence.participations:
        there[one.phone].append(one)
    for usager in evidence.usagers:
        if not usager.has_ended:
            yield f"the conversation of {usager.phone} has not come to its end"
        if len(there[usager.phone]) != 1:
            yield f"{usager.phone} has {len(there[usager.phone])} participations"
        for one in there[usager.phone]:
            wanted = ("excused", 1) if usager.cancels and usager.has_ended else ("unknown", 0)
            if (one.status, one.cancellations) != wanted and (usager.has_ended or not usager.cancels):
                yield f"{usager.phone} wants {wanted}, but it is {one.status}, cancelled {one.cancellations} times"


def _each_cancellation_one_receipt(evidence: Evidence) -> Iterator[str]:
    cancelled = {one.phone for one in evidence.participations if one.status == "excused"}
    emails = {usager.email for usager in evidence.usagers if usager.phone in cancelled}
    receipts = Counter(one.recipient for one in evidence.outgoing if one.kind == "receipt")
    for address in emails | receipts.keys():
        if receipts[address] != (address in emails):
            yield f"{address} has {receipts[address]} receipts for {int(address in emails)} cancellations"
    for address in set(evidence.mailed) - emails:
        yield f"{address} got an e-mail and has cancelled nothing"


def _answers_in_order(evidence: Evidence) -> Iterator[str]:
    answered: dict[str, int] = {}
    for reply in sorted(evidence.outgoing, key=lambda row: row.id):
        if reply.in_reply_to is not None:
            if reply.in_reply_to < answered.get(reply.recipient, 0):
                yield f"reply {reply.id} answers message {reply.in_reply_to}, older than the one answered before"
            answered[reply.recipient] = reply.in_reply_to
    sent = {one.id: one for one in evidence.outgoing if one.channel == "sms"}
    last: dict[str, int] = {}
    for sms in evidence.taken:
        row = sent.get(sms.outgoing_id)
        if row is None or (row.sender, row.recipient, row.body) != (sms.sender, sms.recipient, sms.body):
            yield f"the gateway took an SMS as {sms.outgoing_id} which is not that message"
        elif sms.outgoing_id < last.get(sms.recipient, 0):
            yield f"the gateway took {sms.outgoing_id} after {last[sms.recipient]}, to the same phone"
        last[sms.recipient] = sms.outgoing_id


def _nothing_stuck(evidence: Evidence) -> Iterator[str]:
    for row in evidence.outgoing:
        if row.state != "sent":
            yield f"{row.channel} {row.kind} {row.id} is {row.state}"


def _everything_sent_was_taken(evidence: Evidence) -> Iterator[str]:
    taken, mailed = Counter(sms.outgoing_id for sms in evidence.taken), Counter(evidence.mailed)
    for row in evidence.outgoing:
        copies = taken[row.id] if row.channel == "sms" else mailed[row.recipient]
        if row.state == "sent" and not copies:
            yield f"{row.channel} {row.kind} {row.id} is sent, but nobody has taken it"


def _repeats_only_in_doubt(evidence: Evidence) -> Iterator[str]:
    taken, mailed = Counter(sms.outgoing_id for sms in evidence.taken), Counter(evidence.mailed)
    for row in evidence.outgoing:
        copies = taken[row.id] if row.channel == "sms" else mailed[row.recipient]
        doubts = evidence.doubts.get(row.id, 0) + (
            evidence.mail_doubts.get(row.recipient, 0) if row.channel == "email" else 0
        )
        if copies - 1 > doubts:
            yield f"{row.channel} {row.kind} {row.id} was taken {copies} times, with {doubts} doubts"
        if copies - 1 > row.repeats:
            yield f"{row.channel} {row.kind} {row.id} was taken {copies} times, with {row.repeats} repeats counted"
        if row.repeats > MOST_REPEATS:
            yield f"{row.channel} {row.kind} {row.id} was repeated {row.repeats} times"
