"""The numbers and addresses by which a person is found, as people write them."""

from __future__ import annotations

import pytest

from smsbot.retention.person import ContactAddress, NotAContact


@pytest.mark.parametrize(
    ("written", "contact"),
    [
        ("06 12 34 56 78", ContactAddress(phone="+33612345678")),
        ("+33 6 12 34 56 78", ContactAddress(phone="+33612345678")),
        ("0692 12 34 56", ContactAddress(phone="+262692123456")),
        ("Sophie@Exemple.FR", ContactAddress(email="sophie@exemple.fr")),
    ],
)
def test_numbers_and_addresses_are_read_as_people_write_them(written: str, contact: ContactAddress) -> None:
    assert ContactAddress.read(written) == contact
    assert str(contact) in (contact.phone, contact.email)


@pytest.mark.parametrize("written", ["", "Dupont", "1234", "sophie@", "rdv-12", "+"])
def test_anything_else_is_one_clear_sentence(written: str) -> None:
    with pytest.raises(NotAContact, match="neither a telephone number"):
        ContactAddress.read(written)
