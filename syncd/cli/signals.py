"""What SIGTERM and Ctrl-C do: end a run that has not begun to write, let one that writes finish, stop the daemon.

A handler runs on the main thread in the middle of whatever that thread does, so it takes no lock that the thread may
hold. `Event.set` takes one; `SimpleQueue.put` is made to be called from handlers
(https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put).
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, NoReturn

from syncd.cli.stop import Terminated
from syncd.workers import start_daemon

_LAST_RESORT: Final = 9.0
"""Seconds after SIGTERM at which the daemon's process ends, whatever hangs; 10 are promised."""


class RunSignals:
    """For a run that ends by itself. Made on the main thread."""

    def __init__(self) -> None:
        """Until the writes begin, both signals end the run where it stands: nothing needs to be finished."""
        self.stopped = threading.Event()
        """Set when no further write shall start."""
        signal.signal(signal.SIGTERM, _terminate)

    def begin_writes(self) -> None:
        """From now on either signal lets the writes under way finish; a second Ctrl-C ends the run at once."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, _number: int, _frame: object) -> None:
        # The main thread asks this flag, which takes no lock, and waits for it nowhere.
        self.stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)


class DaemonSignals:
    """For the daemon. Made on the main thread."""

    def __init__(self, *, last_resort: float = _LAST_RESORT) -> None:
        """Stop at the first of either signal, and `last_resort` seconds later end the process with exit code 0."""
        self.stopped = threading.Event()
        self._then: Callable[[], None] = self.stopped.set
        self._last_resort = last_resort
        arrived: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda came, _frame: arrived.put(came))
        start_daemon(lambda: self._listen(arrived), "syncd-signals")

    def call(self, then: Callable[[], None]) -> None:
        """Have `then` called when a signal comes; at once where one came already."""
        self._then = then
        if self.stopped.is_set():
            then()

    def _listen(self, arrived: "SimpleQueue[int]") -> NoReturn:
        arrived.get()
        self.stopped.set()
        self._then()
        time.sleep(self._last_resort)
        os._exit(0)


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated
