"""Whose turn it is to write to a folder: one process, and one thread of it, so that no two judge and replace at once.

Another process that keeps a folder is waited for, but not for ever.
"""

import fcntl
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from threading import Lock
from typing import Final

from syncd.target.seam import Permit

PATIENCE: Final = 10.0
"""Seconds that a write waits for its turn."""
_PAUSES: Final = (0.01, 0.02, 0.05, 0.1)
"""Seconds between two tries; the last one again and again."""


class FolderLocked(Exception):  # noqa: N818 — becomes a write's failure
    """Somebody else keeps the folder, for longer than is waited."""


class FolderLocks:
    """The locks on the folders of one target. Shared by threads."""

    def __init__(
        self,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Hold nothing. `patience` is in seconds of `clock`."""
        self._patience, self._clock, self._wait = patience, clock, wait
        self._ours: defaultdict[str, Lock] = defaultdict(Lock)
        self._given_up: dict[str, float] = {}
        """When the patience last ended in vain, by folder: for as long again nobody waits there, so that a thousand
        writes to a folder that somebody keeps do not wait a thousand times."""

    @contextmanager
    def held(self, folder: int, name: str, permit: Permit) -> Iterator[bool]:
        """Hold the folder with this handle and name until the handle is closed.

        Gives False where the permit was withdrawn while it waited. Raises FolderLocked.
        """
        with self._ours[name]:
            yield self._taken(folder, name, permit)

    def _taken(self, folder: int, name: str, permit: Permit) -> bool:
        began = self._clock()
        given_up = self._given_up.get(name)
        patient = given_up is None or began - given_up >= self._patience
        ends = began + self._patience if patient else began
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                left = ends - self._clock()
                if left <= 0:
                    if patient:
                        self._given_up[name] = self._clock()
                    raise FolderLocked from None
                if not permit.granted():
                    return False
                self._wait(min(left, pause))
            else:
                self._given_up.pop(name, None)
                break
        return True
