"""On which line of a TOML file something stands: the standard parser gives values without positions."""

from __future__ import annotations

import tomllib
from typing import Any

Path = tuple[str, ...]


class Lines:
    """Looks up lines by path, as `("motifs", "77", "label")`. The text has to be valid TOML.

    It is cut into statements with the parser itself: lines are put together until they are valid TOML on their own,
    which makes one header or one `key = value`, however many lines the value has. So there is no second grammar here.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        table: Path = ()
        statement, first_line = "", 1
        for number, line in enumerate(text.split("\n"), start=1):
            statement += f"{line}\n"
            try:
                parsed = tomllib.loads(statement)
            except tomllib.TOMLDecodeError:
                continue  # a value that goes on
            if statement.lstrip().startswith("["):
                table = self._keep((), parsed, first_line)
            else:
                self._keep(table, parsed, first_line)
            statement, first_line = "", number + 1

    def line(self, path: Path) -> int:
        """The line where `path` is first written, or else the nearest table around it (1 for the whole file)."""
        while path:
            if (line := self._lines.get(path)) is not None:
                return line
            path = path[:-1]
        return 1

    def _keep(self, path: Path, value: Any, line: int) -> Path:
        """Keep the line of all that is in `value`, which stands at `path`; gives the innermost path."""
        innermost = path
        if isinstance(value, dict):
            for key, inner in value.items():
                self._lines.setdefault((*path, key), line)
                innermost = self._keep((*path, key), inner, line)
        return innermost
