"""The descriptions of gateways that come with smsbot, one file for each provider.

`provider = "smsfactor"` in a table `[gateways.…]` fills in the description. Keys of the operator replace single keys of
the description: the names of the environment variables, our number, another address.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from pydantic_core import PydanticCustomError

from smsbot.policy.values import did_you_mean

_FOLDER = "ready_made"
_INSTEAD = {
    "recipient": "our_number",
    "our_number": "recipient",
    "form": "json",
    "json": "form",
}
"""Keys that exclude each other: the operator's key replaces the other one in the description."""


@cache
def provider_names() -> tuple[str, ...]:
    """The providers that have a description here, in alphabetical order."""
    files = (resources.files("smsbot.policy") / _FOLDER).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def provider_text(name: str) -> str:
    """The description of one of `provider_names`, as TOML with its comments."""
    return (resources.files("smsbot.policy") / _FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def with_provider(table: Any) -> Any:
    """A table `[gateways.…]` with the description of its provider filled in; unchanged if it names no provider.

    Raises `PydanticCustomError` if the provider is not known.
    """
    if not isinstance(table, dict) or not isinstance(name := table.get("provider"), str):
        return table
    known = provider_names()
    if name not in known:
        guess = did_you_mean(name, known) or f"; known are {', '.join(known)}"
        raise PydanticCustomError(
            "wrong", "{sentence}", {"sentence": f'names the provider "{name}", which is not known{guess}'}
        )
    return _merged(tomllib.loads(provider_text(name)), table)


def _merged(description: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in description.items() if _INSTEAD.get(key) not in own or key in own}
    for key, value in own.items():
        inner = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        merged[key] = _merged(inner, value) if both and isinstance(inner, Mapping) else value
    return merged
