"""The dependencies: each has an upper bound and a written reason, and is checked for known vulnerabilities."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = {
    package["name"]: package.get("version", "")
    for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
}
REASONS = (ROOT / "docs/decisions/0010-dependencies.md").read_text(encoding="utf-8")
DATA = {"tzdata"}
"""Packages of data, which we need as new as possible."""


def _names_and_bounds() -> Iterator[tuple[str, str]]:
    for dependency in PROJECT["dependencies"]:
        named = re.fullmatch(r"([a-z0-9-]+)(?:\[[a-z,]+\])?(.*)", dependency)
        assert named is not None, dependency
        yield named[1], named[2]


def test_an_install_stays_within_the_major_versions_that_were_tested() -> None:
    for name, bounds in _names_and_bounds():
        if name in DATA:
            continue
        below = re.fullmatch(r">=[0-9.]+,<([0-9]+)", bounds)
        assert below is not None, f"{name}{bounds}: give it a lower bound, and the next major version as the upper one"
        assert int(LOCKED[name].partition(".")[0]) == int(below[1]) - 1, f"{name} is locked at {LOCKED[name]}"


def test_every_dependency_has_a_reason() -> None:
    told = set(re.findall(r"^\| ([a-z][a-z0-9-]*) \|", REASONS, re.MULTILINE)) - {"dependency"}
    assert told == {name for name, _ in _names_and_bounds()}


COME_ALONG = {"pydantic-core": "pydantic", "uvloop": "uvicorn"}
"""What is imported too, and the dependency that brings it: with the version that it needs."""


def _imported(outside_of: Path) -> set[str]:
    """The packages from which the modules of `smsbot` import, but for those in one folder."""
    modules = set[str]()
    for path in sorted((ROOT / "smsbot").rglob("*.py")):
        if outside_of in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                modules.update(each.name.partition(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                modules.add(node.module.partition(".")[0])
    packages = packages_distributions()
    return {package.lower().replace("_", "-") for module in modules for package in packages.get(module, ())}


def test_what_is_installed_is_what_is_imported() -> None:
    """Without the demo, which brings along in an extra what it alone needs."""
    needed = _imported(outside_of=ROOT / "smsbot" / "demo") - {"smsbot"}
    brought = {COME_ALONG.get(package, package) for package in needed}
    assert brought == {name for name, _ in _names_and_bounds()} - DATA


class _Advisories(BaseHTTPRequestHandler):
    """Answers like osv.dev (POST /v1/querybatch, GET /v1/vulns/{id}). Only the package `vulnerable` has an advisory."""

    vulnerable: str | None = None

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        found = {"vulns": [{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z"}]}
        self._say({"results": [found if query["package"]["name"] == self.vulnerable else {} for query in queries]})

    def do_GET(self) -> None:
        package = {"ecosystem": "PyPI", "name": self.vulnerable}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}]
        affected = [{"package": package, "ranges": ranges}]
        self._say({"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "summary": "bad", "affected": affected})

    def log_message(self, *_: object) -> None:
        pass

    def _say(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _advisories(vulnerable: str | None) -> Iterator[str]:
    handler = type("Advisories", (_Advisories,), {"vulnerable": vulnerable})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _audit(url: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the path: ./dev audit is not tested")
    command = [sys.executable, str(ROOT / "dev"), "audit", "--service-url", url]
    once = os.environ | {"UV_HTTP_RETRIES": "0"}  # it would ask four times, with pauses that grow
    return subprocess.run(command, env=once, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(("vulnerable", "status"), [(None, 0), ("starlette", 1)])
def test_known_vulnerabilities_are_found(vulnerable: str | None, status: int) -> None:
    with _advisories(vulnerable) as url:
        done = _audit(url)
    assert done.returncode == status, done.stderr
    assert ("PYSEC-1" in done.stdout) is (vulnerable is not None)
    assert "NOT AUDITED" not in done.stderr


def test_where_nobody_can_be_asked_it_is_said_and_fails_nothing() -> None:
    with _advisories(None) as url:
        pass  # nobody listens there any more
    done = _audit(url)
    assert (done.returncode, "NOT AUDITED" in done.stderr) == (0, True)
