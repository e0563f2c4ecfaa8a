"""Texts from outside are cleaned before they are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.sources import texts
from tests.lines import every_line


@every_line(
    ("raw", "expected"),
    [
        ("  Léa  ", "Léa"),
        ("Jean\u00a0Pierre", "Jean Pierre"),
        ("Du\x00pont", "Dupont"),
        ("Dupont\r\nBcc: x@y.fr", "Dupont Bcc: x@y.fr"),
        ("\u202eDupont\u202c", "Dupont"),
        ("Du\ud800pont", "Dupont"),
        ("", None),
        (" \t\n", None),
        ("\x00", None),
        (None, None),
        (12, None),
        (["Dupont"], None),
    ],
)
def test_a_line_is_trimmed_and_plain(raw: object, expected: str | None) -> None:
    assert texts.line(raw) == expected


@given(st.text(alphabet=st.characters(), max_size=2000), st.integers(1, 400))
def test_a_line_can_always_be_stored(raw: str, longest: int) -> None:
    line = texts.line(raw, longest)
    if line is not None:
        assert 0 < len(line) <= longest
        assert line == line.strip()
        assert "\x00" not in line
        assert "\n" not in line
        line.encode()  # no lone surrogates


@every_line(
    ("raw", "expected"),
    [
        (12, "12"),
        ("12", "12"),
        (" a-1 ", "a-1"),
        (0, "0"),
        (True, None),
        (None, None),
        (1.5, None),
        ("", None),
        ({}, None),
        ("x" * 120, "x" * 120),
        ("x" * 121, None),
        (10**400, None),
    ],
)
def test_an_identifier_is_whole_or_none(raw: object, expected: str | None) -> None:
    assert texts.identifier(raw) == expected


@every_line(
    ("raw", "expected"),
    [
        ("lea@exemple.fr", "lea@exemple.fr"),
        (" Lea.O'Neil+rdv@sous.exemple.fr ", "Lea.O'Neil+rdv@sous.exemple.fr"),
        ("lea@exemple", None),
        ("lea", None),
        ("lea@exemple.fr, x@y.fr", None),
        ("lea@exemple.fr\nBcc: x@y.fr", None),
        ("<lea@exemple.fr>", None),
        ("a" * 250 + "@b.fr", None),
        ("lea@élan.fr", "lea@élan.fr"),
        ("zoé@exemple.fr", "zoé@exemple.fr"),
        ("a@é..fr", None),
        ("a@=?utf-8?q?evil.fr?=", None),
        ("=?utf-8?q?a?=@evil.fr", None),
        ("=?utf-8?q?a=40evil.fr?=@exemple.fr", None),
        ("a@-exemple.fr", None),
        ("a@exemple_.fr", None),
        ("a@xn--zz.fr", None),
        ("a@1.2.3.4", None),
        ("a@[127.0.0.1]", None),
        ("a@☃.fr", None),
        ("a@localhost", None),
        ("a@exemple.invalid", None),
        ("a..b@exemple.fr", None),
        (".a@exemple.fr", None),
        ('"a b"@exemple.fr', None),
        ("a@exemple.fr.", None),
        ("a" * 65 + "@exemple.fr", None),
        ("a@" + "b" * 64 + ".fr", None),
        ("user_12@deleted.rdv-solidarites.fr", None),
        (None, None),
        (3, None),
    ],
)
def test_an_email_is_one_address_or_none(raw: object, expected: str | None) -> None:
    assert texts.email(raw) == expected
