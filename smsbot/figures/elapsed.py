"""The one function of the figures in which the two engines differ: the time between two columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class seconds_from(FunctionElement[int]):  # noqa: N801 - it is written like any SQL function
    """`seconds_from(earlier, later)`: whole seconds, both instants cut to the second; negative the other way round."""

    type = BigInteger()
    inherit_cache = True


@compiles(seconds_from, "postgresql")
def _in_postgresql(element: seconds_from, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(floor(extract(epoch FROM {later})) - floor(extract(epoch FROM {earlier})) AS bigint)"


@compiles(seconds_from, "sqlite")
def _in_sqlite(element: seconds_from, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(each, **options) for each in element.clauses)
    return f"(CAST(strftime('%s', {later}) AS INTEGER) - CAST(strftime('%s', {earlier}) AS INTEGER))"
