"""Files of ours that other accounts of the machine may read, though secrets or people stand in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_BY_OTHERS = 0o044


def readable_by_others(files: Iterable[Path]) -> Iterator[Path]:
    """Those that are there and whose permissions let the group or everybody read them. None on Windows."""
    if os.name != "posix":
        return
    for file in files:
        try:
            mode = file.stat().st_mode
        except OSError:
            continue
        if mode & _BY_OTHERS:
            yield file
