"""What the contracts of targets are made of: an implementation ready to be tried, and demands on it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from syncd.model.mapping import SecretKey
from syncd.model.secret import DesiredSecret, Live, LiveSecret, WriteFailure, WriteOutcome, Written
from syncd.redact import SecretValue
from syncd.target.seam import Target, TargetReader
from syncd.testing.memory_target import Granted

CANARY: Final = "c4nary-Value"
"""Stands in every value that a failure could quote."""


class ContractBrokenError(AssertionError):
    """The implementation does not keep the contract; says what was expected."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One implementation, ready to be tried."""

    target: Target
    reader: TargetReader
    """On the same place, as a diff gets it."""
    fresh: Callable[[], SecretKey]
    """Gives a key that nothing stands at, in a namespace that exists."""
    fill: Callable[[str], None] | None = None
    """Sets a quota so that a namespace takes no more Secrets; None where there is no such thing, likewise below."""
    terminate: Callable[[str], None] | None = None
    """Begins to delete a namespace, whose Secrets still stand."""
    missing: Callable[[], str] | None = None
    """Names a namespace that does not exist."""


def wanted_secret(key: SecretKey, *, data: str = "first") -> DesiredSecret:
    """Give a Secret to be written; `data` tells one from another."""
    return DesiredSecret(
        key=key,
        type="Opaque",
        data={"password": SecretValue(f"{CANARY} {data}".encode()), "username": SecretValue(b"app")},
        labels={"app.kubernetes.io/managed-by": "syncd", "foreign": "kept"},
        annotations={"foreign/note": "kept", "old": "x"},
    )


def judged_as(desired: DesiredSecret) -> LiveSecret:
    """Give what a caller would have seen of an object that was never there."""
    return LiveSecret(
        desired.key, "0-0-0-0", "1", desired.type, desired.data, desired.labels, desired.annotations, desired.immutable
    )


def made_secret(bench: Bench) -> LiveSecret:
    """Create a Secret and read it back."""
    desired = wanted_secret(bench.fresh())
    done(bench.target.create(desired, Granted()))
    return standing(bench, desired.key)


def look(bench: Bench, key: SecretKey) -> Live:
    """Read one Secret."""
    answers = list(bench.reader.read([key]))
    equal([answer.key for answer in answers], [key], "one key, one answer")
    return answers[0]


def standing(bench: Bench, key: SecretKey) -> LiveSecret:
    """Read one Secret that must be there."""
    live = look(bench, key)
    if not isinstance(live, LiveSecret):
        message = f"{key} should be there, and the target says {live!r}"
        raise ContractBrokenError(message)
    return live


def done(outcome: WriteOutcome) -> Written:
    """Demand that a write succeeded."""
    if not isinstance(outcome, Written):
        message = f"a write should succeed, and the target says {outcome!r}"
        raise ContractBrokenError(message)
    return outcome


def refused(outcome: WriteOutcome, kind: str) -> None:
    """Demand that a write failed, and as what."""
    if not isinstance(outcome, WriteFailure) or outcome.kind != kind:
        message = f"a write should fail as `{kind}`, and the target says {outcome!r}"
        raise ContractBrokenError(message)
    claim(bool(outcome.message), "a failure says what happened")


def alike(desired: DesiredSecret, live: LiveSecret) -> None:
    """Demand that what is read is what was asked for."""
    equal(live.key, desired.key, "key")
    equal(live.type, desired.type, "type")
    equal(live.immutable, desired.immutable, "immutable")
    equal(sorted(live.data), sorted(desired.data), "names of the keys")
    for name, value in desired.data.items():
        claim(live.data[name] == value, f"the bytes of {name} are those that were given")
    equal(dict(live.labels), dict(desired.labels), "labels")
    equal(dict(live.annotations), dict(desired.annotations), "annotations")


def equal(actual: object, expected: object, what: str) -> None:
    """Demand that two things are equal."""
    claim(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def claim(holds: bool, what: str) -> None:  # noqa: FBT001 — a claim, not a switch
    """Demand that something holds."""
    if not holds:
        raise ContractBrokenError(what)
