from __future__ import annotations

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


def test_the_package_s_own_templates_come_before_a_checkout_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "_PACKAGE", tmp_path / "smsbot")
    with pytest.raises(FileNotFoundError, match="install smsbot again"):
        templates_directory()
    (tmp_path / "templates" / "sms").mkdir(parents=True)
    assert templates_directory() == tmp_path / "templates"
    (tmp_path / "smsbot" / "templates" / "sms").mkdir(parents=True)
    assert templates_directory() == tmp_path / "smsbot" / "templates"
