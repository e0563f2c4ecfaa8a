"""The address for the statuses of a message names the message, and nobody else can make such an address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.authentication import StatusAddress, status_key
from tests.lines import every_line

SECRET = "a secret key for tests, of 32 bytes or more"
ADDRESS = StatusAddress(status_key(SECRET, "agregat"))


@given(st.integers(0, 10**18 - 1))
def test_what_was_made_is_read(outgoing_id: int) -> None:
    assert ADDRESS.outgoing_id(ADDRESS.parameters(outgoing_id)) == outgoing_id


@given(st.dictionaries(st.sampled_from(["message", "tag", "other"]), st.text(max_size=24)))
def test_anything_else_names_no_message(query: dict[str, str]) -> None:
    assert ADDRESS.outgoing_id(query) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_tag_is_for_one_message(one: int, other: int) -> None:
    moved = ADDRESS.parameters(one) | {"message": str(other)}
    assert ADDRESS.outgoing_id(moved) == (one if one == other else None)


@every_line("written", [" 42", "+42", "42\n", "٤٢", "4" * 19, "-42", "42.0", "", "43"])
def test_an_id_that_we_do_not_write_is_none(written: str) -> None:
    assert ADDRESS.outgoing_id(ADDRESS.parameters(42) | {"message": written}) is None


@every_line(("secret", "gateway"), [(SECRET, "other"), ("another secret of 32 bytes or more", "agregat")])
def test_a_tag_is_for_one_gateway_of_one_installation(secret: str, gateway: str) -> None:
    foreign = StatusAddress(status_key(secret, gateway))
    assert ADDRESS.outgoing_id(foreign.parameters(42)) is None


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(ADDRESS)
