"""A store's requests in time: who may send one when, and how many may be repeated. And its logins, one at a time."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from syncd.fetch.budget import RetryBudget, TokenBucket
from syncd.fetch.call import StoreCall
from syncd.fetch.retry import Ending, asked_to_wait, given_up
from syncd.fetch.seam import CallAborted, Provider
from syncd.fetch.share import Share
from syncd.model.reference import Failure

LOGIN_PAUSE: Final = 5.0
"""Seconds after a new login in which another stale answer is believed rather than met with one more login."""


class Pacer:
    """The token bucket and the retry budget of one store. Thread-safe; waits only for a token."""

    def __init__(self, store: str, rate: float, clock: Callable[[], float]) -> None:
        """Allow `rate` requests per second to the store of that name."""
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._bucket = TokenBucket(rate)
        self._retries = RetryBudget()
        self.burst = self._bucket.burst

    @property
    def paused_until(self) -> float:
        """No request starts before this moment."""
        return self._bucket.paused_until

    def pause(self, until: float) -> None:
        """Let no request start before `until`, those in line included."""
        with self._lock:
            self._bucket.pause(until)

    def may_retry(self, now: float) -> bool:
        """Take one retry from the budget, if there is one."""
        with self._lock:
            return self._retries.take(now)

    def spend(self, call: StoreCall) -> None:
        """Take one wire request for `call`, waiting for its turn. Raises CallAborted, with `call.ending` saying why."""
        while True:
            with self._lock:
                now = self._clock()
                self._check(call, now)
                moment = self._bucket.reserve(now, call.deadline)
                if moment is not None and moment <= now:
                    self._spent(call, now)
                    return
            if moment is None:
                raise _abort(call, self._no_turn(now, call.deadline))
            call.waiting = True
            _await(call.share, moment, self._clock)
            call.waiting = False
            with self._lock:
                now = self._clock()
                self._check(call, now)
                # A pause that came meanwhile holds for those in line as well: they queue again behind it.
                if now >= moment >= self._bucket.paused_until:
                    self._spent(call, now)
                    return

    def _check(self, call: StoreCall, now: float) -> None:
        if call.cancelled.is_set() or now > call.deadline:
            why: Ending = "read-deadline" if now > call.deadline else "cancelled"
            raise _abort(call, given_up(self._store, why))

    def _spent(self, call: StoreCall, now: float) -> None:
        call.requests += 1
        call.share.calls += 1
        self._retries.called(now)

    def _no_turn(self, now: float, deadline: float) -> Failure:
        if self.paused_until > deadline:
            return asked_to_wait(self._store, self.paused_until - now)
        return given_up(self._store, "budget-exhausted")


def _await(share: Share, moment: float, clock: Callable[[], float]) -> None:
    with share.pacing:
        while not share.cancelled.is_set() and (left := moment - clock()) > 0:
            share.pacing.wait(left)


def _abort(call: StoreCall, why: Failure) -> CallAborted:
    call.ending = why
    return CallAborted(why.reason)


class Logins:
    """Makes a provider log in anew once, however many threads found its credential stale."""

    def __init__(self, provider: Provider, clock: Callable[[], float]) -> None:
        """Start with login number 0, whatever the provider has."""
        self._provider = provider
        self._clock = clock
        self._lock = threading.Lock()
        self._at = float("-inf")
        self.number = 0
        """Of the credential in use."""

    def renew(self, used: int) -> None:
        """Drop the credential that a call with login number `used` found stale."""
        with self._lock:
            now = self._clock()
            if self.number != used or now - self._at < LOGIN_PAUSE:
                return
            with suppress(Exception):  # the retry then shows, by class and code, that nothing was mended
                self._provider.relogin()
            self._at = now
            self.number = used + 1
