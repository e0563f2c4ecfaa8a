from __future__ import annotations

import pytest

from smsbot.conversation.states import Event, Reply
from smsbot.conversation.table import TABLE
from smsbot.figures.comprehension import OF_REPLY, OF_SILENCE, Comprehension, comprehension_of, is_stop


def test_every_reply_and_every_silence_is_told() -> None:
    silences = {event for moves in TABLE.values() for event, move in moves.items() if move.says is None}
    assert set(OF_REPLY) == set(Reply)
    assert set(OF_SILENCE) == silences


@pytest.mark.parametrize(
    ("outcome", "reason", "how"),
    [
        ("cancelled", None, Comprehension.UNDERSTOOD),
        ("confirm_again", None, Comprehension.NOT_UNDERSTOOD),
        ("no_appointment", None, Comprehension.NOT_READ),
        ("silence", Event.THANKS.value, Comprehension.UNDERSTOOD),
        ("silence", Event.OTHER_WORDS_AGAIN.value, Comprehension.NOT_UNDERSTOOD),
        ("silence", "no coming appointment, and a country that gets no text", Comprehension.NOT_READ),
        ("a reply of another version", None, Comprehension.NOT_READ),
    ],
)
def test_how_a_message_fared(outcome: str, reason: str | None, how: Comprehension) -> None:
    assert comprehension_of(outcome, reason) is how


def test_what_is_a_stop() -> None:
    assert is_stop("stopped", None)
    assert is_stop("silence", Event.GATEWAY_STOP.value)
    assert not is_stop("silence", Event.STOP_QUIETLY.value)
    assert not is_stop("cancelled", None)
