"""The alphabet of 3GPP TS 23.038 and the counting of segments."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.gsm7 import (
    BASIC,
    EXTENSION,
    capacity,
    is_gsm7,
    length,
    segments,
    septets,
    to_gsm7,
    whole_sms,
)
from tests.lines import every_line


def test_the_alphabet_is_that_of_the_standard() -> None:
    # TS 23.038, 6.2.1: 128 code points, without ESC (0x1B). Code points after ESC are one place lower in our list.
    assert len(set(BASIC)) == len(BASIC) == 127
    numbers = {0x00: "@", 0x09: "Ç", 0x0A: "\n", 0x0D: "\r", 0x10: "Δ", 0x1A: "Ξ", 0x41: "A", 0x5F: "§", 0x7F: "à"}
    for number, character in numbers.items():
        assert BASIC[number - (number > 0x1B)] == character
    assert set(EXTENSION) == set("\f^{}\\[~]|€")


@every_line(
    ("written", "sent"),
    [
        # letters of the alphabet stay
        ("éèàùìòÇÄÖÑÜäöñüÉåÅæÆøØß", "éèàùìòÇÄÖÑÜäöñüÉåÅæÆøØß"),
        ("12 € [a] {b} c\\d ^~|", "12 € [a] {b} c\\d ^~|"),
        ("deux\nlignes", "deux\nlignes"),
        ("deux\r\nlignes\rou\u2028trois", "deux\nlignes\nou\ntrois"),
        # French
        ("Forêt, dîner, août, hôte, Noël, naïf, reçu, À Ê Ç", "Foret, diner, aout, hote, Noel, naif, recu, A E Ç"),
        ("l’œuvre d’Œdipe, L’Haÿ-les-Roses", "l'oeuvre d'OEdipe, L'Hay-les-Roses"),
        ("« Maison » «\u00a0France\u202fservices\u202f» “oui” ‘non’", '"Maison" "France services" "oui" \'non\''),
        ("9h – 12h — puis… n° 5", "9h - 12h - puis... no 5"),
        ("10\u00a0000\u202f€", "10 000 €"),
        # letters written with combining marks, full width, ligatures and styles
        ("Cafe\u0301 Ho\u0302tel A\u030angstro\u0308m", "Café Hotel Ångström"),
        ("ＤＵＰ ﬁn 𝐃𝐔𝐏 ½", "DUP fin DUP 1/2"),
        # Polish, Turkish, Czech, Vietnamese, Icelandic, Croatian, Breton, Tahitian, Ewe
        ("Łódź Śląsk Żółć", "Lodz Slask Zolc"),
        ("Yıldırım Şişli İzmir Ğ", "Yildirim Sisli Izmir G"),
        ("Dvořák, Ďábel", "Dvorak, Dabel"),
        ("Nguyễn Thị Đỗ", "Nguyen Thi Do"),
        ("Þór Guðmundsson", "THor Gudmundsson"),
        ("Đorđević ǆ", "Dordevic dz"),
        ("Fañch Kerc’hoad", "Fañch Kerc'hoad"),
        ("Faʻa’ā, Māʻohi, Ꞌuturoa", "Fa'a'a, Ma'ohi, 'uturoa"),
        ("Kɔƒi Ɖɛ ŋutɔ", "Kofi De nuto"),
        # signs without a Latin equivalent are dropped
        ("OK 👍🏽🇫🇷 1️⃣", "OK  1"),
        ("Жанна محمد 北京", "  "),
        ("a\x00b\x1bc\u200bd\ud800e", "abcde"),
    ],
)
def test_what_is_written_in_the_alphabet(written: str, sent: str) -> None:
    assert to_gsm7(written) == sent


def test_no_character_leaves_the_alphabet_and_every_latin_letter_of_europe_stays_a_letter() -> None:
    assert all(is_gsm7(to_gsm7(chr(code_point))) for code_point in range(sys.maxunicode + 1))
    latin = [chr(code_point) for code_point in range(0xC0, 0x180) if chr(code_point).isalpha()]
    assert [letter for letter in latin if not to_gsm7(letter).strip("'").isalpha() and letter not in "ĿŀŉŒœ"] == []


@given(st.text())
def test_conversion_is_in_the_alphabet_and_changes_nothing_twice(text: str) -> None:
    converted = to_gsm7(text)
    assert is_gsm7(converted)
    assert to_gsm7(converted) == converted


@given(st.text(alphabet=BASIC.replace("\r", "").replace("`", "") + EXTENSION.replace("\f", "")))
def test_what_is_in_the_alphabet_is_kept(text: str) -> None:
    assert to_gsm7(text) == text


@every_line(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        # A joined segment holds 76 signs of two septets, and its last septet stays empty
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        # with one letter outside the alphabet, the whole text is UCS-2
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("ê" * 134, 2),
        ("ê" * 135, 3),
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        # a joined segment holds 33 signs of two units
        ("👍" * 66, 2),
        ("👍" * 67, 3),
    ],
)
def test_segments(text: str, expected: int) -> None:
    assert segments(text) == expected


def test_septets() -> None:
    assert septets("RDV à 14h30") == 11
    assert septets("5 €") == 4
    assert septets("[~]") == 6


@every_line(
    ("written", "sent"),
    [
        ("Ça va, Zoë ? Łódź 😅", "Ça va, Zoe ? Lodz "),
        ("Ωραία", "Ωραία"),  # some of its letters are in GSM-7
        ("ΑΒΓ".translate({0x391: "Γ", 0x392: "Δ"}), "ΓΔΓ"),
        ("مرحبا\r\nêtre\x07", "مرحبا\nêtre"),
        ("வணக்கம் 😅", "வணக்கம் 😅"),
        ("ﷺ", "ﷺ"),
        ("ˋˊ", ""),
    ],
)
def test_letters_of_other_scripts_are_kept_as_written(written: str, sent: str) -> None:
    assert whole_sms(written) == sent


@given(st.text(max_size=400), st.integers(1, 8))
def test_what_is_longer_than_some_segments_takes_more_of_them(text: str, count: int) -> None:
    assert segments(text) > count or length(text) <= capacity(text, count)
