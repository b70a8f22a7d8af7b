"""Time that passes only when every thread waits for it, so that minutes of back-off take no time and no luck.

`VirtualTime.clock`, `.condition` and `.spawn` are what code under test takes in place of `time.monotonic`,
`threading.Condition` and a thread's start. As soon as the last running thread waits, time jumps to the moment at
which the first of them gives up. A thread that blocks on anything else counts as running, and time stands still.
"""

import threading
from collections.abc import Callable

FOREVER = float("inf")


class _Waiter:
    """One thread in `wait`."""

    __slots__ = ("gate", "moment", "woken")

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.gate = threading.Semaphore(0)
        self.woken = False


class VirtualTime:
    """A clock that is its own master. The thread that makes it counts as running."""

    def __init__(self, start: float = 1000.0) -> None:
        """Begin at `start`, in seconds."""
        self._now = start
        self._lock = threading.Lock()
        self._running = 1
        self._waiters: list[_Waiter] = []

    def clock(self) -> float:
        """Give the present moment, in seconds."""
        return self._now

    def condition(self, lock: threading.Lock) -> threading.Condition:
        """Make a condition whose waits end by this time."""
        return _VirtualCondition(self, lock)

    def spawn(self, run: Callable[[], None], name: str) -> None:
        """Start a daemon thread that counts as running until it ends."""
        with self._lock:
            self._running += 1

        def body() -> None:
            try:
                run()
            finally:
                self._leave(None)

        threading.Thread(target=body, name=name, daemon=True).start()

    def sleep(self, seconds: float) -> None:
        """Let time pass for this thread."""
        lock = threading.Lock()
        with lock:
            self.condition(lock).wait(seconds)

    def _leave(self, waiter: _Waiter | None) -> None:
        """Stop running, to wait or for good; the last to do so moves the time."""
        with self._lock:
            self._running -= 1
            if waiter is not None:
                self._waiters.append(waiter)
            if self._running == 0 and self._waiters:
                first = min(self._waiters, key=lambda each: each.moment)
                if first.moment < FOREVER:
                    self._now = max(self._now, first.moment)
                    self._wake(first)

    def _wake(self, waiter: _Waiter) -> None:
        self._waiters.remove(waiter)
        self._running += 1
        waiter.woken = True
        waiter.gate.release()

    def wake(self, waiters: list["_Waiter"]) -> None:
        """Let notified threads run; they count as running from this moment, before they are."""
        with self._lock:
            for waiter in waiters:
                if not waiter.woken:
                    self._wake(waiter)


class _VirtualCondition(threading.Condition):
    """A condition over a plain lock."""

    def __init__(self, time: VirtualTime, lock: threading.Lock) -> None:
        super().__init__(lock)
        self._time = time
        self._held = lock
        self._waiting: list[_Waiter] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until notified, or until `timeout` seconds of this time have passed; True where notified."""
        waiter = _Waiter(FOREVER if timeout is None else self._time.clock() + max(0.0, timeout))
        self._waiting.append(waiter)
        self._time._leave(waiter)  # noqa: SLF001 — the two are one thing
        self._held.release()
        waiter.gate.acquire()
        self._held.acquire()
        notified = waiter not in self._waiting
        if not notified:
            self._waiting.remove(waiter)
        return notified

    def notify(self, n: int = 1) -> None:
        """Wake `n` waiting threads, the longest waiting first."""
        woken, self._waiting = self._waiting[:n], self._waiting[n:]
        self._time.wake(woken)

    def notify_all(self) -> None:
        """Wake all waiting threads."""
        self.notify(len(self._waiting))
