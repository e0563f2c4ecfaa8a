"""From an empty machine to an appointment cancelled by SMS, by the commands of the operators' guide, word for word.

The chapter "De rien au service" is typed as root on a machine for this test (`own_machine`), behind a real nginx, on
SQLite and on PostgreSQL. Three programs are not the real ones: `own_machine.STAND_INS` says which, and why. One setting
is added: where the stand-in for Twilio is. Then the service is started as `deploy/Containerfile` starts it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest

from tests.walks.wheelhouse import add_bytecode, wheels_of

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide-operateurs.md").read_text(encoding="utf-8")
CHAPTER = "De rien au service"
ENGINES = {"Avec SQLite": "sqlite", "Avec PostgreSQL": "postgresql"}
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
IMAGE_FILES = ("smsbot.db", "smsbot.db-serving", "smsbot.db-shm", "smsbot.db-wal")
COMMON = ("1. Le programme", "2. Les réglages")
CONVERSATION = "7. Un premier rendez-vous"
NEEDED = ("unshare", "ip", "nginx", "sudo", "useradd", "curl", "openssl")


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of the guide, for one engine or both, and the output that the guide shows."""

    section: str
    engine: str | None
    commands: str
    prints: list[str] = field(default_factory=list)

    def is_for(self, engine: str) -> bool:
        return self.engine in (None, engine)


def blocks() -> list[Block]:
    """The chapter's blocks in order. A block of `text` is the output of the block before it."""
    [chapter] = re.findall(rf"^## {CHAPTER}\n(.*?)^## ", GUIDE, re.MULTILINE | re.DOTALL)
    found: list[Block] = []
    section, engine = "", None
    for heading, title, language, inside in re.findall(
        r"^(####?) ([^\n]+)$|^```(\w*)\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL
    ):
        if heading == "###":
            section, engine = title, None
        elif heading:
            engine = ENGINES[title]
        elif language == "sh":
            found.append(Block(section, engine, inside))
        else:
            assert language == "text", inside
            found[-1].prints.extend(inside.splitlines())
    return found


def cannot_be_run_here() -> str | None:
    """Why this test cannot run here, or None if it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "it installs as root, on a machine of its own"
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"there is no {', '.join(missing)} (.ci/run installs what is needed)"
    overlay = "mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt"
    mounting = f"mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && {overlay}"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", mounting]
    tried = subprocess.run(command, capture_output=True, check=False)
    return None if tried.returncode == 0 else f"no machine can be made in here: {tried.stderr.decode().strip()}"


@pytest.mark.timeout(600)  # it takes 25 seconds of one processor, which others may need, too
def test_the_guides_own_commands_lead_from_nothing_to_a_service_that_cancels(tmp_path: Path) -> None:
    if (why := cannot_be_run_here()) is not None:
        pytest.skip(f"NOT RUN: {why}")
    told = walk(tmp_path, blocks())
    for engine in ENGINES.values():
        seen = told[engine]
        for block, done in zip(typed_by(engine), [*told["common"], *seen["blocks"]], strict=True):
            assert missing(block.prints, done["output"]) == [], done["output"]
            assert not re.search(r"^wrong ", done["output"], re.MULTILINE), done["output"]
        letters, question, cancelled = seen["answers"]
        assert "3 premières lettres" in letters
        assert "OUI ou NON" in question
        assert "C'est annulé" in cancelled
        to_operator, receipt = seen["mails"]
        assert to_operator == {"to": ["vous@example.fr"], "subject": "smsbot check"}
        assert receipt["to"] == ["sophie@example.fr"]
        assert "annulé" in receipt["subject"]
        assert seen["proxy"].pop("log").count("a-secret-of-a-link") == 0
        assert seen["proxy"] == {
            "metrics": 404,
            "too much": 413,
            "unencrypted": "https://rdv.example.fr/agents",
            "console": "/agents/connexion?suite=",
            "secure": "max-age=31536000",
        }
        assert '"level": "error"' not in seen["log"]
        if shutil.which("systemd-analyze") is not None:
            assert (seen["units"]["status"], seen["units"]["output"]) == (0, "")

    image = told["image"]
    assert image["accounts"]["status"] == 0, image["accounts"]["output"]
    assert (image["health"], sorted(image["files"])) == (0, sorted(IMAGE_FILES)), image["log"]
    assert image["read-only"].count("Read-only file system") == 2, image["read-only"]


def typed_by(engine: str) -> Iterator[Block]:
    return (block for block in blocks() if block.is_for(engine))


def missing(told: Sequence[str], output: str) -> list[str]:
    """The lines of output that the guide shows but that were not printed. … stands for anything."""
    lines = output.splitlines()
    patterns = [re.escape(line).replace("…", ".*") for line in told]
    return [pattern for pattern in patterns if not any(re.fullmatch(pattern, line) for line in lines)]


def walk(folder: Path, chapter: Sequence[Block]) -> Mapping[str, Any]:
    """Type the chapter on machines for this test. Returns what `own_machine` saw."""
    checkout, wheels, machines = (folder / name for name in ("checkout", "wheels", "machines"))
    for made in (checkout, wheels, machines):
        made.mkdir()
    shutil.copytree(ROOT / "deploy", checkout / "deploy")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(checkout)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = checkout.glob("*.whl")
    add_bytecode(wheel, ROOT)
    wheels_of([line for line in requires("smsbot") or () if "extra ==" not in line], wheels)
    common = [block.commands for block in chapter if block.section in COMMON]
    rest = [block for block in chapter if block.section not in COMMON]
    task = {
        "folder": str(machines),
        "checkout": str(checkout),
        "wheels": str(wheels),
        "common": common,
        "engines": {engine: _parts([block for block in rest if block.is_for(engine)]) for engine in ENGINES.values()},
        "twilio_account_sid": _value("SMSBOT_TWILIO_ACCOUNT_SID", common),
        "twilio_auth_token": _value("SMSBOT_TWILIO_AUTH_TOKEN", common),
        "mail_login": ["rdv@example.fr", "motdepasse"],
        "image": image_of(CONTAINERFILE),
    }
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*namespaces, sys.executable, "-m", "tests.walks.own_machine"],
        cwd=ROOT,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    shutil.rmtree(wheels)  # a hundred megabytes, which pytest would keep for three runs
    assert done.returncode == 0, done.stderr
    told: Mapping[str, Any] = json.loads(done.stdout)
    return told


def image_of(containerfile: str) -> dict[str, Any]:
    """How the service runs in the image, from the last stage of the Containerfile."""
    whole = re.sub(r"\\\n\s*", "", containerfile.rpartition("\nFROM ")[2])
    said = dict(re.findall(r"^([A-Z]+) (.+)$", whole, re.MULTILINE))
    [health] = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", whole, re.MULTILINE)
    env = dict(each.split("=", 1) for each in said["ENV"].split(" "))
    path = "/usr/local/bin:/usr/bin:/bin"
    return {
        "accounts": said["RUN"],
        "user": said["USER"],
        "volume": said["VOLUME"],
        "workdir": said["WORKDIR"],
        "env": env | {"PATH": env["PATH"].replace("$PATH", path)},
        "command": [*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])],
        "health": json.loads(health),
        "settings": {
            "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
            "SMSBOT_SENDER": "36105",
            "SMSBOT_MAIL_FROM": "rdv@example.fr",
            "SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "SMSBOT_TWILIO_AUTH_TOKEN": "token",
            "SMSBOT_TWILIO_API_URL": "http://127.0.0.1:9",
        },
    }


def _parts(chapter: Sequence[Block]) -> dict[str, list[str]]:
    """The commands before the telephone writes, and those after it."""
    last = max(number for number, block in enumerate(chapter) if block.section == CONVERSATION)
    commands = [block.commands for block in chapter]
    return {"before": commands[: last + 1], "after": commands[last + 1 :]}


def _value(setting: str, commands: Sequence[str]) -> str:
    [line] = [line for each in commands for line in each.splitlines() if line.startswith(f"{setting}=")]
    return line.partition("=")[2]


def test_the_guide_names_the_version_that_is_installed() -> None:
    [first] = [block for block in blocks() if "smsbot --version" in block.commands]
    assert first.prints == [f"smsbot {version('smsbot')}"]
