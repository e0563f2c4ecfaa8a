"""Values that are made often are made in a cheaper way, and are equal to ordinary ones."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from smsbot.made_often import made_often


@dataclass(frozen=True, slots=True)
class _AsUsual:
    name: str
    sizes: tuple[int, ...] = ()
    beside: _AsUsual | None = None


@made_often
@dataclass(frozen=True, slots=True)
class _Quick:
    name: str
    sizes: tuple[int, ...] = ()
    beside: _Quick | None = None


def test_it_is_frozen_once_it_is_made() -> None:
    value = _Quick("a", (1, 2))
    with pytest.raises(FrozenInstanceError):
        value.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del value.name
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        value.other = 1  # type: ignore[attr-defined]
    assert type(value) is _Quick
    assert not hasattr(value, "__dict__")
    assert value.name == "a"


def test_in_all_else_it_is_what_dataclass_makes() -> None:
    value, usual = _Quick("a", sizes=(1,)), _AsUsual("a", sizes=(1,))
    assert value == _Quick("a", (1,))
    assert value != _Quick("a")
    assert hash(value) == hash(usual)
    assert repr(value) == repr(usual).replace("_AsUsual", "_Quick")
    assert replace(value, name="b", beside=value) == _Quick("b", (1,), value)
    assert asdict(value) == asdict(usual)
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert inspect.signature(_Quick).parameters.keys() == inspect.signature(_AsUsual).parameters.keys()
    match value:
        case _Quick(name, (size,)):
            assert (name, size) == ("a", 1)
        case _:
            pytest.fail("it does not match")


def test_one_with_a_base_class_has_the_fields_of_both() -> None:
    @made_often
    @dataclass(frozen=True, slots=True)
    class Within(_Quick):
        colour: str = "red"

    @made_often
    @dataclass(frozen=True, slots=True)
    class OfUsual(_AsUsual):
        colour: str = "red"

    for kind in (Within, OfUsual):
        value = kind("a", (1,), colour="blue")
        assert type(value) is kind
        assert (value.name, value.sizes, value.beside, value.colour) == ("a", (1,), None, "blue")
        assert value == kind("a", (1,), None, "blue") != kind("a", (1,))
        with pytest.raises(FrozenInstanceError):
            value.colour = "red"  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            value.name = "b"  # type: ignore[misc]


def test_it_wants_the_same_arguments() -> None:
    with pytest.raises(TypeError, match="name"):
        _Quick()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nmae"):
        _Quick(nmae="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="arguments"):
        _Quick("a", (), None, "too many")  # type: ignore[call-arg]


def test_what_needs_the_usual_way_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Anew:
        names: list[str] = field(default_factory=list)

    @dataclass(frozen=True)
    class WithoutSlots:
        size: int

    @dataclass(frozen=True, slots=True)
    class Checked:
        size: int

        def __post_init__(self) -> None: ...

    for one in (Anew, WithoutSlots, Checked):
        with pytest.raises(TypeError, match=one.__name__):
            made_often(one)
