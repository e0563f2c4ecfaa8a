from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.fitting import Piece, Yielding, fit, pieces, shorten, shortened, shortened_last, told_name
from smsbot.messages.gsm7 import BASIC, EXTENSION, septets
from tests.lines import every_line


@every_line(
    ("name", "most", "short"),
    [
        ("Mairie de Lyon", 14, "Mairie de Lyon"),
        ("Mairie de Lyon", 13, "Mairie de Ly."),
        ("Mairie de Lyon", 12, "Mairie.."),
        ("Mairie de Lyon", 8, "Mairie.."),
        ("Mairie de Lyon", 7, "Mairie."),
        ("Mairie de Lyon", 6, "Mairi."),
        ("Centre communal d'action sociale", 30, "Centre communal d'action.."),
        ("Centre communal d'action sociale", 20, "Centre communal.."),
        ("Maison du Rhône de Villeurbanne - Antenne des Brosses", 40, "Maison du Rhône de Villeurbanne.."),
        ("Villeneuve-Saint-Georges", 20, "Villeneuve.."),
        ("Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson", 30, "Saint-Remy-en-Bouzemont.."),
        ("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", 20, "Llanfairpwllgwyngyl."),
        ("Mairie, 1er étage", 12, "Mairie.."),
        ("[[[[[[[[", 9, "[[[[."),
    ],
)
def test_shortening_ends_at_a_word_where_it_can(name: str, most: int, short: str) -> None:
    assert shorten(name, most) == short


@given(st.text(alphabet=BASIC + EXTENSION), st.integers(2, 200))
def test_a_shortened_name_fits_and_begins_like_the_name(name: str, most: int) -> None:
    short = shorten(name, most)
    assert septets(short) <= most
    assert name.startswith(short.removesuffix("..").removesuffix(".")) or short == name


@every_line(
    ("name", "told"),
    [
        ("Maison des lettres", "Maison des lettr."),
        ("BELLES-LETTRES", "BELLES-LETTR."),
        ("CENTRE LOUIS PIGNON", "CENTRE Louis Pignon"),
        ("VERNON", "Vernon"),
        ("OUI-NON", "Oui-Non"),
        ("MAÇONNONS", "Maconnons"),  # GSM-7 has Ç, but not ç
        ("Espace Léon Blum", "Espace Léon Blum"),
        ("  Mairie\r\nde\tLyon\u2028 ", "Mairie de Lyon"),
        ("\x02\x03\x1b", ""),
    ],
)
def test_a_name_never_looks_like_a_question(name: str, told: str) -> None:
    assert told_name(name) == told


def test_the_filters_mark_what_pieces_reads() -> None:
    rendered = "RDV" + shortened("Forêt", " (", ")") + " : " + shortened_last("Avis …") + shortened(None, "a", "b")
    assert list(pieces(rendered)) == [
        Piece("RDV"),
        Piece("Foret", Yielding.NAMES, " (", ")"),
        Piece(" : "),
        Piece("Avis ...", Yielding.WARNINGS),
        Piece(""),
        Piece("", Yielding.NAMES, "a", "b"),
        Piece(""),
    ]


def test_nothing_gives_way_when_all_fits() -> None:
    parts = [Piece("RDV à "), Piece("Lyon", Yielding.NAMES)]
    assert fit(parts, 10) == "RDV à Lyon"


def test_the_longest_name_gives_way_first() -> None:
    parts = [
        Piece("Mairie", Yielding.NAMES),
        Piece(" - "),
        Piece("Permanence de l'écrivain public", Yielding.NAMES),
    ]
    assert fit(parts, 29) == "Mairie - Permanence.."


def test_names_of_one_length_give_alike() -> None:
    parts = [Piece("abcdefghijklmnop", Yielding.NAMES), Piece("-"), Piece("qrstuvwxyzabcdef", Yielding.NAMES)]
    assert fit(parts, 21) == "abcdefghi.-qrstuvwxy."


def test_a_warning_gives_way_after_every_name() -> None:
    parts = [
        Piece("Mairie de Lyon", Yielding.NAMES, before=" (", after=")"),
        Piece(". "),
        Piece("Vos droits peuvent être suspendus", Yielding.WARNINGS),
    ]
    assert fit(parts, 46) == " (Mairie..). Vos droits peuvent être suspendus"
    assert fit(parts, 36) == ". Vos droits peuvent être suspendus"
    assert fit(parts, 30) == ". Vos droits peuvent être.."


def test_a_name_that_would_tell_nothing_goes_with_its_brackets_or_for_what_stands_for_it() -> None:
    parts = [
        Piece("RDV-long-nom", Yielding.NAMES, instead="RDV"),
        Piece(" lundi"),
        Piece("Mairie de Lyon", Yielding.NAMES, before=" (", after=")"),
    ]
    assert fit(parts, 12) == "RDV lundi"


def test_no_name_is_cut_below_the_least_asked_for_and_none_gives_what_is_kept_to_the_letter() -> None:
    parts = [Piece("x" * 20), Piece("Centre communal d'action sociale", Yielding.NAMES)]
    assert fit(parts, 44, least=24) is not None
    assert fit(parts, 36, least=24) is None
    assert fit([Piece("x" * 161)], 160) is None


@given(
    st.lists(st.tuples(st.text(alphabet=BASIC + EXTENSION), st.sampled_from(Yielding), st.booleans()), max_size=6),
    st.integers(0, 200),
)
def test_what_is_kept_to_the_letter_is_kept_and_the_rest_fits(
    drawn: list[tuple[str, Yielding, bool]], most: int
) -> None:
    parts = [
        Piece(text, kind, before=" (" if bracketed else "", after=")" if bracketed else "")
        for text, kind, bracketed in drawn
    ]
    kept = "".join(str(part) for part in parts if part.yielding is Yielding.NEVER)
    fitted = fit(parts, most)
    if fitted is None:
        assert septets(kept) > most
    else:
        assert septets(fitted) <= most
        remaining = iter(fitted)
        assert all(character in remaining for character in kept)  # in order
