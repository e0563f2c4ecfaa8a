"""One test for a whole table: every line is tried, and each line that fails is shown with its values.

It is for tables about a pure function. A separate test for each of some thousand lines would cost more time than what
it tests.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest


def every_line(
    names: str | Sequence[str], table: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Use it like `pytest.mark.parametrize`: with a name and its values, or with several names and a tuple for each
    line.

    Other parameters of the test are fixtures, which are made once for all lines. Raises ValueError for an empty table,
    because such a test could not fail.
    """
    lines = [{names: line} if isinstance(names, str) else dict(zip(names, line, strict=True)) for line in table]
    if not lines:
        raise ValueError(f"no line of {names}")

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def try_all(*self: Any, **fixtures: Any) -> None:
            told = [told for line in lines if (told := _told(line, functools.partial(test, *self, **fixtures, **line)))]
            if told:
                pytest.fail("\n\n".join([f"{len(told)} of {len(lines)} lines", *told]), pytrace=False)

        signature = inspect.signature(test)
        fixtures = [one for one in signature.parameters.values() if one.name not in lines[0]]
        try_all.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return try_all

    return decorate


def _told(line: dict[str, Any], test: Callable[[], None]) -> str | None:
    """How the test fails for a line; None where it passes."""
    __tracebackhide__ = True
    try:
        test()
    except (Exception, pytest.fail.Exception) as problem:  # noqa: BLE001 - any error makes the line fail, and the others are still tried
        values = ", ".join(f"{name}={value!r}" for name, value in line.items())
        return f"{values}\n{pytest.ExceptionInfo.from_exception(problem).getrepr(style='short')}"
    return None
