"""How far a run has come, on a terminal."""

import time
from collections.abc import Callable
from typing import Final, TextIO

from syncd.writing import Progress

_SHOWN_EVERY: Final = 0.1
"""Seconds between two lines."""


def counter(stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> Progress | None:
    """Give what counts the writes on a terminal, ten times a second at most; None where `stream` is none."""
    if not stream.isatty():
        return None
    shown = clock()

    def show(done: int, total: int) -> None:
        nonlocal shown
        now = clock()
        if done == total:
            stream.write("\r\x1b[K")
        elif now - shown >= _SHOWN_EVERY:
            shown = now
            stream.write(f"\rwriting {done} of {total}\x1b[K")
        else:
            return
        stream.flush()

    return show
