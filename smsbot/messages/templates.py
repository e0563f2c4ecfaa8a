"""Finds the templates, and makes the one kind of jinja2 environment that SMS, e-mails and web pages use."""

from __future__ import annotations

import functools
from collections.abc import Callable, MutableMapping
from datetime import datetime
from pathlib import Path
from types import CodeType
from typing import Any, Protocol

import jinja2

from smsbot.instants import utc_now
from smsbot.messages import fitting, french_dates
from smsbot.messages.telephone import telephone_display

_PACKAGE = Path(__file__).resolve().parents[1]


class Dated(Protocol):
    """What the date filters need: an `AppointmentText` has it, and so have the values of web pages."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def at_home(self) -> bool: ...


def templates_directory() -> Path:
    """`smsbot/templates/` in an installed package, `templates/` at the root of a checkout.

    Raises `FileNotFoundError` if neither exists: the installation is incomplete.
    """
    for directory in (_PACKAGE / "templates", _PACKAGE.parent / "templates"):
        if (directory / "sms").is_dir():
            return directory
    raise FileNotFoundError(f"no templates beside {_PACKAGE}: install smsbot again")


class _CompiledOnce(jinja2.FileSystemLoader):
    """Compiles each template once for all environments of this process: the demo and the tests make many of them."""

    def __init__(self) -> None:
        super().__init__(templates_directory())
        self._names = super().list_templates()
        self._compiled: dict[str, CodeType] = {}  # by name; fits all environments, because all are made below

    def list_templates(self) -> list[str]:
        return self._names

    def load(
        self,
        environment: jinja2.Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - as jinja2 calls it
    ) -> jinja2.Template:
        code = self._compiled.get(name)
        if code is None:
            source, path, _ = self.get_source(environment, name)
            code = self._compiled[name] = environment.compile(source, name, path)
        return environment.template_class.from_code(environment, code, {} if globals is None else globals)


_loader = functools.cache(_CompiledOnce)


def template_environment(*, now: Callable[[], datetime] = utc_now) -> jinja2.Environment:
    """The environment for `templates/`. A missing value raises an error; only `.html` is escaped.

    `now` returns an aware time; dates far from it are written with their year. Its filters are those of `fitting`, and:

        {{ appointment | long_date }}   "lundi 12 mai à 14h30", "lundi 12 mai vers 14h30" at home
        {{ appointment | short_date }}  "lun 12/05 14h30"
        {{ number | telephone }}        "01 23 45 67 89", or None if there is nothing to dial
    """

    def long_date(appointment: Dated) -> str:
        return french_dates.long_date(
            appointment.starts_at, appointment.time_zone, now=now(), approximate=appointment.at_home
        )

    def short_date(appointment: Dated) -> str:
        return french_dates.short_date(
            appointment.starts_at, appointment.time_zone, now=now(), approximate=appointment.at_home
        )

    environment = jinja2.Environment(
        loader=_loader(),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",), default=False, default_for_string=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= fitting.FILTERS
    environment.filters |= {
        "long_date": long_date,
        "short_date": short_date,
        "telephone": telephone_display,
    }
    return environment
