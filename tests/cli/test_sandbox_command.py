"""`smsbot serve --sandbox` in a real process, and the commands of docs/sandbox.md on it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests import forked

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
SECONDS = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A running sandbox. `said` is its stdout, and `warned` its stderr."""

    http: httpx.Client
    token: str
    said: str
    warned: str


@contextmanager
def _running(folder: Path, *options: str, **environment: str) -> Iterator[RunningSandbox]:
    output, errors = folder / "output", folder / "errors"
    output.unlink(missing_ok=True)
    arguments = ["serve", "--sandbox", "--port", "0", *options]
    process = forked.start(arguments, {**os.environ, **environment}, folder, output, errors)
    try:
        said = _once(lambda: _whole(output))
        url = re.findall(r"http://127\.0\.0\.1:\d+", said)[0]
        token = said.splitlines()[-1]
        with httpx.Client(base_url=url, timeout=SECONDS) as http:
            yield RunningSandbox(http, token, said, errors.read_text(encoding="utf-8"))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(SECONDS)
        assert process.exitcode == 0, errors.read_text(encoding="utf-8")
    finally:
        process.kill()


def _once(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def _whole(output: Path) -> str:
    said = output.read_text(encoding="utf-8") if output.exists() else ""
    return said if said.endswith("\n") and said.count("\n") == 3 else ""


def _typed(command: str) -> tuple[str, str, Any]:
    """The method, path and JSON body of a command with curl."""
    words = shlex.split(command.replace("\\\n", " "))
    body = next((json.loads(each) for name, each in pairwise(words) if name == "-d"), None)
    method = next((each for name, each in pairwise(words) if name == "-X"), "GET")
    return method, words[-1].removeprefix("http://127.0.0.1:8000"), body


def test_the_commands_of_its_page_work_and_it_keeps_what_was_fed(tmp_path: Path) -> None:
    commands = [_typed(block) for block in PAGE.read_text(encoding="utf-8").split("```") if "curl" in block[:6]]
    assert {path.split("?")[0] for _, path, _ in commands if path.startswith("/sandbox")} == {
        "/sandbox",
        *(f"/sandbox/{name}" for name in ("sms", "emails", "clock", "troubles", "appointments")),
    }
    real = {"SMSBOT_TWILIO_AUTH_TOKEN": "of a real account"}
    with _running(tmp_path, **real) as sandbox:
        assert "does NOT use what is set here: SMSBOT_TWILIO_AUTH_TOKEN" in sandbox.warned
        assert "of a real account" not in sandbox.warned
        for method, path, body in commands:
            headers = {"Authorization": f"Bearer {sandbox.token}"} if path.startswith("/api") else {}
            answer = sandbox.http.request(method, path, json=body, headers=headers)
            assert answer.is_success, (path, answer.text)
        [asked] = [one["text"] for one in _sent_to(sandbox, "+33639981277") if "lettres" in one["text"]]
        assert "3 premières lettres" in asked
        assert _once(lambda: _sent_to(sandbox, "+33639981201")), "what RDV Service Public tells of is announced"
        assert "Awa Diallo" in sandbox.http.get("/demo/panneaux").json()["choix"]
        assert "bac à sable" in sandbox.http.get("/demo").text
        console = sandbox.http.get("/demo/agents", follow_redirects=True).text
        assert "Awa Diallo" in console
        assert sandbox.http.post("/demo/recommencer", json={}).status_code == 409
        first = sandbox.token
    assert (tmp_path / "smsbot-sandbox.db").exists()
    with _running(tmp_path, "--connected") as again:
        assert again.token != first
        assert again.http.get("/sandbox").json()["connected"] is True
        for token in (first, again.token):
            kept = again.http.get("/api/v1/appointments", headers={"Authorization": f"Bearer {token}"})
            assert "4711" in [one["external_id"] for one in kept.json()["appointments"]]


def _sent_to(sandbox: RunningSandbox, number: str) -> list[dict[str, Any]]:
    asked = {"number": number, "direction": "out"}
    messages: list[dict[str, Any]] = sandbox.http.get("/sandbox/sms", params=asked).json()["messages"]
    return messages


@pytest.mark.parametrize("options", [("--no-delivery", "--sandbox"), ("--connected",)], ids=["deliver", "connected"])
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    refused = forked.finished(["serve", *options], dict(os.environ), tmp_path)
    assert refused.returncode == 2
    assert "sandbox" in refused.stderr
