"""What several classes of settings check."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("blank")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
"""A secret. It must not be blank, because everybody could guess that."""


def beside(value: SecretStr | None, info: ValidationInfo, *needed_by: str) -> SecretStr | None:
    """Check that this secret comes together with a setting that needs it; `needed_by` are fields above it.

    Returns the value. A `needed_by` that is wrong has its own sentence: then nothing is checked.
    """
    if not all(name in info.data for name in needed_by):
        return value
    needed = any(info.data[name] is not None for name in needed_by)
    if needed and value is None:
        raise PydanticCustomError("missing", "is missing")
    if value is not None and not needed:
        raise ValueError("belongs to nothing")
    return value


def url_parts(value: str, *, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an address with one of these schemes, with a host. Raises ValueError where it is no such address."""
    url = urlsplit(value)
    if url.scheme not in schemes or not url.hostname or not value.isprintable() or " " in value:
        raise ValueError("no such address")
    _ = url.port  # raises ValueError where the port is none
    return url
