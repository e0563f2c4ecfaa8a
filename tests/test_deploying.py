"""The files of `deploy/` have the right names of commands, settings, ports and metrics."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import requires
from pathlib import Path
from threading import Thread
from typing import Any

import promql_parser
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client.parser import text_string_to_metric_families

from smsbot.store.daily_counts import DELIVERIES, INCOMING, OUTGOING, REPEATS, count
from smsbot.store.database import Database
from tests.commands_typed import unknown_in
from tests.retention.people import NOW
from tests.test_operators_guide import GUIDE, SETTINGS, scraped_text

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana" / "smsbot.json").read_text(encoding="utf-8"))
FILES = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]


def test_every_file_is_told_of_in_the_folder_and_in_the_guide() -> None:
    told = set(re.findall(r"\]\(([^)]+)\)", (DEPLOY / "README.md").read_text(encoding="utf-8")))
    there = {path.relative_to(DEPLOY).as_posix() for path in FILES} - {"README.md"}
    timed = {name.replace(".timer", ".service") for name in there if name.endswith(".timer")}
    assert told - {"../docs/guide-operateurs.md"} == there - timed
    in_guide = set(re.findall(r"\bdeploy/([\w./-]*\w)", GUIDE))
    assert [name for name in in_guide if not (DEPLOY / name).exists()] == []
    assert there - timed - in_guide == set()


def test_settings_that_are_named_are_settings() -> None:
    for path in (*FILES, ROOT / ".dockerignore"):
        named = set(re.findall(r"\bSMSBOT_[A-Z0-9_]+\b", path.read_text(encoding="utf-8")))
        assert named <= SETTINGS, path.name


def test_commands_that_are_started_are_commands() -> None:
    started = {unit.name: _values(unit, "ExecStart") for unit in UNITS}
    for name, [line] in started.items():
        program, _, typed = line.partition(" ")
        assert program == "/srv/smsbot/venv/bin/smsbot", name
        assert unknown_in(typed) == [], name
    commands = {name: service["command"] for name, service in COMPOSE["services"].items() if "command" in service}
    assert set(commands) == {"migrate", "serve", "deliver"}
    commands["image"] = json.loads(re.findall(r"^CMD (.*)", CONTAINERFILE, re.MULTILINE)[-1])
    for name, words in commands.items():
        assert unknown_in(" ".join(words)) == [], name


def test_all_speak_of_one_port() -> None:
    """smsbot listens on 8000; 80 and 443 are the proxy's."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        ports = re.findall(
            r'--port", "(\d+)|--port (\d+)|--port, "(\d+)|(?:127\.0\.0\.1|localhost):(\d+)|EXPOSE (\d+)', text
        )
        assert {port for found in ports for port in found if port} <= {"8000"}, path.name
    assert COMPOSE["services"]["serve"]["ports"] == ["127.0.0.1:8000:8000"], "not open to the world"


def test_units_are_hardened() -> None:
    must = {
        "User": "smsbot",
        "CapabilityBoundingSet": "",
        "NoNewPrivileges": "true",
        "ProtectSystem": "strict",
        "ProtectHome": "true",
        "PrivateDevices": "true",
        "UMask": "0077",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    }
    for unit in UNITS:
        for name, value in must.items():
            assert _values(unit, name) == [value], f"{unit.name}: {name}"
        may_be_nice = ["setpriority"] if unit.stem in ("smsbot", "smsbot-web") else []
        assert _values(unit, "SystemCallFilter") == ["@system-service", "~@privileged @resources", *may_be_nice]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_finds_the_units_little_exposed() -> None:
    for unit in UNITS:
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=29", "--no-pager", str(unit)]
        looked = subprocess.run(command, capture_output=True, text=True, check=False)
        if "Unknown" in looked.stderr or "unrecognized" in looked.stderr:
            pytest.skip("this systemd cannot look at files")
        assert looked.returncode == 0, looked.stdout.splitlines()[-1:] or looked.stderr


def test_every_timer_starts_a_unit() -> None:
    for timer in (DEPLOY / "systemd").glob("*.timer"):
        assert timer.with_suffix(".service").exists()
        assert _values(timer, "OnCalendar")


def _values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_proxies_keep_to_the_program() -> None:
    nginx, caddy = ((DEPLOY / "proxy" / name).read_text(encoding="utf-8") for name in ("nginx.conf", "Caddyfile"))
    for text in (nginx, caddy):
        assert "X-Forwarded-For" in text
        assert "/metrics" in text
        assert re.search(r"\b2Mi?B?\b", text, re.IGNORECASE)
        assert text.count("{") == text.count("}")
    [unlogged] = re.findall(r"location ~ (\S+) \{\s+access_log off;", nginx)
    secret = [
        "/r/TOKEN",
        "/agents/mot-de-passe/TOKEN",
        "/agents/calendriers/TOKEN.ics",
        "/webhooks/smsfactor/sms?token=S",
    ]
    for address in (*secret, "/rdvsp/callback?code=C", "/agents/connexion/retour?code=C"):
        assert re.match(unlogged, address), address
    assert not re.match(unlogged, "/agents/rdv/1")
    assert "log" not in re.sub(r"#.*", "", caddy), "its log would hold links"


def test_what_the_image_is_built_from_is_there_and_nothing_else_is_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE):
        *sources, _ = line.split()
        copied |= {source.rstrip("/") for source in sources}
    assert copied == let_in
    assert [source for source in copied if not (ROOT / source).exists()] == []
    # What pyproject.toml needs to build a wheel is among it.
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packaged = re.findall(r'^(?:readme|license-files|packages) = \[?"([^"]+)"', project, re.MULTILINE)
    assert set(packaged) | {"templates"} <= copied
    assert not any(fnmatch.fnmatch(".env", pattern) for pattern in let_in)


def test_the_steps_that_build_the_image_lead_to_a_wheel_and_what_it_needs(tmp_path: Path) -> None:
    """Each COPY, and what each RUN makes of it; `tests/walks/test_from_nothing.py` installs and runs such a wheel."""
    build = CONTAINERFILE.partition("\nFROM ")[2].partition("\nFROM ")[0]
    for line in re.findall(r"^COPY (.*)$", build, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    [export] = re.findall(r"^RUN (uv export .*)$", build, re.MULTILINE)
    if shutil.which("uv") is not None:
        subprocess.run([*export.split(), "--quiet", "--offline"], cwd=tmp_path, check=True, capture_output=True)
        written = (tmp_path / "requirements.txt").read_text(encoding="utf-8")
        pinned = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", written, re.MULTILINE)}
        needed = {canonicalize_name(Requirement(line).name) for line in requires("smsbot") or () if "extra" not in line}
        assert needed <= pinned
        assert not pinned & {"pytest", "mypy", "ruff", "aiosmtpd", "playwright", "smsbot"}
        assert written.count("==") <= written.count("--hash=sha256:"), "--require-hashes asks for each"
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(wheel, cwd=tmp_path, check=True, capture_output=True)
    [made] = (tmp_path / "dist").glob("*.whl")
    inside = set(zipfile.ZipFile(made).namelist())
    assert {"smsbot/templates/sms/cancelled.txt", "smsbot/store/migrations/versions/0001_first.py"} <= inside


def test_the_image_runs_as_nobody_on_a_python_that_the_project_takes() -> None:
    final = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.*)$", final, re.MULTILINE) == ["10001:10001"]
    [build, run] = re.findall(r"^FROM docker\.io/library/python:(3\.\d+)-slim", CONTAINERFILE, re.MULTILINE)
    assert build == run
    assert int(run.partition(".")[2]) >= 11
    assert re.findall(r"^VOLUME (.*)$", final, re.MULTILINE) == ["/var/lib/smsbot"]
    assert "sqlite:////var/lib/smsbot/" in final
    for name in ("migrate", "serve", "deliver"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert not any(
        "secret" in line.lower() or "token" in line.lower() for line in re.findall(r"^ENV.*", final, re.MULTILINE)
    )


def test_the_image_s_health_check_tells_ready_from_not_ready() -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health/ready"
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_arguments: object) -> None: ...

    [check] = re.findall(r"CMD (\[\"python\", .*\])", CONTAINERFILE)
    _, option, program = json.loads(check)
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        program = program.replace(":8000/", f":{server.server_port}/")
        ended = []
        for server.status in (200, 503):  # type: ignore[attr-defined]
            ended.append(subprocess.run([sys.executable, option, program], capture_output=True, check=False).returncode)
        server.shutdown()
    assert ended == [0, 1]


def test_alerts_and_dashboard_speak_of_figures_that_exist(sqlite_database: Database) -> None:
    """With the labels that they have, in expressions that Prometheus can read."""
    sqlite_database.write_now(_counted)
    there: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(asyncio.run(scraped_text(sqlite_database))):
        for sample in family.samples:
            there.setdefault(sample.name, set()).update(sample.labels)
    there["up"] = set()
    for expression in (*_alerting(), *_shown()):
        promql_parser.parse(expression)
        named = re.findall(r"\b((?:smsbot|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?", expression)
        assert named, expression
        labels = set(re.findall(r"\b(?:by|without) \(([^)]*)\)", expression))
        grouped = {label.strip() for group in labels for label in group.split(",")}
        for name, selector in named:
            assert name in there, expression
            known = there[name] | {"job", "instance"}
            assert set(re.findall(r"(\w+)[!=]", selector)) <= known, expression
            assert grouped <= known | {"le"}, expression
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("max(smsbot_inbox_waiting")


def _counted(connection: Any) -> None:
    count(connection, OUTGOING, "sms", "reply", "sent", now=NOW)
    count(connection, DELIVERIES, "twilio", "36105", "lost", now=NOW)
    count(connection, INCOMING, "answered", now=NOW)
    count(connection, REPEATS, "sms", now=NOW)


def _alerting() -> Iterator[str]:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"]["summary"], rule["alert"]
            yield rule["expr"]


def _shown() -> Iterator[str]:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not fields & taken, f"{panel['title']} lies over another"
        taken |= fields
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${source}"
            yield target["expr"]


def test_alerts_are_each_explained_in_the_guide() -> None:
    names = [rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    assert [name for name in names if f"`{name}`" not in GUIDE] == []
