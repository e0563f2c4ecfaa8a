"""smsbot's templates, compiled once for all workers and for the processes that others are forked from."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

import smsbot
from smsbot.messages.templates import templates_directory

_FOLDER = Path(sys.pycache_prefix or Path(__file__).parent / "__pycache__") / "templates"
_compile_anew = jinja2.Environment.compile


def keep_compiled() -> None:
    """From now on, take a template of smsbot as it was compiled before, by this process or another one.

    It is compiled again after a change of its text or of any module of smsbot, because compiling runs filters on
    constants.
    """
    jinja2.Environment.compile = _compiled  # type: ignore[method-assign, assignment]


def _compiled(environment: jinja2.Environment, source: Any, name: Any = None, filename: Any = None, *more: Any) -> Any:
    if filename is None or not filename.startswith(_templates()):  # of a library, or of a test's own
        return _compile_anew(environment, source, name, filename, *more)
    kept = _FOLDER / name.replace("/", ".")
    mark = hashlib.sha256(b"\0".join((_program(), filename.encode(), source.encode()))).digest()
    content = kept.read_bytes() if kept.exists() else b""
    if content.startswith(mark):
        return marshal.loads(content[len(mark) :])
    code: Any = _compile_anew(environment, source, name, filename, *more)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    writing = kept.with_suffix(f".{os.getpid()}")
    writing.write_bytes(mark + marshal.dumps(code))
    writing.replace(kept)  # another worker may read it or write it at the same moment
    return code


@cache
def _templates() -> str:
    return f"{templates_directory()}{os.sep}"


@cache
def _program() -> bytes:
    """What tells this interpreter, this jinja2 and this smsbot from others."""
    told = [sys.version, version("jinja2")]
    for folder, _, files in os.walk(Path(smsbot.__file__).parent):
        for name in files:
            if name.endswith(".py"):
                known = Path(folder, name).stat()
                told.append(f"{folder}/{name} {known.st_mtime_ns} {known.st_size}")
    return "\n".join(sorted(told)).encode()
