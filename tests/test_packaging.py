"""The wheel, outside the checkout, has its templates and migrations inside."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


# Each of these would take seconds to start alone, as the demo and the service below do.
COMMANDS = """
import sys
import smsbot.messages.templates
from smsbot.cli import main

print(end=str(smsbot.messages.templates.templates_directory()))
for command in ("migrate", "migrate", "understand annuler", "gateway providers ovh"):
    print(end="\\f")
    sys.argv = ["smsbot", *command.split()]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
"""


def test_an_installed_wheel_finds_its_templates_and_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    # Before the checkout's own folder, which is in the environment.
    environment = {**os.environ, "PYTHONPATH": str(installed), "SMSBOT_DATABASE_URL": "sqlite:///smsbot.db"}
    if sys.pycache_prefix is not None:
        environment["PYTHONPYCACHEPREFIX"] = str(_bytecode(tmp_path / "bytecode", Path(sys.pycache_prefix)))

    def ended(*arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment | more,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run(*arguments: str, typed: str = "") -> str:
        done = ended(*arguments, typed=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where, *migrated, understood, provider = run("-c", COMMANDS).split("\f")
    assert where == str(installed / "smsbot" / "templates")
    assert ["up to date" in told for told in migrated] == [True, True], "safe to repeat"
    assert "reading     cancel" in understood, "word lists and weights are inside"
    assert "docs.ovh.com" in provider, "ready-made tables of gateways are inside"
    assert "C'est annulé" in run("-m", "smsbot", "demo", typed="ANNULER\nDUP\nOUI\n")

    # Without the extra named demo: the service starts as far as its settings let it, and the demo says what to install.
    missing = tmp_path / "missing" / "aiosmtpd.py"
    missing.parent.mkdir()
    missing.write_text("raise ModuleNotFoundError(\"No module named 'aiosmtpd'\", name='aiosmtpd')", encoding="utf-8")
    without = {"PYTHONPATH": f"{missing.parent}{os.pathsep}{installed}"}
    demo = ended("-m", "smsbot", "demo", **without)
    assert (demo.returncode, demo.stdout) == (1, "")
    assert demo.stderr.startswith("The demo needs the extra named demo: in a clone, pip install '.[demo]'")
    assert demo.stderr.count("\n") == 1
    settings = {"SMSBOT_SECRET_KEY": "x" * 32, "SMSBOT_SENDER": "36105", "SMSBOT_MAIL_FROM": "rdv@example.org"}
    serve = ended("-m", "smsbot", "serve", "--port", "0", **without, **settings)
    assert serve.returncode == 1
    assert "there is no gateway for SMS" in serve.stderr


def _bytecode(folder: Path, shared: Path) -> Path:
    """A folder for the compiled modules of the wheel, deleted with the test. Its dependencies are compiled already."""
    for name in ("stdlib", "purelib"):
        path = Path(sysconfig.get_path(name)).relative_to("/")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(shared / path)
    return folder


def test_what_only_the_demo_needs_is_an_extra() -> None:
    needed = [Requirement(line) for line in requires("smsbot") or ()]
    plain = {one.name for one in needed if one.marker is None}
    extra = {one.name for one in needed if one.marker is not None and one.marker.evaluate({"extra": "demo"})}
    assert extra == {"aiosmtpd"}
    assert not plain & {"aiosmtpd", "pyjwt", "sniffio"}
