"""The tokens of links and the proof of the letters: a signature for one of them is not valid for the other."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from smsbot.signing import LINK_TAG_BYTES, MOST_LINK_CHARACTERS, Links, Signer, derived_key
from smsbot.web.usager.link_pages import LIFETIME, Proofs
from tests.lines import every_line
from tests.web.usager_site import NOW, SECRET_KEY

LINKS = Links(SECRET_KEY, "https://rdv.example.fr")
PROOFS = Proofs(SECRET_KEY)
IDS = st.integers(min_value=1, max_value=2**63 - 1)


def _token(participation_id: int, links: Links = LINKS) -> str:
    return links.url_for(participation_id).rpartition("/")[2]


@given(IDS)
@example(2**63 - 1)
def test_a_link_leads_back_to_its_participation(participation_id: int) -> None:
    token = _token(participation_id)
    assert token.isascii()
    assert token.isalnum()
    assert len(token) <= MOST_LINK_CHARACTERS
    assert LINKS.participation_id_of(token) == participation_id


def test_links_that_were_sent_keep_working() -> None:
    """The tokens are written here, so that later versions still open the links in people's telephones."""
    assert LINKS.url_for(1234) == "https://rdv.example.fr/r/X5m718MFe05Qf9dLGV"
    assert LINKS.participation_id_of("X5m718MFe05Qf9dLGV") == 1234


def test_a_link_is_short_in_an_sms() -> None:
    assert len(_token(10_000_000)) <= 21
    assert LINK_TAG_BYTES * 8 >= 96


@given(st.text(max_size=40) | st.text("0123456789abcXYZ", max_size=40))
@example("")
@example("0")
@example("é")
@example("²")
@example("a" * 100_000)
def test_what_was_not_made_here_leads_nowhere(token: str) -> None:
    assert LINKS.participation_id_of(token) is None


@given(IDS, st.data())
def test_no_other_spelling_of_a_token_is_taken(participation_id: int, data: st.DataObject) -> None:
    token = _token(participation_id)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("0129AZaz").filter(lambda digit: digit != token[place]))
    for forged in (token[:place] + other + token[place + 1 :], f"0{token}", f"{token}0", token[1:], token.swapcase()):
        assert LINKS.participation_id_of(forged) in (None, participation_id if forged == token else None)


SIGNS = (
    ".",
    ")",
    ",",
    ";",
    "!",
    "'",
    '"',
    "»",
    "”",
    "’",
    "…",
    "/",
    "//",
    ").",
    "./",
    "\u00a0",
    "\u00a0»",
    "\ufffd",
    "_",
    "*",
)


@given(IDS, st.sampled_from(SIGNS) | st.text(st.characters(categories=("P", "S", "Z")), min_size=1, max_size=9))
@example(1234, ".Merci")
@example(1234, "\u00a0pour")
@example(1234, "%C2%A0")
@example(1234, " / Mairie du 1er")
@example(1234, "\u00a0/\u00a0Mairie")
@example(1234, "</a>")
def test_signs_behind_a_token_do_not_hide_it(participation_id: int, signs: str) -> None:
    token = _token(participation_id)
    assert LINKS.participation_id_before_signs(token + signs) == participation_id
    assert LINKS.participation_id_of(token + signs) is None


@given(IDS, st.sampled_from(SIGNS), st.data())
def test_signs_behind_a_token_excuse_no_mistake_in_it(participation_id: int, sign: str, data: st.DataObject) -> None:
    token = _token(participation_id)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("0129AZaz").filter(lambda digit: digit != token[place]))
    forged_ones = (token[:place] + other + token[place + 1 :], f"0{token}", f"{token}0", token[1:], f"{token}é")
    for forged in (*forged_ones, f".{token}", f"{token}/rdv", f"{token}./rdv"):
        assert LINKS.participation_id_before_signs(forged + sign) is None


def test_another_key_makes_other_links() -> None:
    others = Links("another secret of the tests, 32 bytes long", LINKS.public_url)
    assert others.participation_id_of(_token(7)) is None
    assert _token(7, others) != _token(7)


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert derived_key(SECRET_KEY, "link") != derived_key(SECRET_KEY, "proof of the letters")


def test_no_secret_is_shown_by_repr() -> None:
    assert SECRET_KEY not in f"{LINKS!r} {PROOFS!r}"


@given(IDS)
def test_a_proof_holds_for_its_participation_and_half_an_hour(participation_id: int) -> None:
    proof = PROOFS.proof(participation_id, NOW)
    assert PROOFS.holds(proof, participation_id, NOW + LIFETIME - timedelta(seconds=1))
    assert not PROOFS.holds(proof, participation_id, NOW + LIFETIME)
    assert not PROOFS.holds(proof, participation_id + 1, NOW)


@every_line("proof", ["", ".", "1.", "9999999999.", "9999999999.00", "²." + "0" * 64, "é.é", "9" * 5000, ".eJw.x"])
def test_what_was_not_signed_here_proves_nothing(proof: str) -> None:
    assert not PROOFS.holds(proof, 7, NOW)


def test_a_proof_cannot_be_made_to_last() -> None:
    content, _, signature = PROOFS.proof(7, NOW).rpartition(".")
    later, _, _ = PROOFS.proof(7, NOW + timedelta(hours=1)).rpartition(".")
    assert later != content
    assert not PROOFS.holds(f"{later}.{signature}", 7, NOW)
    assert not PROOFS.holds(f"{content}.{signature}", 7, NOW + LIFETIME)


def test_what_was_signed_for_another_purpose_or_with_another_key_proves_nothing() -> None:
    for secret_key, purpose in ((SECRET_KEY, "another purpose"), ("another secret key, also of 32 bytes", "proof")):
        signed = Signer(secret_key, purpose, LIFETIME).sign(7, NOW)
        assert Signer(secret_key, purpose, LIFETIME).read(signed, NOW) == 7
        assert not PROOFS.holds(signed, 7, NOW)
