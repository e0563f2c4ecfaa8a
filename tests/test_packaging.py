"""The wheel, outside the checkout, has its templates and migrations inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_finds_its_templates_and_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    # Before the checkout's own, which the environment points at.
    environment = {**os.environ, "PYTHONPATH": str(installed), "SMSBOT_DATABASE_URL": "sqlite:///smsbot.db"}

    def run(*arguments: str, typed: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = "import smsbot.messages.templates as t; print(t.templates_directory())"
    assert run("-c", where).strip() == str(installed / "smsbot" / "templates")
    assert "up to date" in run("-m", "smsbot", "migrate")
    assert "up to date" in run("-m", "smsbot", "migrate"), "safe to repeat"
    assert "C'est annulé" in run("-m", "smsbot", "demo", typed="ANNULER\nDUP\nOUI\n")
