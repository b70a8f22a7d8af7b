"""The retry policy: what a failure says about trying again, and about the store as a whole. Pure.

The SDKs' own retries are off, so this is the only layer that repeats a read.
"""

from enum import Enum
from typing import Final, Literal

from syncd.model.reference import Answer, Failure, FailureClass

MAX_TRIES: Final = 3
"""Of one reference in one reading; the next reading starts anew."""
BASE_SECONDS: Final = 1.0
CAP_SECONDS: Final = 60.0
SERVER_PACED: Final = (1.0, 600.0)
"""Seconds that a store may ask us to wait; what lies outside is a mistake or a date in 2090."""

_REPEATABLE: Final = frozenset({FailureClass.UNAVAILABLE, FailureClass.THROTTLED, FailureClass.MALFORMED})
_REFUSING: Final = frozenset({FailureClass.UNAVAILABLE, FailureClass.THROTTLED})


class Sign(Enum):
    """What an outcome says about its store."""

    ALIVE = "alive"
    """It answered about this object."""
    TROUBLE = "trouble"
    """It answers nobody, or this reference not in time."""
    NEUTRAL = "neutral"
    """Nothing either way: an error of this one object, or of ours."""


def sign(outcome: Answer) -> Sign:
    """Read an outcome as a sign of the store's health."""
    if not isinstance(outcome, Failure):
        return Sign.ALIVE
    if outcome.cls in _REFUSING:
        return Sign.TROUBLE if is_store_wide(outcome) or is_timeout(outcome) else Sign.NEUTRAL
    if outcome.scope == "store" or outcome.cls is FailureClass.MALFORMED:
        return Sign.NEUTRAL
    return Sign.ALIVE


def is_store_wide(failure: Failure) -> bool:
    """Tell whether every other reference would fare alike. Being told to slow down always means the whole store."""
    return failure.scope == "store" or failure.cls is FailureClass.THROTTLED


def is_timeout(failure: Failure) -> bool:
    """Tell whether nothing came at all: `timeout`, and what adapters call by a longer name, such as `login-timeout`."""
    return failure.reason.endswith("timeout")


def server_paced(seconds: float) -> float:
    """Bring a Retry-After into bounds; what is no number waits shortest."""
    shortest, longest = SERVER_PACED
    return min(seconds, longest) if seconds > shortest else shortest


def back_off(tries: int, chance: float) -> float:
    """Give the seconds before the next try: exponential with full jitter, `chance` being in [0, 1)."""
    ceiling: float = min(CAP_SECONDS, BASE_SECONDS * 2 ** (tries - 1))
    return ceiling * chance


def next_try(failure: Failure, tries: int, chance: float) -> float | None:
    """Give the seconds to wait after the `tries`-th try failed so; None where asking again makes no sense."""
    if not failure.transient or failure.cls not in _REPEATABLE or tries >= MAX_TRIES:
        return None
    if failure.retry_after is not None:
        return server_paced(failure.retry_after)
    wait = back_off(tries, chance)
    return max(wait, SERVER_PACED[0]) if failure.cls is FailureClass.THROTTLED else wait


def pause(failure: Failure, wait: float | None) -> float | None:
    """Give the seconds for which the whole store is left alone; None where it need not be."""
    if failure.retry_after is not None and is_store_wide(failure):
        return server_paced(failure.retry_after)
    if failure.cls is FailureClass.THROTTLED:
        return SERVER_PACED[0] if wait is None else wait
    return None


Ending = Literal["read-deadline", "budget-exhausted", "cancelled"]
"""Why the gateway itself gave a reference up."""


def given_up(store: str, why: Ending) -> Failure:
    """Say that the gateway ended the read of a reference in `store`."""
    words = {
        "read-deadline": f"store {store} did not answer before the read's deadline",
        "budget-exhausted": f"the request budget of store {store} leaves no request before the read's deadline; "
        "raise limits.requestsPerSecond if the service allows more",
        "cancelled": f"the read of store {store} was given up",
    }
    return Failure(FailureClass.UNAVAILABLE, why, words[why], transient=False)


def asked_to_wait(store: str, seconds: float) -> Failure:
    """Say that `store` told us to stay away for longer than this read lasts."""
    words = f"store {store} asked us to slow down; the next request may start in {seconds:.0f} s"
    return Failure(FailureClass.THROTTLED, "store-paused", words, scope="store", transient=False)


def not_answering(store: str, since: float, until: float) -> Failure:
    """Say that `store` is left alone: `since` and `until` are seconds ago and seconds ahead."""
    words = f"store {store} has not answered for {since:.0f} s; the next try may start in {max(0.0, until):.0f} s"
    return Failure(FailureClass.UNAVAILABLE, "store-paused", words, scope="store", transient=False)
