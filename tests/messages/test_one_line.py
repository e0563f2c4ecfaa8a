from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.fitting import one_line
from tests.lines import every_line


@every_line(
    ("written", "told"),
    [
        ("Mairie de Lyon", "Mairie de Lyon"),
        ("  Mairie   de Lyon ", "Mairie de Lyon"),
        ("1 place de la Comédie\r\n69001\tLyon", "1 place de la Comédie 69001 Lyon"),
        ("Mairie\r\nBcc: tous@example.org", "Mairie Bcc: tous@example.org"),
        ("\x00M\x1bairie\x85\u2028de\u2029Lyon\ud800", "M airie de Lyon"),
        ("\u202eeiriaM\u202c", "eiriaM"),
        ("Maison 👩‍👩‍👧", "Maison 👩‍👩‍👧"),
        ("", ""),
    ],
)
def test_one_line(written: str, told: str) -> None:
    assert one_line(written) == told


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_whatever_is_written_is_one_line_that_can_be_encoded(written: str) -> None:
    told = one_line(written)
    assert len(told.splitlines()) <= 1
    assert told.encode().decode() == told
    assert one_line(told) == told
