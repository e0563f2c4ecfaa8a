"""Who lives and works in the town of the demo and of the pictures.

Nobody here exists. The names are examples, the numbers are in the ranges that Arcep reserves for fiction (decision
2018-0881), the addresses are in example.org (RFC 2606).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Townsperson:
    """An usager; None means that they have no number or no address."""

    first_name: str
    last_name: str
    phone: str | None
    email: str | None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


def _person(first_name: str, last_name: str, line: int, *, email: str | None = None) -> Townsperson:
    return Townsperson(first_name, last_name, f"+336399812{line:02}", email and f"{email}@example.org")


SOPHIE = _person("Sophie", "Dupont", 1, email="sophie.dupont")
LEA = _person("Léa", "Martin", 2)
JEAN = _person("Jean", "De La Fontaine", 3, email="jean.delafontaine")
EDWIGE = _person("Edwige", "Xi", 4, email="edwige.xi")
PAUL = _person("Paul", "Robert", 5, email="paul.robert")
KARIM = _person("Karim", "Benali", 6, email="karim.benali")
INES = _person("Inès", "Moreau", 7, email="ines.moreau")
THOMAS = _person("Thomas", "Richard", 8)
CAMILLE = _person("Camille", "Durand", 9)
ZOE = Townsperson("Zoé", "Lambert", None, "zoe.lambert@example.org")
ANNE = _person("Anne", "Roux", 10, email="anne.roux")
LOUISE = Townsperson("Louise", "Girard", "+33465710031", None)  # a landline
HUGO = _person("Hugo", "Petit", 11)
LUCIE = _person("Lucie", "Bernard", 12)
NORA = _person("Nora", "Leroy", 13)
OSCAR = _person("Oscar", "Blanc", 14)

EVERYBODY = (SOPHIE, LEA, JEAN, EDWIGE, PAUL, KARIM, INES, THOMAS, CAMILLE, ZOE, ANNE, LOUISE, HUGO, LUCIE, NORA, OSCAR)

NADIA, CLAIRE = "nadia@example.org", "claire@example.org"
"""The agents: Nadia is at the desk, and Claire manages the accounts as well."""
