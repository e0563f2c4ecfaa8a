"""Objects made quickly from rows are those that their class makes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest

from smsbot.store.row_objects import quickly


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    age: int | None

    @property
    def told(self) -> str:
        return f"{self.name}, {self.age}"


@dataclass(frozen=True, slots=True)
class Employee(Person):
    office: str


@dataclass(frozen=True)
class WithoutSlots:
    name: str


@dataclass(frozen=True, slots=True)
class Checked:
    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("no name")


@pytest.mark.parametrize(("kind", "values"), [(Person, ("Ada", None)), (Employee, ("Ada", 36, "CCAS"))])
def test_it_is_the_object_that_the_class_makes(kind: type[Person], values: tuple[object, ...]) -> None:
    made, usual = quickly(kind)(*values), kind(*values)  # type: ignore[arg-type]
    assert type(made) is kind
    assert (made, hash(made), repr(made), made.told) == (usual, hash(usual), repr(usual), usual.told)
    with pytest.raises(FrozenInstanceError):
        made.name = "Bob"  # type: ignore[misc]


def test_values_must_be_as_many_as_fields() -> None:
    with pytest.raises(TypeError):
        quickly(Employee)("Ada", 36)


@pytest.mark.parametrize("kind", [WithoutSlots, Checked])
def test_a_class_that_does_more_is_refused(kind: type[object]) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        quickly(kind)
