"""First names are told as they are, unless a mail program or a telephone would turn them into a link."""

from __future__ import annotations

from smsbot.messages.fitting import told_first_name
from tests.lines import every_line


@every_line(
    "name",
    [
        "Sophie",
        "Jean-Pierre",
        "J.-P.",
        "J. P.",
        "J.P.",
        "M. Paul",
        "Marie Ange",
        "N’Golo",
        "Zoé",
        "Łucja",
        "محمد",
        "Ste",
    ],
)
def test_names_are_told(name: str) -> None:
    assert told_first_name(name) == name


def test_a_name_is_told_on_one_line() -> None:
    assert told_first_name(" Marie\r\n Ange\u202e ") == "Marie Ange"


@every_line(
    "name",
    [
        "www.evil.fr",
        "WWW evil fr",
        "http://evil.fr",
        "https:evil",
        "hxxp://evil",
        "evil.com",
        "Sophie evil.com",
        "Evil.Com/x",
        "t.co",
        "evil．com",
        "evil。com",
        "evil .com",
        "1.2.3.4",
        "sophie@evil.fr",
        "//evil",
        "éclair.fr",
    ],
)
def test_an_address_is_left_out(name: str) -> None:
    assert told_first_name(name) is None


@every_line("name", [None, "", " ", "\x00"])
def test_nothing_is_none(name: str | None) -> None:
    assert told_first_name(name) is None
