from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import jinja2
import pytest

from smsbot.messages import templates
from smsbot.messages.templates import templates_directory


def test_only_html_is_escaped(environment: jinja2.Environment) -> None:
    loader = jinja2.DictLoader({"page.html": "{{ name }}", "sms.txt": "{{ name }}"})
    overlay = environment.overlay(loader=loader)
    assert overlay.get_template("page.html").render(name="<b>") == "&lt;b&gt;"
    assert overlay.get_template("sms.txt").render(name="<b>") == "<b>"


def test_every_template_compiles(environment: jinja2.Environment) -> None:
    names = environment.list_templates(extensions=["txt", "html"])
    assert [name for name in names if environment.get_template(name).name != name] == []


def test_a_template_is_compiled_once_for_all_environments(
    environment: jinja2.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "sms/ask_letters.txt"
    compiled = environment.get_template(name)

    def compile_again(*_arguments: object) -> None:
        raise AssertionError("compiled a second time")

    monkeypatch.setattr(jinja2.Environment, "compile", compile_again)
    other = templates.template_environment(now=lambda: datetime(2030, 1, 1, tzinfo=UTC)).get_template(name)
    assert other.root_render_func is not compiled.root_render_func
    assert other.root_render_func.__code__ is compiled.root_render_func.__code__
    assert other.environment.filters["long_date"] is not environment.filters["long_date"], "each with its own day"


def test_the_package_s_own_templates_come_before_a_checkout_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "_PACKAGE", tmp_path / "smsbot")
    with pytest.raises(FileNotFoundError, match="install smsbot again"):
        templates_directory()
    (tmp_path / "templates" / "sms").mkdir(parents=True)
    assert templates_directory() == tmp_path / "templates"
    (tmp_path / "smsbot" / "templates" / "sms").mkdir(parents=True)
    assert templates_directory() == tmp_path / "smsbot" / "templates"
