"""How many calls a second a target may get: a token bucket that several threads share."""

import threading
import time
from collections.abc import Callable


class Bucket:
    """Lets `rate` calls a second through, after a burst of one second's worth; a throttled target closes it for a time.

    Callers are served in the order in which they came, but for the urgent ones, which go first after a pause.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start full; `clock` gives monotonic seconds, `wait` waits for some."""
        self._rate = rate
        self._burst = max(1.0, rate)
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._tokens = self._burst
        self._filled = clock()
        self._opens = self._filled
        self._urgent = 0
        """How many urgent callers wait."""

    def take(self, *, patience: float, urgent: bool = False) -> bool:
        """Wait for the right to make one call; False, at once, where that would take more than `patience` seconds."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            delay = max((1.0 - self._tokens) / self._rate, self._opens - now)
            if delay > patience:
                return False
            self._tokens -= 1.0
            self._urgent += urgent
        if delay > 0:
            self._wait(delay)
        if urgent:
            with self._lock:
                self._urgent -= 1
        elif delay > 0:
            while self._urgent and self._clock() - now < patience:
                self._wait(1.0 / self._rate)
        return True

    def pause(self, seconds: float) -> None:
        """Let nobody through for this long, as the target asked."""
        with self._lock:
            self._opens = max(self._opens, self._clock() + seconds)
