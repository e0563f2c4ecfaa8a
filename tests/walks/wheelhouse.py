"""Makes wheels of the packages that are installed here, so that pip can install them elsewhere without the network.

They contain the bytecode that is here already, so that nothing is compiled twice.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_NOT_IN_A_WHEEL = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""The files of a `.dist-info` folder that an installer makes, so that a wheel must not have them."""
_UNCHECKED = (1).to_bytes(4, "little")


def wheels_of(names: Iterable[str], folder: Path) -> None:
    """Make a wheel in `folder` of each of these distributions and of all that they require."""
    for found in _with_requirements(names):
        _pack(found, folder)


def add_bytecode(wheel: Path, root: Path) -> None:
    """Put the compiled modules of the checkout at `root` into its wheel."""
    with zipfile.ZipFile(wheel, "a") as packed:
        for name in packed.namelist():
            for inside, code in _bytecode(name, root / name).items():
                packed.writestr(inside, code)


def _with_requirements(names: Iterable[str]) -> Iterable[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [Requirement(name) for name in names]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            found[name] = found.get(name) or distribution(name)
            needed = (Requirement(line) for line in found[name].requires or ())
            waiting += [each for each in needed if each.marker is None or each.marker.evaluate({"extra": extra})]
    return found.values()


def _pack(found: Distribution, folder: Path) -> None:
    files = [
        file
        for file in found.files or ()
        if ".." not in file.parts and file.suffix != ".pyc" and file.name not in _NOT_IN_A_WHEEL
    ]
    [info] = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
    content = {str(file): Path(str(file.locate())).read_bytes() for file in files}
    for file in files:
        content |= _bytecode(str(file), Path(str(file.locate())))
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows((each, "", "") for each in (*content, f"{info}/RECORD"))
    name = f"{info.removesuffix('.dist-info')}-{_tag(found)}.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:  # not compressed: it is read once, on this machine
        for inside, what in content.items():
            wheel.writestr(inside, what)
        wheel.writestr(f"{info}/RECORD", record.getvalue())


def _bytecode(name: str, source: Path) -> dict[str, bytes]:
    """The compiled module, if it is here and belongs to this source, as a file that is valid for any time of the
    source.

    PEP 552 describes the head of such a file: a mark of the interpreter, flags, and without flags the source's time and
    size.
    """
    compiled = Path(importlib.util.cache_from_source(str(source)))
    if source.suffix != ".py" or not compiled.exists():
        return {}
    code, known = compiled.read_bytes(), source.stat()
    of_this = b"".join(each.to_bytes(4, "little") for each in (0, int(known.st_mtime), known.st_size))
    if code[4:16] != of_this:
        return {}
    folder, _, module = name.rpartition("/")
    inside = f"{folder}/__pycache__/{module.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return {inside.lstrip("/"): code[:4] + _UNCHECKED + bytes(8) + code[16:]}


def _tag(found: Distribution) -> str:
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(":")[2].strip().split("-") for line in lines if line.startswith("Tag:")]
    return "-".join(".".join(sorted(set(parts))) for parts in zip(*tags, strict=True))
