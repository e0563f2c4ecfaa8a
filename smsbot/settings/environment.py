"""Reads settings from the environment and from `.env`, and says in one sentence what is wrong with them.

The environment takes precedence over the file. An empty value counts as missing.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, create_model
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from smsbot.problem import Problem

PREFIX = "SMSBOT_"
ENV_FILE = ".env"
_WHERE = "set it in the environment or in .env"
_RENAMED_TO = "renamed_to"


class SettingsProblem(Problem):
    """A setting is missing or wrong. The sentence is for the person who starts smsbot."""


class EnvironmentSettings(BaseSettings):
    """The base of all classes of settings. Read them with `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    @classmethod
    def load(cls, **values: Any) -> Self:
        """The settings. `values` come first, then the environment, then `.env`, then the defaults.

        Raises `SettingsProblem` with a sentence for each problem.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingsProblem(*_sentences(cls, error.errors())) from None
        except UnicodeDecodeError:
            raise SettingsProblem(".env is not UTF-8 text: save it as UTF-8") from None

    @classmethod
    def exactly(cls, **values: Any) -> Self:
        """The settings from `values` and the defaults only, without the environment and `.env`.

        It is for the demo and for tests.
        """
        return cls.load(_build_sources=((InitSettingsSource(cls, init_kwargs=values),), values))


def written_names() -> frozenset[str]:
    """The names of all variables in the environment and in `.env`, in capitals, whether they are ours or not."""
    try:
        in_file = dotenv_values(ENV_FILE, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        in_file = {}
    return frozenset(name.upper() for name in (*os.environ, *in_file))


def secret_from(variable: str) -> SecretStr:
    """The secret in a variable that `smsbot.toml` names (`secret_env`), from the environment or `.env`.

    Raises `SettingsProblem` if it is missing.
    """
    fields: dict[str, Any] = {"secret": (SecretStr | None, Field(default=None, validation_alias=variable))}
    reader = create_model("Secret", __base__=EnvironmentSettings, **fields)
    secret: SecretStr | None = reader().secret  # type: ignore[attr-defined] # the field made just above
    if secret is None or not secret.get_secret_value().strip():
        raise SettingsProblem(f"{variable} is missing, though smsbot.toml names it: {_WHERE}")
    return secret


def _refused_old_name(value: str | None) -> None:
    if value is not None:
        raise PydanticCustomError("renamed", "has another name now")


OldName = Annotated[str | None, AfterValidator(_refused_old_name)]
"""A setting that now has another name. If the old name is used, the error says the new one."""


def renamed_to(field: str) -> Any:
    """The default of an `OldName`. `field` is the new name of the setting."""
    return Field(default=None, repr=False, json_schema_extra={_RENAMED_TO: field})


def _sentences(settings: type[EnvironmentSettings], errors: list[ErrorDetails]) -> list[str]:
    """One sentence for each problem. If a setting has its old name, only the sentence about the name."""
    by_field = {str(error["loc"][0]): error["type"] for error in errors}
    new_names = {field: _new_name(settings, field) for field in by_field}
    for new in new_names.values():
        by_field.pop(new or "", None)
    return [_sentence(settings, field, problem, new_names[field]) for field, problem in by_field.items()]


def _new_name(settings: type[EnvironmentSettings], field: str) -> str | None:
    extra = settings.model_fields[field].json_schema_extra
    return str(extra[_RENAMED_TO]) if isinstance(extra, dict) else None


def _sentence(settings: type[EnvironmentSettings], field: str, problem: str, new_name: str | None) -> str:
    variable = PREFIX + field.upper()
    if new_name is not None:
        return f"{variable} is called {PREFIX + new_name.upper()} now: rename it in the environment or in .env"
    said = "is missing" if problem == "missing" else "is wrong"
    return f"{variable} {said}: it should be {settings.model_fields[field].description}; {_WHERE}"


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("blank")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_not_blank)]
"""A secret. It must not be blank, because a blank one can be guessed."""


def beside(value: SecretStr | None, info: ValidationInfo, *needed_by: str) -> SecretStr | None:
    """Check that this secret is set exactly if a setting that needs it is set; `needed_by` are fields above it.

    Returns the value. If a field of `needed_by` is wrong, it has its own sentence, and nothing is checked here.
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
    """The parts of an address with a host and one of these schemes. Raises ValueError if it is not such an address."""
    url = urlsplit(value)
    if url.scheme not in schemes or not url.hostname or not value.isprintable() or " " in value:
        raise ValueError("no such address")
    _ = url.port  # raises ValueError if the port is not a number
    return url
