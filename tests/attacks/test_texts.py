"""SMS that could take very long to read."""

from __future__ import annotations

import unicodedata
from contextlib import closing

import pytest
from sqlalchemy import func, select

from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages
from tests.attacks.conftest import PHONE
from tests.attacks.form import TIMES, chance
from tests.walks.running import Service

PIECES = (
    "oui",
    "non",
    "mais",
    "annuler",
    "pas",
    "stop",
    "lundi",
    "14h30",
    "👍",
    "…",
    "?",
    "«",
    "\n",
    "de la",
    "㎚",
    "ﷺ",
)
KNOWN = {
    "grows when normalised": "㎚" * 490,
    "grows eighteenfold": "ﷺ" * 640,
    "oui mais oui mais": "oui mais " * 71,
    "one word": "a" * 640,
    "one word of marks": "e" + "\u0301" * 639,
    "letters apart": "a " * 320,
    "letters apart, with dots": "a." * 320,
    "no break spaces": "\u00a0" * 640,
    "invisible": "\u200b" * 640,
    "thumbs and a day": "👍" * 30 + " lundi",
    "tags": "\U000e0061" * 320,
    "brackets": "«" * 320 + "»" * 320,
    "quotes in quotes": "> " * 320,
    "nothing": "",
    "a signature": "-- \n" * 160,
    "digits": "1" * 640,
    "comme": "d comme denis " * 45,
    "surname in pieces": "de la " * 106,
    "newlines": "\n" * 640,
    "right to left": "\u202e" + "ilun" * 150,
}


def recorded(target: Service) -> int:
    with closing(Database(target.database_url)) as database:
        return database.read_now(lambda c: c.execute(select(func.count()).select_from(incoming_messages)).scalar_one())


@pytest.mark.parametrize("text", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("opening", ["", "annuler"], ids=["idle", "asked for the letters"])
def test_a_known_text_is_answered_200_and_recorded(target: Service, text: str, opening: str) -> None:
    if opening:
        target.sends(opening, PHONE)
    before = recorded(target)
    answer = target.sends(text, PHONE)
    assert (answer.status_code, recorded(target)) == (200, before + 1)


def test_texts_drawn_at_random_are_answered_200_and_recorded(target: Service) -> None:
    draw = chance("texts")
    signs = [chr(code) for code in range(1, 0x30000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    for _ in range(60 * TIMES):
        pieces = draw.choices(PIECES, k=draw.randint(0, 120)) + draw.choices(signs, k=draw.randint(0, 200))
        draw.shuffle(pieces)
        text = "".join(piece + draw.choice(("", " ")) for piece in pieces)[: draw.randint(0, 1600)]
        before = recorded(target)
        answer = target.sends(text, PHONE)
        assert (answer.status_code, recorded(target)) == (200, before + 1), repr(text)
