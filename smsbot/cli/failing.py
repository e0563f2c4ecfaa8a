"""How a command fails: with exit status 1 and one clear line on stderr, never with a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from sqlalchemy.exc import SQLAlchemyError

from smsbot.problem import Problem


class CommandFailed(Problem):
    """A command could not do what was asked. The sentence says why and what to do."""


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Turn any expected error inside the block into one line on stderr and exit status 1."""
    try:
        yield
    except Problem as problem:
        fail(problem.sentence)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        fail(f"The database at SMSBOT_DATABASE_URL cannot be used ({cause}): check the setting, then smsbot migrate.")
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")


def fail(sentence: str) -> NoReturn:
    """Print the sentence on stderr and end with status 1."""
    sys.stdout.flush()
    print(" ".join(sentence.split()), file=sys.stderr)
    raise typer.Exit(1)


def quiet_broken_pipe() -> None:
    """Keep Python from complaining when the reader of our output has ended, as with `| head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
