"""Tests `promises.py`: each false entry in the records of one conversation is found, with the promise that it
breaks.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.crash.peers import TakenSms
from tests.crash.promises import TOLD_OF_EACH, Evidence, Incoming, Outgoing, Participation, broken
from tests.crash.usagers import Usager

OURS = "+33937000000"
USAGER = Usager(12345678, "Dubreuil", cancels=True, hurried=True, mistaken=False, has_ended=True)
KEEPER = Usager(87654321, "Zoungrana", cancels=False, hurried=False, mistaken=False, has_ended=True)

CONFIRM = Outgoing(1, "sms", "reply", OURS, USAGER.phone, "OUI ou NON ?", "sent", 0, in_reply_to=1)
DONE = Outgoing(2, "sms", "reply", OURS, USAGER.phone, "C'est annulé", "sent", 0, in_reply_to=2)
RECEIPT = Outgoing(3, "email", "receipt", "rdv@example.org", USAGER.email, "…", "sent", 0, in_reply_to=None)
TAKEN = [TakenSms(row.id, row.sender, row.recipient, row.body) for row in (CONFIRM, DONE)]

WHOLE = Evidence(
    usagers=[USAGER, KEEPER],
    answers={"SM1": 200, "SM2": 200, "SM3": 200},
    taken=TAKEN,
    mailed=[USAGER.email],
    incoming=[
        Incoming(1, "SM1", USAGER.phone, "confirm"),
        Incoming(2, "SM2", USAGER.phone, "cancelled"),
        Incoming(3, "SM3", USAGER.phone, "silence"),
    ],
    outgoing=[CONFIRM, DONE, RECEIPT],
    participations=[Participation(USAGER.phone, "excused", 1), Participation(KEEPER.phone, "unknown", 0)],
)


def test_what_is_whole_is_whole() -> None:
    assert broken(WHOLE) == []


def test_repeats_where_there_was_doubt_are_no_breach() -> None:
    twice = replace(
        WHOLE,
        taken=[TAKEN[0], TAKEN[0], TAKEN[1]],
        mailed=[USAGER.email] * 2,
        outgoing=[replace(CONFIRM, repeats=1), DONE, replace(RECEIPT, repeats=1)],
        doubts={CONFIRM.id: 1},
        mail_doubts={USAGER.email: 1},
    )
    assert broken(twice) == []


@pytest.mark.parametrize(
    ("forged", "found"),
    [
        (replace(WHOLE, answers={**WHOLE.answers, "SM4": 200}), "message SM4, whose webhook was answered 200, has 0"),
        (replace(WHOLE, answers={**WHOLE.answers, "SM4": None}), "message SM4, whose webhook was answered None, has 0"),
        (replace(WHOLE, answers={"SM1": 200, "SM2": 200}), "message SM3 was never sent"),
        (
            replace(WHOLE, incoming=[*WHOLE.incoming, replace(WHOLE.incoming[0], id=9)]),
            "message SM1, whose webhook was answered 200, has 2",
        ),
        (replace(WHOLE, outgoing=[CONFIRM, RECEIPT], taken=TAKEN[:1]), "message SM2, outcome cancelled, has 0 replies"),
        (
            replace(WHOLE, outgoing=[*WHOLE.outgoing, replace(DONE, id=4, in_reply_to=3)]),
            "message SM3, outcome silence, has 1 replies",
        ),
        (
            replace(WHOLE, outgoing=[*WHOLE.outgoing, replace(DONE, id=4, in_reply_to=9)]),
            "a reply answers message 9, which is not there",
        ),
        (
            replace(WHOLE, usagers=[replace(USAGER, has_ended=False), KEEPER]),
            f"the conversation of {USAGER.phone} has not come to its end",
        ),
        (
            replace(WHOLE, participations=[Participation(USAGER.phone, "excused", 2), WHOLE.participations[1]]),
            "it is excused, cancelled 2 times",
        ),
        (
            replace(WHOLE, participations=[Participation(USAGER.phone, "unknown", 0), WHOLE.participations[1]]),
            "it is unknown, cancelled 0 times",
        ),
        (
            replace(WHOLE, participations=[WHOLE.participations[0], Participation(KEEPER.phone, "excused", 1)]),
            f"{KEEPER.phone} wants ('unknown', 0), but it is excused",
        ),
        (replace(WHOLE, participations=WHOLE.participations[:1]), f"{KEEPER.phone} has 0 participations"),
        (replace(WHOLE, outgoing=[CONFIRM, DONE]), f"{USAGER.email} has 0 receipts for 1 cancellations"),
        (
            replace(WHOLE, outgoing=[*WHOLE.outgoing, replace(RECEIPT, id=4)]),
            f"{USAGER.email} has 2 receipts for 1 cancellations",
        ),
        (
            replace(WHOLE, mailed=[USAGER.email, KEEPER.email]),
            f"{KEEPER.email} got an e-mail and has cancelled nothing",
        ),
        (replace(WHOLE, taken=TAKEN[::-1]), "the gateway took 1 after 2, to the same phone"),
        (
            replace(WHOLE, outgoing=[replace(CONFIRM, in_reply_to=2), replace(DONE, in_reply_to=1), RECEIPT]),
            "reply 2 answers message 1, older than the one answered before",
        ),
        (
            replace(WHOLE, taken=[*TAKEN, replace(TAKEN[0], outgoing_id=7)]),
            "an SMS as 7 which is not that message",
        ),
        (replace(WHOLE, taken=[TAKEN[0], replace(TAKEN[1], body="?")]), "an SMS as 2 which is not that message"),
        (replace(WHOLE, outgoing=[CONFIRM, replace(DONE, state="waiting"), RECEIPT]), "sms reply 2 is waiting"),
        (replace(WHOLE, outgoing=[CONFIRM, DONE, replace(RECEIPT, state="resting")]), "email receipt 3 is resting"),
        (replace(WHOLE, taken=TAKEN[:1]), "sms reply 2 is sent, but nobody has taken it"),
        (replace(WHOLE, mailed=[]), "email receipt 3 is sent, but nobody has taken it"),
        (replace(WHOLE, taken=[*TAKEN, TAKEN[1]], doubts={2: 1}), "was taken 2 times, with 0 repeats counted"),
        (
            replace(WHOLE, taken=[*TAKEN, TAKEN[1]], outgoing=[CONFIRM, replace(DONE, repeats=1), RECEIPT]),
            "sms reply 2 was taken 2 times, with 0 doubts",
        ),
        (replace(WHOLE, outgoing=[CONFIRM, DONE, replace(RECEIPT, repeats=6)]), "email receipt 3 was repeated 6 times"),
        (
            replace(WHOLE, mailed=[USAGER.email] * 2, outgoing=[CONFIRM, DONE, replace(RECEIPT, repeats=1)]),
            "email receipt 3 was taken 2 times, with 0 doubts",
        ),
    ],
)
def test_each_forgery_is_found(forged: Evidence, found: str) -> None:
    sentences = broken(forged)
    assert any(found in sentence for sentence in sentences), sentences


def test_many_breaches_of_one_kind_are_told_in_brief() -> None:
    sentences = broken(replace(WHOLE, answers={**WHOLE.answers, **{f"SM1{n}": 200 for n in range(20)}}))
    assert len(sentences) == TOLD_OF_EACH + 1
    assert sentences[-1] == "… and 15 more like these"
