"""Sends several prepared statements to PostgreSQL at once and gets their results at once: one journey (round trip).

psycopg does this with a pipeline of cursors. But it makes a call for each statement, waits for `BEGIN` separately, and
creates several objects for each statement. So this module calls libpq itself, through psycopg's own bindings. psycopg
still connects, waits, and converts values and rows (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import errors, pq
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import fetch_many, send
from psycopg.pq.abc import PGresult

StatementSent: TypeAlias = tuple[bytes, Sequence[Any]]
"""A statement with placeholders $1, $2, …, and their values."""

MOST_PREPARED = 200
"""With so many prepared statements on a connection, the server drops them all: it keeps each one's plan in memory."""


@dataclass(slots=True)
class StatementResult:
    """The result of a statement: its rows, and how many rows it has selected or changed."""

    rows: list[Sequence[Any]]
    number: int


@dataclass(slots=True)
class _Written:
    """A statement in the form that libpq takes."""

    statement: bytes
    types: tuple[int, ...]
    values: Sequence[Buffer | None]
    formats: Sequence[pq.Format]


class JourneyConnection(psycopg.Connection[Any]):
    """A connection that knows which statements are prepared on its server.

    psycopg itself must not prepare statements (`prepare_threshold=None`): when it drops its own, it makes the server
    drop all of them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._converter = Transformer(self)
        self._prepared_names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._has_failed = False

    def ask(self, statements: Sequence[StatementSent], *, commits: bool = False) -> list[StatementResult]:
        """Run these statements in their order, in the open transaction or in a new one, and return their results.

        With `commits` the transaction is committed after them. If a statement fails, raises psycopg's error for it.
        PostgreSQL then skips the statements after it and the commit.
        """
        with self.lock:
            return self.wait(self._journey([self._written(*each) for each in statements], commits))

    def _written(self, statement: bytes, values: Sequence[Any]) -> _Written:
        converter = self._converter
        dumped = converter.dump_sequence(values, [PyFormat.AUTO] * len(values))
        return _Written(statement, converter.types or (), dumped, converter.formats or ())

    def _journey(self, asked: Sequence[_Written], commits: bool) -> PQGen[list[StatementResult]]:
        libpq = self.pgconn
        libpq.enter_pipeline_mode()
        try:
            before = self._send_what_comes_before()
            are_asked = [is_asked for each in asked for is_asked in self._send(each)]
            if commits:
                libpq.send_query_params(b"COMMIT", None)
                are_asked.append(False)
            libpq.pipeline_sync()
            yield from send(libpq)
            results = yield from self._results(before + len(are_asked))
            if libpq.status == pq.ConnStatus.OK:
                libpq.exit_pipeline_mode()
        except BaseException:  # the connection broke or was interrupted, and what the server has done is unknown
            libpq.finish()
            raise
        failed = _first_failed(results)
        if failed is not None:
            self._has_failed = True
            raise errors.error_from_result(failed, encoding=self.info.encoding)
        return [self._result(result) for result, is_asked in zip(results[before:], are_asked, strict=True) if is_asked]

    def _send_what_comes_before(self) -> int:
        """Begin a transaction if none is open. Returns how many statements were sent.

        After a failure we do not know which statements are prepared, or whether the tables have changed since they
        were. So the server drops all of them.
        """
        commands = [b"BEGIN"] if self.pgconn.transaction_status == pq.TransactionStatus.IDLE else []
        if self._has_failed or len(self._prepared_names) >= MOST_PREPARED:
            commands.append(b"DEALLOCATE ALL")
            self._prepared_names.clear()
            self._has_failed = False
        for command in commands:
            self.pgconn.send_query_params(command, None)
        return len(commands)

    def _send(self, written: _Written) -> list[bool]:
        """Send a prepared statement. Returns one bool for each result to come: whether it is the statement's result."""
        key = (written.statement, written.types)
        name = self._prepared_names.get(key)
        is_new = name is None
        if name is None:
            name = self._prepared_names[key] = f"s{len(self._prepared_names)}".encode()
            self.pgconn.send_prepare(name, written.statement, written.types)
        self.pgconn.send_query_prepared(name, written.values, written.formats)
        return [False, True] if is_new else [True]

    def _results(self, number: int) -> PQGen[list[PGresult]]:
        """The next `number` results. After a failure some may be missing, for example when the server stops."""
        results: list[PGresult] = []
        try:
            for _ in range(number):
                results += yield from fetch_many(self.pgconn)
            yield from fetch_many(self.pgconn)  # the end of the journey
        except errors.OperationalError:
            if _first_failed(results) is None:
                raise
        return results

    def _result(self, result: PGresult) -> StatementResult:
        if result.status != pq.ExecStatus.TUPLES_OK:
            return StatementResult([], result.command_tuples or 0)
        self._converter.set_pgresult(result)
        return StatementResult(self._converter.load_rows(0, result.ntuples, tuple), result.ntuples)


def _first_failed(results: Sequence[PGresult]) -> PGresult | None:
    return next((one for one in results if one.status == pq.ExecStatus.FATAL_ERROR), None)
