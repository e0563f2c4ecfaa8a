"""The rules of the code base: one name for one thing, one door for each fact, no SQL in the web."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from starlette.exceptions import HTTPException

import smsbot
from smsbot.problem import Problem

ROOT = Path(smsbot.__file__).parent
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if "migrations" not in path.parts]
NAMED = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def public_types(path: Path) -> Iterator[str]:
    """The classes of a module, and its names of types."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        name = None
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        if name is not None and re.fullmatch(r"[A-Z][a-z]\w*", name):  # a constant is in capitals
            yield name


def test_no_public_name_of_a_type_means_two_things() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for name in public_types(path):
            found[name].append(where(path))
    assert len(found) > 300
    generic = {"T", "Model"}
    assert {name: places for name, places in found.items() if len(places) > 1 and name not in generic} == {}


def public_functions(path: Path) -> Iterator[str]:
    """The functions of a module but for the commands of the shell, whose names are those of the commands."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if not any("command(" in ast.unparse(decorator) for decorator in node.decorator_list):
            yield node.name


def test_no_public_name_of_a_function_means_two_things() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for name in public_functions(path):
            found[name].append(where(path))
    assert len(found) > 800
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_public_name_is_also_that_of_something_imported_from_elsewhere() -> None:
    """A reader who sees `Connection` or `insert` knows SQLAlchemy's. What is only used in the demo does not count."""
    foreign: set[str] = set()
    for path in (path for path in MODULES if not where(path).startswith("demo/")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("smsbot"):
                foreign |= {alias.asname or alias.name for alias in node.names}
    own = {name: where(path) for path in MODULES for name in (*public_types(path), *public_functions(path))}
    assert {name: place for name, place in own.items() if name in foreign} == {}


def test_no_two_modules_have_the_same_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in NAMED:
        found[path.name].append(where(path))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_every_module_has_a_function_or_a_class_or_tables() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    empty = []
    for path in NAMED:
        source = path.read_text(encoding="utf-8")
        has_tables = path.parent.name == "tables" and " = Table(" in source
        if not has_tables and not any(isinstance(node, kinds) for node in ast.parse(source).body):
            empty.append(where(path))
    assert empty == []


LONGEST = 400
"""Lines. A longer module usually has two reasons to change: divide it there."""


def test_no_module_is_long() -> None:
    lengths = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_the_web_has_no_tables() -> None:
    web = [path for path in MODULES if where(path).startswith("web/")]
    assert [where(path) for path in web if "store.tables" in path.read_text(encoding="utf-8")] == []


def test_the_audit_is_written_in_one_place() -> None:
    writes = re.compile(r"\baudit\.insert\(|\b(insert|inserting|upsert|upserting|Inserts)\(\s*(connection,\s*)?audit\b")
    places = [where(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]
    assert places == ["appointments/audit.py"]


def test_events_are_written_in_one_place() -> None:
    writes = re.compile(
        r"\bevents\.insert\(|\b(insert|inserting|upsert|upserting|Inserts)\(\s*(connection,\s*)?events\b"
    )
    places = [where(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]
    assert places == ["events.py"]


def test_locks_are_written_in_one_place() -> None:
    """Merging, reading and erasing must not write them."""
    writes = re.compile(
        r"\blocked_until=bindparam|\"locked_until\": None|\blocked_until=(None|now)|\.values\([^)]*locked"
    )
    places = [where(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]
    assert places == ["appointments/locks.py"]


def test_every_problem_has_a_sentence() -> None:
    without = []
    for path in NAMED:
        name = ".".join(("smsbot", *path.relative_to(ROOT).with_suffix("").parts))
        if name.startswith("smsbot.demo"):
            continue
        for kind in vars(importlib.import_module(name)).values():
            is_own = inspect.isclass(kind) and kind.__module__ == name and not kind.__name__.startswith("_")
            if is_own and issubclass(kind, Exception) and not issubclass(kind, Problem | HTTPException):
                without.append(f"{name}.{kind.__name__}")
    assert without == []


def test_each_room_says_what_its_modules_are_for() -> None:
    """A room's `__init__.py` names each of its modules and folders. Say there in a few words what a new one is for."""
    unnamed = []
    for room in (path.parent for path in MODULES if path.name == "__init__.py" and path.parent != ROOT):
        told = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
        names = {path.stem for path in NAMED if path.parent == room}
        names |= {path.name for path in room.iterdir() if (path / "__init__.py").is_file()}
        unnamed += [f"{where(room)}/{name}" for name in sorted(names) if not re.search(rf"\b{name}\b", told)]
    assert unnamed == []


def test_the_drawing_of_the_rooms_names_each_and_no_other() -> None:
    drawing = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    drawn = {name for line in drawing.splitlines() for name in re.findall(r"^  (\w+/)|\b(\w+\.py)\b", line)}
    rooms = {f"{path.name}/" for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    modules = {path.name for path in ROOT.glob("*.py") if not path.name.startswith("__")}
    names = {first or second for first, second in drawn}
    assert {name for name in names if name.endswith("/")} == rooms
    assert modules <= names
    assert names - rooms <= {path.name for path in MODULES}
